"""What model calls cost, by day, repository, story, model or agent: what is known, what is not, and what was simulated.

The traces alone say it; who keeps a ledger, which also knows of calls that died unseen, passes a reader of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Protocol

from tracing.store import CostRow, GroupBy, TraceStore
from tracing.web.charts import Chart, Link, Point, bars, ranks
from tracing.web.listing import DAY_NS, NO_NAME, moment_ns
from tracing.web.page import Page, PageError, Query
from tracing.words import money, plain

PERIODS = ("24h", "7d", "30d", "90d", "all")
DEFAULT_PERIOD = "30d"
MOST_BARS = 15
MOST_DAYS = 90
REST = "all others"


class CostGroup(Protocol):
    """What calls of one group cost. `row.unseen_micros` is reserved by calls whose end was never seen."""

    @property
    def row(self) -> CostRow: ...
    @property
    def under_way_micros(self) -> int: ...
    @property
    def unknown_calls(self) -> int: ...


Reader = Callable[[TraceStore, GroupBy, int], Sequence[CostGroup]]
"""The groups that cost anything since a moment [ns]: days in order, else the dearest first."""


@dataclass(frozen=True)
class FromTraces:
    """As the traces alone say it: how many calls are behind what is unknown, and what is under way, they do not."""

    row: CostRow
    under_way_micros: int = 0
    unknown_calls: int = 0


@dataclass(frozen=True)
class CostLine:
    """One row; `words` is what its group is called, `link` where its traces are."""

    words: str
    row: CostRow
    under_way_micros: int
    unknown_calls: int
    link: Link | None

    @property
    def simulated(self) -> str:
        """Told as the terminal tells it: all of it, or so much."""
        if not self.row.simulated_micros:
            return ""
        whole = self.row.simulated_micros >= self.row.known_micros
        return "simulated" if whole else f"{money(self.row.simulated_micros)} of it simulated"


@dataclass(frozen=True)
class CostsView:
    by: GroupBy
    bys: tuple[GroupBy, ...]
    period: str
    periods: tuple[str, ...]
    lines: tuple[CostLine, ...]
    total: CostLine
    chart: Chart
    settle: str  # the command that settles what is unknown; "" where there is none


def costs_page(read: Reader | None = None, settle: str = "") -> Page:
    """The page; `read` says what a ledger knows better than the traces, `settle` the command that settles what is unknown."""
    reader = read or from_traces
    return Page(
        "/costs",
        "costs",
        lambda query: costs(query, reader, settle),
        "costs.html",
        lambda _view: "Costs",
        nav="Costs",
        key="c",
    )


def from_traces(store: TraceStore, by: GroupBy, since_ns: int) -> Sequence[CostGroup]:
    return [FromTraces(row) for row in store.costs(by, since_ns=since_ns)]


def costs(query: Query, read: Reader, settle: str = "") -> CostsView:
    given = query.text("by") or GroupBy.DAY.value
    if given not in tuple(GroupBy):
        raise PageError(f"by={given} is none of {', '.join(GroupBy)}. Change it in the address.")
    by = GroupBy(given)
    period = query.text("since") or DEFAULT_PERIOD
    since_ns = 0 if period == "all" else moment_ns(query, "since") or query.now_ns - int(DEFAULT_PERIOD[:-1]) * DAY_NS
    groups = read(query.store, by, since_ns)
    lines = [_line(group, by, period) for group in groups]
    chart = _days_chart(lines) if by is GroupBy.DAY else _ranks_chart(lines, by)
    shown = lines[::-1] if by is GroupBy.DAY else lines  # of days, the newest is looked for
    return CostsView(by, tuple(GroupBy), period, PERIODS, tuple(shown), _total(groups), chart, settle)


def _line(group: CostGroup, by: GroupBy, period: str) -> CostLine:
    words = plain(group.row.group) or (NO_NAME if by is GroupBy.AGENT else "(none)")
    return CostLine(words, group.row, group.under_way_micros, group.unknown_calls, _link(group.row.group, by, period))


def _link(group: str, by: GroupBy, period: str) -> Link | None:
    """The traces behind a row. None where no filter can ask for those without a label."""
    if by is GroupBy.DAY:
        after = (date.fromisoformat(group) + timedelta(days=1)).isoformat()
        return Link("traces", {"since": f"{group}T00:00Z", "until": f"{after}T00:00Z"})
    if by is GroupBy.AGENT:
        group = group or NO_NAME
    since = {} if period == "all" else {"since": period}
    return Link("traces", {by.value: group, **since}) if group else None


def _total(groups: Sequence[CostGroup]) -> CostLine:
    counts = [field.name for field in fields(CostRow) if field.name != "group"]
    sums = {name: sum(getattr(group.row, name) for group in groups) for name in counts}
    under_way = sum(group.under_way_micros for group in groups)
    return CostLine("total", CostRow("", **sums), under_way, sum(group.unknown_calls for group in groups), None)


SERIES = ("paid", "simulated", "unknown, at most")


def _parts(row: CostRow) -> tuple[int, int, int]:
    simulated = min(row.simulated_micros, row.known_micros)
    return row.known_micros - simulated, simulated, row.unseen_micros


def _usd(micros: float) -> str:
    return money(round(micros))


def _days_chart(lines: Sequence[CostLine]) -> Chart:
    """Every day between the first and the last, the last 90 of them."""
    known = {line.words: line for line in lines}
    points = []
    if lines:
        last = date.fromisoformat(lines[-1].words)
        first = max(date.fromisoformat(lines[0].words), last - timedelta(days=MOST_DAYS - 1))
        for number in range((last - first).days + 1):
            day = (first + timedelta(days=number)).isoformat()
            line = known.get(day)
            points.append(Point(day[5:], _parts(line.row), line.link or "") if line else Point(day[5:], (0, 0, 0)))
    shown, series = _used(points)
    return bars(shown, series, _usd, title="Cost by day (UTC)")


def _ranks_chart(lines: Sequence[CostLine], by: GroupBy) -> Chart:
    first, rest = lines[:MOST_BARS], lines[MOST_BARS:]
    points = [Point(line.words, _parts(line.row), line.link or "") for line in first]
    if rest:
        sums = tuple(map(sum, zip(*(_parts(line.row) for line in rest), strict=True)))
        points.append(Point(f"{REST} ({len(rest)})", sums))
    shown, series = _used(points)
    return ranks(shown, series, _usd, title=f"Cost by {by.value}")


def _used(points: Sequence[Point]) -> tuple[list[Point], list[str]]:
    """Only the series that have a value: nothing is said to be unknown or simulated where nothing is."""
    used = [number for number in range(len(SERIES)) if any(point.values[number] for point in points)] or [0]
    shown = [Point(point.label, [point.values[number] for number in used], point.href) for point in points]
    return shown, [SERIES[number] for number in used]


PAGES = (costs_page(),)
