"""Since when something is overdue. It is kept, so that a daemon that is started again and again counts on.

Runs inside the store's transaction; knows nothing about who is told.
"""

import sqlite3
from collections.abc import Sequence

from ralph.schedule.rows import Overdue

S_NS = 10**9


def remember_late(db: sqlite3.Connection, found: Sequence[Overdue], now_ns: int) -> list[tuple[Overdue, int]]:
    """Each with when it was first seen; what is not overdue any more is forgotten. A clock that was set back counts anew."""
    rows = db.execute("SELECT schedule, due_at_ns, since_ns FROM schedule_late").fetchall()
    known = {(row["schedule"], row["due_at_ns"]): row["since_ns"] for row in rows}
    since = {key: min(known.get(key, now_ns), now_ns) for key in map(_key, found)}
    if since != known:
        db.execute("DELETE FROM schedule_late")
        db.executemany("INSERT INTO schedule_late VALUES (?, ?, ?)", [(*key, ns) for key, ns in since.items()])
    return [(one, since[_key(one)]) for one in found]


def _key(one: Overdue) -> tuple[str, int]:
    return one.schedule.name, int(one.due_at.timestamp()) * S_NS
