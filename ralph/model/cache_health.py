"""Whether the prompt cache held from one call to the next, and the likely cause where it did not.

In a loop that only adds messages, each call reads at least what the one before had read and written.
"""

import hashlib
import json
from dataclasses import dataclass

from ralph.model.blocks import Block
from ralph.model.dialogue import BLOCKS_PER_BREAKPOINT, SPARE_BREAKPOINTS, Dialogue
from tracing.prices import TokenUsage

LIFETIME_S = 300.0  # of an entry, from the start of the last call that used it
LOOK_BACK_BLOCKS = BLOCKS_PER_BREAKPOINT * (SPARE_BREAKPOINTS + 1)
TOLERANCE_TOKENS = 256


@dataclass(frozen=True)
class Shape:
    """What of a request a cache entry depends on."""

    model: str
    effort: str
    tools: str
    system: str


@dataclass(frozen=True)
class Seen:
    shape: Shape
    cached_tokens: int  # read and written: what the next call finds
    tail_tokens: int  # of the last block, which may be written again
    started_s: float


class CacheHealth:
    """Compares each call of one dialogue with the one before it."""

    def __init__(self) -> None:
        self._last: Seen | None = None

    def look(
        self, dialogue: Dialogue, *, model: str, effort: str, usage: TokenUsage, started_s: float, tail: Block
    ) -> str:
        """The likely cause of a break, "" where the cache held (or there was nothing to hold yet).

        `tail` is the last block that was sent.
        """
        last, shape = self._last, _shape(dialogue, model, effort)
        written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        tail_tokens = len(json.dumps(tail).encode()) // 3
        self._last = Seen(shape, usage.cache_read_tokens + written, tail_tokens, started_s)
        if last is None or usage.cache_read_tokens + last.tail_tokens + TOLERANCE_TOKENS >= last.cached_tokens:
            return ""
        return _cause(last, shape, started_s, dialogue.new_blocks)


def _cause(last: Seen, shape: Shape, started_s: float, new_blocks: int) -> str:
    changed = [
        name for name in ("model", "tools", "system", "effort") if getattr(last.shape, name) != getattr(shape, name)
    ]
    if changed:
        return f"{changed[0]} changed"
    if started_s - last.started_s > LIFETIME_S:
        return f"expired: {started_s - last.started_s:.0f} s since the last call"
    if new_blocks > LOOK_BACK_BLOCKS:
        return f"{new_blocks} blocks in one turn: more than the service looks back over"
    return "unknown: evicted by the service, or a proxy changed the request"


def _shape(dialogue: Dialogue, model: str, effort: str) -> Shape:
    return Shape(model, effort, _digest(dialogue.tools), _digest(dialogue.system))


def _digest(value: list[Block]) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def hit_ratio(usage: TokenUsage) -> float:
    """Share of the input that came from the cache [0, 1]; 0 for no input."""
    return usage.cache_read_tokens / usage.input_tokens if usage.input_tokens else 0.0
