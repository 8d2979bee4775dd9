"""Closing what a dead process left open: its spans end when it last wrote, with a note of when that was found."""

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

from tracing.span import Owner, SpanStatus, TraceStatus
from tracing.sqlite import transaction

LEFT = "ended without closing this"
LEFT_OPEN = "It was still open when it was exported."
UNCLOSED = (LEFT, LEFT_OPEN)  # in the error of a trace that nobody could end


def was_stopped(status: TraceStatus, error: str | None) -> bool:
    """Whether whoever ran it ended it before its time, which is no failure: of one whose process died others say how it ended."""
    return status is TraceStatus.INTERRUPTED and not any(words in (error or "") for words in UNCLOSED)


WAS_STOPPED = " AND ".join(  # the same in SQL
    (f"status = '{TraceStatus.INTERRUPTED}'", *(f"instr(coalesce(error, ''), '{words}') = 0" for words in UNCLOSED))
)


def close_interrupted(connection: sqlite3.Connection, alive: Callable[[Owner], bool], now_ns: int) -> list[str]:
    """Ids of the traces that were closed; a second call finds none of them."""
    rows = connection.execute("SELECT * FROM trace WHERE ended_at_ns IS NULL ORDER BY started_at_ns").fetchall()
    dead = [row for row in rows if not alive(_owner(row))]
    if not dead:
        return []
    with transaction(connection, "traces close interrupted"):
        return [row["trace_id"] for row in dead if _close(connection, row, now_ns)]


def _owner(row: sqlite3.Row) -> Owner:
    return Owner(pid=row["owner_pid"], started=row["owner_started"], boot_id=row["owner_boot"])


def _close(connection: sqlite3.Connection, row: sqlite3.Row, now_ns: int) -> bool:
    trace_id, ended_at_ns = row["trace_id"], row["updated_at_ns"]
    found_at = datetime.fromtimestamp(now_ns / 1_000_000_000, UTC).isoformat(timespec="seconds")
    note = f"Process {row['owner_pid']} {LEFT}; found and closed at {found_at}."
    closed = connection.execute(
        "UPDATE trace SET status = ?, error = ?, ended_at_ns = ? WHERE trace_id = ? AND ended_at_ns IS NULL",
        (TraceStatus.INTERRUPTED, note, ended_at_ns, trace_id),
    )
    event = {"name": "interrupted", "at_ns": now_ns, "attributes": {"ralph.note": note}}
    connection.execute(
        "UPDATE span SET status = ?, error = coalesce(error, ?), ended_at_ns = max(started_at_ns, ?), "
        "events = json_insert(events, '$[#]', json(?)) WHERE trace_id = ? AND ended_at_ns IS NULL",
        (SpanStatus.INTERRUPTED, note, ended_at_ns, json.dumps(event), trace_id),
    )
    return bool(closed.rowcount)
