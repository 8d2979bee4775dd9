"""Rows of ledger.db that may go: which alerts were sent, and how scheduled runs ended. Money rows never do.

A call's reservation stays for good: the totals of each day, story and run are proved by them, and a year of nights is small.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

from ralph.durations import duration_text
from ralph.home import Home
from ralph.housekeeping.pile import Pile, Stop
from ralph.schedule.store import Schedules
from tracing.alerts.outbox import Outbox
from tracing.sqlite import connect

LEAST_S = 86_400
COUNTS = {
    "records of alerts": "SELECT count(*), min(ended_at_ns), max(ended_at_ns) FROM outbox WHERE ended_at_ns < ?",
    "records of scheduled runs": (
        "SELECT count(*), min(ended_at_ns), max(ended_at_ns) FROM due_runs WHERE state IN ('done', 'skipped') "
        "AND ended_at_ns < ? AND id NOT IN (SELECT max(id) FROM due_runs WHERE state IN ('done', 'skipped') GROUP BY schedule)"
    ),
}


def record_piles(home: Home, runs_s: int | None, now_ns: int) -> tuple[Pile, ...]:
    if runs_s is None or not home.ledger_db.exists():
        return ()
    before_ns = now_ns - max(runs_s, LEAST_S) * 10**9
    why = f"older than {duration_text(runs_s)} ([retention] runs)"
    clears: dict[str, Callable[[Stop], int]] = {
        "records of alerts": partial(_prune_alerts, home, before_ns),
        "records of scheduled runs": partial(_prune_due, home, before_ns),
    }
    with closing(connect(home.ledger_db, synchronous="FULL")) as file:
        rows = {what: _count(file, query, before_ns) for what, query in COUNTS.items()}
    return tuple(Pile(what, why, row[0], 0, row[1], row[2], clears[what]) for what, row in rows.items() if row[0])


def _count(file: sqlite3.Connection, query: str, before_ns: int) -> tuple[int, int | None, int | None]:
    try:
        return tuple(file.execute(query, (before_ns,)).fetchone())
    except sqlite3.OperationalError:  # no such table: nothing of the kind was ever written
        return 0, None, None


def _prune_alerts(home: Home, before_ns: int, _stop: Stop) -> int:
    with closing(Outbox.open(home.ledger_db)) as outbox:
        return outbox.prune(before_ns)


def _prune_due(home: Home, before_ns: int, _stop: Stop) -> int:
    with closing(Schedules(home, clock=time.time_ns)) as schedules:
        return schedules.prune(before_ns)
