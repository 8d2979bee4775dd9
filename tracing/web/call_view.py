"""A model call, ready to be read: its conversation, why it stopped, what it used and cost, how often it was tried."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tracing import attributes as names
from tracing.failures.observed import StopReason, stop_reason
from tracing.span import AttributeValue, JsonValue
from tracing.store import SpanRow
from tracing.web.conversation_view import Conversation, conversation
from tracing.web.messages import answered, definitions, instructions, told
from tracing.words import plain

MEANINGS: Mapping[StopReason, str] = {
    StopReason.TOOL_USE: "it wants tools to be run, and goes on with what they bring",
    StopReason.END: "it said all that it wanted to say",
    StopReason.MAX_TOKENS: "cut: the answer reached its limit of tokens, so what stands here is not whole",
    StopReason.CONTEXT: "cut: the context window is full",
    StopReason.REFUSAL: "the model or its provider refused to answer",
    StopReason.PAUSE: "the provider paused a long turn; it is to be sent again as it is",
    StopReason.OTHER: "a reason of this provider's own",
    StopReason.UNKNOWN: "",
}


@dataclass(frozen=True)
class Part:
    """Some of the tokens of a call. `share` is their part of all [0..100]."""

    label: str
    tokens: int
    share: float
    name: str  # a class for its colour


@dataclass(frozen=True)
class CallView:
    """None where nobody said."""

    conversation: Conversation
    stop: str
    stop_meaning: str
    is_cut: bool
    parts: tuple[Part, ...]
    reasoning_tokens: int
    max_tokens: int
    price_version: str
    is_simulated: bool
    attempts: int
    attempt_errors: tuple[str, ...]
    latency_ms: float | None
    first_token_ms: float | None
    cache_break: str


def call_view(span: SpanRow, before: SpanRow | None, most_chars: int) -> CallView:
    """`before` is the model call before this one, if there is one."""
    known = span.attributes
    stop = next(iter(_texts(known.get(names.FINISH_REASONS))), "")
    reason = stop_reason(stop)
    return CallView(
        conversation=_conversation(span, before, most_chars),
        stop=stop,
        stop_meaning=MEANINGS[reason],
        is_cut=reason in {StopReason.MAX_TOKENS, StopReason.CONTEXT},
        parts=tuple(_parts(span)),
        reasoning_tokens=_count(known, names.REASONING_TOKENS),
        max_tokens=_count(known, names.REQUEST_MAX_TOKENS),
        price_version=plain(known.get(names.PRICE_VERSION) or ""),
        is_simulated=bool(known.get(names.COST_SIMULATED)),
        attempts=_count(known, names.CALL_ATTEMPTS, 1),
        attempt_errors=_texts(known.get(names.CALL_ATTEMPT_ERRORS)),
        latency_ms=_measure(known, names.LATENCY_MS),
        first_token_ms=_measure(known, names.TIME_TO_FIRST_TOKEN_MS),
        cache_break=plain(known.get(names.CACHE_BREAK) or ""),
    )


def _conversation(span: SpanRow, before: SpanRow | None, most_chars: int) -> Conversation:
    earlier: Sequence[JsonValue] = told(before) if before else []
    return conversation(
        told(span),
        answered(span),
        earlier,
        system=instructions(span),
        tools=definitions(span),
        most_chars=most_chars,
    )


def _parts(span: SpanRow) -> Iterator[Part]:
    fresh = max(span.input_tokens - span.cache_read_tokens - span.cache_write_tokens, 0)
    counts = (
        ("read from the cache", span.cache_read_tokens, "cached"),
        ("written to the cache", span.cache_write_tokens, "written"),
        ("new input", fresh, "fresh"),
        ("output", span.output_tokens, "output"),
    )
    whole = sum(count for _, count, _ in counts)
    for label, count, name in counts:
        if count:
            yield Part(label, count, round(100 * count / whole, 2), name)


def _texts(value: AttributeValue | None) -> tuple[str, ...]:
    if isinstance(value, str):
        return (plain(value),)
    return tuple(plain(one) for one in value) if isinstance(value, Sequence) else ()


def _count(known: Mapping[str, AttributeValue], name: str, default: int = 0) -> int:
    value = known.get(name, default)
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else default


def _measure(known: Mapping[str, AttributeValue], name: str) -> float | None:
    value = known.get(name)
    return float(value) if isinstance(value, int | float) else None
