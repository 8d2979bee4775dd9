"""Detectors at work on a trace while it is open: told of each span as it is stored, so nothing unredacted gets into findings.

What they find is beside the trace at once, and an event on the guilty span where that is still open. A failure in here
never reaches the host. Whoever drives the agent asks `due()` before each call.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from tracing.failures.observed import History, Observed, Subject
from tracing.failures.reading import begun, over, shows_input, shows_output
from tracing.failures.trace_facts import TITLE, ending_of, subject_of
from tracing.failures.watch import Watch
from tracing.finding import Finding, Severity, Verdict
from tracing.recorder import Recorder, unbreakable
from tracing.span import AttributeValue, JsonValue, SpanKind, SpanState, TraceState
from tracing.store.store import TraceStore
from tracing.store.writes import PutFindings, Write

EVENT = "ralph.finding"
_NEVER = 2**63 - 1
MOST_WAITING = 100  # spans' beginnings and ends that wait until it is known what the agent was asked for
REWRITE_AFTER_NS = 1_000_000_000  # what only grew is written again not sooner

WatchFor: TypeAlias = Callable[[TraceStore, Subject], Watch]
Key: TypeAlias = tuple[str, str]


class Guilty(Protocol):
    """A span that can still be told what was found in it."""

    @property
    def span_id(self) -> str: ...
    def event(self, name: str, attributes: Mapping[str, AttributeValue] | None = None) -> None: ...


def with_all_detectors(store: TraceStore, subject: Subject) -> Watch:
    """Every detector, with what is usual for the agent."""
    from tracing.failures.detectors import detectors  # noqa: PLC0415  only who traces pays for them
    from tracing.failures.history import history  # noqa: PLC0415

    usual = history(store, subject.agent, before_ns=_NEVER, repo=subject.repo) if subject.agent else History()
    return Watch(detectors(replace(subject, history=usual)))


@dataclass
class Watching:
    """One trace under watch. With `make` None nothing is watched, and nothing is ever found."""

    store: TraceStore
    recorder: Recorder
    clock: Callable[[], int]
    make: WatchFor | None
    open_span: Callable[[str], Guilty | None]
    _state: TraceState | None = None
    _watch: Watch | None = None
    _asked: str = ""
    _waiting: list[tuple[bool, Observed]] = field(default_factory=list)
    _told: dict[Key, tuple[Severity, Verdict]] = field(default_factory=dict)
    _written_ns: int = 0
    _listeners: list[Callable[[Finding], None]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def due(self) -> Finding | None:
        """What should happen before the agent's next call: the gravest nudge or stop that was not handed out yet."""
        return None if self._watch is None else self._watch.due()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found so far, the gravest first."""
        return () if self._watch is None else self._watch.findings

    def listen(self, hear: Callable[[Finding], None]) -> None:
        """Be told of each finding when it is made, and again when it turns graver; in the thread that recorded the span."""
        self._listeners.append(hear)

    @unbreakable
    def opened(self, state: TraceState) -> None:
        """The trace as it is known now: its metadata may come later."""
        self._state = state

    @unbreakable
    def asked(self, goal: str) -> None:
        """What the agent was told first."""
        if goal and not self._asked:
            self._asked = goal
            self._start()

    @unbreakable
    def began(self, span: SpanState, given: JsonValue) -> None:
        if self.make is not None:
            self._tell(is_over=False, span=begun(span, given if shows_input(span.kind) else None))

    @unbreakable
    def ended(self, span: SpanState, given: JsonValue, result: JsonValue, host: Guilty | None = None) -> None:
        """`host` is the span itself, which takes an event as long as it is not written."""
        if self.make is None:
            return
        shown = over(
            span, given if shows_input(span.kind) else None, result if shows_output(span.kind, span.name) else None
        )
        self._tell(is_over=True, span=shown, host=host)
        if span.kind is SpanKind.LLM:
            self._start()

    def closed(self, state: TraceState) -> tuple[Write, ...]:
        """The trace is over: what is to be written with its end."""
        writes: list[Write] = []
        with self.recorder.guard("A trace's findings could not be made"):
            writes += self._closed(state)
        return tuple(writes)

    def _closed(self, state: TraceState) -> list[Write]:
        from tracing.failures.detectors import VERSION  # noqa: PLC0415

        self._state = state
        self._start()
        if self._watch is None:
            return []
        if self._watch.closed(ending_of(state.status, state.metadata)):
            self._spread(None)
        return [PutFindings(state.trace_id, self._watch.findings, VERSION, state.ended_at_ns or 0)]

    def _tell(self, *, is_over: bool, span: Observed, host: Guilty | None = None) -> None:
        with self._lock:
            if self._watch is None:
                self._waiting.append((is_over, span))
                if len(self._waiting) >= MOST_WAITING or self._knows_title:
                    self._start()
                return
            found = self._watch.ended(span) if is_over else self._watch.began(span)
        if found:
            self._spread(host)

    @property
    def _knows_title(self) -> bool:
        return self._state is not None and bool(self._state.metadata.get(TITLE))

    def _start(self) -> None:
        """Make the watch, and tell it what happened so far."""
        with self._lock:
            if self._watch is not None or self.make is None or self._state is None:
                return
            state = self._state
            subject = subject_of(
                state.trace_id, state.agent_id, state.metadata, asked=lambda: self._asked, history=History()
            )
            self._watch = self.make(self.store, subject)
            waiting, self._waiting = self._waiting, []
            found = [self._watch.ended(span) if is_over else self._watch.began(span) for is_over, span in waiting]
        if any(found):
            self._spread(None)

    def _spread(self, host: Guilty | None) -> None:
        """Put what is new, or graver, where people look: on the span, in the store, to who listens."""
        assert self._watch is not None
        assert self._state is not None
        with self._lock:
            findings = self._watch.findings
            news = [one for one in findings if self._told.get(one.key) != (one.severity, one.verdict)]
            self._told |= {one.key: (one.severity, one.verdict) for one in news}
        for finding in news:
            span = host if host is not None and host.span_id == finding.span_id else self.open_span(finding.span_id)
            if span is not None:
                span.event(EVENT, event_attributes(finding))
        now_ns = self.clock()
        if news or now_ns - self._written_ns >= REWRITE_AFTER_NS:
            self._written_ns = now_ns
            self.recorder.now(PutFindings(self._state.trace_id, findings, 0, now_ns))
        for finding in news:
            for hear in self._listeners:
                hear(finding)


def event_attributes(finding: Finding) -> Mapping[str, AttributeValue]:
    return {
        "ralph.finding.detector": finding.detector,
        "ralph.finding.severity": finding.severity.name.lower(),
        "ralph.finding.verdict": finding.verdict.value,
        "ralph.finding.title": finding.title,
        "ralph.finding.evidence": finding.evidence,
    }
