"""Two traces held against each other: where they part, what follows on both sides, totals and tools. Plain data.

Steps are aligned by what was asked for (a turn by what it says or calls, a call by its name and arguments, both without what
differs between any two runs: white space, long ids), and are told apart again by how they ended. Knows nothing of pages.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from functools import cache

from tracing import attributes as names
from tracing.finding import Finding
from tracing.span import SpanKind, SpanStatus
from tracing.store import SpanRow, TraceDetail, TraceRow, TraceStore

STEPS = {SpanKind.LLM, SpanKind.TOOL, SpanKind.EVALUATOR, SpanKind.GUARDRAIL}
MOST_ALIGNED = (
    2_000  # steps behind the place where two traces part that are aligned; what follows stands side by side as it comes
)
_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{12,}|\s+")
_TOOL = "execute_tool "
Between = Callable[[Sequence["Step"], Sequence["Step"]], Iterator["Pair"]]


class Match(StrEnum):
    SAME = "same"
    OTHER_END = "other end"  # the same was asked for, and it ended otherwise
    DIFFERENT = "different"
    ONLY_A = "only a"
    ONLY_B = "only b"


@dataclass(frozen=True)
class Step:
    """One turn, call or check of a trace."""

    number: int  # from 1, in the order they began
    turn: int  # the model call that it belongs to; 0: before the first
    span_id: str
    kind: SpanKind
    name: str  # "turn 3", "bash", "check tests"
    gist: str
    failed: bool
    end: str  # how it ended, in a word or two; "" where that goes without saying
    cost_micros: int
    duration_ns: int | None
    key: str  # what makes two steps the same


@dataclass(frozen=True)
class Pair:
    """A step of each trace beside the other; None where the other trace has nothing like it there."""

    match: Match
    a: Step | None
    b: Step | None


@dataclass(frozen=True)
class Totals:
    turns: int
    calls: int
    errors: int
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    cost_micros: int
    duration_ns: int


@dataclass(frozen=True)
class ToolUse:
    name: str
    a_calls: int
    a_errors: int
    b_calls: int
    b_errors: int


@dataclass(frozen=True)
class Side:
    trace: TraceRow
    totals: Totals
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Comparison:
    """`pairs` holds every step of both traces; `parts_at` is the index of the first that is not the same."""

    a: Side
    b: Side
    pairs: tuple[Pair, ...]
    parts_at: int | None  # None: no step differs
    tools: tuple[ToolUse, ...]

    @property
    def parting(self) -> Pair | None:
        return None if self.parts_at is None else self.pairs[self.parts_at]


def compare(store: TraceStore, a: str, b: str) -> Comparison:
    """Two traces, by their ids or what these begin with.

    Raises:
        TraceNotFoundError: there is no such trace, or several.
    """
    one, other = store.trace(a), store.trace(b)
    return compare_details(one, other, findings=lambda detail: tuple(store.findings(detail.trace.trace_id)))


def compare_details(
    a: TraceDetail, b: TraceDetail, *, findings: Callable[[TraceDetail], tuple[Finding, ...]] = lambda _: ()
) -> Comparison:
    ours, theirs = tuple(steps(a)), tuple(steps(b))
    pairs = tuple(_aligned(ours, theirs))
    parts_at = next((number for number, pair in enumerate(pairs) if pair.match is not Match.SAME), None)
    sides = (Side(one.trace, _totals(one), findings(one)) for one in (a, b))
    return Comparison(next(sides), next(sides), pairs, parts_at, tuple(_tools(a, b)))


def steps(detail: TraceDetail) -> Iterator[Step]:
    """Turns, calls, checks and guards, in the order they began.

    What a guard runs is its own affair, and what is checked before the first turn may be known from another time.
    """
    turn = 0
    guards = {span.span_id for span in detail.spans if span.kind is SpanKind.GUARDRAIL}
    first_ns = next((span.started_at_ns for span in detail.spans if span.kind is SpanKind.LLM), 0)
    own = (
        span
        for span in detail.spans
        if span.kind in STEPS
        and span.parent_span_id not in guards
        and (span.kind is not SpanKind.EVALUATOR or span.started_at_ns >= first_ns)
    )
    normal = cache(_normal)
    for number, span in enumerate(own, 1):
        turn += span.kind is SpanKind.LLM
        name = f"turn {turn}" if span.kind is SpanKind.LLM else span.name.removeprefix(_TOOL)
        asked = span.gist if span.kind is SpanKind.LLM else normal(span.refs.input, span.load.payload)
        yield Step(
            number=number,
            turn=turn,
            span_id=span.span_id,
            kind=span.kind,
            name=name,
            gist=span.gist,
            failed=_failed(span),
            end=_end(span),
            cost_micros=span.cost_micros - span.unseen_micros,
            duration_ns=span.duration_ns,
            key=f"{span.kind} {'' if span.kind is SpanKind.LLM else name} {_VARIES.sub(' ', asked)}",
        )


def _normal(payload_hash: str | None, load: Callable[[str], object]) -> str:
    """The arguments in one spelling; equal payloads have equal hashes, so each is read once."""
    if payload_hash is None:
        return ""
    value = load(payload_hash)
    text = json.dumps(value, sort_keys=True, default=str) if value is not None else payload_hash
    return _VARIES.sub(" ", text.replace("\\n", " ").replace("\\t", " "))


def _failed(span: SpanRow) -> bool:
    return span.status is SpanStatus.ERROR or bool(span.attributes.get(names.EXIT_CODE))


def _end(span: SpanRow) -> str:
    if span.ended_at_ns is None:
        return "open"
    if (code := span.attributes.get(names.EXIT_CODE)) is not None:
        return f"exit {code}"
    if span.kind in {SpanKind.EVALUATOR, SpanKind.GUARDRAIL}:
        return "failed" if _failed(span) else "passed"
    return "error" if _failed(span) else ""


def _aligned(a: Sequence[Step], b: Sequence[Step]) -> Iterator[Pair]:
    """The beginning that both share costs nothing; behind it, the longest common runs of steps."""
    both = enumerate(zip(a, b, strict=False))
    start = next((number for number, (one, other) in both if one.key != other.key), min(len(a), len(b)))
    yield from map(_pair, a[:start], b[:start])
    a, b = a[start:], b[start:]
    yield from _runs(a[:MOST_ALIGNED], b[:MOST_ALIGNED], lambda step: step.key, _by_name)
    yield from _alone(a[MOST_ALIGNED:], b[MOST_ALIGNED:])


def _runs(a: Sequence[Step], b: Sequence[Step], key: Callable[[Step], str], between: "Between") -> Iterator[Pair]:
    """Steps with the same key stand beside each other; what is between two common runs is `between`'s to arrange."""
    matcher = SequenceMatcher(None, [key(step) for step in a], [key(step) for step in b], autojunk=False)
    for what, from_a, to_a, from_b, to_b in matcher.get_opcodes():
        if what == "equal":
            yield from map(_pair, a[from_a:to_a], b[from_b:to_b])
        else:
            yield from between(a[from_a:to_a], b[from_b:to_b])


def _by_name(a: Sequence[Step], b: Sequence[Step]) -> Iterator[Pair]:
    """Turn beside turn, edit beside edit, though they are not the same."""
    yield from _runs(a, b, lambda step: "turn" if step.kind is SpanKind.LLM else step.name, _alone)


def _alone(a: Sequence[Step], b: Sequence[Step]) -> Iterator[Pair]:
    yield from (Pair(Match.ONLY_A, step, None) for step in a)
    yield from (Pair(Match.ONLY_B, None, step) for step in b)


def _pair(a: Step, b: Step) -> Pair:
    if a.key != b.key:
        return Pair(Match.DIFFERENT, a, b)
    return Pair(Match.SAME if (a.failed, a.end) == (b.failed, b.end) else Match.OTHER_END, a, b)


def _totals(detail: TraceDetail) -> Totals:
    trace, calls = detail.trace, [span for span in detail.spans if span.kind is SpanKind.TOOL]
    return Totals(
        turns=trace.turns,
        calls=len(calls),
        errors=sum(map(_failed, calls)),
        input_tokens=trace.input_tokens,
        cache_read_tokens=trace.cache_read_tokens,
        output_tokens=trace.output_tokens,
        cost_micros=trace.known_micros,
        duration_ns=trace.duration_ns,
    )


def _tools(a: TraceDetail, b: TraceDetail) -> Iterator[ToolUse]:
    """The most used first."""
    counts = [_counted(detail) for detail in (a, b)]
    every = sorted(
        {*counts[0], *counts[1]}, key=lambda name: (-sum(count.get(name, (0, 0))[0] for count in counts), name)
    )
    for name in every:
        yield ToolUse(name, *counts[0].get(name, (0, 0)), *counts[1].get(name, (0, 0)))


def _counted(detail: TraceDetail) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for span in detail.spans:
        if span.kind is SpanKind.TOOL:
            calls, errors = found.get(name := span.name.removeprefix(_TOOL), (0, 0))
            found[name] = (calls + 1, errors + _failed(span))
    return found
