"""What a model call used, in whichever convention it was written: ours, OTel GenAI (old and new names), OpenInference, OpenLLMetry.

The one table of these names, for totals and for detectors. A call often says the same in several conventions: of each amount
the first name that has a value counts, so nothing is counted twice. It asks no price list: what no span says is not known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracing import attributes as names
from tracing.span import AttributeValue

Attributes = Mapping[str, AttributeValue]

MODELS = (
    names.RESPONSE_MODEL,
    names.REQUEST_MODEL,
    names.LLM_MODEL,
    "llm.response.model_name",
    "llm.request.model_name",
)
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
_MOST = 10**12  # tokens, or micro-dollars: whatever is more is a mistake, and sums of it would not fit into the store


@dataclass(frozen=True)
class Usage:
    """`input_tokens` includes what was read from and written to the cache."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0


def usage_of(attributes: Attributes) -> Usage:
    """Of one call; 0 is "nothing, or nobody said"."""
    return Usage(
        input_tokens=number(attributes, INPUTS),
        cache_read_tokens=number(attributes, CACHE_READS),
        cache_write_tokens=number(attributes, CACHE_WRITES),
        output_tokens=number(attributes, OUTPUTS),
        cost_micros=_cost_micros(attributes),
    )


def first(attributes: Attributes, wanted: Iterable[str]) -> AttributeValue | None:
    """The first of these that has a value."""
    return next((attributes[name] for name in wanted if attributes.get(name) not in (None, "")), None)


def number(attributes: Attributes, wanted: Iterable[str]) -> int:
    """The first of these as a whole number; 0 where it is none."""
    return _whole(first(attributes, wanted))


def _cost_micros(attributes: Attributes) -> int:
    """Where we counted it ourselves that holds, also where it is 0."""
    ours = attributes.get(names.COST_MICROS)
    return _whole(first(attributes, COSTS_USD), times=1_000_000) if ours is None else _whole(ours)


def _whole(value: AttributeValue | None, times: int = 1) -> int:
    try:
        found = round(float(value) * times) if isinstance(value, str | int | float) else 0
    except (ValueError, OverflowError):  # no number, or NaN, or infinite
        return 0
    return found if abs(found) <= _MOST else 0
