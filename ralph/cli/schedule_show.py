"""`ralph schedule list` and `show`: when each is due, what came of the last nights, and what comes next."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import schedule_names
from ralph.cli.schedule_words import serving_words, window_words
from ralph.cli.traces import echo_json
from ralph.errors import ExitCode
from ralph.schedule.words import command_of, dry_run_of, missed_words, next_words, when
from tracing.words import length, money

if TYPE_CHECKING:
    from ralph.home import Home
    from ralph.schedule.nights import Night
    from ralph.schedule.store import Outcome, Schedule, ScheduleRow

NIGHTS = 10
SAYS_WHY = {ExitCode.USAGE, ExitCode.SERVICE, ExitCode.BUG}
NONE = 'no schedules: add one with `ralph schedule add nightly --cron "0 2 * * *"`'


@click.command("list", epilog="Example: ralph schedule list")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def list_command(*, as_json: bool) -> None:
    """Show every schedule: when it is due next and how its last run ended."""
    from ralph.home import find_home  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    home = find_home()
    with closing(Schedules(home)) as schedules:
        rows = schedules.list()
    if as_json:
        echo_json([_facts(row) for row in rows])
        return
    lines = [line for row in rows for line in _lines(row)]
    click.echo("\n".join([*lines, *serving_words(home)] if rows else [NONE]))


@click.command("show", epilog="Example: ralph schedule show nightly")
@click.argument("name", shell_complete=schedule_names)
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def show_command(name: str, *, as_json: bool) -> None:
    """Show one schedule whole: its last nights with outcome, cost and log, and what it does next."""
    from ralph.cli.schedule_change import row_of  # noqa: PLC0415
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.nights import nights  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    home = find_home()
    with closing(Schedules(home)) as schedules:
        row, outcomes = row_of(schedules, name), schedules.history(name, NIGHTS)
    told = nights(home, outcomes)
    if as_json:
        echo_json(_facts(row) | {"nights": [_night_facts(night) for night in told]})
        return
    click.echo("\n".join([*_whole(row, home), "", *_nights(row.schedule, told)]))


def _lines(row: "ScheduleRow") -> list[str]:
    schedule = row.schedule
    return [
        f'{schedule.name}  "{schedule.cron.line}" ({schedule.cron.timezone}){window_words(schedule)} in {schedule.repo}',
        f"  runs   {command_of(schedule)}",
        f"  next   {next_words(row)}",
        f"  last   {_last(row)}",
    ]


def _whole(row: "ScheduleRow", home: "Home") -> Iterator[str]:
    schedule = row.schedule
    yield schedule.name
    yield f'  when    "{schedule.cron.line}" ({schedule.cron.timezone}){window_words(schedule)}'
    yield f"  missed  {missed_words(schedule)}"
    yield f"  where   {schedule.repo}"
    yield f"  runs    {command_of(schedule)}"
    yield f"  next    {next_words(row)}"
    if not schedule.paused:
        yield f"  try it  {dry_run_of(schedule)}    (what it would work on; calls nothing)"
    for line in serving_words(home):
        yield f"  note    {line}"


def _last(row: "ScheduleRow") -> str:
    from ralph.schedule.nights import words_of  # noqa: PLC0415

    last = row.last
    if last is None:
        return "never ran"
    return f"{when(last.ended_at or last.due_at, row.schedule.cron.timezone)}: {words_of(last)}"


def _nights(schedule: "Schedule", nights: "list[Night]") -> Iterator[str]:
    from ralph.schedule.nights import last_words  # noqa: PLC0415

    if not nights:
        yield "nothing was due yet"
        return
    yield f"the last {len(nights)}, newest first" if len(nights) > 1 else "the only one so far"
    for night in nights:
        cost = "" if night.spent.micros is None else money(night.spent.micros)
        took = "" if night.took_ns is None else length(night.took_ns)
        facts = filter(None, [took, cost, _legs(night.outcome), night.words])
        yield f"  {when(night.outcome.due_at, schedule.cron.timezone)}  {', '.join(facts)}"
        if said := last_words(night.logs) if night.outcome.exit_code in SAYS_WHY else "":
            yield f"    said {said}"
        yield from (f"    log  {log}" for log in night.logs)


def _legs(night: "Outcome") -> str:
    return f"in {night.legs} parts" if night.legs > 1 else ""


def _facts(row: "ScheduleRow") -> dict[str, object]:
    schedule, last = row.schedule, row.last
    return {
        "name": schedule.name,
        "repo": str(schedule.repo),
        "cron": schedule.cron.line,
        "timezone": schedule.cron.timezone,
        "until": schedule.until,
        "missed": schedule.missed,
        "paused": schedule.paused,
        "run_args": list(schedule.run_args),
        "next_due": _iso(row.next_due),
        "waiting": row.waiting,
        "running_since": _iso(row.running_since),
        "goes_on_at": _iso(row.goes_on_at),
        "last": last and _outcome_facts(last),
    }


def _outcome_facts(outcome: "Outcome") -> dict[str, object]:
    return {
        "id": outcome.id,
        "state": outcome.state.value,
        "due_at": _iso(outcome.due_at),
        "started_at": _iso(outcome.started_at),
        "ended_at": _iso(outcome.ended_at),
        "exit_code": outcome.exit_code,
        "note": outcome.note,
    }


def _night_facts(night: "Night") -> dict[str, object]:
    spent = night.spent.micros
    usd = None if spent is None else spent / 1_000_000
    return _outcome_facts(night.outcome) | {"spent_usd": usd, "logs": [str(log) for log in night.logs]}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
