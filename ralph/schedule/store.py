"""Schedules and their due runs in `ledger.db`: what is due is written down before anybody runs it.

A due run is claimed with a lease (owner, heartbeat, fencing token), so it is neither lost with its owner nor doubled by a
second one. Knows nothing about how a run is executed, nor about who ticks.
"""

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ralph.home import Home
from ralph.schedule.cron import ScheduleError, local_timezone, parse_cron
from ralph.schedule.due import close_all, insert_by_hand, skip_unlooked
from ralph.schedule.late import remember_late
from ralph.schedule.lease import ENDED, Claimant, Leg, change_as_holder, put_back
from ralph.schedule.reading import every_schedule, history, overdue
from ralph.schedule.rows import (
    MIGRATIONS,
    DueRun,
    Missed,
    Outcome,
    Overdue,
    Schedule,
    ScheduleRow,
    State,
    schedule_of,
)
from ralph.schedule.slices import look_at_all
from ralph.schedule.window import closes_ns, parse_until
from tracing.owner import this_process
from tracing.span import Owner
from tracing.sqlite import connect, migrate, transaction

LEASE_S = 30.0  # a dead owner's lease lapses this long after its last heartbeat

__all__ = [
    "LEASE_S",
    "DueRun",
    "DueRuns",
    "Outcome",
    "Overdue",
    "Schedule",
    "ScheduleRow",
    "Schedules",
    "State",
]


class DueRuns(Protocol):
    """What a daemon asks of its store: SQLite serves one machine, another backend could serve many."""

    def materialise(self, missed: str = Missed.RUN) -> Sequence[Outcome]: ...
    def claim(self, only: int | None = None) -> DueRun | None: ...
    def heartbeat(self, run: DueRun) -> bool: ...
    def finish(self, run: DueRun, exit_code: int, note: str = "") -> bool: ...
    def again(self, run: DueRun, at_ns: int, exit_code: int, note: str = "") -> bool: ...


def _nothing_outlives(run: DueRun) -> bool:
    del run
    return False


class Schedules:
    """The one place that opens the tables; safe between processes and between threads."""

    def __init__(
        self,
        home: Home,
        *,
        clock: Callable[[], int] = time.time_ns,
        lease_s: float = LEASE_S,
        owner: Owner | None = None,
        outlives: Callable[[DueRun], bool] = _nothing_outlives,
    ) -> None:
        """`outlives` tells whether a run goes on, or has ended by itself, though its owner died: that death is not its fault."""
        self._home = home
        self._clock = clock
        self._lease_ns = int(lease_s * 10**9)
        self._owner = owner or this_process()
        self._outlives = outlives
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection = connect(home.ledger_db, synchronous="FULL")
        migrate(self._connection, "schedule", MIGRATIONS)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def add(
        self,
        name: str,
        repo: Path,
        cron: str,
        run_args: Sequence[str] = (),
        timezone: str | None = None,
        *,
        until: str | None = None,
        missed: str | None = None,
    ) -> Schedule:
        """Store a schedule; its first run is the next time its cron line is due.

        Raises:
            ScheduleError: the name is taken or unfit, the repo is no folder, the cron line, time zone, `until` or `missed` is wrong.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise ScheduleError(f'schedule name "{name}" is not valid. Use letters, digits, ".", "_" and "-".')
        line = parse_cron(cron, timezone or local_timezone())
        schedule = Schedule(name, _folder(repo), line, tuple(run_args), _until(until), _missed(missed))
        with self._change("add") as db:
            if db.execute("SELECT 1 FROM schedules WHERE name = ?", (name,)).fetchone():
                raise ScheduleError(
                    f'schedule "{name}" exists. Change it: ralph schedule edit {name}. Or remove it first: ralph schedule remove {name}'
                )
            _write(db, schedule, self._clock(), self._clock())
        return schedule

    def edit(
        self,
        name: str,
        *,
        cron: str | None = None,
        timezone: str | None = None,
        until: str | None = None,
        missed: str | None = None,
        repo: Path | None = None,
        run_args: Sequence[str] | None = None,
    ) -> Schedule:
        """Change what is given; `until` and `missed` are taken away by "". A new time counts from now on: nothing that the old one
        missed is made up. What is due and has not begun takes the new options.

        Raises:
            ScheduleError: as `add`; or there is no such schedule.
        """
        with self._change("edit") as db:
            row = _find(db, name)
            old = schedule_of(row)
            new = replace(
                old,
                repo=old.repo if repo is None else _folder(repo),
                cron=parse_cron(cron or old.cron.line, timezone or old.cron.timezone),
                run_args=old.run_args if run_args is None else tuple(run_args),
                until=old.until if until is None else _until(until),
                missed=old.missed if missed is None else _missed(missed),
            )
            now_ns = self._clock()
            if new.cron == old.cron:
                _write(db, new, row["considered_ns"], row["since_ns"])
            else:
                skip_unlooked(db, row, now_ns, "not begun before the schedule's times were changed")
                _write(db, new, now_ns, now_ns)
            _renew_open(db, new)
            return new

    def pause(self, name: str) -> None:
        """Begin nothing of it until `resume`; a run that has begun goes on.

        Raises:
            ScheduleError: there is no such schedule.
        """
        with self._change("pause") as db:
            close_all(db, _find(db, name), self._clock(), "the schedule was paused")
            db.execute("UPDATE schedules SET paused = 1 WHERE name = ?", (name,))

    def resume(self, name: str) -> None:
        """Its times count again from now on; what fell into the pause is not made up.

        Raises:
            ScheduleError: there is no such schedule.
        """
        with self._change("resume") as db:
            if _find(db, name)["paused"]:
                change = "UPDATE schedules SET paused = 0, considered_ns = ?1, since_ns = ?1 WHERE name = ?2"
                db.execute(change, (self._clock(), name))

    def remove(self, name: str) -> None:
        """Forget a schedule; what is due and not begun is skipped, and a run that has begun goes on.

        Raises:
            ScheduleError: there is no such schedule.
        """
        with self._change("remove") as db:
            close_all(db, _find(db, name), self._clock(), "the schedule was removed")
            db.execute("DELETE FROM schedules WHERE name = ?", (name,))

    def list(self) -> list[ScheduleRow]:
        with self._lock:
            return every_schedule(self._connection, self._clock())

    def history(self, name: str, limit: int = 20) -> Sequence[Outcome]:
        """Its due times, those that were due last first; also of a schedule that was removed."""
        with self._lock:
            return history(self._connection, name, limit)

    def overdue(self, grace_s: float) -> Sequence[Overdue]:
        """What was due longer ago and has not begun, also where no daemon has written it down. Who waits for another run in
        its repository is not overdue.
        """
        with self._lock:
            return overdue(self._connection, self._clock(), grace_s)

    def late(self, grace_s: float) -> Sequence[tuple[Overdue, int]]:
        """The same, each with when that was first seen, by whichever process."""
        found = self.overdue(grace_s)
        with self._change("late") as db:
            return remember_late(db, found, self._clock())

    def prune(self, before_ns: int) -> int:
        """Forget what ended before; the last one of each schedule stays. Says how many went."""
        last = "SELECT MAX(id) FROM due_runs WHERE state IN ('done', 'skipped') GROUP BY schedule"
        old = f"state IN ('done', 'skipped') AND ended_at_ns < ? AND id NOT IN ({last})"
        with self._change("prune") as db:
            return db.execute(f"DELETE FROM due_runs WHERE {old}", (before_ns,)).rowcount  # noqa: S608 (ours)

    def enqueue(self, name: str) -> int:
        """Make a run due now, beside the cron line and without a window; returns its id.

        Raises:
            ScheduleError: there is no such schedule.
        """
        with self._change("enqueue") as db:
            return insert_by_hand(db, _find(db, name), self._clock())

    def materialise(self, missed: str = Missed.RUN) -> Sequence[Outcome]:
        """Write down what has become due; what was missed while nobody looked becomes one run, not many, or is skipped.

        In slices: others get at the ledger in between, and what a death leaves is the next look's. Returns those that were
        skipped, or whose window has closed.
        """
        return look_at_all(self._change, self._clock(), missed)

    def claim(self, only: int | None = None) -> DueRun | None:
        """Take the lease of the run that is due longest (or of run `only`): a new one, or one whose owner is dead."""
        with self._change("claim") as db:
            claimant = Claimant(self._home, self._owner, self._clock(), self._lease_ns, self._outlives)
            return claimant.claim(db, only)

    def heartbeat(self, run: DueRun) -> bool:
        """Keep the lease; False when it was lost to another owner."""
        with self._change("heartbeat") as db:
            return change_as_holder(db, run, "heartbeat_ns = ?", (self._clock(),))

    def finish(self, run: DueRun, exit_code: int, note: str = "") -> bool:
        """Record how it ended; False (and nothing recorded) when the lease was lost to another owner."""
        ended = (self._clock(), exit_code, note)
        with self._change("finish") as db:
            return change_as_holder(db, run, f"state = 'done', {ENDED}", ended)

    def again(self, run: DueRun, at_ns: int, exit_code: int, note: str = "") -> bool:
        """Record that it goes on at `at_ns`, by plan; False (and nothing recorded) when the lease was lost to another owner."""
        with self._change("again") as db:
            return put_back(db, run, Leg(self._clock(), exit_code, note), at_ns)

    @contextmanager
    def _change(self, what: str) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._connection, f"schedule {what}") as db:
            yield db


def _find(db: sqlite3.Connection, name: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM schedules WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise ScheduleError(f'there is no schedule "{name}". See those there are: ralph schedule list')
    return row


def _write(db: sqlite3.Connection, schedule: Schedule, considered_ns: int, since_ns: int) -> None:
    names = ("name", "repo", "cron", "timezone", "run_args", "until", "missed", "paused", "considered_ns", "since_ns")
    row = (schedule.name, str(schedule.repo), schedule.cron.line, schedule.cron.timezone, json.dumps(schedule.run_args))
    rest = (schedule.until, schedule.missed, schedule.paused, considered_ns, since_ns)
    holes = ", ".join("?" * len(names))
    db.execute(f"INSERT OR REPLACE INTO schedules({', '.join(names)}) VALUES ({holes})", (*row, *rest))  # noqa: S608 (ours)


def _renew_open(db: sqlite3.Connection, schedule: Schedule) -> None:
    query = "SELECT * FROM due_runs WHERE schedule = ? AND state = 'pending' AND started_at_ns IS NULL"
    for row in db.execute(query, (schedule.name,)).fetchall():
        closes = None if row["by_hand"] else closes_ns(row["due_at_ns"], schedule.until, schedule.cron.timezone)
        db.execute(
            "UPDATE due_runs SET repo = ?, run_args = ?, timezone = ?, until_ns = ? WHERE id = ?",
            (str(schedule.repo), json.dumps(schedule.run_args), schedule.cron.timezone, closes, row["id"]),
        )


def _folder(repo: Path) -> Path:
    if not repo.is_dir():
        raise ScheduleError(f"{repo}: no such folder. Name the repo that the schedule is to run in.")
    return repo.resolve()


def _until(text: str | None) -> str | None:
    return parse_until(text) if text else None


def _missed(text: str | None) -> str | None:
    if text and text not in set(Missed):
        raise ScheduleError(f'missed "{text}" is not known. Write "run" or "skip".')
    return text or None
