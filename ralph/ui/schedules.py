"""Every schedule with its next firing and its last nights, and each one's own page. Looks at the ledger and the logs; changes nothing."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from zoneinfo import ZoneInfo

from ralph.history.looks import UNREADABLE
from ralph.home import Home
from ralph.schedule.nights import Mark, Night, end_of, last_words, nights
from ralph.schedule.reading import Plan, read_plans
from ralph.schedule.rows import Outcome, Schedule
from ralph.schedule.serving import is_served
from ralph.schedule.words import command_of, dry_run_of, missed_words, next_words, when
from ralph.ui.outcome import Command
from tracing.store import TraceFilter, TraceStore
from tracing.web.charts import Chart, Point, bars
from tracing.web.page import NotFoundError, Query
from tracing.web.slugs import slug, unslug
from tracing.words import local_time, money

STRIP = 14  # nights at a glance
WHOLE = 30  # nights on a schedule's own page
TAILS = 14  # of them with the end of their log
TAIL_LINES = 40
FEWEST = 3  # nights that a median is taken of


@dataclass(frozen=True)
class Cell:
    """A night at a glance."""

    id: int
    label: str
    mark: Mark
    words: str


@dataclass(frozen=True)
class NightLine:
    """A night whole; times are by the schedule's own clock, "" where there is none."""

    id: int
    due: str
    due_at_ns: int
    mark: Mark
    words: str
    began: str
    ended: str
    took_ns: int | None
    parts: int
    missed: int  # earlier due times that it stands for
    cost_micros: int | None  # None: no run of it has said so
    runs: tuple[str, ...]  # those that have traces
    said: str  # its last words, where it went badly
    log: str
    tail: tuple[str, ...]


@dataclass(frozen=True)
class ScheduleCard:
    name: str
    slug: str
    repo: str
    repo_name: str
    cron: str
    timezone: str
    until: str
    missed: str
    paused: bool
    runs_since: str
    next_at_ns: int | None
    next: str  # by its own clock, in words
    next_here: str  # the same moment on this machine's clock, where that says another time; ""
    overdue: str  # since when it should have begun; ""
    command: str
    strip: tuple[Cell, ...]  # the oldest first
    last: NightLine | None  # the newest that is over
    cost_micros: int  # of the nights in the strip, as far as it is known
    median_micros: int | None


@dataclass(frozen=True)
class SchedulesView:
    """`problem` says why nothing can be told; ""."""

    is_served: bool
    problem: str
    schedules: tuple[ScheduleCard, ...]  # the soonest first


@dataclass(frozen=True)
class ScheduleView:
    is_served: bool
    schedule: ScheduleCard
    commands: tuple[Command, ...]
    nights: tuple[NightLine, ...]  # the newest first
    has_more: bool
    chart: Chart


def schedules_view(query: Query, home: Home) -> SchedulesView:
    try:
        plans = read_plans(home, query.now_ns, STRIP)
    except UNREADABLE as error:
        return SchedulesView(is_served(home), str(error), ())
    told = nights(home, [outcome for plan in plans for outcome in plan.outcomes])
    of_plan = {plan.name: [night for night in told if night.outcome.schedule == plan.name] for plan in plans}
    cards = [_card(query.store, plan, of_plan[plan.name]) for plan in plans]
    cards.sort(key=lambda card: (card.next_at_ns is None, card.next_at_ns or 0, card.name))
    return SchedulesView(is_served(home), "", tuple(cards))


def schedule_view(query: Query, home: Home) -> ScheduleView:
    """Raises: PageError: there is no such schedule, or the ledger cannot be read."""
    name = unslug(query.path["schedule"])
    try:
        plans = read_plans(home, query.now_ns, WHOLE + 1)
    except UNREADABLE as error:
        raise NotFoundError(str(error)) from error
    plan = next((plan for plan in plans if plan.name == name), None)
    if plan is None:
        raise NotFoundError(f"There is no schedule of this name. There are: {', '.join(_names(plans)) or 'none'}.")
    told = nights(home, plan.outcomes[:WHOLE])
    return ScheduleView(
        is_served=is_served(home),
        schedule=_card(query.store, plan, told[:STRIP]),
        commands=tuple(_commands(plan.row.schedule)),
        nights=tuple(_line(query.store, night, plan, tailed=at < TAILS) for at, night in enumerate(told)),
        has_more=len(plan.outcomes) > WHOLE,
        chart=_chart(told, plan),
    )


def _names(plans: Sequence[Plan]) -> list[str]:
    return [plan.name for plan in plans]


def _card(store: TraceStore, plan: Plan, told: Sequence[Night]) -> ScheduleCard:
    row, schedule = plan.row, plan.row.schedule
    zone = schedule.cron.timezone
    costs = [night.spent.micros for night in told if night.spent.micros is not None]
    over = next((night for night in told if night.mark not in {Mark.RUNNING, Mark.WAITS}), None)
    return ScheduleCard(
        name=schedule.name,
        slug=slug(schedule.name),
        repo=str(schedule.repo),
        repo_name=schedule.repo.name,
        cron=schedule.cron.line,
        timezone=zone,
        until=schedule.until or "",
        missed=missed_words(schedule),
        paused=schedule.paused,
        runs_since=when(row.running_since, zone) if row.running_since else "",
        next_at_ns=_ns(row.next_due) if row.next_due else None,
        next=next_words(row),
        next_here=_here(row.next_due, zone),
        overdue=when(plan.overdue.due_at, zone) if plan.overdue else "",
        command=command_of(schedule),
        strip=tuple(_cells(told, zone))[::-1],
        last=_line(store, over, plan, tailed=False) if over else None,
        cost_micros=sum(costs),
        median_micros=round(median(costs)) if len(costs) >= FEWEST else None,
    )


def _cells(told: Sequence[Night], zone: str) -> Iterator[Cell]:
    days = [_own(night.outcome.due_at, zone, "%a %d") for night in told]
    form = "%a %d" if len(set(days)) == len(days) else "%d, %H:%M"
    for night in told:
        due = night.outcome.due_at
        cost = "" if night.spent.micros is None else f", {money(night.spent.micros)}"
        yield Cell(night.outcome.id, _own(due, zone, form), night.mark, f"{when(due, zone)}: {night.words}{cost}")


def _line(store: TraceStore, night: Night, plan: Plan, *, tailed: bool) -> NightLine:
    outcome, zone = night.outcome, plan.row.schedule.cron.timezone
    went_badly = night.mark in {Mark.FAILED, Mark.CUT_SHORT}
    return NightLine(
        id=outcome.id,
        due=when(outcome.due_at, zone),
        due_at_ns=_ns(outcome.due_at),
        mark=night.mark,
        words=night.words,
        began=_clock(outcome.started_at, outcome, zone),
        ended=_clock(outcome.ended_at, outcome, zone) if night.mark is not Mark.SKIPPED else "",
        took_ns=night.took_ns,
        parts=max(outcome.legs, outcome.owners),
        missed=outcome.missed,
        cost_micros=night.spent.micros,
        runs=tuple(run for run in night.spent.runs if store.traces(TraceFilter(session=run, limit=1))),
        said=last_words(night.logs) if went_badly else "",
        log=str(night.logs[-1]) if night.logs else "",
        tail=tuple(end_of(night.logs[-1])[-TAIL_LINES:]) if tailed and night.logs else (),
    )


def _commands(schedule: Schedule) -> Iterator[Command]:
    name = shlex.quote(schedule.name)
    until = ["--until", schedule.until] if schedule.until else []
    if schedule.paused:
        yield Command("Let it begin runs again", f"ralph schedule resume {name}")
    else:
        yield Command("Begin nothing until it is resumed", f"ralph schedule pause {name}")
    yield Command("Run it here and now", f"ralph schedule run-now {name}")
    change = shlex.join(["ralph", "schedule", "edit", schedule.name, "--cron", schedule.cron.line, *until])
    yield Command("Change its times (these are the present ones)", change)
    yield Command("What it would work on; calls nothing", dry_run_of(schedule))
    yield Command("The same in a terminal", f"ralph schedule show {name}")


def _chart(told: Sequence[Night], plan: Plan) -> Chart:
    zone = plan.row.schedule.cron.timezone
    points = [Point(_own(one.outcome.due_at, zone, "%d %b"), (one.spent.micros,)) for one in reversed(told)]
    return bars(points, ("cost",), lambda micros: money(round(micros)), title="Cost of each night")


def _clock(moment: datetime | None, outcome: Outcome, zone: str) -> str:
    """With its day where that is another than the one on which it was due."""
    if moment is None:
        return ""
    is_same_day = _own(moment, zone, "%j") == _own(outcome.due_at, zone, "%j")
    return _own(moment, zone, "%H:%M" if is_same_day else "%a %H:%M")


def _own(moment: datetime, zone: str, form: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime(form)


def _here(moment: datetime | None, zone: str) -> str:
    if moment is None or moment.astimezone().utcoffset() == moment.astimezone(ZoneInfo(zone)).utcoffset():
        return ""
    return local_time(_ns(moment), "%a %H:%M")


def _ns(moment: datetime) -> int:
    return round(moment.timestamp()) * 10**9
