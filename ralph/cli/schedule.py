"""`ralph schedule` and `ralph daemon`: a run's options checked when they are given, not at two in the morning."""

import logging
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import schedule_names
from ralph.cli.places import shown
from ralph.cli.traces import echo_json
from ralph.errors import ExitCode, RalphError

if TYPE_CHECKING:
    from ralph.schedule.store import DueRun, Outcome, ScheduleRow

MEANING = {
    ExitCode.ALL_DONE: "every story done",
    ExitCode.STORIES_REMAIN: "stories remain",
    ExitCode.USAGE: "could not start, see the log",
    ExitCode.LIMIT: "a limit was reached",
    ExitCode.SERVICE: "the model service failed",
    ExitCode.RECONCILE: "a call cost more than reserved, see `ralph costs reconcile`",
    ExitCode.BUSY: "another run held the branch",
    ExitCode.BUG: "a bug in Ralph, see the log",
    ExitCode.HUNG_UP: "the terminal was closed",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "stopped",
}


@click.group("schedule", epilog='Example: ralph schedule add nightly --cron "0 2 * * *" --max-cost 5')
def schedule_group() -> None:
    """Add, list, remove or start scheduled runs; `ralph daemon` carries them out."""


@schedule_group.command(
    "add",
    context_settings={"ignore_unknown_options": True},
    epilog='Example: ralph schedule add nightly --cron "0 2 * * *" --repo ~/code/shop --max-cost 5 --max-duration 4h',
)
@click.argument("name")
@click.option(
    "--cron", required=True, metavar="LINE", help='When: minute hour day month weekday, for example "0 2 * * *".'
)
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository. [default: this folder]")
@click.option("--timezone", metavar="TZ", help="Whose clock, for example Europe/Berlin. [default: this machine's]")
@click.argument("run_args", nargs=-1, type=click.UNPROCESSED, metavar="[RUN OPTIONS]...")
def add_command(name: str, *, cron: str, repo: Path, timezone: str | None, run_args: tuple[str, ...]) -> None:
    """Add a schedule called NAME. Every other option and argument is one of `ralph run`; they, the repository and its PRD are checked at once."""
    from ralph.home import find_home  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    if name.startswith("-"):
        raise click.UsageError(f'the schedule\'s name comes first: ralph schedule add NAME --cron "{cron}" {name} ...')
    check_run_args(run_args, repo)
    with closing(Schedules(find_home())) as schedules:
        schedules.add(name, repo, cron, run_args, timezone)
        row = next(row for row in schedules.list() if row.schedule.name == name)
    click.echo(f"{name} is added; first due {_when(row.next_due)} ({row.schedule.cron.timezone})")
    click.echo("Schedules are carried out while this runs: ralph daemon")


@schedule_group.command("list", epilog="Example: ralph schedule list")
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


@schedule_group.command("remove", epilog="Example: ralph schedule remove nightly")
@click.argument("name", shell_complete=schedule_names)
def remove_command(name: str) -> None:
    """Forget a schedule; a run of it that has begun goes on."""
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    with closing(Schedules(find_home())) as schedules:
        schedules.remove(name)
    click.echo(f"{name} is removed")


@schedule_group.command("run-now", epilog="Example: ralph schedule run-now nightly")
@click.argument("name", shell_complete=schedule_names)
def run_now_command(name: str) -> int:
    """Run a schedule here and now, beside its cron line. The exit code is the run's own."""
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.daemon import run_now  # noqa: PLC0415

    return run_now(find_home(), name, execute_aloud)


@click.command("daemon", epilog="Example: ralph daemon    (in a terminal that stays open, or as a service)")
def daemon_command() -> int:
    """Carry out scheduled runs when they are due, until Ctrl-C or SIGTERM; then runs that have begun are finished."""
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.daemon import daemon  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    home = find_home()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    with closing(Schedules(home)) as schedules:
        rows = schedules.list()
    click.echo(f"serving {len(rows)} schedule{'s' * (len(rows) != 1)} of {home.root}; Ctrl-C stops")
    for row in rows:
        click.echo(f"  {row.schedule.name}: next due {_when(row.next_due)}")
    return int(daemon(home, execute_aloud))


def execute_aloud(run: "DueRun") -> int:
    """Run it, saying where its output goes and how it ended."""
    from ralph.schedule.daemon import run_files, run_in_subprocess  # noqa: PLC0415

    log = run_files(run).with_suffix(".log")
    click.echo(f"{time.strftime('%H:%M:%S')} {run.schedule}: begun in {run.repo}; its output: {log}")
    code = run_in_subprocess(run)
    click.echo(f"{time.strftime('%H:%M:%S')} {run.schedule}: ended, {meaning(code)}")
    return code


def check_run_args(run_args: tuple[str, ...], repo: Path) -> None:
    """Read them as `ralph run` will.

    Raises:
        RalphError, PrdError: `ralph run` would refuse them, or there is no repository or no PRD for it.
    """
    from prd.find import find  # noqa: PLC0415
    from prd.read import read_good  # noqa: PLC0415
    from ralph.cli.run import run_command  # noqa: PLC0415
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.settings.catalogue import OPTIONS  # noqa: PLC0415
    from ralph.settings.load import load_settings  # noqa: PLC0415
    from ralph.workspace.repo import Repo  # noqa: PLC0415

    if {"--help", "-h"} & set(run_args):
        raise RalphError("--help is no option for a scheduled run. `ralph run --help` lists those there are.")
    try:
        given = run_command.make_context("ralph run", list(run_args)).params
    except click.UsageError as error:
        raise RalphError(f"`ralph run` would refuse this: {error.format_message()}") from error
    params = {name: option.removeprefix("--").replace("-", "_") for name, option in OPTIONS.items()}
    root = Repo.open(repo).root
    load_settings(root, find_home(), {name: given.get(param) for name, param in params.items()})
    if given["from_issues"] is None:
        found = find(root, given["prd"] and _there(repo, root, given["prd"]))
        read_good(found.path, shown(found.path, Path.cwd()))


def _there(repo: Path, root: Path, prd: Path) -> Path:
    """The PRD as a run that starts in `repo` will find it, wherever this is typed."""
    here = repo.resolve() / prd
    return here if here.exists() else root / prd


def meaning(exit_code: int | None) -> str:
    """An exit code in words; None is a run that was given up."""
    if exit_code is None:
        return "given up"
    known = {int(code): text for code, text in MEANING.items()}
    return f"exit code {exit_code} ({known[exit_code]})" if exit_code in known else f"exit code {exit_code}"


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
        return f"runs since {_when(row.running_since)}; then {_when(row.next_due)}"
    if row.waiting:
        return "due now, and waits for `ralph daemon`"
    return _when(row.next_due)


def _last(last: "Outcome | None") -> str:
    if last is None:
        return "never ran"
    return f"{_when(last.ended_at)}: {meaning(last.exit_code)}" + (f", {last.note}" if last.note else "")


def _when(moment: datetime | None) -> str:
    return "never again" if moment is None else moment.astimezone().strftime("%a %Y-%m-%d %H:%M")


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
