"""What a trace is made of: kinds, statuses, ids, and the state of one span or trace as it goes to the store.

OTel-shaped: 16- and 8-byte hex ids, nanoseconds since the epoch, W3C traceparent. Knows nothing about files or agents.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

AttributeValue: TypeAlias = str | int | float | bool | Sequence[str] | Sequence[int] | Sequence[float] | Sequence[bool]
JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None


class SpanKind(StrEnum):
    """OpenInference's words, https://arize-ai.github.io/openinference/spec/semantic_conventions.html."""

    AGENT = "AGENT"
    CHAIN = "CHAIN"
    LLM = "LLM"
    TOOL = "TOOL"
    RETRIEVER = "RETRIEVER"
    EMBEDDING = "EMBEDDING"
    RERANKER = "RERANKER"
    GUARDRAIL = "GUARDRAIL"
    EVALUATOR = "EVALUATOR"
    PROMPT = "PROMPT"
    DECISION = "DECISION"
    UNKNOWN = "UNKNOWN"


class SpanStatus(StrEnum):
    UNSET = "unset"
    OK = "ok"
    ERROR = "error"
    INTERRUPTED = "interrupted"


class TraceStatus(StrEnum):
    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"
    BLOCKED = "blocked"
    OVER_BUDGET = "over_budget"
    INTERRUPTED = "interrupted"


ROOT_STATUS: Mapping[TraceStatus, SpanStatus] = {
    TraceStatus.RUNNING: SpanStatus.UNSET,
    TraceStatus.SUCCESS: SpanStatus.OK,
    TraceStatus.ERROR: SpanStatus.ERROR,
    TraceStatus.TIMEOUT: SpanStatus.ERROR,
    TraceStatus.BLOCKED: SpanStatus.OK,
    TraceStatus.OVER_BUDGET: SpanStatus.ERROR,
    TraceStatus.INTERRUPTED: SpanStatus.INTERRUPTED,
}
"""How the root span ends when its trace ends so; blocked is an honest answer, not a failure."""


class Ids(Protocol):
    """Where ids come from; tests count."""

    def trace_id(self) -> str: ...

    def span_id(self) -> str: ...


class RandomIds:
    def trace_id(self) -> str:
        return os.urandom(16).hex()

    def span_id(self) -> str:
        return os.urandom(8).hex()


@dataclass(frozen=True)
class Owner:
    """The process that writes a trace; a reused pid differs in `started`, a reboot in `boot_id`."""

    pid: int
    started: str
    boot_id: str


@dataclass(frozen=True)
class SpanEvent:
    name: str
    at_ns: int
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True)
class PayloadRefs:
    """Which stored payloads belong to a span, by hash; `None` is "not given". `conversation` is a list node."""

    input: str | None = None
    output: str | None = None
    system: str | None = None
    tools: str | None = None
    conversation: str | None = None


@dataclass(frozen=True)
class SpanState:
    """One span as stored, redacted; `ended_at_ns` is None while it is open."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: SpanKind
    status: SpanStatus
    error: str | None
    started_at_ns: int
    ended_at_ns: int | None
    attributes: Mapping[str, AttributeValue]
    events: tuple[SpanEvent, ...]
    refs: PayloadRefs
    gist: str = ""  # in a few words: the arguments of a call, what a model said or called


@dataclass(frozen=True)
class TraceState:
    """One trace as stored, redacted; its totals are counted by the store from its spans."""

    trace_id: str
    root_span_id: str
    name: str
    agent_id: str
    session_id: str | None
    status: TraceStatus
    error: str | None
    started_at_ns: int
    ended_at_ns: int | None
    metadata: Mapping[str, JsonValue]
    owner: Owner


_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def traceparent(trace_id: str, span_id: str) -> str:
    """The W3C header (and `TRACEPARENT` variable) that names a span to another process."""
    return f"00-{trace_id}-{span_id}-01"


def parse_traceparent(text: str) -> tuple[str, str] | None:
    """(trace id, span id), or None where the text is not a valid traceparent."""
    match = _TRACEPARENT.fullmatch(text.strip().lower())
    if match is None or set(match[1]) == {"0"} or set(match[2]) == {"0"}:
        return None
    return match[1], match[2]
