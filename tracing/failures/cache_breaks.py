"""The provider's cache does not find what the call before had put there, and the whole context is paid for again.

A first call, a shrunken context and providers that report no cache are no breaks. A short pause is not told from a long one:
caches live for minutes, so how long it was is in the evidence.
"""

from collections.abc import Iterable

from tracing.attributes import CACHE_BREAK
from tracing.failures.conversations import Conversations, Resent
from tracing.failures.detector import Detector
from tracing.failures.observed import Observed, Subject
from tracing.finding import Finding, Severity, Waste
from tracing.span import SpanKind
from tracing.words import length, money, tokens

LOST_SHARE = 0.5  # of what had been cached, before it is a break and not a cache's edge
WORTH_TOKENS = 20_000  # lost in all breaks of a trace, before they are worth a word
GRAVE_TOKENS = 200_000
_CACHE_LIVES_NS = 5 * 60 * 1_000_000_000
_MOST_SPANS = 50


class CacheBreaks(Detector):
    name = "cache_breaks"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._conversations = Conversations()
        self._breaks: list[str] = []
        self._number = 0
        self._first = ""  # in words
        self._waste = Waste()

    def began(self, span: Observed) -> Iterable[Finding]:
        self._conversations.began(span)
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        if span.kind is not SpanKind.LLM or span.is_error:
            return ()
        resent = self._conversations.ended(span)
        before = resent.before
        if before is None or resent.lost_tokens <= LOST_SHARE * (before.cache_read_tokens + before.cache_write_tokens):
            return ()
        self._number += 1
        self._breaks = [*self._breaks, span.span_id][:_MOST_SPANS]
        self._first = self._first or _in_words(resent, before)
        self._waste += Waste(resent.lost_tokens, resent.extra_cost_micros(resent.lost_tokens))
        return (self._finding(),) if self._waste.tokens >= WORTH_TOKENS else ()

    def _finding(self) -> Finding:
        times = "once" if self._number == 1 else f"{self._number} times"
        cost = f", about {money(self._waste.cost_micros)} more than with the cache" if self._waste.cost_micros else ""
        return Finding(
            self.name,
            Severity.WARNING if self._waste.tokens >= GRAVE_TOKENS else Severity.NOTE,
            f"The prompt cache broke {times}: {tokens(self._waste.tokens)} tokens were paid for again",
            f"{self._first} In all, {tokens(self._waste.tokens)} tokens that had been cached were sent uncached{cost}.",
            "Compare the two calls: the system text, the tools and all earlier messages must be the same, byte for byte and in the same "
            "order (no date, no changed tool list, no edited history). Where the agent waits for minutes, ask for a cache that lives longer.",
            tuple(self._breaks),
            self._waste,
        )


def _in_words(resent: Resent, before: Observed) -> str:
    call = resent.call
    cached = before.cache_read_tokens + before.cache_write_tokens
    cause = str(call.attributes.get(CACHE_BREAK, "")).strip()
    pause_ns = call.started_at_ns - (before.ended_at_ns or before.started_at_ns)
    if not cause and pause_ns > _CACHE_LIVES_NS:
        cause = f"a pause of {length(pause_ns)} before the call; caches live for about five minutes"
    return (
        f"The call before had {tokens(cached)} tokens in the cache; this one read {tokens(call.cache_read_tokens)} of them"
        f"{f' (likely cause: {cause})' if cause else ''}."
    )
