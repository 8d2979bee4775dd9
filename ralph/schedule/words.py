"""What screens say of schedules alike: times by their own clock, and what an exit code of a scheduled run means."""

from datetime import datetime

from ralph.errors import ExitCode

MEANING = {
    ExitCode.ALL_DONE: "every story done",
    ExitCode.STORIES_REMAIN: "stories remain",
    ExitCode.USAGE: "could not start, see the log",
    ExitCode.LIMIT: "a limit was reached",
    ExitCode.SERVICE: "the model service failed",
    ExitCode.RECONCILE: "a call cost more than reserved, see `ralph costs reconcile`",
    ExitCode.BUSY: "another run held the branch",
    ExitCode.BUG: "a bug in Ralph, see the log",
    ExitCode.HUNG_UP: "stopped",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "stopped",
}


def meaning(exit_code: int | None) -> str:
    """An exit code in words; None is a run that was given up."""
    if exit_code is None:
        return "given up"
    known = {int(code): text for code, text in MEANING.items()}
    return f"exit code {exit_code} ({known[exit_code]})" if exit_code in known else f"exit code {exit_code}"


def when(moment: datetime | None, timezone: str) -> str:
    """By the schedule's own clock, which its cron line speaks of."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415  # --help must be fast

    return "never again" if moment is None else moment.astimezone(ZoneInfo(timezone)).strftime("%a %Y-%m-%d %H:%M")
