"""What is told of money: limits that fill up, a day dearer than usual, reservations that nobody can tell the cost of."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from ralph.alerts.guilty import dearest_span, dearest_trace, named, whole_trace
from ralph.alerts.known_runs import KnownRuns
from ralph.alerts.limit_rule import LATEST, RECONCILE, LimitUsed
from ralph.history.costs import cost_groups
from ralph.settings.schema import Settings
from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Happened, Holds, Rule, View
from tracing.alerts.thresholds import Thresholds
from tracing.budget import MICROS_PER_USD, day_scope
from tracing.finding import Severity
from tracing.reconcile import Books, OpenReservation
from tracing.store import GroupBy, TraceFilter, TraceStore
from tracing.words import money, plain

LOOK_BACK_DAYS = 60  # for the days that a day is held against
USUAL_DAYS, FEWEST_DAYS = 14, 3
STRAY_DAYS = 7  # of so many the dearest may be a stray one, and no measure
LEAST_OVER_MICROS = MICROS_PER_USD  # a fifth more of a few cents is no news; where nobody said what a day may cost


def money_rules(runs: KnownRuns, settings: Settings) -> tuple[Rule, ...]:
    thresholds = settings.alerts.thresholds()
    percents = ", ".join(f"{percent} %" for percent in sorted(thresholds.limit_percents))
    over = f"{thresholds.day_over_percent:g} %"
    expected = (
        f"${settings.alerts.day_usd:.2f}" if settings.alerts.day_usd is not None else "a dear one of the last two weeks"
    )
    unknown = f"${thresholds.unknown_usd:.2f}" if thresholds.unknown_usd is not None else "any amount (off)"
    return (
        Rule(
            "limit_used",
            f"{percents or 'no part'} of a limit of the day, a run or a story is used",
            LimitUsed(runs, settings).look,
        ),
        Rule("day_cost", f"a day costs {over} more than {expected}", DayCost(runs, thresholds).look),
        Rule(
            "unknown_spend",
            f"calls whose end nobody saw hold more than {unknown}",
            UnknownSpend(runs, thresholds.unknown_usd).look,
        ),
        Rule("overcharged", "a call cost more than was reserved as its worst case", Overcharged(runs).look),
    )


@dataclass
class DayCost:
    """A day of real money, of all agents, held against what is expected. What a simulated call would have cost is left out."""

    runs: KnownRuns
    thresholds: Thresholds
    _usual: tuple[str, float | None] = ("", None)  # the day, and what it is held against: worked out once a day

    def look(self, view: View) -> Iterator[Happened]:
        today = datetime.fromtimestamp(view.now_ns / 1e9, UTC).date()
        expected = self._expected(view.store, today)
        if not expected:
            return
        spent = sum(self._by_day(view.store, today).values())
        over = expected * self.thresholds.day_over_percent / 100
        if spent > expected + (over if self.thresholds.day_usd is not None else max(over, LEAST_OVER_MICROS)):
            yield self._dear(view, today, spent, round(expected))

    def _expected(self, store: TraceStore, today: date) -> float | None:
        if self.thresholds.day_usd is not None:
            return self.thresholds.day_usd * MICROS_PER_USD
        if self._usual[0] != today.isoformat():
            before = self._by_day(store, today - timedelta(days=LOOK_BACK_DAYS))
            before.pop(today.isoformat(), None)
            last = list(islice((micros for _, micros in sorted(before.items(), reverse=True) if micros), USUAL_DAYS))
            self._usual = today.isoformat(), _dear_day(last)
        return self._usual[1]

    def _by_day(self, store: TraceStore, since: date) -> dict[str, int]:
        since_ns = _start_ns(since)
        with closing(Books.open(self.runs.home.ledger_db)) as books:
            groups = cost_groups(store, books, GroupBy.DAY, since_ns=since_ns)
        return {group.row.group: max(group.known_micros - group.row.simulated_micros, 0) for group in groups}

    def _dear(self, view: View, today: date, spent: int, expected: int) -> Happened:
        since_ns = _start_ns(today)
        most = dearest_trace(view.store, TraceFilter(since_ns=since_ns, limit=LATEST, own=True))
        is_said = self.thresholds.day_usd is not None
        usual = (
            f"{money(expected)} is expected" if is_said else f"a dear day of the last two weeks cost {money(expected)}"
        )
        alert = Alert(
            rule="day_cost",
            key="day",
            severity=Severity.WARNING,
            title=f"{money(spent)} today: {100 * spent / expected - 100:.0f} % more than {'is expected' if is_said else 'a dear day of late'}",
            text=f"Since 00:00 UTC {money(spent)} was spent; {usual}. "
            + (f"{named(most)} spent most of it: {money(most.known_micros)}. " if most else "")
            + "Where it went: ralph costs --by story --since 1d. To hold a day to an amount: [limits] per_day_usd in config.toml.",
            facts=(
                Fact("Spent today", money(spent)),
                Fact("Expected", money(expected)),
                *([Fact("Most", f"{named(most)}, {money(most.known_micros)}")] if most else []),
            ),
            cost_micros=spent,
            agent=most.agent_id if most else "",
            trace_id=most.trace_id if most else "",
            span_id=dearest_span(view.store, most),
        )
        return Happened(alert, f"{day_scope(today)}", view.now_ns)


def _dear_day(days: list[int]) -> float | None:
    """What a dear day costs: days differ, and a mean is passed by a fifth every other day."""
    if len(days) < FEWEST_DAYS:
        return None
    return sorted(days)[-2 if len(days) >= STRAY_DAYS else -1]


def _start_ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**9


@dataclass(frozen=True)
class UnknownSpend:
    """Reserved by calls whose end nobody saw: it counts against every limit until a person says what it cost."""

    runs: KnownRuns
    over_usd: float | None

    def look(self, view: View) -> Iterator[Holds]:
        if self.over_usd is None:
            return
        with closing(Books.open(self.runs.home.ledger_db)) as books:
            unknown = [one for one in books.open_reservations() if one.is_unknown]
        micros = sum(_unknown_micros(one) for one in unknown)
        if unknown and micros > self.over_usd * MICROS_PER_USD:
            yield Holds(_unknown(view.store, unknown, micros))


def _unknown_micros(one: OpenReservation) -> int:
    return one.counted_micros - one.known_micros


def _unknown(store: TraceStore, calls: list[OpenReservation], micros: int) -> Alert:
    largest = max(calls, key=_unknown_micros)
    trace = whole_trace(store, largest.trace_id)
    count = f"{len(calls)} call{'s' * (len(calls) != 1)}"
    return Alert(
        rule="unknown_spend",
        key="unknown",
        severity=Severity.WARNING,
        title=f"{money(micros)} may have been spent or not: {count} whose end nobody saw",
        text=f"{count} {'was' if len(calls) == 1 else 'were'} sent and cut off (a killed run, a broken connection), so Ralph counts the worst case, "
        f"{money(micros)}, against every limit. Look at the provider's invoice, then say what it was: {RECONCILE}",
        facts=(
            Fact("Reserved", money(micros)),
            Fact("Calls", str(len(calls))),
            Fact("Largest", f"{money(_unknown_micros(largest))}, {plain(largest.model)}"),
        ),
        cost_micros=micros,
        agent=trace.agent_id if trace else "",
        trace_id=trace.trace_id if trace else "",
        span_id=dearest_span(store, trace),
    )


@dataclass(frozen=True)
class Overcharged:
    """A price or a bound is wrong, and Ralph calls nothing more until a person has looked."""

    runs: KnownRuns

    def look(self, view: View) -> Iterator[Holds]:
        with closing(Books.open(self.runs.home.ledger_db)) as books:
            broken = [one for one in books.open_reservations() if one.is_broken]
        for one in broken:
            yield Holds(_overcharged(view.store, one))


def _overcharged(store: TraceStore, one: OpenReservation) -> Alert:
    trace = whole_trace(store, one.trace_id)
    return Alert(
        rule="overcharged",
        key=str(one.id),
        severity=Severity.CRITICAL,
        title=f"A call cost {money(one.counted_micros)}, {money(one.reserved_micros)} was its worst case: Ralph has stopped",
        text="The price table or the bound on the input is wrong, so no limit can be promised and nothing more is called. "
        f"Compare the price of {plain(one.model)} with the provider's and with [prices] in config.toml, then: {RECONCILE} {one.id} --accept",
        facts=(
            Fact("Cost", money(one.counted_micros)),
            Fact("Reserved", money(one.reserved_micros)),
            Fact("Model", plain(one.model)),
        ),
        cost_micros=one.counted_micros,
        agent=trace.agent_id if trace else "",
        trace_id=trace.trace_id if trace else "",
        span_id=dearest_span(store, trace),
    )
