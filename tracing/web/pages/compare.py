"""Two traces side by side: where they part, what follows, totals, tools, findings. What else is known of two traces is an extra.

An extra is another package's view of both traces with a template of its own; Ralph's shows what became of each one's work.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tracing.compare import Comparison, Pair, Side, Totals, compare_details
from tracing.store import TraceDetail, TraceFilter, TraceRow, TraceStore
from tracing.web.page import Page, Query

CHOICES = 60
ATTEMPTS = 40
SHOWN_PAIRS = 400
BEFORE = 2  # steps shown in front of the parting

Extra = Callable[[TraceStore, TraceDetail, TraceDetail], object | None]


@dataclass(frozen=True)
class Row:
    """One line of the totals."""

    name: str
    a: int | None  # None: unknown
    b: int | None
    unit: str  # "count", "tokens", "money", "length", "percent"


@dataclass(frozen=True)
class CompareView:
    a: str  # as asked for; "" is not chosen yet
    b: str
    choices: tuple[TraceRow, ...]  # to choose from: of the same story first
    comparison: Comparison | None
    totals: tuple[Row, ...]
    same: tuple[Pair, ...]  # what both did alike, up to the parting
    shown: tuple[Pair, ...]  # from shortly before the parting
    left_out: int  # further steps
    extra: object | None = None
    extra_template: str = ""


def compare_page(extra: Extra | None = None, extra_template: str = "") -> Page:
    """The page, with what another package adds to it."""

    def view(query: Query) -> CompareView:
        return _view(query, extra, extra_template)

    return Page("/compare", "compare", view, "compare.html", lambda _: "Compare", nav="Compare", key="x")


def _view(query: Query, extra: Extra | None, template: str) -> CompareView:
    store, a, b = query.store, query.text("a"), query.text("b")
    first = store.trace(a) if a else None
    choices = tuple(_choices(store, first.trace if first else None))
    if first is None or not b:
        return CompareView(first.trace.trace_id if first else "", "", choices, None, (), (), (), 0)
    second = store.trace(b)
    found = compare_details(first, second, findings=lambda one: tuple(store.findings(one.trace.trace_id)))
    start = len(found.pairs) if found.parts_at is None else max(found.parts_at - BEFORE, 0)
    most = query.number("most", SHOWN_PAIRS, least=1, most=100_000)
    rest = found.pairs[start:]
    return CompareView(
        a=first.trace.trace_id,
        b=second.trace.trace_id,
        choices=_with(choices, first.trace, second.trace),
        comparison=found,
        totals=tuple(_totals(found)),
        same=found.pairs[:start][:most],
        shown=rest[:most],
        left_out=max(len(rest) - most, 0),
        extra=extra(store, first, second) if extra else None,
        extra_template=template,
    )


def _choices(store: TraceStore, chosen: TraceRow | None) -> Iterator[TraceRow]:
    """Other tries at the story of the chosen trace, then the newest traces."""
    tries = (
        store.traces(TraceFilter(story=chosen.story, repo=chosen.repo, limit=ATTEMPTS))
        if chosen and chosen.story
        else []
    )
    yield from tries
    known = {row.trace_id for row in tries}
    yield from (row for row in store.traces(TraceFilter(limit=CHOICES)) if row.trace_id not in known)


def _with(choices: tuple[TraceRow, ...], *wanted: TraceRow) -> tuple[TraceRow, ...]:
    """The chosen ones are among the choices, however old they are."""
    known = {row.trace_id for row in choices}
    return (*choices, *{row.trace_id: row for row in wanted if row.trace_id not in known}.values())


def _totals(found: Comparison) -> Iterator[Row]:
    a, b = found.a.totals, found.b.totals
    yield Row("Cost", _cost(found.a), _cost(found.b), "money")
    yield Row("Time", a.duration_ns, b.duration_ns, "length")
    yield Row("Turns", a.turns, b.turns, "count")
    yield Row("Tool calls", a.calls, b.calls, "count")
    yield Row("Failed calls", a.errors, b.errors, "count")
    yield Row("Tokens in", a.input_tokens, b.input_tokens, "tokens")
    yield Row("Tokens out", a.output_tokens, b.output_tokens, "tokens")
    yield Row("From the cache", _cached(a), _cached(b), "percent")
    yield Row("Findings", len(found.a.findings), len(found.b.findings), "count")


def _cost(side: Side) -> int | None:
    """As the trace's own page says it."""
    return None if side.trace.told_micros is None else side.totals.cost_micros


def _cached(totals: Totals) -> int:
    """The part of the input that came from the cache, in percent."""
    return round(100 * totals.cache_read_tokens / totals.input_tokens) if totals.input_tokens else 0


PAGES = (compare_page(),)
