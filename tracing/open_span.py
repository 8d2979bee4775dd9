"""A span while it is open: what is set on it, and how it gets to the disk. And which one is the current one.

Knows of its trace only what `OpenTrace` says.
"""

import contextvars
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Protocol

from tracing import attributes as names
from tracing.block_end import ended_after
from tracing.calls_log import log_call
from tracing.contents import Contents, Kept
from tracing.conversation import Conversation
from tracing.recorder import Recorder, unbreakable
from tracing.scoring import Scorable
from tracing.span import (
    AttributeValue,
    Ids,
    JsonValue,
    PayloadRefs,
    SpanEvent,
    SpanKind,
    SpanState,
    SpanStatus,
    traceparent,
)
from tracing.store.writes import PutSpan
from tracing.watching import Watching

STACKTRACE_CHARS = 8_000
_CURRENT: contextvars.ContextVar["Span | None"] = contextvars.ContextVar("tracing_current_span", default=None)


def current_span() -> "Span | None":
    """The innermost span that is open in this context (thread, task), of whichever tracer."""
    return _CURRENT.get()


@contextmanager
def use_span(span: "Span | None") -> Iterator[None]:
    """Make it the current span for a block: what a new thread has to be told, since contexts do not follow there."""
    token = enter(span)
    try:
        yield
    finally:
        leave(token)


def enter(span: "Span | None") -> "contextvars.Token[Span | None]":
    return _CURRENT.set(span)


def leave(token: "contextvars.Token[Span | None]") -> None:
    """A generator that is closed elsewhere runs in another context, where there is nothing to restore."""
    try:
        _CURRENT.reset(token)
    except ValueError:
        _CURRENT.set(None)


class OpenTrace(Protocol):
    """What a span needs of the trace that it is in."""

    recorder: Recorder
    contents: Contents
    clock: Callable[[], int]  # ns since the epoch
    ids: Ids
    watch: Watching

    @property
    def trace_id(self) -> str: ...
    @property
    def agent_id(self) -> str: ...
    @property
    def session_id(self) -> str | None: ...
    def start_span(
        self,
        name: str,
        *,
        kind: SpanKind = ...,
        parent: "Span | None" = None,
        input: object = None,  # noqa: A002  the field's word
    ) -> "Span": ...
    def forget(self, span: "Span") -> None: ...
    def keep_once(self, value: object) -> Kept: ...


class Span(Scorable):
    """One step. What is set while it is open is on disk after `flush()`, `set(..., flush=True)` or `end()`."""

    def __init__(
        self,
        trace: OpenTrace,
        name: str,
        kind: SpanKind,
        parent_span_id: str | None,
        started_at_ns: int,
        *,
        span_id: str | None = None,
    ) -> None:
        self.trace = trace
        self.recorder = trace.recorder
        self._contents = trace.contents
        self._lock = threading.RLock()
        self._previews = {"input": "", "output": ""}
        self._shown: dict[str, JsonValue] = {"input": None, "output": None}  # to detectors; only until the end
        self._state = SpanState(
            trace_id=trace.trace_id,
            span_id=span_id or trace.ids.span_id(),
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
        self._texts: list[str] = []  # to be found by; with the next write they are in the index
        with self.recorder.guard("A span's name could not be recorded"):
            self._state = replace(self._state, name=self._contents.text(name))
            self.findable(self._state.name)

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
        self._previews["input"], self._shown["input"] = kept.preview, kept.shown
        self.findable(kept.text)
        if self._state.kind is not SpanKind.LLM:
            self._describe(kept.gist)
        self._refer(replace(self._state.refs, input=self._later(kept)), redacted=kept.redacted)

    @unbreakable
    def set_output(self, value: object) -> None:
        kept = self._contents.keep(value)
        self._previews["output"], self._shown["output"] = kept.preview, kept.shown
        self.findable(kept.text)
        if self._state.kind is SpanKind.LLM:
            self._describe(kept.gist)
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
            self.trace.watch.asked(conversation.asked)
            for said in conversation.take_texts():
                self.findable(said)
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
        event = SpanEvent(self._contents.text(name), self.trace.clock(), self._contents.attributes(attributes or {}))
        with self._lock:
            self._state = replace(self._state, events=(*self._state.events, event))

    @unbreakable
    def error(self, message: str, type: str = "") -> None:  # noqa: A002  OTel's word is error.type
        """The step failed; it will end with status error."""
        text = self._contents.text(message)
        self.findable(text)
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

    def began(self) -> None:
        """On disk, and known to the detectors."""
        self.flush()
        self.trace.watch.began(self._state, self._shown["input"])

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
            ended = self.trace.clock() if at_ns is None else at_ns
            self._state = replace(self._state, status=self._final(status), ended_at_ns=ended)
        self.trace.forget(self)
        self.trace.watch.ended(self._state, self._shown["input"], self._shown["output"], host=self)
        self._shown.update(input=None, output=None)
        self.flush()
        if self._state.kind is SpanKind.LLM:
            log_call(self._state, input_preview=self._previews["input"], output_preview=self._previews["output"])

    def ending(self) -> AbstractContextManager[None]:
        """Ended after the block; an exception is recorded and goes on."""
        return ended_after(self.end, self._fail)

    def _scored(self) -> tuple[OpenTrace, str]:
        return self.trace, self.span_id

    def write(self) -> PutSpan:
        with self._lock:
            texts, self._texts = tuple(self._texts), []
        return PutSpan(self._state, self.trace.clock(), texts)

    def findable(self, text: str) -> None:
        """A search for these words, redacted already, leads to this span; from the next write on."""
        if text:
            with self._lock:
                self._texts.append(text)

    def _final(self, status: SpanStatus | str | None) -> SpanStatus:
        if status is not None:
            return SpanStatus(status)
        return SpanStatus.OK if self._state.status is SpanStatus.UNSET else self._state.status

    def _fail(self, error: BaseException) -> None:
        self.exception(error)
        self.end(None if isinstance(error, Exception) else SpanStatus.INTERRUPTED)

    def _describe(self, gist: str) -> None:
        with self._lock:
            self._state = replace(self._state, gist=gist)

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
