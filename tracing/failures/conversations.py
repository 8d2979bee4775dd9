"""Which model calls belong to one conversation, and what of each call's context had been sent before.

Nobody says where a conversation begins: the calls of one agent to one model are one, until the context shrinks to less than half
(a new task, a compaction, or another conversation in between). Knows no prices: it takes a call's own cost apart by what all large
providers have in common, a cached token at a tenth of an uncached one, a written one at a quarter more, output at five times.
"""

from dataclasses import dataclass, field

from tracing.failures.observed import Observed
from tracing.span import SpanKind

CACHED_RATE, WRITTEN_RATE, OUTPUT_RATE = 0.1, 1.25, 5.0
_SHRUNK = 0.5
_MOST_SPANS = 200_000


@dataclass(frozen=True)
class Resent:
    """A model call beside the one before it in its conversation."""

    agent: str
    call: Observed
    before: Observed | None  # None: the first

    @property
    def reread_tokens(self) -> int:
        """Context that the call before had sent already, and that was not read from a cache."""
        if self.before is None:
            return 0
        return max(min(self.call.input_tokens, self.before.input_tokens) - self.call.cache_read_tokens, 0)

    @property
    def lost_tokens(self) -> int:
        """What the call before had in the cache and this one did not find there."""
        if self.before is None or self.call.input_tokens < self.before.input_tokens * 0.9:
            return 0
        return max(self.before.cache_read_tokens + self.before.cache_write_tokens - self.call.cache_read_tokens, 0)

    def extra_cost_micros(self, tokens: int) -> int:
        """What that many tokens cost here beyond what they would have cost cached; about."""
        call = self.call
        uncached = max(call.input_tokens - call.cache_read_tokens - call.cache_write_tokens, 0)
        weight = (
            uncached
            + CACHED_RATE * call.cache_read_tokens
            + WRITTEN_RATE * call.cache_write_tokens
            + OUTPUT_RATE * call.output_tokens
        )
        return round(call.cost_micros / weight * tokens * (1 - CACHED_RATE)) if weight else 0


@dataclass
class Conversations:
    """Tell it every span as it begins, and every model call as it ends."""

    _agents: dict[str, str] = field(default_factory=dict)  # the nearest agent of each span
    _latest: dict[tuple[str, str], Observed] = field(default_factory=dict)

    def began(self, span: Observed) -> None:
        if len(self._agents) < _MOST_SPANS:
            self._agents[span.span_id] = span.span_id if span.kind is SpanKind.AGENT else self.agent_of(span)

    def agent_of(self, span: Observed) -> str:
        """The span of the agent that a span belongs to; of an unknown parent that parent, "" at the top."""
        parent = span.parent_span_id or ""
        return self._agents.get(parent, parent)

    def ended(self, call: Observed) -> Resent:
        key = (self.agent_of(call), call.name)
        before = self._latest.get(key)
        if before is not None and call.input_tokens < before.input_tokens * _SHRUNK:
            before = None
        if call.input_tokens:
            self._latest[key] = call
        return Resent(key[0], call, before)
