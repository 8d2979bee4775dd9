"""What alerts ask every few seconds: what ended, was spent, took long or failed lately. Each by an index, whatever the file holds.

Traces that were imported from elsewhere are not of now. Knows no threshold and no rule.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from tracing.span import TraceStatus
from tracing.store.findings import FindingRow, finding_of
from tracing.store.queries import COLUMNS, TraceRow, trace_row
from tracing.store.store import TraceStore

MOST = 1_000  # of one kind in one look
MOST_CALLS = 20_000


@dataclass(frozen=True)
class Blamed:
    """The span that a failure comes from."""

    span_id: str
    name: str
    error: str


@dataclass(frozen=True)
class DearSession:
    """A session, or a trace that is in none. Costs are what was really spent, as far as anybody knows."""

    session_id: str  # "": the trace is in none
    cost_micros: int
    traces: int
    updated_at_ns: int
    dearest: TraceRow  # its dearest trace
    dearest_call: str  # the dearest model call of that trace; "" where it has none


@dataclass(frozen=True)
class Times:
    """How long the sessions of an agent took, or its calls of one model; the slowest of them by its ids."""

    agent_id: str
    model: str  # "" for sessions
    lengths_ns: tuple[int, ...]  # sorted
    trace_id: str
    span_id: str


@dataclass(frozen=True)
class ToolCounts:
    agent_id: str
    calls: int
    failed: int


@dataclass(frozen=True)
class FailedTool:
    name: str
    trace_id: str
    span_id: str
    error: str


@dataclass(frozen=True)
class RecentFinding:
    row: FindingRow
    trace: TraceRow


def ended_badly(store: TraceStore, since_ns: int) -> list[TraceRow]:
    """Traces that ended in error or by timeout since then, the newest first."""
    values = (since_ns, TraceStatus.ERROR.value, TraceStatus.TIMEOUT.value, MOST)
    return store.ask(lambda db: [trace_row(row) for row in db.execute(ENDED_BADLY, values)])


def blamed(store: TraceStore, trace: TraceRow) -> Blamed:
    """Where a failed trace failed: down from its root, as long as a failure goes on below; by timeout, what was still at work."""
    return store.ask(lambda db: _at_work(db, trace) if trace.status is TraceStatus.TIMEOUT else _deepest(db, trace))


def dear_sessions(store: TraceStore, since_ns: int, over_micros: int) -> list[DearSession]:
    """Those that cost more and had a trace open, or ended, since then."""

    def ask(db: sqlite3.Connection) -> list[DearSession]:
        values = {"since": since_ns, "over": over_micros, "most": MOST}
        return [_session(db, row) for row in db.execute(DEAR_SESSIONS, values).fetchall()]

    return store.ask(ask)


def session_times(store: TraceStore, since_ns: int) -> list[Times]:
    """Of each agent, the sessions that had a trace end since then: how long their traces took together."""
    rows = store.ask(lambda db: db.execute(SESSION_TIMES, {"since": since_ns}).fetchall())
    return _times(rows)


def call_times(store: TraceStore, since_ns: int) -> list[Times]:
    """Of each agent and model, the model calls that began since then and have ended."""
    rows = store.ask(lambda db: db.execute(CALL_TIMES, (since_ns, MOST_CALLS)).fetchall())
    return _times(rows)


def tool_counts(store: TraceStore, since_ns: int) -> list[ToolCounts]:
    """Of each agent, the tool calls that ended since then."""
    return store.ask(lambda db: [ToolCounts(*row) for row in db.execute(TOOL_COUNTS, (since_ns,))])


def failed_tools(store: TraceStore, agent_id: str, since_ns: int) -> list[FailedTool]:
    """The newest first."""
    rows = store.ask(lambda db: db.execute(FAILED_TOOLS, (since_ns, agent_id, MOST)).fetchall())
    return [FailedTool(row[0].removeprefix("execute_tool "), *row[1:]) for row in rows]


def recent_findings(
    store: TraceStore, since_ns: int, *, ended_since_ns: int, least: int, kinds: Collection[str] = ()
) -> list[RecentFinding]:
    """Findings that were written since then, at least so grave or of these detectors, in traces that are open or ended since."""
    query = RECENT_FINDINGS.format(marks=", ".join("?" * len(kinds)))
    values = (since_ns, least, *kinds, ended_since_ns, MOST)

    def ask(db: sqlite3.Connection) -> list[RecentFinding]:
        rows = db.execute(query, values).fetchall()
        traces = {row["trace_id"]: row for row in rows}
        for trace_id in traces:
            traces[trace_id] = db.execute(DEAREST_TRACE.format(column="trace_id"), (trace_id,)).fetchone()
        return [
            RecentFinding(
                FindingRow(row["trace_id"], row["at_ns"], finding_of(row)), trace_row(traces[row["trace_id"]])
            )
            for row in rows
        ]

    return store.ask(ask)


def _times(rows: list[sqlite3.Row]) -> list[Times]:
    groups: dict[tuple[str, str], list[sqlite3.Row]] = defaultdict(list)
    for row in rows:
        groups[row["agent_id"], row["model"]].append(row)
    found = []
    for (agent_id, model), of_group in groups.items():
        slowest = max(of_group, key=lambda row: row["length_ns"])
        lengths = tuple(sorted(row["length_ns"] for row in of_group))
        found.append(Times(agent_id, model, lengths, slowest["trace_id"], slowest["span_id"]))
    return found


def _session(db: sqlite3.Connection, row: sqlite3.Row) -> DearSession:
    dearest = trace_row(db.execute(DEAREST_TRACE.format(column=row["column"]), (row["id"],)).fetchone())
    call = db.execute(DEAREST_CALL, (dearest.trace_id,)).fetchone()
    session_id = row["id"] if row["column"] == "session_id" else ""
    return DearSession(
        session_id, row["real_micros"], row["traces"], row["updated_at_ns"], dearest, call["span_id"] if call else ""
    )


def _deepest(db: sqlite3.Connection, trace: TraceRow) -> Blamed:
    failed = {row["span_id"]: row for row in db.execute(FAILED_SPANS, (trace.trace_id, MOST))}
    below: dict[str, list[sqlite3.Row]] = defaultdict(list)
    for row in failed.values():
        below[row["parent_span_id"] or ""].append(row)
    blamed = _blamed(failed.get(trace.root_span_id), trace)
    while (cause := _cause(db, trace.trace_id, blamed, below.pop(blamed.span_id, []))) is not None:
        blamed = _blamed(cause, trace)
    return blamed


def _cause(db: sqlite3.Connection, trace_id: str, above: Blamed, failed: list[sqlite3.Row]) -> sqlite3.Row | None:
    """Of the failed spans below one, what made it fail: what says the same, else what it ended with. The rest was got over."""
    if not failed:
        return None
    same = [row for row in failed if above.error and row["error"] == above.error]
    if same:
        return same[-1]
    last = db.execute(LAST_BELOW, (trace_id, above.span_id)).fetchone()
    return next((row for row in failed if last and row["span_id"] == last["span_id"]), None)


def _at_work(db: sqlite3.Connection, trace: TraceRow) -> Blamed:
    row = db.execute(LAST_INTERRUPTED, (trace.trace_id,)).fetchone()
    return _blamed(row, trace) if row else _deepest(db, trace)


def _blamed(row: sqlite3.Row | None, trace: TraceRow) -> Blamed:
    if row is None:
        return Blamed(trace.root_span_id, trace.name, trace.error or "")
    return Blamed(row["span_id"], row["name"], row["error"] or "")


_REAL = "cost_micros - unseen_micros - simulated_micros"
_TRACE = ", ".join(f"trace.{column}" for column in COLUMNS)
_BLAMED = "span_id, parent_span_id, name, substr(error, 1, 2000) AS error"

ENDED_BADLY = f"""
SELECT {_TRACE} FROM trace INDEXED BY trace_ended
WHERE ended_at_ns >= ? AND status IN (?, ?) AND imported_ns = 0 ORDER BY ended_at_ns DESC LIMIT ?
"""  # noqa: S608  constants, as everywhere below

FAILED_SPANS = f"""
SELECT {_BLAMED} FROM span INDEXED BY span_failed WHERE trace_id = ? AND errors > 0 ORDER BY ended_at_ns, id LIMIT ?
"""  # noqa: S608

LAST_BELOW = """
SELECT span_id FROM span WHERE trace_id = ? AND parent_span_id = ? AND ended_at_ns IS NOT NULL
ORDER BY ended_at_ns DESC, id DESC LIMIT 1
"""

LAST_INTERRUPTED = f"""
SELECT {_BLAMED} FROM span WHERE trace_id = ? AND status = 'interrupted' AND parent_span_id IS NOT NULL
ORDER BY started_at_ns DESC, id DESC LIMIT 1
"""  # noqa: S608

_TOUCHED = """
touched AS (
  SELECT trace_id, session_id FROM trace INDEXED BY trace_ended WHERE ended_at_ns >= :since AND imported_ns = 0
  UNION ALL SELECT trace_id, session_id FROM trace INDEXED BY trace_open WHERE ended_at_ns IS NULL AND imported_ns = 0
),
session AS (SELECT DISTINCT session_id FROM touched WHERE session_id IS NOT NULL),
alone AS (SELECT trace_id FROM touched WHERE session_id IS NULL)
"""

DEAR_SESSIONS = f"""
WITH {_TOUCHED}
SELECT 'session_id' AS column, trace.session_id AS id, sum({_REAL}) AS real_micros, count(*) AS traces,
  max(updated_at_ns) AS updated_at_ns
FROM session CROSS JOIN trace ON trace.session_id = session.session_id
WHERE imported_ns = 0 GROUP BY trace.session_id HAVING real_micros > :over
UNION ALL
SELECT 'trace_id', trace.trace_id, {_REAL}, 1, updated_at_ns
FROM alone CROSS JOIN trace ON trace.trace_id = alone.trace_id WHERE {_REAL} > :over
LIMIT :most
"""  # noqa: S608

DEAREST_TRACE = f"SELECT {_TRACE} FROM trace WHERE {{column}} = ? ORDER BY {_REAL} DESC LIMIT 1"  # noqa: S608

DEAREST_CALL = (
    "SELECT span_id FROM span WHERE trace_id = ? AND turns > 0 ORDER BY cost_micros DESC, started_at_ns LIMIT 1"
)

SESSION_TIMES = f"""
WITH {_TOUCHED}
SELECT agent_id, '' AS model, sum(ended_at_ns - started_at_ns) AS length_ns, max(ended_at_ns - started_at_ns),
  trace.trace_id AS trace_id, root_span_id AS span_id
FROM session CROSS JOIN trace ON trace.session_id = session.session_id
WHERE ended_at_ns IS NOT NULL AND imported_ns = 0 GROUP BY trace.session_id, agent_id
UNION ALL
SELECT agent_id, '', ended_at_ns - started_at_ns, 0, trace.trace_id, root_span_id
FROM alone CROSS JOIN trace ON trace.trace_id = alone.trace_id WHERE ended_at_ns IS NOT NULL
"""  # noqa: S608  the second max() is there for the longest trace's ids: https://sqlite.org/quirks.html#aggregate_queries_can_contain_non_aggregate_result_columns_that_are_not_in_the_group_by_clause

CALL_TIMES = """
SELECT agent_id, coalesce(model, '') AS model, span.ended_at_ns - span.started_at_ns AS length_ns, span.trace_id, span_id
FROM span INDEXED BY span_costs CROSS JOIN trace ON trace.trace_id = span.trace_id
WHERE span.turns > 0 AND span.started_at_ns >= ? AND span.ended_at_ns IS NOT NULL AND imported_ns = 0
ORDER BY span.started_at_ns DESC LIMIT ?
"""

_TOOLS = """
FROM span INDEXED BY span_tool_calls CROSS JOIN trace ON trace.trace_id = span.trace_id
WHERE span.kind = 'TOOL' AND span.ended_at_ns IS NOT NULL AND span.ended_at_ns >= ? AND imported_ns = 0
"""

TOOL_COUNTS = f"SELECT agent_id, count(*), sum(span.errors) {_TOOLS} GROUP BY agent_id ORDER BY agent_id"

FAILED_TOOLS = f"""
SELECT span.name, span.trace_id, span_id, substr(coalesce(span.error, ''), 1, 2000) {_TOOLS}
  AND span.errors > 0 AND agent_id = ? ORDER BY span.ended_at_ns DESC LIMIT ?
"""

RECENT_FINDINGS = """
SELECT finding.* FROM finding INDEXED BY finding_at CROSS JOIN trace ON trace.trace_id = finding.trace_id
WHERE at_ns >= ? AND (severity >= ? OR detector IN ({marks})) AND (ended_at_ns IS NULL OR ended_at_ns >= ?)
  AND imported_ns = 0
ORDER BY at_ns DESC LIMIT ?
"""
