"""What `ledger.db` says of schedules, for whoever only looks: each function takes a connection and changes nothing.

Knows nothing about who may run what.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from ralph.errors import RalphError
from ralph.home import Home
from ralph.schedule.due import lower_bound_ns
from ralph.schedule.rows import (
    MIGRATIONS,
    Outcome,
    Overdue,
    Schedule,
    ScheduleRow,
    State,
    maybe_moment,
    moment,
    outcome_of,
    schedule_of,
)
from tracing.alerts.thresholds import Thresholds
from tracing.sqlite import connect_to_read

S_NS = 10**9


@dataclass(frozen=True)
class Plan:
    """One schedule, with what came of its due times (the newest first)."""

    row: ScheduleRow
    outcomes: tuple[Outcome, ...]
    overdue: Overdue | None

    @property
    def name(self) -> str:
        return self.row.schedule.name

    @property
    def repo(self) -> str:
        return str(self.row.schedule.repo)


def read_plans(home: Home, now_ns: int, most_due: int = 20) -> list[Plan]:
    """Raises: StateError, sqlite3.Error: the ledger cannot be read."""
    db = open_to_read(home)
    if db is None:
        return []
    with closing(db):
        late = {one.schedule.name: one for one in overdue(db, now_ns, _grace_s(home))}
        return [
            Plan(row, tuple(history(db, row.schedule.name, most_due)), late.get(row.schedule.name))
            for row in every_schedule(db, now_ns)
        ]


def _grace_s(home: Home) -> float:
    """As alerts have it, so that pages and the report call the same runs late; a broken config.toml is told elsewhere."""
    from ralph.settings.load import user_settings  # noqa: PLC0415  # heavy, and not all that read schedules want it

    try:
        return user_settings(home).alerts.schedule_grace_s
    except RalphError:
        return Thresholds().schedule_grace_s


def open_to_read(home: Home) -> sqlite3.Connection | None:
    """None: there has never been a schedule.

    Raises:
        StateError: the ledger cannot be read.
    """
    return connect_to_read(home.ledger_db, {"schedule": MIGRATIONS})


def every_schedule(db: sqlite3.Connection, now_ns: int) -> list[ScheduleRow]:
    rows = db.execute("SELECT * FROM schedules ORDER BY name").fetchall()
    return [_listed(db, schedule_of(row), now_ns) for row in rows]


def history(db: sqlite3.Connection, name: str, limit: int) -> Sequence[Outcome]:
    """Its due times, those that were due last first; also of a schedule that was removed."""
    query = "SELECT * FROM due_runs WHERE schedule = ? ORDER BY due_at_ns DESC, id DESC LIMIT ?"
    return [outcome_of(row) for row in db.execute(query, (name, limit)).fetchall()]


def overdue(db: sqlite3.Connection, now_ns: int, grace_s: float) -> Sequence[Overdue]:
    """What was due longer ago and has not begun, also where no daemon has written it down. Who waits for another run in
    its repository is not overdue.
    """
    rows = db.execute("SELECT * FROM schedules WHERE NOT paused ORDER BY name").fetchall()
    found = [_overdue(db, row, now_ns, now_ns - int(grace_s * S_NS)) for row in rows]
    return [one for one in found if one]


def _listed(db: sqlite3.Connection, schedule: Schedule, now_ns: int) -> ScheduleRow:
    query = "SELECT * FROM due_runs WHERE schedule = ? AND state IN ('pending', 'running') ORDER BY due_at_ns"
    now = [outcome_of(row) for row in db.execute(query, (schedule.name,)).fetchall()]
    last = db.execute(
        "SELECT * FROM due_runs WHERE schedule = ? AND state IN ('done', 'skipped') ORDER BY ended_at_ns DESC, id DESC LIMIT 1",
        (schedule.name,),
    ).fetchone()
    return ScheduleRow(
        schedule=schedule,
        next_due=None if schedule.paused else maybe_moment(schedule.cron.next_due_ns(now_ns)),
        waiting=any(one.state is State.PENDING and not one.again_at for one in now),
        running_since=next((one.started_at for one in now if one.state is State.RUNNING), None),
        last=outcome_of(last) if last else None,
        goes_on_at=next((one.again_at for one in now if one.again_at), None),
    )


def _overdue(db: sqlite3.Connection, row: sqlite3.Row, now_ns: int, before_ns: int) -> Overdue | None:
    schedule = schedule_of(row)
    if db.execute("SELECT 1 FROM due_runs WHERE state = 'running' AND repo = ?", (row["repo"],)).fetchone():
        return None
    waits = "SELECT due_at_ns FROM due_runs WHERE schedule = ? AND state = 'pending' AND started_at_ns IS NULL"
    first = db.execute(f"{waits} ORDER BY due_at_ns LIMIT 1", (row["name"],)).fetchone()
    if first:
        return Overdue(schedule, moment(first[0]), is_written_down=True) if first[0] <= before_ns else None
    due_ns = schedule.cron.next_due_ns(lower_bound_ns(db, row, now_ns))
    is_over = due_ns is not None and due_ns <= before_ns
    return Overdue(schedule, moment(due_ns), is_written_down=False) if due_ns and is_over else None
