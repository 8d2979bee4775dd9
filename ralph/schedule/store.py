"""Schedules and their due runs in `ledger.db`: what is due is written down before anybody runs it.

A due run is claimed with a lease (owner, heartbeat, fencing token), so it is neither lost with its owner nor doubled by a
second one. Knows nothing about how a run is executed, nor about who ticks.
"""

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ralph.home import Home
from ralph.schedule.cron import Cron, ScheduleError, local_timezone, parse_cron
from tracing.owner import is_alive, this_process
from tracing.span import Owner
from tracing.sqlite import connect, migrate, transaction

LEASE_S = 30.0  # a dead owner's lease lapses this long after its last heartbeat
MOST_ATTEMPTS = 5  # a run that took so many owners down with it is given up

MIGRATIONS = [
    """
    CREATE TABLE schedules(
        name TEXT PRIMARY KEY, repo TEXT NOT NULL, cron TEXT NOT NULL, timezone TEXT NOT NULL, run_args TEXT NOT NULL,
        considered_ns INTEGER NOT NULL);
    CREATE TABLE due_runs(
        id INTEGER PRIMARY KEY, schedule TEXT NOT NULL, due_at_ns INTEGER NOT NULL,
        repo TEXT NOT NULL, run_args TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending',
        fence INTEGER NOT NULL DEFAULT 0, owner_pid INTEGER, owner_started TEXT, owner_boot TEXT, heartbeat_ns INTEGER,
        started_at_ns INTEGER, ended_at_ns INTEGER, exit_code INTEGER, note TEXT NOT NULL DEFAULT '',
        UNIQUE (schedule, due_at_ns));
    CREATE INDEX due_runs_open ON due_runs(due_at_ns) WHERE state IN ('pending', 'running');
    """
]


@dataclass(frozen=True)
class Schedule:
    name: str
    repo: Path
    cron: Cron
    run_args: tuple[str, ...]


@dataclass(frozen=True)
class DueRun:
    """A run that somebody holds the lease of; `fence` tells this holder from an earlier one."""

    id: int
    schedule: str
    due_at_ns: int
    repo: Path
    run_args: tuple[str, ...]
    fence: int  # 1 for the first holder
    home: Home


@dataclass(frozen=True)
class Outcome:
    due_at: datetime
    started_at: datetime | None
    ended_at: datetime
    exit_code: int | None  # None: given up, see note
    note: str


@dataclass(frozen=True)
class ScheduleRow:
    """One line of `ralph schedule list`."""

    schedule: Schedule
    next_due: datetime | None
    waiting: bool  # due, and nobody has begun it
    running_since: datetime | None
    last: Outcome | None  # None: never ran


class DueRuns(Protocol):
    """What a daemon asks of its store: SQLite serves one machine, another backend could serve many."""

    def materialise(self) -> None: ...
    def claim(self) -> DueRun | None: ...
    def heartbeat(self, run: DueRun) -> bool: ...
    def finish(self, run: DueRun, exit_code: int, note: str = "") -> bool: ...


class Schedules:
    """The one place that knows the tables; safe between processes and between threads."""

    def __init__(
        self,
        home: Home,
        *,
        clock: Callable[[], int] = time.time_ns,
        lease_s: float = LEASE_S,
        owner: Owner | None = None,
    ) -> None:
        self._home = home
        self._clock = clock
        self._lease_ns = int(lease_s * 10**9)
        self._owner = owner or this_process()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection = connect(home.ledger_db, synchronous="FULL")
        migrate(self._connection, "schedule", MIGRATIONS)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def add(
        self, name: str, repo: Path, cron: str, run_args: Sequence[str] = (), timezone: str | None = None
    ) -> Schedule:
        """Store a schedule; its first run is the next time its cron line is due.

        Raises:
            ScheduleError: the name is taken or unfit, the repo is no folder, the cron line or time zone is wrong.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise ScheduleError(f'schedule name "{name}" is not valid. Use letters, digits, ".", "_" and "-".')
        if not repo.is_dir():
            raise ScheduleError(f"{repo}: no such folder. Name the repo that the schedule is to run in.")
        schedule = Schedule(name, repo.resolve(), parse_cron(cron, timezone or local_timezone()), tuple(run_args))
        with self._lock, transaction(self._connection, "schedule add") as db:
            if db.execute("SELECT 1 FROM schedules WHERE name = ?", (name,)).fetchone():
                raise ScheduleError(f'schedule "{name}" exists. Remove it first: ralph schedule remove {name}')
            row = (name, str(schedule.repo), schedule.cron.line, schedule.cron.timezone, json.dumps(schedule.run_args))
            db.execute("INSERT INTO schedules VALUES (?, ?, ?, ?, ?, ?)", (*row, self._clock()))
        return schedule

    def remove(self, name: str) -> None:
        """Forget a schedule and what is due and not begun; a run that has begun goes on.

        Raises:
            ScheduleError: there is no such schedule.
        """
        with self._lock, transaction(self._connection, "schedule remove") as db:
            _find(db, name)
            db.execute("DELETE FROM schedules WHERE name = ?", (name,))
            db.execute("DELETE FROM due_runs WHERE schedule = ? AND state = 'pending'", (name,))

    def list(self) -> list[ScheduleRow]:
        with self._lock:
            rows = self._connection.execute("SELECT * FROM schedules ORDER BY name").fetchall()
            return [self._listed(_schedule(row)) for row in rows]

    def enqueue(self, name: str) -> int:
        """Make a run due now, beside the cron line; returns its id.

        Raises:
            ScheduleError: there is no such schedule.
        """
        with self._lock, transaction(self._connection, "schedule enqueue") as db:
            return _insert(db, _find(db, name), self._clock())

    def materialise(self) -> None:
        """Write down what has become due; what was missed while nobody looked becomes one run, not many."""
        now = self._clock()
        with self._lock, transaction(self._connection, "schedule materialise") as db:
            db.execute(
                "UPDATE schedules SET considered_ns = ?1 WHERE considered_ns > ?1", (now,)
            )  # the clock was set back
            for row in db.execute("SELECT * FROM schedules").fetchall():
                due = _schedule(row).cron.latest_due_ns(row["considered_ns"], now)
                if due is None:
                    continue
                db.execute("UPDATE schedules SET considered_ns = ? WHERE name = ?", (due, row["name"]))
                if not _has(db, row["name"], "pending"):
                    _insert(db, row, due)

    def claim(self, only: int | None = None) -> DueRun | None:
        """Take the lease of the run that is due longest (or of run `only`): a new one, or one whose owner is dead."""
        with self._lock, transaction(self._connection, "schedule claim") as db:
            query = "SELECT * FROM due_runs WHERE state IN ('pending', 'running') ORDER BY due_at_ns"
            for row in db.execute(query).fetchall():
                if only in {None, row["id"]} and self._is_free(db, row) and not self._given_up(db, row):
                    return self._lease(db, row)
        return None

    def heartbeat(self, run: DueRun) -> bool:
        """Keep the lease; False when it was lost to another owner."""
        return self._as_holder("heartbeat", run, "heartbeat_ns = ?", (self._clock(),))

    def finish(self, run: DueRun, exit_code: int, note: str = "") -> bool:
        """Record how it ended; False (and nothing recorded) when the lease was lost to another owner."""
        values = (self._clock(), exit_code, note)
        return self._as_holder("finish", run, "state = 'done', ended_at_ns = ?, exit_code = ?, note = ?", values)

    def _as_holder(self, what: str, run: DueRun, changes: str, values: tuple[object, ...]) -> bool:
        statement = f"UPDATE due_runs SET {changes} WHERE id = ? AND fence = ? AND state = 'running'"  # noqa: S608 (ours)
        with self._lock, transaction(self._connection, f"schedule {what}") as db:
            return db.execute(statement, (*values, run.id, run.fence)).rowcount == 1

    def _is_free(self, db: sqlite3.Connection, row: sqlite3.Row) -> bool:
        if row["state"] == "pending":
            return not _has(db, row["schedule"], "running")
        since_ns = self._clock() - row["heartbeat_ns"]
        lapsed = not 0 <= since_ns < self._lease_ns  # before 0: the clock was set back meanwhile
        return lapsed and not is_alive(Owner(row["owner_pid"], row["owner_started"], row["owner_boot"]))

    def _given_up(self, db: sqlite3.Connection, row: sqlite3.Row) -> bool:
        if row["fence"] < MOST_ATTEMPTS:
            return False
        note = f"given up: {MOST_ATTEMPTS} owners died while it ran"
        db.execute(
            "UPDATE due_runs SET state = 'done', ended_at_ns = ?, note = ? WHERE id = ?",
            (self._clock(), note, row["id"]),
        )
        return True

    def _lease(self, db: sqlite3.Connection, row: sqlite3.Row) -> DueRun:
        now, owner = self._clock(), self._owner
        db.execute(
            "UPDATE due_runs SET state = 'running', fence = fence + 1, owner_pid = ?, owner_started = ?, owner_boot = ?, "
            "heartbeat_ns = ?, started_at_ns = COALESCE(started_at_ns, ?) WHERE id = ?",
            (owner.pid, owner.started, owner.boot_id, now, now, row["id"]),
        )
        repo, args = Path(row["repo"]), tuple(json.loads(row["run_args"]))
        return DueRun(row["id"], row["schedule"], row["due_at_ns"], repo, args, row["fence"] + 1, self._home)

    def _listed(self, schedule: Schedule) -> ScheduleRow:
        name, db = schedule.name, self._connection
        running = db.execute(
            "SELECT started_at_ns FROM due_runs WHERE schedule = ? AND state = 'running'", (name,)
        ).fetchone()
        last = db.execute(
            "SELECT * FROM due_runs WHERE schedule = ? AND state = 'done' ORDER BY ended_at_ns DESC, id DESC", (name,)
        ).fetchone()
        return ScheduleRow(
            schedule=schedule,
            next_due=_time(schedule.cron.next_due_ns(self._clock())),
            waiting=_has(db, name, "pending"),
            running_since=_time(running[0]) if running else None,
            last=_outcome(last) if last else None,
        )


def _find(db: sqlite3.Connection, name: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM schedules WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise ScheduleError(f'there is no schedule "{name}". See those there are: ralph schedule list')
    return row


def _insert(db: sqlite3.Connection, row: sqlite3.Row, due_at_ns: int) -> int:
    """The id of the run due then, which may be there already."""
    db.execute(
        "INSERT INTO due_runs(schedule, due_at_ns, repo, run_args) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (row["name"], due_at_ns, row["repo"], row["run_args"]),
    )
    query = "SELECT id FROM due_runs WHERE schedule = ? AND due_at_ns = ?"
    return int(db.execute(query, (row["name"], due_at_ns)).fetchone()["id"])


def _has(db: sqlite3.Connection, name: str, state: str) -> bool:
    query = "SELECT 1 FROM due_runs WHERE schedule = ? AND state = ? LIMIT 1"
    return db.execute(query, (name, state)).fetchone() is not None


def _schedule(row: sqlite3.Row) -> Schedule:
    return Schedule(
        row["name"], Path(row["repo"]), Cron(row["cron"], row["timezone"]), tuple(json.loads(row["run_args"]))
    )


def _outcome(row: sqlite3.Row) -> Outcome:
    ended = _time(row["ended_at_ns"])
    due = _time(row["due_at_ns"])
    assert ended is not None
    assert due is not None
    return Outcome(due, _time(row["started_at_ns"]), ended, row["exit_code"], row["note"])


def _time(ns: int | None) -> datetime | None:
    return None if ns is None else datetime.fromtimestamp(ns / 10**9, UTC)
