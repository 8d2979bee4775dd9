"""The lines of a bundle, each a JSON object with its `kind`; what may be in one, in which shape and how large.

Head, payloads, messages of conversations (each behind its parent), trace, spans, findings, scores, end. Nothing in it is a path or
is ever used as one. Version 1.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from tracing.finding import Verdict
from tracing.scores import ScoreSource
from tracing.span import SpanKind, SpanStatus, TraceStatus

VERSION = 1
IMPORTED = "ralph.imported"  # in a trace's metadata: when it came from a file
MOST = 10**15  # of tokens, micro-dollars and the like; what adds up stays exact
MOST_NS = 2**62

Hash: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TraceId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
SpanId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Ns: TypeAlias = Annotated[int, Field(ge=0, le=MOST_NS)]
Amount: TypeAlias = Annotated[int, Field(ge=0, le=MOST)]
Text: TypeAlias = Annotated[str, Field(max_length=1_000_000)]
Scalar: TypeAlias = str | bool | Annotated[int, Field(ge=-MOST_NS, le=MOST_NS)] | float
Attributes: TypeAlias = dict[str, Scalar | list[str] | list[bool] | list[int] | list[float]]


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Head(Line):
    kind: Literal["ralph-trace"] = "ralph-trace"
    version: int
    made_by: Text = ""
    has_content: bool = True


class PayloadLine(Line):
    """`data` is the JSON as it was stored, as text; None: only its hash was kept."""

    kind: Literal["payload"] = "payload"
    hash: Hash
    size_bytes: Amount
    data: str | None


class NodeLine(Line):
    kind: Literal["message"] = "message"
    hash: Hash
    parent: Hash | None
    message: Hash
    length: Annotated[int, Field(ge=1, le=1_000_000)]


class TraceLine(Line):
    kind: Literal["trace"] = "trace"
    trace_id: TraceId
    root_span_id: SpanId
    name: Text
    agent_id: Text
    session_id: Text | None
    status: TraceStatus
    error: Text | None
    started_at_ns: Ns
    ended_at_ns: Ns | None
    updated_at_ns: Ns
    metadata: dict[str, JsonValue]
    analysed: Annotated[int, Field(ge=0, le=1_000_000)]
    trimmed_ns: Ns


class EventLine(Line):
    name: Text
    at_ns: Ns
    attributes: Attributes


class SpanLine(Line):
    kind: Literal["span"] = "span"
    span_id: SpanId
    parent_span_id: SpanId | None
    name: Text
    span_kind: SpanKind
    status: SpanStatus
    error: Text | None
    started_at_ns: Ns
    ended_at_ns: Ns | None
    attributes: Attributes
    events: tuple[EventLine, ...]
    input: Hash | None
    output: Hash | None
    system: Hash | None
    tools: Hash | None
    conversation: Hash | None
    gist: Text


class FindingLine(Line):
    kind: Literal["finding"] = "finding"
    detector: Text
    severity: Literal[1, 2, 3]
    verdict: Verdict
    title: Text
    evidence: Text
    remedy: Text
    nudge: Text
    span_ids: tuple[SpanId, ...]
    tokens: Amount
    cost_micros: Amount
    duration_ns: Ns
    at_ns: Ns


class ScoreLine(Line):
    kind: Literal["score"] = "score"
    id: Annotated[str, Field(min_length=1, max_length=200)]
    span_id: SpanId | Literal[""]
    name: Text
    value: float
    comment: Text
    source: ScoreSource
    at_ns: Ns


class EndLine(Line):
    """How many lines are before it: without it the file was cut."""

    kind: Literal["end"] = "end"
    lines: int


AnyLine: TypeAlias = Annotated[
    Head | PayloadLine | NodeLine | TraceLine | SpanLine | FindingLine | ScoreLine | EndLine,
    Field(discriminator="kind"),
]
LINE: TypeAdapter[AnyLine] = TypeAdapter(AnyLine)
