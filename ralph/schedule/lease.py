"""Who may carry out a due run: a lease with an owner, a heartbeat and a fencing token.

A run is neither lost with its owner nor doubled by a second one, and two of one repository never go at once. Runs inside the
store's transaction; what outlives an owner, a caller tells.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace

from ralph.home import Home
from ralph.schedule.rows import DueRun, due_run_of
from ralph.schedule.words import day_and_time
from tracing.owner import is_alive
from tracing.span import Owner

MOST_DEATHS = 5  # a run that took so many owners down with it is given up
ENDED = "ended_at_ns = ?, exit_code = ?, note = ?"


@dataclass(frozen=True)
class Leg:
    """How a run ended, for good or for now."""

    at_ns: int
    exit_code: int
    note: str


@dataclass(frozen=True)
class Claimant:
    """Who asks, and when."""

    home: Home
    owner: Owner
    now_ns: int
    lease_ns: int
    outlives: Callable[[DueRun], bool]  # whether a run goes on, or has ended by itself, though its owner died

    def claim(self, db: sqlite3.Connection, only: int | None) -> DueRun | None:
        """The run that is due longest (or run `only`, now): one that waits, or one whose owner is dead."""
        query = "SELECT * FROM due_runs WHERE state IN ('pending', 'running') ORDER BY due_at_ns, id"
        for row in db.execute(query).fetchall():
            if only not in {None, row["id"]}:
                continue
            if row["state"] == "pending":
                if (only or not self._is_to_wait(row)) and not _is_taken(db, row):
                    return self._lease(db, row, deaths=row["deaths"])
            elif self._is_abandoned(row) and (run := self._taken_over(db, row)):
                return run
        return None

    def _is_to_wait(self, row: sqlite3.Row) -> bool:
        """Also where its window has closed. A clock that was set back since keeps nobody waiting."""
        is_early = (row["ended_at_ns"] or 0) <= self.now_ns < row["not_before_ns"]
        return is_early or self._is_too_late(row)

    def _is_too_late(self, row: sqlite3.Row) -> bool:
        return row["until_ns"] is not None and self.now_ns >= row["until_ns"]

    def _is_abandoned(self, row: sqlite3.Row) -> bool:
        since_ns = self.now_ns - row["heartbeat_ns"]
        lapsed = not 0 <= since_ns < self.lease_ns  # before 0: the clock was set back meanwhile
        return lapsed and not is_alive(Owner(row["owner_pid"], row["owner_started"], row["owner_boot"]))

    def _taken_over(self, db: sqlite3.Connection, row: sqlite3.Row) -> DueRun | None:
        deaths = row["deaths"] + 1
        if self.outlives(due_run_of(row, self.home)):
            return replace(self._lease(db, row, deaths=row["deaths"]), taken_over=True)
        if self._is_too_late(row):
            closed = day_and_time(row["until_ns"], row["timezone"])
            return _given_up(db, row, f"cut short when its owner died; its window closed at {closed}")
        if deaths >= MOST_DEATHS:
            return _given_up(db, row, f"given up: {MOST_DEATHS} owners died while it ran")
        return replace(self._lease(db, row, deaths=deaths), taken_over=True)

    def _lease(self, db: sqlite3.Connection, row: sqlite3.Row, *, deaths: int) -> DueRun:
        db.execute(
            "UPDATE due_runs SET state = 'running', fence = fence + 1, deaths = ?, owner_pid = ?, owner_started = ?, "
            "owner_boot = ?, heartbeat_ns = ?, started_at_ns = COALESCE(started_at_ns, ?), ended_at_ns = NULL, "
            "exit_code = NULL, note = '' WHERE id = ?",
            (deaths, self.owner.pid, self.owner.started, self.owner.boot_id, self.now_ns, self.now_ns, row["id"]),
        )
        return due_run_of(db.execute("SELECT * FROM due_runs WHERE id = ?", (row["id"],)).fetchone(), self.home)


def _is_taken(db: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether a run of this schedule, or another in its repository, goes on."""
    query = "SELECT 1 FROM due_runs WHERE state = 'running' AND (schedule = ? OR repo = ?) LIMIT 1"
    return db.execute(query, (row["schedule"], row["repo"])).fetchone() is not None


def _given_up(db: sqlite3.Connection, row: sqlite3.Row, note: str) -> DueRun | None:
    """Nobody's run any more. It ended with its owner's last sign of life."""
    db.execute(
        "UPDATE due_runs SET state = 'done', ended_at_ns = heartbeat_ns, exit_code = NULL, note = ? WHERE id = ?",
        (note, row["id"]),
    )
    return None


def put_back(db: sqlite3.Connection, run: DueRun, ended: Leg, at_ns: int) -> bool:
    """Let it go on later under the same row, or under a newer one of its schedule that waits; False: the lease is lost."""
    newer = "SELECT id FROM due_runs WHERE schedule = ? AND state = 'pending' AND NOT by_hand"
    heir = db.execute(newer, (run.schedule,)).fetchone()
    if heir is None:
        later = "state = 'pending', leg = leg + 1, deaths = 0, not_before_ns = ?"
        return change_as_holder(db, run, f"{later}, {ENDED}", (at_ns, *astuple(ended)))
    db.execute("UPDATE due_runs SET not_before_ns = MAX(not_before_ns, ?) WHERE id = ?", (at_ns, heir["id"]))
    note = f"{ended.note}, with the next one that is due"
    return change_as_holder(db, run, f"state = 'done', {ENDED}", astuple(replace(ended, note=note)))


def change_as_holder(db: sqlite3.Connection, run: DueRun, changes: str, values: tuple[object, ...]) -> bool:
    """Whether the lease was still held; otherwise nothing is changed."""
    statement = f"UPDATE due_runs SET {changes} WHERE id = ? AND fence = ? AND state = 'running'"  # noqa: S608 (ours)
    return db.execute(statement, (*values, run.id, run.fence)).rowcount == 1
