"""From a span with attributes to what detectors see: the same rules for a span at work, in the store and from a file.

Reads OTel GenAI (old and new names), OpenInference, OpenLLMetry and our own names; the first one that is there counts.
"""

from collections.abc import Sequence
from typing import Protocol

from tracing import attributes as names
from tracing.failures.observed import Observed, StopReason, stop_reason
from tracing.span import AttributeValue, JsonValue, SpanKind, SpanStatus
from tracing.usage import MODELS, Attributes, Usage, first, number, usage_of

TOOL_NAMES = (names.TOOL_NAME, names.OPENINFERENCE_TOOL_NAME, "traceloop.entity.name", "tool_name")
AGENTS = (names.AGENT_NAME, "agent.name", "graph.node.name")
STOPS = (names.FINISH_REASONS, "llm.finish_reason", "gen_ai.completion.0.finish_reason", "stop_reason")
MAX_TOKENS = (names.REQUEST_MAX_TOKENS, "llm.request.max_tokens", "gen_ai.request.max_output_tokens")
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
        max_tokens=number(span.attributes, MAX_TOKENS),
        attributes=span.attributes,
    )


def over(span: Facts, given: JsonValue, result: JsonValue) -> Observed:
    """The span as far as it is known, with all that came of it. Only model calls have tokens and costs: sums are not counted twice."""
    found = span.attributes
    used = usage_of(found) if span.kind in {SpanKind.LLM, SpanKind.EMBEDDING} else Usage()
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
        exit_code=number(found, (names.EXIT_CODE,)) if names.EXIT_CODE in found else None,
        changed=_flag(found, names.CHANGED),
        stop_reason=_stop(found),
        max_tokens=number(found, MAX_TOKENS),
        input_tokens=used.input_tokens,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        output_tokens=used.output_tokens,
        cost_micros=used.cost_micros,
        attempts=number(found, (names.CALL_ATTEMPTS,)) if names.CALL_ATTEMPTS in found else 1,
        attempt_errors=_texts(found.get(names.CALL_ATTEMPT_ERRORS)),
        attributes=found,
    )


def _kept(span: Facts, result: JsonValue) -> JsonValue:
    """A result that nobody kept is like no other one: two of them are not known to be the same."""
    is_unknown = result is None and span.kind in {SpanKind.TOOL, SpanKind.RETRIEVER} and not span.error
    return {"not kept": span.span_id} if is_unknown else result


def _name(span: Facts) -> str:
    """Of a tool call the tool's name, of a model call the model's, of an agent its own."""
    named = {SpanKind.TOOL: TOOL_NAMES, SpanKind.LLM: MODELS, SpanKind.AGENT: AGENTS}.get(span.kind, ())
    found = first(span.attributes, named)
    return found if isinstance(found, str) else span.name


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
