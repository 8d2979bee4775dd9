"""The service's counts of tokens as ours, and which of them nobody can believe.

The SDK builds its objects from whatever a server sends, so a count may be missing, a text, a fraction, negative or absurd.
What is missing was not counted; what cannot be believed is an error, and the caller charges the worst case.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracing.prices import TokenUsage

if TYPE_CHECKING:
    from anthropic.types import MessageDeltaUsage, Usage

MOST_TOKENS = 1_000_000_000  # of one call: no model takes or makes a thousandth of it


class UsageError(ValueError):
    """A count that no call can have; the message names it."""


def usage_of(usage: Usage) -> TokenUsage:
    """The API's counts in our disjoint kinds; a cache write without a breakdown is a 5-minute one.

    Raises:
        UsageError: a count cannot be believed.
    """
    created = given(usage, "cache_creation")
    written = _count(usage, "cache_creation_input_tokens")
    hour = _count(created, "ephemeral_1h_input_tokens")
    return TokenUsage(
        uncached_input_tokens=_count(usage, "input_tokens"),
        cache_read_tokens=_count(usage, "cache_read_input_tokens"),
        cache_write_5m_tokens=max(written - hour, _count(created, "ephemeral_5m_input_tokens")),
        cache_write_1h_tokens=hour,
        output_tokens=_count(usage, "output_tokens"),
        reasoning_tokens=_count(given(usage, "output_tokens_details"), "thinking_tokens"),
    )


def updated(so_far: TokenUsage, delta: MessageDeltaUsage) -> TokenUsage:
    """Counts of a delta are running totals, so they never fall; what it leaves out stays as it was.

    It has no breakdown of cache writes.

    Raises:
        UsageError: a count cannot be believed.
    """
    written = _count(delta, "cache_creation_input_tokens", so_far.cache_write_5m_tokens + so_far.cache_write_1h_tokens)
    details = given(delta, "output_tokens_details")
    told = replace(
        so_far,
        uncached_input_tokens=_count(delta, "input_tokens", so_far.uncached_input_tokens),
        cache_read_tokens=_count(delta, "cache_read_input_tokens", so_far.cache_read_tokens),
        cache_write_5m_tokens=max(0, written - so_far.cache_write_1h_tokens),
    )
    return replace(
        told if told.input_tokens >= so_far.input_tokens else so_far,
        output_tokens=max(so_far.output_tokens, _count(delta, "output_tokens", so_far.output_tokens)),
        reasoning_tokens=_count(details, "thinking_tokens", so_far.reasoning_tokens),
    )


def given(thing: object, name: str) -> Any:
    """An attribute that the SDK's types promise and that a server may have left out."""
    return getattr(thing, name, None)


def _count(counts: object, name: str, otherwise: int = 0) -> int:
    value = given(counts, name)
    if value is None:
        return otherwise
    if type(value) is not int or not 0 <= value <= MOST_TOKENS:
        raise UsageError(f"{name} is {str(value)[:40]!r}, which no call can have")
    return value
