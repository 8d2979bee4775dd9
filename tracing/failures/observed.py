"""A span as detectors see it, whichever system wrote it. Knows nothing of stores, files or wire formats."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from typing import TypeVar, cast

from tracing.span import AttributeValue, JsonValue, SpanKind, TraceStatus


class StopReason(StrEnum):
    """Why a model stopped, in one vocabulary for all providers."""

    TOOL_USE = "tool_use"
    END = "end"
    MAX_TOKENS = "max_tokens"
    CONTEXT = "context"  # the context window is full
    REFUSAL = "refusal"
    PAUSE = "pause"
    OTHER = "other"
    UNKNOWN = ""  # nobody said


_STOP_REASONS: Mapping[str, StopReason] = {
    "tool_use": StopReason.TOOL_USE,
    "tool_calls": StopReason.TOOL_USE,
    "function_call": StopReason.TOOL_USE,
    "end_turn": StopReason.END,
    "stop": StopReason.END,
    "stop_sequence": StopReason.END,
    "completed": StopReason.END,
    "max_tokens": StopReason.MAX_TOKENS,
    "length": StopReason.MAX_TOKENS,
    "max_output_tokens": StopReason.MAX_TOKENS,
    "model_context_window_exceeded": StopReason.CONTEXT,
    "context_length_exceeded": StopReason.CONTEXT,
    "refusal": StopReason.REFUSAL,
    "content_filter": StopReason.REFUSAL,
    "safety": StopReason.REFUSAL,
    "prohibited_content": StopReason.REFUSAL,
    "recitation": StopReason.REFUSAL,
    "pause_turn": StopReason.PAUSE,
}


def stop_reason(text: str | None) -> StopReason:
    """A provider's word in ours; the same word comes in both cases within one corpus (`stop`, `STOP`)."""
    if not text:
        return StopReason.UNKNOWN
    return _STOP_REASONS.get(text.strip().lower().removeprefix("finishreason."), StopReason.OTHER)


@dataclass(frozen=True)
class Observed:
    """One span. `ended_at_ns` None is still open; token counts of 0 mean none, or that nobody counted."""

    span_id: str
    parent_span_id: str | None
    kind: SpanKind
    name: str  # of a tool call the tool's name, of a model call the model's, of an agent its name
    started_at_ns: int = 0
    ended_at_ns: int | None = 0
    is_error: bool = False
    error: str = ""
    input: JsonValue = None  # a tool's arguments; what a model was told newly, if that is known
    output: JsonValue = None  # a tool's result; a model's answer: text or a list of content blocks
    exit_code: int | None = None
    changed: bool | None = None  # whether it changed what the agent works on; None: nobody said
    stop_reason: StopReason = StopReason.UNKNOWN
    max_tokens: int = 0
    input_tokens: int = 0  # all of them, cached ones too
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
    attempts: int = 1
    attempt_errors: tuple[str, ...] = ()
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    worked_out: dict[object, object] = field(default_factory=dict, init=False, repr=False, compare=False)  # see `once`

    @property
    def duration_ns(self) -> int:
        return 0 if self.ended_at_ns is None else max(self.ended_at_ns - self.started_at_ns, 0)

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


Fact = TypeVar("Fact")


def once(work: Callable[[Observed], Fact]) -> Callable[[Observed], Fact]:
    """Something to know of a span, worked out when a detector first asks and kept with the span for the others."""

    @wraps(work)
    def known(span: Observed) -> Fact:
        if work not in span.worked_out:
            span.worked_out[work] = work(span)
        return cast("Fact", span.worked_out[work])

    return known


@dataclass(frozen=True)
class Usual:
    """What one kind of number has been in this agent's earlier traces: `values`, oldest first."""

    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class History:
    """The same agent's earlier finished traces; empty where there are none."""

    cost_micros: Usual = field(default_factory=Usual)
    duration_ns: Usual = field(default_factory=Usual)
    turns: Usual = field(default_factory=Usual)
    call_duration_ns: Usual = field(default_factory=Usual)  # of single model calls


@dataclass(frozen=True)
class Subject:
    """What is known of a trace beside its spans. `goal` is what the agent was asked for, "" if unknown."""

    trace_id: str = ""
    agent: str = ""
    repo: str = ""  # what the agent works on, where its traces say so: another repository has another history
    goal: str = ""
    criteria: tuple[str, ...] = ()
    history: History = field(default_factory=History)


@dataclass(frozen=True)
class Ending:
    """How the trace ended. `passed` is an outcome that somebody else than the agent established; None: nobody did."""

    status: TraceStatus = TraceStatus.RUNNING
    passed: bool | None = None
    outcome: str = ""  # in words: "check tests failed, exit 1"
