"""When traces last changed: what is asked twice a second while somebody watches, over a connection of its own.

Cheap however large the file is. Knows nothing about who watches.
"""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pulse:
    """When one trace, or any of them (trace_id ""), last changed."""

    trace_id: str
    updated_at_ns: int = 0
    spans: int = 0
    findings: int = 0  # of one trace how many; of all a number that grows with them
    status: str = ""  # of one trace
    running: bool = False


class Pulses:
    """Reads only; may be handed from thread to thread."""

    def __init__(self, path: Path) -> None:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)

    def close(self) -> None:
        self._connection.close()

    def version(self) -> int:
        """Another number whenever another connection, of this process or any, has changed the file."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def of(self, wanted: Collection[str]) -> dict[str, Pulse]:
        """By the traces' ids; "" is all of them."""
        return {trace_id: self._one(trace_id) if trace_id else self._all() for trace_id in wanted}

    def _one(self, trace_id: str) -> Pulse:
        """A trace that is not there (any more) has ended."""
        row = self._connection.execute(ONE, (trace_id,)).fetchone()
        return Pulse(trace_id, row[0], row[1], row[2], row[3], bool(row[4])) if row else Pulse(trace_id)

    def _all(self) -> Pulse:
        """Each from an index: it costs the same however many traces there are."""
        open_at, spans, count = self._connection.execute(OPEN).fetchone()
        last = self._connection.execute(NEWEST).fetchone()
        (finding,) = self._connection.execute(LAST_FINDING).fetchone()
        return Pulse("", max(open_at or 0, last[0] if last else 0), spans or 0, finding, running=bool(count))


ONE = "SELECT updated_at_ns, spans, findings, status, ended_at_ns IS NULL FROM trace WHERE trace_id = ?"
OPEN = "SELECT max(updated_at_ns), sum(spans), count(*) FROM trace WHERE ended_at_ns IS NULL"
NEWEST = "SELECT updated_at_ns FROM trace ORDER BY started_at_ns DESC LIMIT 1"
LAST_FINDING = "SELECT coalesce(max(id), 0) FROM finding"
