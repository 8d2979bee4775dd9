"""A model call far larger than the same agent's others in the run: what stands out without prices and without earlier runs.

Read: a call between smaller ones; a context that grew and stays large is `context_growth`'s. Written: many times the others' tokens, of
which the answer shows next to nothing; a long file or report explains its own length. Told at the end, beside later calls too.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tracing.failures.answers import answered
from tracing.failures.calls import text_of
from tracing.failures.observed import Observed
from tracing.failures.owners import Owners
from tracing.failures.usual import limit
from tracing.finding import Finding, Severity, Waste
from tracing.span import SpanKind
from tracing.words import tokens

READ_TIMES, READ_MORE_TOKENS = 8, 50_000
WRITTEN_TIMES, WRITTEN_MORE_TOKENS = 20, 8_000
CHARS_A_TOKEN = 2  # at least: text that is shown explains so many tokens
BESIDE = 4  # so many times the call before it, and twice the one after it
FEW = 1 / 20  # of the calls; more than that is how this agent works
MOST_FINDINGS = 5


@dataclass(frozen=True)
class _Size:
    span_id: str
    read: int
    written: int
    unseen: int  # of what was written, what the answer does not show


class TokenSpikes:
    """Kept by the detector of costs, which tells it of every span."""

    def __init__(self) -> None:
        self._owners = Owners()
        self._sizes: defaultdict[str, list[_Size]] = defaultdict(list)

    def began(self, span: Observed) -> None:
        self._owners.began(span)

    def ended(self, span: Observed) -> None:
        owner = self._owners.ended(span)
        if span.kind is SpanKind.LLM and span.tokens:
            shown = _shown_chars(span) // CHARS_A_TOKEN if span.output_tokens > WRITTEN_MORE_TOKENS else 0
            unseen = max(span.output_tokens - shown, 0)
            self._sizes[owner].append(_Size(span.span_id, span.input_tokens, span.output_tokens, unseen))

    def findings(self) -> Iterator[Finding]:
        for sizes in self._sizes.values():
            yield from _read(sizes)
            yield from _written(sizes)


def _shown_chars(span: Observed) -> int:
    said = answered(span)
    return len(said.text) + sum(len(text_of(call.arguments)) for call in said.calls)


def _read(sizes: list[_Size]) -> Iterator[Finding]:
    known = limit([size.read for size in sizes], times=READ_TIMES, more=READ_MORE_TOKENS)
    for size in _few(
        [size for place, size in enumerate(sizes) if known and size.read > known.above and _stands_out(sizes, place)],
        sizes,
    ):
        assert known is not None
        yield _finding(size, f"read {tokens(size.read)} tokens", size.read, known.usual,
            "Look at what came into the prompt just before it: a tool or a retriever that returned everything; and let it return less.")  # fmt: skip


def _stands_out(sizes: list[_Size], place: int) -> bool:
    before = sizes[place - 1].read if place else 0
    after = sizes[place + 1].read if place + 1 < len(sizes) else 0
    return place > 0 and BESIDE * before < sizes[place].read > 2 * after


def _written(sizes: list[_Size]) -> Iterator[Finding]:
    known = limit([size.written for size in sizes], times=WRITTEN_TIMES, more=WRITTEN_MORE_TOKENS)
    for size in _few([size for size in sizes if known and size.unseen > known.above], sizes):
        assert known is not None
        yield _finding(size, f"wrote {tokens(size.written)} tokens and shows next to none of them", size.written, known.usual,
            "Thinking that long for one turn is rarely worth it: limit the tokens for thinking, and see what in the prompt set it off.")  # fmt: skip


def _few(found: list[_Size], sizes: list[_Size]) -> list[_Size]:
    return found[:MOST_FINDINGS] if len(found) <= max(1, FEW * len(sizes)) else []


def _finding(size: _Size, did: str, count: int, usual: float, remedy: str) -> Finding:
    return Finding(
        detector="cost_anomaly",
        severity=Severity.NOTE,
        title=f"One call {did}, {count / usual:.0f} x the usual of this run",
        evidence=f"One call {did}, where {tokens(round(usual))} are usual for this agent in this run.",
        remedy=remedy,
        span_ids=(size.span_id,),
        waste=Waste(tokens=count - round(usual)),
    )
