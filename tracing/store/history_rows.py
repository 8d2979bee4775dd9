"""What the same agent's earlier traces cost and took: a few numbers of each, by an index."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from tracing.jsonlike import clean
from tracing.span import TraceStatus

_CALL_TRACES = 8  # newest traces whose single model calls are looked at
_MOST_SPANS = 2_000  # of a trace among them
_MOST_CALLS = 500
_UNFINISHED = (TraceStatus.RUNNING.value, TraceStatus.INTERRUPTED.value)


@dataclass(frozen=True)
class HistoryRow:
    """One finished trace that called a model. `call_durations_ns` is empty of all but the newest."""

    trace_id: str
    started_at_ns: int
    cost_micros: int
    duration_ns: int
    turns: int
    call_durations_ns: tuple[int, ...] = ()


def history_rows(
    connection: sqlite3.Connection, agent_id: str, *, before_ns: int, limit: int, repo: str = ""
) -> list[HistoryRow]:
    """Newest first; of one repository where `repo` names one. What was interrupted says nothing of what is usual."""
    rows = connection.execute(
        f"""SELECT trace_id, started_at_ns, cost_micros, ended_at_ns - started_at_ns AS duration_ns, turns, spans
        FROM trace WHERE agent_id = ? AND started_at_ns < ? {"AND repo = ?" if repo else ""}
          AND ended_at_ns IS NOT NULL AND turns > 0 AND imported_ns = 0 AND status NOT IN (?, ?)
        ORDER BY started_at_ns DESC LIMIT ?""",  # noqa: S608  constants
        (agent_id, before_ns, *([clean(repo)] if repo else []), *_UNFINISHED, limit),
    ).fetchall()
    calls = _call_durations(connection, [row["trace_id"] for row in rows if row["spans"] <= _MOST_SPANS][:_CALL_TRACES])
    return [_row(row, tuple(ns for trace_id, ns in calls if trace_id == row["trace_id"])) for row in rows]


def _row(row: sqlite3.Row, calls: tuple[int, ...]) -> HistoryRow:
    trace_id, started_at_ns, cost_micros, duration_ns, turns, _ = row
    return HistoryRow(trace_id, started_at_ns, cost_micros, duration_ns, turns, calls)


def _call_durations(connection: sqlite3.Connection, trace_ids: Sequence[str]) -> list[tuple[str, int]]:
    rows = connection.execute(
        f"""SELECT trace_id, ended_at_ns - started_at_ns FROM span
        WHERE trace_id IN ({", ".join("?" * len(trace_ids))}) AND turns > 0 AND ended_at_ns IS NOT NULL LIMIT ?""",  # noqa: S608  marks
        (*trace_ids, _MOST_CALLS),
    )
    return [(trace_id, ns) for trace_id, ns in rows]
