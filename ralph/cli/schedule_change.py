"""`ralph schedule add`, `edit`, `pause`, `resume`, `remove`: a run's options are checked when they are given, not at two in the morning."""

from contextlib import closing
from pathlib import Path

import click

from ralph.cli.complete import schedule_names
from ralph.cli.places import shown
from ralph.cli.schedule_words import when
from ralph.errors import RalphError


@click.command(
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
    click.echo(f"{name} is added; first due {when(row.next_due)} ({row.schedule.cron.timezone})")
    click.echo("Schedules are carried out while this runs: ralph daemon")


@click.command("remove", epilog="Example: ralph schedule remove nightly")
@click.argument("name", shell_complete=schedule_names)
def remove_command(name: str) -> None:
    """Forget a schedule; a run of it that has begun goes on."""
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    with closing(Schedules(find_home())) as schedules:
        schedules.remove(name)
    click.echo(f"{name} is removed")


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
