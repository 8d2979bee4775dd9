"""Traces and spans as a program holds them: on disk when they start and when they end, updatable in between.

Knows nothing about models or PRDs. Everything passes the redactor first; a failure in here never reaches the host.
"""

import contextvars
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from types import TracebackType
from typing import Self

from tracing import attributes as names
from tracing.calls_log import log_call
from tracing.contents import Content, Contents, Kept
from tracing.conversation import Conversation
from tracing.jsonlike import json_like
from tracing.owner import this_process
from tracing.recorder import Recorder, unbreakable
from tracing.redact import Redactor
from tracing.span import (
    ROOT_STATUS,
    AttributeValue,
    Ids,
    PayloadRefs,
    RandomIds,
    SpanEvent,
    SpanKind,
    SpanState,
    SpanStatus,
    TraceState,
    TraceStatus,
    parse_traceparent,
    traceparent,
)
from tracing.store.store import TraceStore
from tracing.store.writes import PutSpan, PutTrace

__all__ = ["Content", "Conversation", "Span", "Trace", "Tracer", "current_span", "use_span"]

STACKTRACE_CHARS = 8_000
_CURRENT: contextvars.ContextVar["Span | None"] = contextvars.ContextVar("tracing_current_span", default=None)


def current_span() -> "Span | None":
    """The innermost span that is open in this context (thread, task), of whichever tracer."""
    return _CURRENT.get()


@contextmanager
def use_span(span: "Span | None") -> Iterator[None]:
    """Make it the current span for a block: what a new thread has to be told, since contexts do not follow there."""
    token = _CURRENT.set(span)
    try:
        yield
    finally:
        _leave(token)


def _leave(token: "contextvars.Token[Span | None]") -> None:
    """A generator that is closed elsewhere runs in another context, where there is nothing to restore."""
    try:
        _CURRENT.reset(token)
    except ValueError:
        _CURRENT.set(None)


class Tracer:
    """Makes traces and writes them to one store. Clock (ns since the epoch) and ids are arguments, for tests."""

    def __init__(
        self,
        store: TraceStore,
        *,
        redact: Redactor | None = None,
        content: Content = Content.FULL,
        clock: Callable[[], int] = time.time_ns,
        ids: Ids | None = None,
    ) -> None:
        self.store = store
        self.recorder = Recorder(store)
        self.contents = Contents(redact if redact is not None else Redactor(), Content(content))
        self.clock = clock
        self.ids: Ids = ids or RandomIds()

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


class Trace:
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
        self.recorder = tracer.recorder
        self._open: dict[str, Span] = {}
        self._lock = threading.RLock()
        self._known: dict[str, Kept] = {}
        self._token: contextvars.Token[Span | None] | None = None
        contents = tracer.contents
        self._state = TraceState(
            trace_id=tracer.ids.trace_id(),
            root_span_id=tracer.ids.span_id(),
            name="",
            agent_id="",
            session_id=None,
            status=TraceStatus.RUNNING,
            error=None,
            started_at_ns=tracer.clock(),
            ended_at_ns=None,
            metadata={},
            owner=this_process(),
        )
        with self.recorder.guard("Trace could not be started"):
            self._state = replace(
                self._state,
                name=contents.text(name),
                agent_id=contents.text(agent_id),
                session_id=None if session_id is None else contents.text(session_id),
                metadata=contents.metadata(metadata),
            )
        self.root = Span(self, name, SpanKind.AGENT, None, self._state.started_at_ns, span_id=self._state.root_span_id)
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
    def _begin(self, parent: str) -> None:
        linked = parse_traceparent(parent)
        if linked:
            self.root.set({names.PARENT_TRACE_ID: linked[0], names.PARENT_SPAN_ID: linked[1]})
        self._open[self.root.span_id] = self.root
        self.recorder.now(PutTrace(self._state, self._state.started_at_ns), self.root.write())

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
        started = self.tracer.clock() if started_at_ns is None else started_at_ns
        span = Span(self, name, SpanKind(kind), above.span_id, started)
        if attributes:
            span.set(attributes)
        if input is not None:
            span.set_input(input)
        with self._lock:
            self._open[span.span_id] = span
        span.flush()
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
        added = self.tracer.contents.metadata(metadata)
        self._state = replace(self._state, metadata={**self._state.metadata, **added})
        self.recorder.now(PutTrace(self._state, self.tracer.clock()))

    @unbreakable
    def end(self, status: TraceStatus | str = TraceStatus.SUCCESS, error: str | None = None) -> None:
        """Close it and whatever is still open in it. Ending twice changes nothing."""
        if self._state.ended_at_ns is not None:
            return
        how = _trace_status(status)
        self._close_children()
        if error is not None and self.root.state.error is None:
            self.root.error(error)
        now_ns = self.tracer.clock()
        self.root.end(ROOT_STATUS[how], at_ns=now_ns)
        text = None if error is None else self.tracer.contents.text(error)
        self._state = replace(self._state, status=how, error=text, ended_at_ns=now_ns)
        self.recorder.now(PutTrace(self._state, now_ns))

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

    def keep_once(self, value: object) -> Kept:
        """As `Contents.keep`, for what comes again with each call (system text, tools): worked out only the first time."""
        plain = json_like(value)
        key = sha256(json.dumps(plain).encode()).hexdigest()
        if key not in self._known:
            kept = self.tracer.contents.keep(plain)
            if kept.payload is not None:
                self.recorder.later(kept.payload)
            self._known[key] = kept
        return self._known[key]

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Ended after the block; an exception ends it as error (or interrupted) and goes on."""
        try:
            yield
        except GeneratorExit:
            self.end()
            raise
        except BaseException as error:
            self._fail(error)
            raise
        self.end()

    def __enter__(self) -> Self:
        self._token = _CURRENT.set(self.root)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._token is not None:
            _leave(self._token)
        if error is None:
            self.end()
        else:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self.root.exception(error)
        status = TraceStatus.ERROR if isinstance(error, Exception) else TraceStatus.INTERRUPTED
        self.end(status, error=self.root.state.error)


class Span:
    """One step. What is set while it is open is on disk after `flush()`, `set(..., flush=True)` or `end()`."""

    def __init__(
        self,
        trace: Trace,
        name: str,
        kind: SpanKind,
        parent_span_id: str | None,
        started_at_ns: int,
        *,
        span_id: str | None = None,
    ) -> None:
        self.trace = trace
        self.recorder = trace.recorder
        self._contents = trace.tracer.contents
        self._lock = threading.RLock()
        self._previews = {"input": "", "output": ""}
        self._state = SpanState(
            trace_id=trace.trace_id,
            span_id=span_id or trace.tracer.ids.span_id(),
            parent_span_id=parent_span_id,
            name="",
            kind=kind,
            status=SpanStatus.UNSET,
            error=None,
            started_at_ns=started_at_ns,
            ended_at_ns=None,
            attributes=names.common_attributes(kind, agent=trace.agent_id, session_id=trace.session_id),
            events=(),
            refs=PayloadRefs(),
        )
        with self.recorder.guard("A span's name could not be recorded"):
            self._state = replace(self._state, name=self._contents.text(name))

    @property
    def span_id(self) -> str:
        return self._state.span_id

    @property
    def trace_id(self) -> str:
        return self._state.trace_id

    @property
    def state(self) -> SpanState:
        """The span as it would be stored now."""
        return self._state

    @property
    def traceparent(self) -> str:
        """For another process: `env["TRACEPARENT"] = span.traceparent`."""
        return traceparent(self.trace_id, self.span_id)

    @unbreakable
    def set(self, attributes: Mapping[str, AttributeValue], *, flush: bool = False) -> None:
        """Add attributes. Token counts and costs are taken by model-call spans only."""
        added = self._contents.attributes(attributes)
        if self._state.kind is not SpanKind.LLM:
            added = {name: value for name, value in added.items() if not name.startswith(names.USAGE_PREFIXES)}
        with self._lock:
            self._state = replace(self._state, attributes={**self._state.attributes, **added})
        if flush:
            self.flush()

    @unbreakable
    def set_input(self, value: object) -> None:
        kept = self._contents.keep(value)
        self._previews["input"] = kept.preview
        self._refer(replace(self._state.refs, input=self._later(kept)), redacted=kept.redacted)

    @unbreakable
    def set_output(self, value: object) -> None:
        kept = self._contents.keep(value)
        self._previews["output"] = kept.preview
        self._refer(replace(self._state.refs, output=self._later(kept)))

    @unbreakable
    def set_request(
        self,
        conversation: "Conversation | str | None",
        system: object = None,
        tools: object = None,
        *,
        flush: bool = True,
    ) -> None:
        """What a model call sends, durable before it is sent: the conversation (or its head), system text and tools."""
        head = conversation.head if isinstance(conversation, Conversation) else conversation
        if isinstance(conversation, Conversation):
            self._previews["input"] = conversation.preview
        refs = replace(self._state.refs, conversation=head)
        if system is not None:
            refs = replace(refs, system=_name(self.trace.keep_once(system)))
        if tools is not None:
            refs = replace(refs, tools=_name(self.trace.keep_once(tools)))
        self._refer(refs)
        if flush:
            self.flush()

    @unbreakable
    def event(self, name: str, attributes: Mapping[str, AttributeValue] | None = None) -> None:
        event = SpanEvent(
            self._contents.text(name), self.trace.tracer.clock(), self._contents.attributes(attributes or {})
        )
        with self._lock:
            self._state = replace(self._state, events=(*self._state.events, event))

    @unbreakable
    def error(self, message: str, type: str = "") -> None:  # noqa: A002  OTel's word is error.type
        """The step failed; it will end with status error."""
        text = self._contents.text(message)
        with self._lock:
            self._state = replace(self._state, status=SpanStatus.ERROR, error=text)
        self.set({names.ERROR_TYPE: type or "_OTHER"})

    @unbreakable
    def exception(self, error: BaseException) -> None:
        """The step failed with an exception: status, `error.type` and an `exception` event with its stack."""
        kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        stack = "".join(traceback.format_exception(error))[-STACKTRACE_CHARS:]
        message = _message(error)
        self.event(
            "exception",
            {names.EXCEPTION_TYPE: kind, names.EXCEPTION_MESSAGE: message, names.EXCEPTION_STACKTRACE: stack},
        )
        self.error(message, kind)

    @unbreakable
    def flush(self) -> None:
        """Put the span on disk as it is now."""
        self.recorder.now(self.write())

    @unbreakable
    def end(self, status: SpanStatus | str | None = None, *, at_ns: int | None = None) -> None:
        """Close it, with what was recorded (ok, unless `error` was called) or with `status`. Twice changes nothing."""
        with self._lock:
            if self._state.ended_at_ns is not None:
                return
            ended = self.trace.tracer.clock() if at_ns is None else at_ns
            self._state = replace(self._state, status=self._final(status), ended_at_ns=ended)
        self.trace.forget(self)
        self.flush()
        if self._state.kind is SpanKind.LLM:
            log_call(self._state, input_preview=self._previews["input"], output_preview=self._previews["output"])

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Ended after the block; an exception is recorded and goes on. A generator that is closed early is no failure."""
        try:
            yield
        except GeneratorExit:
            self.end()
            raise
        except BaseException as error:
            self.exception(error)
            self.end(None if isinstance(error, Exception) else SpanStatus.INTERRUPTED)
            raise
        self.end()

    def write(self) -> PutSpan:
        return PutSpan(self._state, self.trace.tracer.clock())

    def _final(self, status: SpanStatus | str | None) -> SpanStatus:
        if status is not None:
            return SpanStatus(status)
        return SpanStatus.OK if self._state.status is SpanStatus.UNSET else self._state.status

    def _refer(self, refs: PayloadRefs, *, redacted: bool = False) -> None:
        with self._lock:
            self._state = replace(self._state, refs=refs)
        if redacted:
            self.set({names.REDACTED: True})

    def _later(self, kept: Kept) -> str | None:
        if kept.payload is not None:
            self.recorder.later(kept.payload)
        return _name(kept)


def _name(kept: Kept) -> str | None:
    return kept.payload.hash if kept.payload is not None else None


def _message(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001  a stranger's exception may not even print
        return type(error).__name__


def _trace_status(status: TraceStatus | str) -> TraceStatus:
    """The status given; "running" (or an unknown word) is no way to end."""
    try:
        found = TraceStatus(status)
    except ValueError:
        found = TraceStatus.ERROR
    return TraceStatus.SUCCESS if found is TraceStatus.RUNNING else found
