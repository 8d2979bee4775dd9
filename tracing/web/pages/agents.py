"""Who sends traces, and how each of them fares: any agent, Ralph or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tracing.finding import Severity
from tracing.store import TraceFilter
from tracing.store.agents import AgentRow, Day, FindingKind, SessionRow, day_of
from tracing.web.charts import TIME_STEPS_NS, Chart, Point, bars, line, sparkline
from tracing.web.listing import DAY_NS, TraceLine, agent_words, moment_ns, trace_line
from tracing.web.page import NotFoundError, Page, Query
from tracing.web.slugs import slug, unslug
from tracing.words import length, money

PERIODS = ("24h", "7d", "30d", "90d", "all")
DEFAULT_PERIOD = "30d"
NEWEST = 20
MOST_DAYS = 90


@dataclass(frozen=True)
class AgentLine:
    """One agent in the list. `slug` is its part of an address."""

    row: AgentRow
    words: str
    slug: str
    spark: Chart
    findings: tuple[tuple[Severity, int], ...]


@dataclass(frozen=True)
class AgentsView:
    agents: tuple[AgentLine, ...]
    period: str
    periods: tuple[str, ...]
    is_empty: bool  # no trace at all, in whatever period


@dataclass(frozen=True)
class SessionLine:
    row: SessionRow
    slug: str


@dataclass(frozen=True)
class AgentView:
    agent: AgentLine
    period: str
    periods: tuple[str, ...]
    charts: tuple[Chart, ...]
    sessions: tuple[SessionLine, ...]
    traces: tuple[TraceLine, ...]
    kinds: tuple[FindingKind, ...]


def agents(query: Query) -> AgentsView:
    period, since_ns = _period(query)
    rows = query.store.agents(since_ns=since_ns)
    is_empty = not rows and not query.store.traces(TraceFilter(limit=1))
    return AgentsView(tuple(_line(row, _days(row, query.now_ns)) for row in rows), period, PERIODS, is_empty)


def agent(query: Query) -> AgentView:
    name = unslug(query.path["agent"])
    period, since_ns = _period(query)
    store = query.store
    found = store.agents(since_ns=since_ns, agent=name) or store.agents(agent=name)
    if not found:
        raise NotFoundError(
            f"No agent called {agent_words(name)} has sent a trace. The page of all agents lists those that have."
        )
    if found[0].last_ns < since_ns:  # it has not run for longer than the period: all that there is
        period, since_ns = PERIODS[-1], 0
    days = _days(found[0], query.now_ns)
    return AgentView(
        _line(found[0], days),
        period,
        PERIODS,
        _charts(days),
        tuple(SessionLine(row, slug(row.session_id)) for row in store.sessions(name, since_ns=since_ns)),
        tuple(map(trace_line, store.traces(TraceFilter(agent=name, since_ns=since_ns, limit=NEWEST)))),
        tuple(store.finding_kinds(name, since_ns=since_ns)),
    )


def _period(query: Query) -> tuple[str, int]:
    given = query.text("since") or DEFAULT_PERIOD
    if given == "all":
        return given, 0
    return given, moment_ns(query, "since") or query.now_ns - int(DEFAULT_PERIOD[:-1]) * DAY_NS


def _line(row: AgentRow, days: Sequence[Day]) -> AgentLine:
    said = f"{row.runs} runs in {len(days)} days, {row.failed} failed"
    spark = sparkline([day.runs for day in days], bad=[day.failed for day in days], title=said)
    return AgentLine(row, agent_words(row.agent_id), slug(row.agent_id), spark, tuple(row.findings.items()))


def _days(row: AgentRow, now_ns: int) -> list[Day]:
    """From its first day to today, with the days on which it did not run: the last 90 of them."""
    known = {day.day: day for day in row.days}
    last = max(day_of(now_ns), row.days[-1].day)
    first = max(date.fromisoformat(row.days[0].day), date.fromisoformat(last) - timedelta(days=MOST_DAYS - 1))
    count = (date.fromisoformat(last) - first).days + 1
    names = [(first + timedelta(days=number)).isoformat() for number in range(count)]
    return [known.get(name, Day(name, 0, 0, 0, None, None)) for name in names]


def _charts(days: Sequence[Day]) -> tuple[Chart, ...]:
    runs = [Point(day.day[5:], (day.runs - day.failed, day.failed)) for day in days]
    costs = [Point(day.day[5:], (day.cost_micros,)) for day in days]
    durations = [Point(day.day[5:], (day.median_ns, day.p95_ns)) for day in days]
    return (
        bars(runs, ("fine", "failed"), lambda value: f"{value:.0f}", title="Runs a day", whole=True),
        bars(costs, ("cost",), lambda micros: money(round(micros)), title="Cost a day"),
        line(
            durations,
            ("half take up to", "95 % take up to"),
            lambda ns: length(round(ns)),
            title="Time a run takes",
            steps=TIME_STEPS_NS,
        ),
    )


PAGES = (
    Page("/agents", "agents", agents, "agents.html", lambda _view: "Agents", nav="Agents", key="a"),
    Page(
        "/agents/{agent}",
        "agent",
        agent,
        "agent.html",
        lambda view: view.agent.words if isinstance(view, AgentView) else "",
    ),
)
