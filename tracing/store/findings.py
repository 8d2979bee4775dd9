"""Findings, read back: of one trace, or the newest of all."""

import json
import sqlite3
from dataclasses import dataclass

from tracing.finding import Finding, Severity, Verdict, Waste

MOST_OF_TRACE = 500


@dataclass(frozen=True)
class FindingRow:
    """A stored finding and the trace that it is about."""

    trace_id: str
    at_ns: int
    finding: Finding


def of_trace(connection: sqlite3.Connection, trace_id: str) -> list[Finding]:
    """The gravest first, then the dearest; of a trace with more than anybody reads only so many."""
    rows = connection.execute(
        "SELECT * FROM finding WHERE trace_id = ? ORDER BY severity DESC, cost_micros DESC, id LIMIT ?",
        (trace_id, MOST_OF_TRACE),
    )
    return [finding_of(row) for row in rows]


def newest(connection: sqlite3.Connection, *, since_ns: int, least: Severity, limit: int) -> list[FindingRow]:
    """The gravest first, then the dearest, of traces whose findings were written since then."""
    rows = connection.execute(
        "SELECT * FROM finding WHERE at_ns >= ? AND severity >= ? ORDER BY severity DESC, cost_micros DESC, at_ns DESC LIMIT ?",
        (since_ns, int(least), limit),
    )
    return [FindingRow(row["trace_id"], row["at_ns"], finding_of(row)) for row in rows]


def unanalysed(connection: sqlite3.Connection, version: int, limit: int) -> list[str]:
    """Traces that ended and that detectors of this version have not seen, the newest first."""
    rows = connection.execute(
        "SELECT trace_id FROM trace WHERE analysed < ? AND ended_at_ns IS NOT NULL ORDER BY started_at_ns DESC LIMIT ?",
        (version, limit),
    )
    return [row["trace_id"] for row in rows]


def finding_of(row: sqlite3.Row) -> Finding:
    """From a row with every column of the table."""
    return Finding(
        detector=row["detector"],
        severity=Severity(row["severity"]),
        title=row["title"],
        evidence=row["evidence"],
        remedy=row["remedy"],
        span_ids=tuple(json.loads(row["span_ids"])),
        waste=Waste(row["tokens"], row["cost_micros"], row["duration_ns"]),
        verdict=Verdict(row["verdict"]),
        nudge=row["nudge"],
    )
