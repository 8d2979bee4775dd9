"""`ralph schedule list` and `show`."""

from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ralph.cli.schedule_words import meaning, when
from ralph.cli.traces import echo_json

if TYPE_CHECKING:
    from ralph.schedule.store import Outcome, ScheduleRow


@click.command("list", epilog="Example: ralph schedule list")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def list_command(*, as_json: bool) -> None:
    """Show every schedule: when it is due next and how its last run ended."""
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    with closing(Schedules(find_home())) as schedules:
        rows = schedules.list()
    if as_json:
        echo_json([_facts(row) for row in rows])
    elif rows:
        click.echo("\n".join(line for row in rows for line in _lines(row)))
    else:
        click.echo('no schedules: add one with `ralph schedule add nightly --cron "0 2 * * *"`')


def _lines(row: "ScheduleRow") -> list[str]:
    schedule = row.schedule
    return [
        f'{schedule.name}  "{schedule.cron.line}" ({schedule.cron.timezone}) in {schedule.repo}',
        f"  runs   ralph run {' '.join(schedule.run_args)}".rstrip(),
        f"  next   {_next(row)}",
        f"  last   {_last(row.last)}",
    ]


def _next(row: "ScheduleRow") -> str:
    if row.running_since:
        return f"runs since {when(row.running_since)}; then {when(row.next_due)}"
    if row.waiting:
        return "due now, and waits for `ralph daemon`"
    return when(row.next_due)


def _last(last: "Outcome | None") -> str:
    if last is None:
        return "never ran"
    return f"{when(last.ended_at)}: {meaning(last.exit_code)}" + (f", {last.note}" if last.note else "")


def _facts(row: "ScheduleRow") -> dict[str, object]:
    schedule, last = row.schedule, row.last
    return {
        "name": schedule.name,
        "repo": str(schedule.repo),
        "cron": schedule.cron.line,
        "timezone": schedule.cron.timezone,
        "run_args": list(schedule.run_args),
        "next_due": _iso(row.next_due),
        "waiting": row.waiting,
        "running_since": _iso(row.running_since),
        "last": last
        and {
            "due_at": _iso(last.due_at),
            "started_at": _iso(last.started_at),
            "ended_at": _iso(last.ended_at),
            "exit_code": last.exit_code,
            "note": last.note,
        },
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
