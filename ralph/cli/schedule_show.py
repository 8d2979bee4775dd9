"""`ralph schedule list` and `show`: when each is due, what came of the last nights, and what comes next."""

import shlex
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import schedule_names
from ralph.cli.schedule_words import serving_words, when, window_words
from ralph.cli.traces import echo_json
from ralph.errors import ExitCode
from tracing.words import cut, length, money, plain

if TYPE_CHECKING:
    from ralph.home import Home
    from ralph.schedule.store import Outcome, Schedule, ScheduleRow

NIGHTS = 10
LINE_CHARS = 300
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
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    home = find_home()
    with closing(Schedules(home)) as schedules:
        row, nights = row_of(schedules, name), schedules.history(name, NIGHTS)
    costs = _costs(home, {f"{name}/{night.id}" for night in nights})
    if as_json:
        echo_json(_facts(row) | {"nights": [_night_facts(night, costs, home) for night in nights]})
        return
    click.echo("\n".join([*_whole(row, home), "", *_nights(row.schedule, list(nights), costs, home)]))


def _lines(row: "ScheduleRow") -> list[str]:
    schedule = row.schedule
    return [
        f'{schedule.name}  "{schedule.cron.line}" ({schedule.cron.timezone}){window_words(schedule)} in {schedule.repo}',
        f"  runs   {_command(schedule)}",
        f"  next   {_next(row)}",
        f"  last   {_last(row)}",
    ]


def _whole(row: "ScheduleRow", home: "Home") -> Iterator[str]:
    schedule = row.schedule
    yield schedule.name
    yield f'  when    "{schedule.cron.line}" ({schedule.cron.timezone}){window_words(schedule)}'
    yield f"  missed  {_missed(schedule)}"
    yield f"  where   {schedule.repo}"
    yield f"  runs    {_command(schedule)}"
    yield f"  next    {_next(row)}"
    if not schedule.paused:
        yield f"  try it  {_dry(schedule)}    (what it would work on; calls nothing)"
    for line in serving_words(home):
        yield f"  note    {line}"


def _next(row: "ScheduleRow") -> str:
    zone = row.schedule.cron.timezone
    if row.running_since:
        return f"runs since {when(row.running_since, zone)}; then {_paused_or_due(row)}"
    if row.goes_on_at:
        return f"goes on {when(row.goes_on_at, zone)}; then {_paused_or_due(row)}"
    if row.waiting:
        return "due now, and begins as soon as `ralph daemon` can"
    return _paused_or_due(row)


def _paused_or_due(row: "ScheduleRow") -> str:
    schedule = row.schedule
    if schedule.paused:
        return f"nothing: paused, until `ralph schedule resume {schedule.name}`"
    return when(row.next_due, schedule.cron.timezone)


def _last(row: "ScheduleRow") -> str:
    last = row.last
    if last is None:
        return "never ran"
    return f"{when(last.ended_at or last.due_at, row.schedule.cron.timezone)}: {_outcome(last)}"


def _outcome(outcome: "Outcome") -> str:
    from ralph.schedule.store import State  # noqa: PLC0415
    from ralph.schedule.words import meaning  # noqa: PLC0415

    words = {
        State.PENDING: "goes on later" if outcome.again_at else "waits",
        State.RUNNING: "runs now",
        State.SKIPPED: "skipped",
    }
    said = words.get(outcome.state) or meaning(outcome.exit_code)
    return f"{said}; {outcome.note}" if outcome.note else said


def _nights(schedule: "Schedule", nights: "list[Outcome]", costs: dict[str, int], home: "Home") -> Iterator[str]:
    if not nights:
        yield "nothing was due yet"
        return
    yield f"the last {len(nights)}, newest first" if len(nights) > 1 else "the only one so far"
    for night in nights:
        cost = costs.get(f"{night.schedule}/{night.id}")
        facts = filter(None, [_took(night), money(cost) if cost is not None else "", _legs(night), _outcome(night)])
        yield f"  {when(night.due_at, schedule.cron.timezone)}  {', '.join(facts)}"
        logs = _logs(home, night)
        if said := _said(logs) if night.exit_code in SAYS_WHY else "":
            yield f"    said {said}"
        yield from (f"    log  {log}" for log in logs)


def _said(logs: list[Path]) -> str:
    """Why a run could not start or ended badly, in its own words: Ralph's message, or else the last line."""
    try:
        lines = [line for line in logs[-1].read_text(errors="replace").splitlines() if line.strip()] if logs else []
    except OSError:
        return ""
    told = [line.removeprefix("ralph: ") for line in lines if line.startswith("ralph: ")]
    return cut(plain((told or lines)[-1]), LINE_CHARS) if lines else ""


def _took(night: "Outcome") -> str:
    if night.started_at is None or night.ended_at is None:
        return ""
    return length(int((night.ended_at - night.started_at).total_seconds() * 1e9))


def _legs(night: "Outcome") -> str:
    return f"in {night.legs} parts" if night.legs > 1 else ""


def _missed(schedule: "Schedule") -> str:
    words = {
        "run": "a night when the machine was off is run late",
        "skip": "a night when the machine was off is skipped",
    }
    return words.get(schedule.missed or "", "as schedules.missed of config.toml says (run late, where it is not set)")


def _command(schedule: "Schedule") -> str:
    return shlex.join(["ralph", "run", *schedule.run_args])


def _dry(schedule: "Schedule") -> str:
    return f"cd {shlex.quote(str(schedule.repo))} && {shlex.join(['ralph', 'run', '--dry-run', *schedule.run_args])}"


def _costs(home: "Home", keys: set[str]) -> dict[str, int]:
    """Due run -> what its runs say they have spent, in micro-dollars; none where a log is gone or has no end yet."""
    from ralph.events import EventKind  # noqa: PLC0415
    from ralph.history.event_log import RunFolders  # noqa: PLC0415

    found: dict[str, int] = {}
    for folder in RunFolders(home).all():
        if folder.head is None or folder.head.due not in keys:
            continue
        for _, logged in folder.events():
            spent = logged.event.fields.get("spent_usd")
            if logged.event.kind is EventKind.RUN_ENDED and isinstance(spent, int | float):
                found[folder.head.due] = found.get(folder.head.due, 0) + round(spent * 1_000_000)
    return found


def _logs(home: "Home", night: "Outcome") -> list[Path]:
    """What its processes wrote, one file for each time it went on."""
    from datetime import UTC  # noqa: PLC0415

    stem = f"{night.schedule.replace('.', '_')}-{night.due_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{night.id}"
    folder = home.root / "schedule"
    return [*sorted(folder.glob(f"{stem}.log")), *sorted(folder.glob(f"{stem}-*.log"))]


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


def _night_facts(night: "Outcome", costs: dict[str, int], home: "Home") -> dict[str, object]:
    spent = costs.get(f"{night.schedule}/{night.id}")
    usd = None if spent is None else spent / 1_000_000
    return _outcome_facts(night) | {"spent_usd": usd, "logs": [str(log) for log in _logs(home, night)]}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
