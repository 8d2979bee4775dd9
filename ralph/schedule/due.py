"""What has become due since somebody looked last, written down: one row for each schedule, and a count of what it stands for.

Nothing that was due is left out: it is a row that waits, a row that is skipped and says why, or counted in one. What changes
something runs inside the store's transactions. Knows nothing about who carries a run out.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ralph.schedule.cron import Cron
from ralph.schedule.rows import Missed, Schedule, schedule_of
from ralph.schedule.window import closes_ns
from ralph.schedule.words import day_and_time
from tracing.words import local_time

S_NS = 10**9
LATE_NS = 300 * S_NS  # nearer than that is on time: a daemon that was started anew
LOOK_NS = 60 * S_NS  # how exactly it is known when somebody looked last
DAY_NS = 86_400 * S_NS
MOST_COUNTED = 10_000
SLICE = 100  # schedules, or rows, in one transaction
DATED = "%a %Y-%m-%d %H:%M"


@dataclass(frozen=True)
class Due:
    """A due time, as it is judged when it is written down."""

    at_ns: int
    until_ns: int | None  # when its window closes
    why: str = ""  # it is late, or skipped
    skipped_ns: int | None = None  # when that was decided; None: it is to run


@dataclass(frozen=True)
class Look:
    """At what time somebody looks, and what becomes of what was missed."""

    now_ns: int
    rule: str = Missed.RUN
    off: str = ""  # why it was not written down in time


@dataclass(frozen=True)
class Active:
    """A schedule that is not paused, and after when its due times count."""

    name: str
    cron: Cron
    low_ns: int

    def is_due(self, now_ns: int) -> bool:
        return _is_due(self.cron, self.low_ns, now_ns)

    def count(self, now_ns: int) -> None:
        """Before the lock is taken: `write_down` finds it done, and does it again where the schedule was changed meanwhile."""
        _passed(self.cron, self.low_ns, now_ns)


def active(db: sqlite3.Connection, now_ns: int) -> list[Active]:
    rows = db.execute("SELECT * FROM schedules WHERE NOT paused ORDER BY name").fetchall()
    return [Active(row["name"], Cron(row["cron"], row["timezone"]), lower_bound_ns(db, row, now_ns)) for row in rows]


def write_down(db: sqlite3.Connection, some: Sequence[Active], look: Look) -> list[int]:
    """What has become due of these; the ids of those that are skipped."""
    skipped: list[int] = []
    for one in some:
        row = db.execute("SELECT * FROM schedules WHERE name = ? AND NOT paused", (one.name,)).fetchone()
        skipped += write_down_one(db, row, look) if row else []
    return skipped


def write_down_one(db: sqlite3.Connection, row: sqlite3.Row, look: Look) -> list[int]:
    """The same of one schedule."""
    schedule, low_ns = schedule_of(row), lower_bound_ns(db, row, look.now_ns)
    if not _is_due(schedule.cron, low_ns, look.now_ns):
        return []
    due_ns, earlier = _passed(schedule.cron, low_ns, look.now_ns)
    db.execute("UPDATE schedules SET considered_ns = ? WHERE name = ?", (due_ns, schedule.name))
    if not _is_free(db, schedule.name, due_ns) or _joined(db, schedule.name, 1 + earlier):
        return []
    return _insert(db, row, earlier, _judged(schedule, due_ns, look))


def _is_due(cron: Cron, low_ns: int, now_ns: int) -> bool:
    first_ns = _first_due_ns(cron, low_ns)
    return first_ns is not None and first_ns <= now_ns


@lru_cache(maxsize=4096)
def _first_due_ns(cron: Cron, low_ns: int) -> int | None:
    """Kept: a daemon asks every few seconds, inside a transaction, and the answer stays until it is due."""
    return cron.next_due_ns(low_ns)


@lru_cache(maxsize=2 * SLICE)
def _passed(cron: Cron, low_ns: int, now_ns: int) -> tuple[int, int]:
    """The last due time, and how many were before it; one there is."""
    due_ns = cron.latest_due_ns(low_ns, now_ns)
    assert due_ns is not None
    return due_ns, cron.count_due(low_ns, due_ns - 1, MOST_COUNTED)


def lower_bound_ns(db: sqlite3.Connection, row: sqlite3.Row, now_ns: int) -> int:
    """After when due times count: none that was looked at, none before the schedule was.

    Where the clock was behind for a while, `considered_ns` went back with it, and the newest row says more.
    """
    query = "SELECT due_at_ns FROM due_runs WHERE schedule = ? AND NOT by_hand ORDER BY id DESC LIMIT 1"
    newest = db.execute(query, (row["name"],)).fetchone()
    known = [min(row["considered_ns"], now_ns), row["since_ns"], newest[0] if newest else 0]
    return max(int(ns) for ns in known if ns <= now_ns)


def insert_by_hand(db: sqlite3.Connection, row: sqlite3.Row, now_ns: int) -> int:
    """A run that somebody asked for: no window, and beside what is due by the clock. Its id."""
    while db.execute("SELECT 1 FROM due_runs WHERE schedule = ? AND due_at_ns = ?", (row["name"], now_ns)).fetchone():
        now_ns += 1
    statement = "INSERT INTO due_runs(schedule, due_at_ns, repo, run_args, timezone, by_hand) VALUES (?, ?, ?, ?, ?, 1)"
    values = (row["name"], now_ns, row["repo"], row["run_args"], row["timezone"])
    return int(db.execute(statement, values).lastrowid or 0)


def skip_unlooked(db: sqlite3.Connection, row: sqlite3.Row, now_ns: int, why: str) -> None:
    """What became due and nobody has seen is not made up: its times change, or it is paused or removed."""
    if not row["paused"]:
        before = _newest_id(db)
        write_down_one(db, row, Look(now_ns))
        change = "UPDATE due_runs SET state = 'skipped', ended_at_ns = ?, why = ? WHERE id > ? AND schedule = ?"
        db.execute(change, (now_ns, why, before, row["name"]))


def close_all(db: sqlite3.Connection, row: sqlite3.Row, now_ns: int, why: str) -> None:
    """Whatever is due and does not run is not carried out any more: the schedule is paused or removed."""
    skip_unlooked(db, row, now_ns, why)
    open_rows = "SELECT * FROM due_runs WHERE schedule = ? AND state = 'pending'"
    for one in db.execute(open_rows, (row["name"],)).fetchall():
        _close(db, one, now_ns, why)


def _newest_id(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT COALESCE(MAX(id), 0) FROM due_runs").fetchone()[0])


def off_since(db: sqlite3.Connection, now_ns: int) -> str:
    """In words when nobody looked."""
    looked_ns = _looked_ns(db) or now_ns
    if now_ns - looked_ns <= LATE_NS:
        return "it was not looked at in time"
    return f"the machine or the daemon was off from {local_time(looked_ns, DATED)} to {local_time(now_ns, DATED)}"


def remember_the_look(db: sqlite3.Connection, now_ns: int) -> None:
    """Once all that was due is written down: a look that was broken off is none."""
    looked_ns = _looked_ns(db)
    if looked_ns is None or not 0 <= now_ns - looked_ns < LOOK_NS:
        db.execute("INSERT OR REPLACE INTO schedule_watch VALUES (1, ?)", (now_ns,))


def _looked_ns(db: sqlite3.Connection) -> int | None:
    row = db.execute("SELECT looked_ns FROM schedule_watch").fetchone()
    return int(row[0]) if row else None


def after_a_clock_that_was_ahead(db: sqlite3.Connection, now_ns: int) -> None:
    """What a wrong clock made due becomes due again in its own time; by less than a day, it stays due."""
    db.execute("UPDATE schedules SET considered_ns = ?1 WHERE considered_ns > ?1", (now_ns,))
    far = "state = 'pending' AND started_at_ns IS NULL AND due_at_ns > ?"
    db.execute(f"DELETE FROM due_runs WHERE {far} AND NOT by_hand", (now_ns + DAY_NS,))  # noqa: S608 (ours)


def close_windows(db: sqlite3.Connection, now_ns: int) -> list[int]:
    """A slice of them; the ids."""
    query = "SELECT * FROM due_runs WHERE state = 'pending' AND until_ns <= ? LIMIT ?"
    rows = db.execute(query, (now_ns, SLICE)).fetchall()
    for row in rows:
        go = "begin" if row["started_at_ns"] is None else "go on"
        _close(
            db,
            row,
            now_ns,
            f"its window closed at {day_and_time(row['until_ns'], row['timezone'])} before it could {go}",
        )
    return [row["id"] for row in rows]


def _close(db: sqlite3.Connection, row: sqlite3.Row, now_ns: int, why: str) -> None:
    if row["started_at_ns"] is None:
        changes, values = "state = 'skipped', ended_at_ns = ?, note = ?", (now_ns, why)
    else:
        note = "; ".join(filter(None, (row["note"], why)))
        changes, values = "state = 'done', ended_at_ns = COALESCE(ended_at_ns, ?), note = ?", (now_ns, note)
    db.execute(f"UPDATE due_runs SET {changes} WHERE id = ?", (*values, row["id"]))  # noqa: S608 (ours)


def _is_free(db: sqlite3.Connection, name: str, due_ns: int) -> bool:
    """False when this due time has its row: the clock was set back over it.

    A row that is older than the row of the due time before it was made by a clock that was ahead; it is moved out of the
    way by a nanosecond, and what is due really is due.
    """
    at = "SELECT * FROM due_runs WHERE schedule = ? AND due_at_ns = ?"
    there = db.execute(at, (name, due_ns)).fetchone()
    if there is None:
        return True
    query = (
        "SELECT id FROM due_runs WHERE schedule = ? AND due_at_ns < ? AND NOT by_hand ORDER BY due_at_ns DESC LIMIT 1"
    )
    before = db.execute(query, (name, due_ns)).fetchone()
    if before is None or before["id"] < there["id"] or there["state"] in {"pending", "running"}:
        return False
    aside_ns = due_ns - 1
    while db.execute(at, (name, aside_ns)).fetchone():
        aside_ns -= 1
    db.execute("UPDATE due_runs SET due_at_ns = ? WHERE id = ?", (aside_ns, there["id"]))
    return True


def _joined(db: sqlite3.Connection, name: str, count: int) -> bool:
    """Whether a run of this schedule waits already, which then stands for this one too."""
    one = "SELECT id FROM due_runs WHERE schedule = ? AND state = 'pending' AND NOT by_hand LIMIT 1"
    statement = f"UPDATE due_runs SET missed = missed + ? WHERE id = ({one})"  # noqa: S608 (ours)
    return db.execute(statement, (count, name)).rowcount == 1


def _judged(schedule: Schedule, due_ns: int, look: Look) -> Due:
    now_ns, off = look.now_ns, look.off
    until_ns = closes_ns(due_ns, schedule.until, schedule.cron.timezone)
    if now_ns - due_ns <= LATE_NS:
        return Due(due_ns, until_ns)
    if until_ns is not None and now_ns >= until_ns:
        closed = day_and_time(until_ns, schedule.cron.timezone)
        return Due(due_ns, until_ns, f"missed: {off}; its window closed at {closed}", skipped_ns=now_ns)
    if (schedule.missed or look.rule) == Missed.SKIP:
        return Due(due_ns, until_ns, f"missed: {off}; a missed run of this schedule is skipped", skipped_ns=now_ns)
    return Due(due_ns, until_ns, f"late: {off}")


def _insert(db: sqlite3.Connection, row: sqlite3.Row, earlier: int, due: Due) -> list[int]:
    """The id where it is skipped."""
    why = "; ".join(filter(None, (due.why, missed_words(earlier))))
    state = "pending" if due.skipped_ns is None else "skipped"
    of_schedule = (row["name"], row["repo"], row["run_args"], row["timezone"])
    values = (*of_schedule, due.at_ns, due.until_ns, state, earlier, why, due.skipped_ns)
    statement = (
        "INSERT INTO due_runs(schedule, repo, run_args, timezone, due_at_ns, until_ns, state, missed, why, ended_at_ns) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    id_ = int(db.execute(statement, values).lastrowid or 0)
    return [] if due.skipped_ns is None else [id_]


def missed_words(count: int) -> str:
    some = f"over {MOST_COUNTED}" if count >= MOST_COUNTED else str(count)
    words = f"{some} earlier run{'s' * (count != 1)} of it {'was' if count == 1 else 'were'} missed too"
    return words if count else ""
