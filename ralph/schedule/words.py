"""What screens and notes say of schedules alike: their times, and what an exit code of a scheduled run means.

A time of a schedule is by its own clock, which its cron line and `--until` speak of; the zone is named where this machine's clock
shows another time. A time without a zone is this machine's.
"""

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ralph.errors import ExitCode

if TYPE_CHECKING:
    from ralph.schedule.rows import Schedule, ScheduleRow

S_NS = 10**9
MEANING = {
    ExitCode.ALL_DONE: "every story done",
    ExitCode.STORIES_REMAIN: "stories remain",
    ExitCode.USAGE: "could not start",
    ExitCode.LIMIT: "a limit was reached",
    ExitCode.SERVICE: "the model service failed",
    ExitCode.RECONCILE: "a call cost more than reserved",
    ExitCode.BUSY: "another run held the branch",
    ExitCode.BUG: "a bug in Ralph",
    ExitCode.HUNG_UP: "stopped",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "stopped",
}
SEE = {
    ExitCode.USAGE: "see the log",
    ExitCode.BUG: "see the log",
    ExitCode.RECONCILE: "see `ralph costs reconcile`",
}


def meaning(exit_code: int | None) -> str:
    """An exit code in words, with what to look at; None is a run that was given up."""
    if exit_code is None:
        return "given up"
    if exit_code not in set(ExitCode):
        return f"exit code {exit_code}"
    words = (MEANING[ExitCode(exit_code)], SEE.get(ExitCode(exit_code), ""))
    return f"exit code {exit_code} ({', '.join(filter(None, words))})"


def ended_words(exit_code: int | None) -> str:
    """The same in short."""
    if exit_code is None:
        return "given up"
    return MEANING[ExitCode(exit_code)] if exit_code in set(ExitCode) else f"exit code {exit_code}"


def day_and_time(at_ns: int, timezone: str = "") -> str:
    """As in "Mon 07:00": of what is a few days away at most. `timezone` "" is this machine's."""
    return _shown(datetime.fromtimestamp(at_ns // S_NS, UTC), timezone, "%a %H:%M")


def when(moment: datetime | None, timezone: str) -> str:
    """The same with the date; None is "never again"."""
    return "never again" if moment is None else _shown(moment, timezone, "%a %Y-%m-%d %H:%M")


def _shown(moment: datetime, timezone: str, form: str) -> str:
    from zoneinfo import ZoneInfo  # noqa: PLC0415  # --help must be fast

    here = moment.astimezone()
    there = moment.astimezone(ZoneInfo(timezone)) if timezone else here
    zone = "" if there.utcoffset() == here.utcoffset() else f" ({timezone})"
    return f"{there:{form}}{zone}"


def next_words(row: "ScheduleRow") -> str:
    """What it does now and next."""
    zone = row.schedule.cron.timezone
    if row.running_since:
        return f"runs since {when(row.running_since, zone)}; then {_paused_or_due(row)}"
    if row.goes_on_at:
        return f"goes on {when(row.goes_on_at, zone)}; then {_paused_or_due(row)}"
    if row.waiting:
        return "due now, and begins as soon as `ralph daemon` can"
    return _paused_or_due(row)


def missed_words(schedule: "Schedule") -> str:
    words = {
        "run": "a night when the machine was off is run late",
        "skip": "a night when the machine was off is skipped",
    }
    return words.get(schedule.missed or "", "as schedules.missed of config.toml says (run late, where it is not set)")


def command_of(schedule: "Schedule") -> str:
    return shlex.join(["ralph", "run", *schedule.run_args])


def dry_run_of(schedule: "Schedule") -> str:
    return f"cd {shlex.quote(str(schedule.repo))} && {shlex.join(['ralph', 'run', '--dry-run', *schedule.run_args])}"


def _paused_or_due(row: "ScheduleRow") -> str:
    schedule = row.schedule
    if schedule.paused:
        return f"nothing: paused, until `ralph schedule resume {schedule.name}`"
    return when(row.next_due, schedule.cron.timezone)
