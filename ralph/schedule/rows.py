"""What a schedule and a due run are, and how they lie in `ledger.db`. Knows nothing about when anything happens."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from ralph.home import Home
from ralph.schedule.cron import Cron

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
    """,
    # since_ns: from when on the cron line counts; considered_ns: the last due time that was looked at.
    # not_before_ns: a run that goes on waits until then; leg: how often it was begun by plan; deaths: owners who died
    # in this leg; missed: earlier due times that this run stands for; why: how it came to be late or skipped.
    """
    ALTER TABLE schedules ADD COLUMN until TEXT;
    ALTER TABLE schedules ADD COLUMN missed TEXT;
    ALTER TABLE schedules ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE schedules ADD COLUMN since_ns INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE due_runs ADD COLUMN until_ns INTEGER;
    ALTER TABLE due_runs ADD COLUMN not_before_ns INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE due_runs ADD COLUMN leg INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE due_runs ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE due_runs ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE due_runs ADD COLUMN by_hand INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE due_runs ADD COLUMN why TEXT NOT NULL DEFAULT '';
    CREATE INDEX due_runs_of ON due_runs(schedule, state, ended_at_ns);
    CREATE INDEX due_runs_in ON due_runs(state, until_ns);
    CREATE TABLE schedule_watch(id INTEGER PRIMARY KEY CHECK (id = 1), looked_ns INTEGER NOT NULL);
    """,
    # schedule_late: what is overdue, and when that was first seen. timezone: the schedule's; '' in rows of before, and then this machine's.
    """
    CREATE TABLE schedule_late(schedule TEXT PRIMARY KEY, due_at_ns INTEGER NOT NULL, since_ns INTEGER NOT NULL);
    ALTER TABLE due_runs ADD COLUMN timezone TEXT NOT NULL DEFAULT '';
    """,
]


class State(StrEnum):
    PENDING = "pending"  # due; not begun, or to go on later
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"  # never begun, and never will be


class Missed(StrEnum):
    """What becomes of a run that was due while nobody looked."""

    RUN = "run"
    SKIP = "skip"


@dataclass(frozen=True)
class Schedule:
    name: str
    repo: Path
    cron: Cron
    run_args: tuple[str, ...]
    until: str | None = None  # "07:00": the window closes at the first such time after a run was due; None: never
    missed: str | None = None  # "run" or "skip"; None: as the setting says
    paused: bool = False


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
    until_ns: int | None = None  # None: no window
    leg: int = 1  # counts up each time it goes on by plan; an owner's death does not count
    began_ns: int = 0  # when its first holder took it
    taken_over: bool = False  # from a holder who died
    timezone: str = ""  # the schedule's; "": this machine's

    @property
    def key(self) -> str:
        """What RALPH_DUE_RUN holds, and the head of its log."""
        return f"{self.schedule}/{self.id}"


@dataclass(frozen=True)
class Outcome:
    """One due time and what came of it so far."""

    id: int
    schedule: str
    state: State
    due_at: datetime
    started_at: datetime | None  # None: never begun
    ended_at: datetime | None  # of what went on last; of one that is skipped: when that was decided
    exit_code: int | None  # None: skipped, given up or cut short, see note
    note: str
    owners: int  # who held it one after the other
    legs: int  # 1 where it did not go on later
    missed: int  # earlier due times that were missed, which it stands for
    again_at: datetime | None  # when it goes on
    until: datetime | None  # when its window closes
    timezone: str = ""  # the schedule's; "": this machine's


@dataclass(frozen=True)
class ScheduleRow:
    """One line of `ralph schedule list`."""

    schedule: Schedule
    next_due: datetime | None  # None: paused, or never again
    waiting: bool  # due, and nobody has begun it
    running_since: datetime | None
    last: Outcome | None  # None: nothing was due yet
    goes_on_at: datetime | None = None  # begun, and goes on then


@dataclass(frozen=True)
class Overdue:
    """A due time that should have begun and has not."""

    schedule: Schedule
    due_at: datetime  # the first one, where several were
    is_written_down: bool  # False: nobody even looked, no daemon runs


def schedule_of(row: sqlite3.Row) -> Schedule:
    return Schedule(
        row["name"],
        Path(row["repo"]),
        Cron(row["cron"], row["timezone"]),
        tuple(json.loads(row["run_args"])),
        row["until"],
        row["missed"],
        bool(row["paused"]),
    )


def due_run_of(row: sqlite3.Row, home: Home) -> DueRun:
    return DueRun(
        id=row["id"],
        schedule=row["schedule"],
        due_at_ns=row["due_at_ns"],
        repo=Path(row["repo"]),
        run_args=tuple(json.loads(row["run_args"])),
        fence=row["fence"],
        home=home,
        until_ns=row["until_ns"],
        leg=row["leg"],
        began_ns=row["started_at_ns"] or 0,
        timezone=row["timezone"],
    )


def outcome_of(row: sqlite3.Row) -> Outcome:
    state = State(row["state"])
    is_to_go_on = state is State.PENDING and row["started_at_ns"] is not None
    return Outcome(
        id=row["id"],
        schedule=row["schedule"],
        state=state,
        due_at=moment(row["due_at_ns"]),
        started_at=maybe_moment(row["started_at_ns"]),
        ended_at=maybe_moment(row["ended_at_ns"]),
        exit_code=row["exit_code"],
        note="; ".join(filter(None, (row["why"], row["note"]))),
        owners=row["fence"],
        legs=row["leg"],
        missed=row["missed"],
        again_at=moment(row["not_before_ns"]) if is_to_go_on else None,
        until=maybe_moment(row["until_ns"]),
        timezone=row["timezone"],
    )


def moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / 10**9, UTC)


def maybe_moment(ns: int | None) -> datetime | None:
    return None if ns is None else moment(ns)
