"""`ralph schedule add`, `edit`, `pause`, `resume`, `remove`: what a run would refuse is refused now, not at two in the morning."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import schedule_names
from ralph.cli.schedule_words import serving_words, window_words
from ralph.schedule.words import when

if TYPE_CHECKING:
    from ralph.schedule.store import ScheduleRow, Schedules

RUN_OPTIONS = {"ignore_unknown_options": True}
until_option = click.option(
    "--until", metavar="HH:MM", help="A run ends by then and goes on the next night. [default: no end]"
)
missed_help = "When the machine was off: run late, or not at all. [default: as schedules.missed of config.toml says]"


@click.command(
    "add",
    context_settings=RUN_OPTIONS,
    epilog='\b\nExample:\n  ralph schedule add nightly --cron "0 2 * * *" --until 07:00 --repo ~/code/shop --max-cost 5',
)
@click.argument("name")
@click.option(
    "--cron", required=True, metavar="LINE", help='When: minute hour day month weekday, for example "0 2 * * *".'
)
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository. [default: this folder]")
@click.option("--timezone", metavar="TZ", help="Whose clock, for example Europe/Berlin. [default: this machine's]")
@until_option
@click.option("--missed", type=click.Choice(["run", "skip"]), help=missed_help)
@click.argument("run_args", nargs=-1, type=click.UNPROCESSED, metavar="[RUN OPTIONS]...")
def add_command(
    name: str,
    *,
    cron: str,
    repo: Path,
    timezone: str | None,
    until: str | None,
    missed: str | None,
    run_args: tuple[str, ...],
) -> None:
    """Add a schedule called NAME. Every other option and argument is one of `ralph run`; they, the repository and its PRD are checked at once."""
    from ralph.cli.schedule_check import check_run_args, check_times  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    if name.startswith("-"):
        raise click.UsageError(f'the schedule\'s name comes first: ralph schedule add NAME --cron "{cron}" {name} ...')
    check_times(cron, timezone, until)
    check_run_args(run_args, repo)
    with closing(Schedules(find_home())) as schedules:
        schedules.add(name, repo, cron, run_args, timezone, until=until, missed=missed)
        click.echo("\n".join(_told(schedules, name, "is added; first due")))


@click.command(
    "edit",
    context_settings=RUN_OPTIONS,
    epilog="Example: ralph schedule edit nightly --until 06:30 -- --max-cost 8 --max-duration 4h",
)
@click.argument("name", shell_complete=schedule_names)
@click.option("--cron", metavar="LINE", help="Another time.")
@click.option("--repo", type=click.Path(path_type=Path), help="Another repository.")
@click.option("--timezone", metavar="TZ", help="Another clock.")
@until_option
@click.option("--no-until", is_flag=True, help="A run may take as long as it needs.")
@click.option("--missed", type=click.Choice(["run", "skip", "default"]), help=missed_help)
@click.option("--no-run-options", is_flag=True, help="Forget the options of `ralph run` that were given.")
@click.argument("run_args", nargs=-1, type=click.UNPROCESSED, metavar="[RUN OPTIONS]...")
def edit_command(
    name: str,
    *,
    cron: str | None,
    repo: Path | None,
    timezone: str | None,
    until: str | None,
    no_until: bool,
    missed: str | None,
    no_run_options: bool,
    run_args: tuple[str, ...],
) -> None:
    """Change a schedule: only what is given; options of `ralph run` replace all that were there. A run that has begun keeps its own."""
    from ralph.cli.schedule_check import check_run_args, check_times  # noqa: PLC0415
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    _refuse_both(until and no_until, "--until and --no-until")
    _refuse_both(run_args and no_run_options, "options of `ralph run` and --no-run-options")
    new_args = run_args if run_args or no_run_options else None
    if new_args is None and not (cron or timezone or repo or until or no_until or missed):
        raise click.UsageError(f"Say what to change, for example: ralph schedule edit {name} --until 06:30")
    check_times(cron, timezone, until)
    with closing(Schedules(find_home())) as schedules:
        before = row_of(schedules, name).schedule
        check_run_args(before.run_args if new_args is None else new_args, repo or before.repo)
        schedules.edit(
            name,
            cron=cron,
            timezone=timezone,
            until="" if no_until else until,
            missed="" if missed == "default" else missed,
            repo=repo,
            run_args=new_args,
        )
        click.echo("\n".join(_told(schedules, name, "is changed; next due")))


@click.command("pause", epilog="Example: ralph schedule pause nightly")
@click.argument("name", shell_complete=schedule_names)
def pause_command(name: str) -> None:
    """Begin nothing of a schedule until `resume`; a run of it that has begun goes on."""
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    with closing(Schedules(find_home())) as schedules:
        schedules.pause(name)
        row = row_of(schedules, name)
    click.echo(f"{name} is paused; it begins again after: ralph schedule resume {name}")
    if row.running_since:
        since = when(row.running_since, row.schedule.cron.timezone)
        click.echo(f"its run of {since} goes on; `ralph pause` would hold that")


@click.command("resume", epilog="Example: ralph schedule resume nightly")
@click.argument("name", shell_complete=schedule_names)
def resume_command(name: str) -> None:
    """Let a paused schedule begin runs again; what fell into the pause is not made up."""
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    with closing(Schedules(find_home())) as schedules:
        was_paused = row_of(schedules, name).schedule.paused
        schedules.resume(name)
        row = row_of(schedules, name)
    how = "is resumed" if was_paused else "was not paused"
    click.echo(f"{name} {how}; next due {when(row.next_due, row.schedule.cron.timezone)}")


@click.command("remove", epilog="Example: ralph schedule remove nightly")
@click.argument("name", shell_complete=schedule_names)
def remove_command(name: str) -> None:
    """Forget a schedule; a run of it that has begun goes on."""
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    with closing(Schedules(find_home())) as schedules:
        schedules.remove(name)
    click.echo(f"{name} is removed; what its runs did and cost stays: ralph traces")


def row_of(schedules: "Schedules", name: str) -> "ScheduleRow":
    """Raises: ScheduleError when there is no such schedule."""
    from ralph.schedule.cron import ScheduleError  # noqa: PLC0415

    row = next((row for row in schedules.list() if row.schedule.name == name), None)
    if row is None:
        raise ScheduleError(f'there is no schedule "{name}". See those there are: ralph schedule list')
    return row


def _told(schedules: "Schedules", name: str, how: str) -> list[str]:
    from ralph.cli.schedule_check import budget_words  # noqa: PLC0415
    from ralph.home import find_home  # noqa: PLC0415

    row = row_of(schedules, name)
    zone = row.schedule.cron.timezone
    due = f"{when(row.next_due, zone)}{window_words(row.schedule)}"
    first = f"{name} is changed, and stays paused" if row.schedule.paused else f"{name} {how} {due}"
    return [first, *budget_words([row.schedule for row in schedules.list()], find_home()), *serving_words(find_home())]


def _refuse_both(both: object, what: str) -> None:
    if both:
        raise click.UsageError(f"{what} contradict each other. Give one of them.")
