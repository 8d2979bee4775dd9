"""Schedules, as the report wants them: what fires next, what did not start or did not run, and why a night was quiet."""

import re
import shlex
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from ralph.errors import ExitCode, RalphError
from ralph.history.event_log import is_locked
from ralph.home import Home
from ralph.report.facts import Firing, Need, Why
from ralph.schedule.store import Outcome, ScheduleRow, Schedules
from ralph.screen_text import last_lines
from tracing.sqlite import StateError
from tracing.words import local_time

LOG_END_BYTES = 4_000
PREFIX = re.compile(r"^ralph: ")
ENDED = {
    int(ExitCode.ALL_DONE): "every story done",
    int(ExitCode.STORIES_REMAIN): "stories remain",
    int(ExitCode.USAGE): "could not start",
    int(ExitCode.LIMIT): "a limit was reached",
    int(ExitCode.SERVICE): "the model service failed",
    int(ExitCode.BUSY): "another run held the branch",
    int(ExitCode.RECONCILE): "a call cost more than its worst case",
    int(ExitCode.BUG): "a bug in Ralph",
    int(ExitCode.INTERRUPTED): "interrupted",
    int(ExitCode.TERMINATED): "stopped",
}
NEVER_BEGAN = {int(ExitCode.USAGE), int(ExitCode.BUG), int(ExitCode.BUSY)}


def schedule_rows(home: Home, now_ns: int) -> list[ScheduleRow]:
    if not home.ledger_db.is_file():
        return []
    try:
        with closing(Schedules(home, clock=lambda: now_ns)) as schedules:
            return schedules.list()
    except (StateError, sqlite3.Error, RalphError):
        return []  # the ledger's own trouble is told as such


def firings(rows: Sequence[ScheduleRow]) -> tuple[Firing, ...]:
    """The soonest first."""
    found = [
        Firing(
            row.schedule.name,
            str(row.schedule.repo),
            None if is_paused(row) else _ns(row.next_due),
            _state(row),
            _last(row.last),
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda one: (one.next_at_ns is None, one.next_at_ns or 0, one.name)))


def is_paused(row: ScheduleRow) -> bool:
    return bool(getattr(row.schedule, "paused", False))


def daemon_runs(home: Home) -> bool:
    return is_locked(home.root / "schedule" / "daemon.lock")


def schedule_needs(home: Home, rows: Sequence[ScheduleRow], since_ns: int) -> Iterator[Need]:
    """What should have run and did not, or could not begin."""
    for row in rows:
        name, repo = row.schedule.name, str(row.schedule.repo)
        if row.waiting and not row.running_since and not is_paused(row) and not daemon_runs(home):
            yield Need(
                Why.MISSED,
                f"{name} is due and nobody runs it",
                "The daemon, which carries schedules out, is not running.",
                "ralph daemon",
                repo,
            )
        last = row.last
        if last and (last.exit_code is None or last.exit_code in NEVER_BEGAN) and _ns_of(last.ended_at) >= since_ns:
            why, log = _last_words(home, row)
            ended = ENDED.get(last.exit_code, "") if last.exit_code is not None else "given up"
            yield Need(Why.NOT_STARTED, f"{name}: {ended}", why or last.note, f"less {log}" if log else "", repo)


def why_quiet(home: Home, rows: Sequence[ScheduleRow], since_ns: int, now_ns: int) -> str:
    """Why nothing ran, in a sentence or two."""
    if not rows:
        return 'No schedule is set. One is made with: ralph schedule add nightly --cron "0 2 * * *"'
    active = [row for row in rows if not is_paused(row)]
    if not active:
        return f"Every schedule is paused: ralph schedule resume {shlex.quote(rows[0].schedule.name)}"
    if any(row.waiting for row in active) and not daemon_runs(home):
        return "A run was due, and the daemon was not running."
    due = [row for row in active if _was_due(row, since_ns, now_ns)]
    if not due:
        return "No schedule was due."
    names = ", ".join(row.schedule.name for row in due)
    return f"{names} was due and did not run: the machine was off, or the daemon was not running."


def _was_due(row: ScheduleRow, since_ns: int, now_ns: int) -> bool:
    return row.schedule.cron.latest_due_ns(since_ns, now_ns) is not None


def _state(row: ScheduleRow) -> str:
    if row.running_since:
        return "running"
    if is_paused(row):
        return "paused"
    return "due now" if row.waiting else ""


def _last(last: Outcome | None) -> str:
    if last is None:
        return ""
    ended = "given up" if last.exit_code is None else ENDED.get(last.exit_code, f"exit code {last.exit_code}")
    return f"{local_time(_ns_of(last.ended_at), '%a %H:%M')}: {ended}"


def _last_words(home: Home, row: ScheduleRow) -> tuple[str, str]:
    """The end of the newest run's output, and the file that has it; "" where it is gone."""
    name = row.schedule.name.replace(".", "_")
    folder = home.root / "schedule"
    logs = sorted(folder.glob(f"{name}-[0-9]*.log"), key=lambda path: path.name) if folder.is_dir() else []
    if not logs:
        return "", ""
    lines = last_lines(_end_of(logs[-1]), 1)
    return PREFIX.sub("", lines[0]) if lines else "", shlex.quote(str(logs[-1]))


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LOG_END_BYTES, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else _ns_of(moment)


def _ns_of(moment: datetime) -> int:
    return round(moment.timestamp() * 1e9)
