"""Agents and sessions: figures over many traces, from columns that the writes keep up to date; no payload, no span but turns.

An agent is whoever sends traces under a name; "" is the one that gave none. Knows nothing about pages.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from tracing.finding import Severity
from tracing.span import TraceStatus
from tracing.store.interrupted import WAS_STOPPED

FAILED = frozenset({TraceStatus.ERROR, TraceStatus.TIMEOUT, TraceStatus.OVER_BUDGET, TraceStatus.INTERRUPTED})
"""What counts as an error of the agent, unless somebody stopped it; blocked is an honest answer."""
GROWTH_TRACES = 30
MOST_SESSIONS = 10
MOST_KINDS = 10


@dataclass(frozen=True)
class Day:
    """One day of this machine's clock. Times and costs are of runs that ended."""

    day: str  # as in 2026-11-21
    runs: int
    failed: int
    cost_micros: int
    median_ns: int | None
    p95_ns: int | None


@dataclass(frozen=True)
class AgentRow:
    """One agent's runs since a moment. `failed` are those that ended in error, timeout, over budget or interrupted and not stopped.

    `unpriced` used tokens, and nobody said at what price; what they cost is not in any sum.
    """

    agent_id: str
    runs: int
    running: int
    failed: int
    median_ns: int | None  # how long an ended run took; None: none has ended
    p95_ns: int | None
    cost_micros: int  # known
    median_cost_micros: int | None  # of those with a price
    unseen_micros: int  # on top: bounds for calls whose end was never seen
    simulated_micros: int  # of the cost: what no real model was paid for
    findings: dict[Severity, int]
    last_ns: int
    days: tuple[Day, ...]  # only those with a run, the oldest first
    growth: float | None = None  # the last turn's input over the first's, median of its newest runs; None: no such run
    unpriced: int = 0

    @property
    def told_micros(self) -> int | None:
        """What to say that its runs cost: None where no price of any is known."""
        return None if self.unpriced and not self.cost_micros + self.unseen_micros else self.cost_micros

    @property
    def ended(self) -> int:
        return self.runs - self.running


@dataclass(frozen=True)
class SessionRow:
    """One session: traces that belong together, as a conversation or a run does."""

    session_id: str
    traces: int
    failed: int
    started_at_ns: int
    last_ns: int  # when anything was written last
    cost_micros: int
    findings: int
    worst: int
    unpriced: int

    @property
    def told_micros(self) -> int | None:
        """None where no price of any is known."""
        return None if self.unpriced and not self.cost_micros else self.cost_micros


@dataclass(frozen=True)
class FindingKind:
    """What one detector keeps finding; the trace is the newest that has it."""

    detector: str
    severity: Severity  # the gravest
    traces: int
    findings: int
    cost_micros: int
    title: str  # of the newest
    trace_id: str
    span_id: str


@dataclass
class _Runs:
    rows: list[sqlite3.Row] = field(default_factory=list)

    def days(self) -> tuple[Day, ...]:
        by_day: dict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in self.rows:
            by_day[day_of(row["started_at_ns"])].append(row)
        return tuple(_day(day, by_day[day]) for day in sorted(by_day))


def day_of(at_ns: int) -> str:
    """The day on this machine's clock."""
    return datetime.fromtimestamp(at_ns / 1e9).astimezone().date().isoformat()


def agents(connection: sqlite3.Connection, since_ns: int, agent_id: str | None = None) -> list[AgentRow]:
    """Every agent with a run since then (or this one), whoever ran last first."""
    where, parameters = ("AND agent_id = ?", (since_ns, agent_id)) if agent_id is not None else ("", (since_ns,))
    runs: dict[str, _Runs] = defaultdict(_Runs)
    for row in connection.execute(_RUNS.format(where=where), parameters):
        runs[row["agent_id"]].rows.append(row)
    counted: dict[str, dict[Severity, int]] = defaultdict(dict)
    for row in connection.execute(_FINDINGS.format(where=where), parameters):
        counted[row["agent_id"]][Severity(row["severity"])] = row["found"]
    found = [_agent(connection, name, one, counted[name], since_ns) for name, one in runs.items()]
    return sorted(found, key=lambda row: -row.last_ns)


def sessions(connection: sqlite3.Connection, agent_id: str, since_ns: int) -> list[SessionRow]:
    """The newest sessions of an agent, the one that was written last first."""
    rows = connection.execute(_SESSIONS, (*sorted(FAILED), agent_id, since_ns, MOST_SESSIONS))
    return [SessionRow(*row) for row in rows]


def finding_kinds(connection: sqlite3.Connection, agent_id: str, since_ns: int) -> list[FindingKind]:
    """What is found most often in an agent's traces."""
    rows = connection.execute(_KINDS, (agent_id, since_ns, MOST_KINDS)).fetchall()
    newest = {row["detector"]: connection.execute(_NEWEST, (row["newest"],)).fetchone() for row in rows}
    return [
        FindingKind(
            row["detector"],
            Severity(row["severity"]),
            row["traces"],
            row["findings"],
            row["cost_micros"],
            newest[row["detector"]]["title"],
            newest[row["detector"]]["trace_id"],
            newest[row["detector"]]["span_id"],
        )
        for row in rows
    ]


def detectors(connection: sqlite3.Connection) -> list[str]:
    """The names of the detectors that found anything, for a filter's choices."""
    names: list[str] = []
    row = connection.execute(_NEXT_DETECTOR, ("",)).fetchone()
    while row is not None:
        names.append(row["detector"])
        row = connection.execute(_NEXT_DETECTOR, (names[-1],)).fetchone()
    return names


def agent_names(connection: sqlite3.Connection, most: int = 100) -> list[str]:
    """Every agent's name, one look into the index for each."""
    names: list[str] = []
    row = connection.execute("SELECT min(agent_id) FROM trace").fetchone()
    while row[0] is not None and len(names) < most:
        names.append(row[0])
        row = connection.execute("SELECT min(agent_id) FROM trace WHERE agent_id > ?", (names[-1],)).fetchone()
    return names


_UNPRICED = "(cost_micros = 0 AND story = '' AND input_tokens + output_tokens > 0)"  # as TraceRow.told_micros

_RUNS = f"""
SELECT agent_id, status, started_at_ns, ended_at_ns, updated_at_ns, ended_at_ns - started_at_ns AS duration_ns,
  cost_micros - unseen_micros AS known_micros, unseen_micros, simulated_micros,
  {WAS_STOPPED} AS stopped, {_UNPRICED} AS unpriced
FROM trace WHERE started_at_ns >= ? {{where}}
"""  # noqa: S608  constants

_FINDINGS = """
SELECT trace.agent_id, finding.severity, count(*) AS found FROM trace JOIN finding ON finding.trace_id = trace.trace_id
WHERE trace.findings > 0 AND trace.started_at_ns >= ? {where} GROUP BY trace.agent_id, finding.severity
"""

_SESSIONS = f"""
SELECT session_id, count(*), sum(status IN ({", ".join("?" * len(FAILED))}) AND NOT ({WAS_STOPPED})), min(started_at_ns), max(updated_at_ns),
  sum(cost_micros - unseen_micros), sum(findings), max(worst), sum({_UNPRICED})
FROM trace WHERE agent_id = ? AND started_at_ns >= ? AND session_id IS NOT NULL
GROUP BY session_id ORDER BY max(started_at_ns) DESC LIMIT ?
"""  # noqa: S608  constants

_KINDS = """
SELECT detector, max(severity) AS severity, count(DISTINCT finding.trace_id) AS traces, count(*) AS findings,
  sum(finding.cost_micros) AS cost_micros, max(finding.id) AS newest
FROM trace JOIN finding ON finding.trace_id = trace.trace_id
WHERE trace.agent_id = ? AND trace.started_at_ns >= ? AND trace.findings > 0
GROUP BY detector ORDER BY traces DESC, severity DESC, detector LIMIT ?
"""

_NEWEST = "SELECT title, trace_id, span_id FROM finding WHERE id = ?"

_NEXT_DETECTOR = "SELECT detector FROM finding WHERE detector > ? ORDER BY detector LIMIT 1"

_GROWTH = """
WITH newest AS (
  SELECT trace_id FROM trace WHERE agent_id = ? AND started_at_ns >= ? AND turns > 1 ORDER BY started_at_ns DESC LIMIT ?
)
SELECT
  (SELECT input_tokens FROM span WHERE span.trace_id = newest.trace_id AND turns > 0 ORDER BY started_at_ns LIMIT 1) AS first,
  (SELECT input_tokens FROM span WHERE span.trace_id = newest.trace_id AND turns > 0 ORDER BY started_at_ns DESC LIMIT 1) AS last
FROM newest
"""


def _failed(row: sqlite3.Row) -> bool:
    return row["status"] in FAILED and not row["stopped"]


def _agent(
    connection: sqlite3.Connection, name: str, runs: _Runs, findings: dict[Severity, int], since_ns: int
) -> AgentRow:
    rows = runs.rows
    durations = _durations(rows)
    return AgentRow(
        agent_id=name,
        runs=len(rows),
        running=sum(row["ended_at_ns"] is None for row in rows),
        failed=sum(map(_failed, rows)),
        median_ns=_median(durations),
        p95_ns=percentile(durations, 95),
        cost_micros=sum(row["known_micros"] for row in rows),
        median_cost_micros=_median([row["known_micros"] for row in rows if not row["unpriced"]]),
        unseen_micros=sum(row["unseen_micros"] for row in rows),
        simulated_micros=sum(row["simulated_micros"] for row in rows),
        findings=dict(sorted(findings.items(), reverse=True)),
        last_ns=max(row["updated_at_ns"] for row in rows),
        days=runs.days(),
        growth=_growth(connection, name, since_ns),
        unpriced=sum(row["unpriced"] for row in rows),
    )


def _day(day: str, rows: Sequence[sqlite3.Row]) -> Day:
    durations = _durations(rows)
    return Day(
        day,
        len(rows),
        sum(map(_failed, rows)),
        sum(row["known_micros"] for row in rows),
        _median(durations),
        percentile(durations, 95),
    )


def _growth(connection: sqlite3.Connection, agent_id: str, since_ns: int) -> float | None:
    rows = connection.execute(_GROWTH, (agent_id, since_ns, GROWTH_TRACES))
    found = [row["last"] / row["first"] for row in rows if row["first"] and row["last"]]
    return round(median(found), 2) if found else None


def _durations(rows: Iterable[sqlite3.Row]) -> list[int]:
    return sorted(row["duration_ns"] for row in rows if row["duration_ns"] is not None)


def _median(values: Sequence[int]) -> int | None:
    return round(median(values)) if values else None


def percentile(values: Sequence[int], share: int) -> int | None:
    """The smallest of the sorted values that `share` percent do not exceed (nearest rank); None without any."""
    return values[max(-(-len(values) * share // 100) - 1, 0)] if values else None
