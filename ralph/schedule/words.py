"""What screens say of schedules alike: times by their own clock, and what an exit code of a scheduled run means."""

import shlex
from datetime import datetime
from typing import TYPE_CHECKING

from ralph.errors import ExitCode
from tracing.words import local_time

if TYPE_CHECKING:
    from ralph.schedule.rows import Schedule, ScheduleRow

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


def day_and_time(at_ns: int) -> str:
    """As in "Mon 07:00", on this machine's clock: of what is a few days away at most."""
    return local_time(at_ns, "%a %H:%M")


def when(moment: datetime | None, timezone: str) -> str:
    """By the schedule's own clock, which its cron line speaks of."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415  # --help must be fast

    return "never again" if moment is None else moment.astimezone(ZoneInfo(timezone)).strftime("%a %Y-%m-%d %H:%M")


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
