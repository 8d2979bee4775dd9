"""From a span with attributes to what detectors see: the same rules for a span at work, in the store and from a file.

Reads OTel GenAI (old and new names), OpenInference, OpenLLMetry and our own names; the first one that is there counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from tracing import attributes as names
from tracing.failures.observed import Observed, StopReason, stop_reason
from tracing.span import AttributeValue, JsonValue, SpanKind, SpanStatus

Attributes = Mapping[str, AttributeValue]

TOOL_NAMES = (names.TOOL_NAME, names.OPENINFERENCE_TOOL_NAME, "traceloop.entity.name", "tool_name")
MODELS = (
    names.RESPONSE_MODEL,
    names.REQUEST_MODEL,
    names.LLM_MODEL,
    "llm.response.model_name",
    "llm.request.model_name",
)
AGENTS = (names.AGENT_NAME, "agent.name", "graph.node.name")
STOPS = (names.FINISH_REASONS, "llm.finish_reason", "gen_ai.completion.0.finish_reason", "stop_reason")
MAX_TOKENS = (names.REQUEST_MAX_TOKENS, "llm.request.max_tokens", "gen_ai.request.max_output_tokens")
INPUTS = (names.INPUT_TOKENS, names.LLM_PROMPT_TOKENS, "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens")
OUTPUTS = (
    names.OUTPUT_TOKENS,
    names.LLM_COMPLETION_TOKENS,
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
)
CACHE_READS = (names.CACHE_READ_TOKENS, names.LLM_CACHE_READ_TOKENS, "gen_ai.usage.cache_read_input_tokens")
CACHE_WRITES = (
    names.CACHE_WRITE_TOKENS,
    names.CACHE_CREATION_TOKENS,
    names.LLM_CACHE_WRITE_TOKENS,
    "gen_ai.usage.cache_creation_input_tokens",
)
COSTS_USD = (names.USAGE_COST_USD, names.LLM_COST_USD)
READ_INPUT = frozenset({SpanKind.TOOL, SpanKind.AGENT, SpanKind.RETRIEVER})
READ_OUTPUT = READ_INPUT | {SpanKind.LLM, SpanKind.EVALUATOR, SpanKind.GUARDRAIL}
VERDICT = "verify"  # a step of this name, of whatever kind, says what somebody made of the work


def shows_input(kind: SpanKind) -> bool:
    """Whether detectors are shown the inputs of such spans; nothing is loaded for others."""
    return kind in READ_INPUT


def shows_output(kind: SpanKind, name: str) -> bool:
    return kind in READ_OUTPUT or name == VERDICT


class Facts(Protocol):
    """A span of the store, or one that a tracer or a file has."""

    @property
    def span_id(self) -> str: ...
    @property
    def parent_span_id(self) -> str | None: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> SpanKind: ...
    @property
    def status(self) -> SpanStatus: ...
    @property
    def error(self) -> str | None: ...
    @property
    def started_at_ns(self) -> int: ...
    @property
    def ended_at_ns(self) -> int | None: ...
    @property
    def attributes(self) -> Attributes: ...


def begun(span: Facts, given: JsonValue) -> Observed:
    """The span as it was when it began: with its input, without what came of it."""
    return Observed(
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        kind=span.kind,
        name=_name(span),
        started_at_ns=span.started_at_ns,
        ended_at_ns=None,
        input=given,
        max_tokens=_number(span.attributes, MAX_TOKENS),
        attributes=span.attributes,
    )


def over(span: Facts, given: JsonValue, result: JsonValue) -> Observed:
    """The span as far as it is known, with all that came of it. Only model calls have tokens and costs: sums are not counted twice."""
    found = span.attributes
    counted = found if span.kind in {SpanKind.LLM, SpanKind.EMBEDDING} else {}
    return Observed(
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        kind=span.kind,
        name=_name(span),
        started_at_ns=span.started_at_ns,
        ended_at_ns=span.ended_at_ns,
        is_error=span.status is SpanStatus.ERROR,
        error=span.error or "",
        input=given,
        output=_kept(span, result),
        exit_code=_number(found, (names.EXIT_CODE,)) if names.EXIT_CODE in found else None,
        changed=_flag(found, names.CHANGED),
        stop_reason=_stop(found),
        max_tokens=_number(found, MAX_TOKENS),
        input_tokens=_number(counted, INPUTS),
        cache_read_tokens=_number(counted, CACHE_READS),
        cache_write_tokens=_number(counted, CACHE_WRITES),
        output_tokens=_number(counted, OUTPUTS),
        cost_micros=_cost_micros(counted),
        attempts=_number(found, (names.CALL_ATTEMPTS,)) if names.CALL_ATTEMPTS in found else 1,
        attempt_errors=_texts(found.get(names.CALL_ATTEMPT_ERRORS)),
        attributes=found,
    )


def first(attributes: Attributes, wanted: Iterable[str]) -> AttributeValue | None:
    """The first of these that has a value."""
    return next((attributes[name] for name in wanted if attributes.get(name) not in (None, "")), None)


def _kept(span: Facts, result: JsonValue) -> JsonValue:
    """A result that nobody kept is like no other one: two of them are not known to be the same."""
    is_unknown = result is None and span.kind in {SpanKind.TOOL, SpanKind.RETRIEVER} and not span.error
    return {"not kept": span.span_id} if is_unknown else result


def _name(span: Facts) -> str:
    """Of a tool call the tool's name, of a model call the model's, of an agent its own."""
    named = {SpanKind.TOOL: TOOL_NAMES, SpanKind.LLM: MODELS, SpanKind.AGENT: AGENTS}.get(span.kind, ())
    found = first(span.attributes, named)
    return found if isinstance(found, str) else span.name


def _number(attributes: Attributes, wanted: Iterable[str]) -> int:
    value = first(attributes, wanted)
    try:
        return int(value) if isinstance(value, str | int | float) else 0
    except (ValueError, OverflowError):  # no number, or NaN, or infinite
        return 0


def _flag(attributes: Attributes, name: str) -> bool | None:
    value = attributes.get(name)
    return value if isinstance(value, bool) else None


def _stop(attributes: Attributes) -> StopReason:
    """Of several choices the last reason."""
    words = _texts(first(attributes, STOPS))
    return stop_reason(words[-1].strip('[]"') if words else None)


def _texts(value: AttributeValue | None) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(item) for item in value) if isinstance(value, Sequence) else ()


def _cost_micros(attributes: Attributes) -> int:
    if names.COST_MICROS in attributes:
        return _number(attributes, (names.COST_MICROS,))
    value = first(attributes, COSTS_USD)
    return round(value * 1_000_000) if isinstance(value, int | float) else 0
