"""Traces and spans as a program holds them: on disk when they start and when they end, updatable in between.

Knows nothing about models or PRDs. Everything passes the redactor first; a failure in here never reaches the host.
"""

import contextvars
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from tracing import attributes as names
from tracing.block_end import ended_after
from tracing.contents import SEARCHED_CHARS, Content, Contents, Kept
from tracing.conversation import Conversation
from tracing.failures.trace_facts import outcome
from tracing.jsonlike import leaf_text
from tracing.kept_once import KeptOnce
from tracing.open_span import Span, current_span, enter, leave, use_span
from tracing.owner import this_process
from tracing.recorder import Recorder, unbreakable
from tracing.redact import Redactor
from tracing.scoring import Scorable
from tracing.span import (
    ROOT_STATUS,
    AttributeValue,
    Ids,
    RandomIds,
    SpanKind,
    SpanStatus,
    TraceState,
    TraceStatus,
    parse_traceparent,
)
from tracing.steady import SteadyClock
from tracing.store.store import TraceStore
from tracing.store.writes import PutTrace
from tracing.watching import WatchFor, Watching, with_all_detectors

__all__ = ["Content", "Conversation", "Span", "Trace", "Tracer", "current_span", "use_span"]


class Tracer:
    """Makes traces and writes them to one store. Clock (ns since the epoch) and ids are arguments, for tests.

    Detectors watch each trace while it is open (`Trace.watch`); `watch` None leaves that to `ralph analyze`.
    """

    def __init__(
        self,
        store: TraceStore,
        *,
        redact: Redactor | None = None,
        content: Content = Content.FULL,
        clock: Callable[[], int] | None = None,
        ids: Ids | None = None,
        watch: WatchFor | None = with_all_detectors,
    ) -> None:
        self.store = store
        self.recorder = Recorder(store)
        self.contents = Contents(redact if redact is not None else Redactor(), Content(content))
        self.clock = clock or SteadyClock()
        self.ids: Ids = ids or RandomIds()
        self.watch = watch

    def start_trace(
        self,
        name: str,
        *,
        agent_id: str = "",
        metadata: Mapping[str, object] | None = None,
        session_id: str | None = None,
        parent: str = "",
    ) -> "Trace":
        """A trace whose root span is on disk when this returns. `parent` is another process's traceparent."""
        return Trace(self, name, agent_id=agent_id, metadata=metadata or {}, session_id=session_id, parent=parent)

    def conversation(self) -> Conversation:
        return Conversation(self.recorder, self.contents)

    def catch_up(self) -> bool:
        """Write what waits in memory; gives whether nothing is left."""
        return self.recorder.catch_up()


class Trace(Scorable):
    """One piece of work. Also a context manager: an exception ends it as error (and goes on), else success."""

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        *,
        agent_id: str,
        metadata: Mapping[str, object],
        session_id: str | None,
        parent: str,
    ) -> None:
        self.tracer = tracer
        self.recorder, self.contents = tracer.recorder, tracer.contents
        self.clock, self.ids = tracer.clock, tracer.ids
        self._open: dict[str, Span] = {}
        self._lock = threading.RLock()
        self._once = KeptOnce(self.recorder, self.contents)
        self.watch = Watching(tracer.store, self.recorder, self.clock, tracer.watch, self._open.get)
        self._token: contextvars.Token[Span | None] | None = None
        self._state = TraceState(
            trace_id=self.ids.trace_id(),
            root_span_id=self.ids.span_id(),
            name="",
            agent_id="",
            session_id=None,
            status=TraceStatus.RUNNING,
            error=None,
            started_at_ns=self.clock(),
            ended_at_ns=None,
            metadata={},
            owner=this_process(),
        )
        with self.recorder.guard("Trace could not be started"):
            self._state = replace(
                self._state,
                name=self.contents.text(name),
                agent_id=self.contents.text(agent_id),
                session_id=None if session_id is None else self.contents.text(session_id),
                metadata=self.contents.metadata(metadata),
            )
        self.root = Span(self, name, SpanKind.AGENT, None, self._state.started_at_ns, span_id=self._state.root_span_id)
        self._make_findable()
        self._begin(parent)

    @property
    def trace_id(self) -> str:
        return self._state.trace_id

    @property
    def agent_id(self) -> str:
        return self._state.agent_id

    @property
    def session_id(self) -> str | None:
        return self._state.session_id

    @unbreakable
    def _make_findable(self) -> None:
        """By its metadata too; the name is that of the root span."""
        self.root.findable(leaf_text(dict(self._state.metadata), SEARCHED_CHARS))

    @unbreakable
    def _begin(self, parent: str) -> None:
        linked = parse_traceparent(parent)
        if linked:
            self.root.set({names.PARENT_TRACE_ID: linked[0], names.PARENT_SPAN_ID: linked[1]})
        self._open[self.root.span_id] = self.root
        self.recorder.now(PutTrace(self._state, self._state.started_at_ns), self.root.write())
        self.watch.opened(self._state)
        self.watch.began(self.root.state, None)

    def start_span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.CHAIN,
        parent: "Span | None" = None,
        input: object = None,  # noqa: A002  the field's word
        attributes: Mapping[str, AttributeValue] | None = None,
        started_at_ns: int | None = None,
    ) -> "Span":
        """A span on disk at once; under `parent`, else the current span of this trace, else the root."""
        above = parent or self._current() or self.root
        started = self.clock() if started_at_ns is None else started_at_ns
        span = Span(self, name, SpanKind(kind), above.span_id, started)
        if attributes:
            span.set(attributes)
        if input is not None:
            span.set_input(input)
        with self._lock:
            self._open[span.span_id] = span
        span.began()
        return span

    @contextmanager
    def span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.CHAIN,
        input: object = None,  # noqa: A002
        attributes: Mapping[str, AttributeValue] | None = None,
        parent: "Span | None" = None,
    ) -> "Iterator[Span]":
        """A span around a block, current inside it. An exception is recorded and goes on."""
        span = self.start_span(name, kind=kind, parent=parent, input=input, attributes=attributes)
        with span.ending(), use_span(span):
            yield span

    def add_span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.CHAIN,
        input: object = None,  # noqa: A002
        output: object = None,
        error: str | None = None,
        started_at_ns: int | None = None,
        ended_at_ns: int | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        parent: "Span | None" = None,
    ) -> "Span":
        """A span of something that is over already."""
        span = self.start_span(
            name, kind=kind, parent=parent, input=input, attributes=attributes, started_at_ns=started_at_ns
        )
        if output is not None:
            span.set_output(output)
        if error is not None:
            span.error(error)
        span.end(at_ns=ended_at_ns)
        return span

    @unbreakable
    def set_metadata(self, metadata: Mapping[str, object]) -> None:
        """Add to the metadata, durable at once; `ralph.story.id` (or `story`) and `ralph.repo` (or `repo`) are filters."""
        added = self.contents.metadata(metadata)
        self.root.findable(leaf_text(added, SEARCHED_CHARS))
        self._state = replace(self._state, metadata={**self._state.metadata, **added})
        self.watch.opened(self._state)
        self.recorder.now(PutTrace(self._state, self.clock()))

    def set_outcome(self, *, passed: bool, words: str) -> None:
        """What somebody else than the agent says of its work so far; claims of success are held against it."""
        self.set_metadata(outcome(passed=passed, words=words))

    @unbreakable
    def end(self, status: TraceStatus | str = TraceStatus.SUCCESS, error: str | None = None) -> None:
        """Close it and whatever is still open in it. Ending twice changes nothing."""
        if self._state.ended_at_ns is not None:
            return
        how = _trace_status(status)
        self._close_children()
        if error is not None and self.root.state.error is None:
            self.root.error(error)
        now_ns = self.clock()
        self.root.end(ROOT_STATUS[how], at_ns=now_ns)
        text = None if error is None else self.contents.text(error)
        self._state = replace(self._state, status=how, error=text, ended_at_ns=now_ns)
        self.recorder.now(PutTrace(self._state, now_ns), *self.watch.closed(self._state))

    def _close_children(self) -> None:
        with self._lock:
            left = [span for span in self._open.values() if span is not self.root]
        for span in reversed(left):
            span.event("interrupted", {"ralph.note": "The trace ended while this span was open."})
            span.end(SpanStatus.INTERRUPTED)

    def _current(self) -> "Span | None":
        span = current_span()
        return span if span is not None and span.trace is self else None

    def forget(self, span: "Span") -> None:
        with self._lock:
            self._open.pop(span.span_id, None)

    def _scored(self) -> "tuple[Trace, str]":
        return self, ""

    def keep_once(self, value: object) -> Kept:
        """As `Contents.keep`, for what comes again with each call."""
        return self._once.keep(value)

    def ending(self) -> AbstractContextManager[None]:
        """Ended after the block; an exception ends it as error (or interrupted) and goes on."""
        return ended_after(self.end, self._fail)

    def __enter__(self) -> Self:
        self._token = enter(self.root)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._token is not None:
            leave(self._token)
        if error is None:
            self.end()
        else:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self.root.exception(error)
        status = TraceStatus.ERROR if isinstance(error, Exception) else TraceStatus.INTERRUPTED
        self.end(status, error=self.root.state.error)


def _trace_status(status: TraceStatus | str) -> TraceStatus:
    """The status given; "running" (or an unknown word) is no way to end."""
    try:
        found = TraceStatus(status)
    except ValueError:
        found = TraceStatus.ERROR
    return TraceStatus.SUCCESS if found is TraceStatus.RUNNING else found
