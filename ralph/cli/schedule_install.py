"""`ralph schedule install` and `uninstall`: the plan is shown, or carried out."""

import os
import time

import click

from ralph.errors import RalphError


@click.command("install", epilog="Example: ralph schedule install --dry-run")
@click.option("--dry-run", is_flag=True, help="Print exactly what would be written and run; do nothing.")
@click.option(
    "--with",
    "manager_name",
    type=click.Choice(["systemd", "launchd", "cron"]),
    help="Who starts it. [default: launchd on macOS; systemd where your user manager runs; else cron]",
)
def install_command(*, dry_run: bool, manager_name: str | None) -> None:
    """Have the system start `ralph daemon` at boot, and again when it dies.

    It gets this Python, RALPH_HOME and PATH as they are now; after you move one of them, install again. Keys are read from
    the file RALPH_HOME/env. A file that somebody else wrote is never replaced.
    """
    from ralph.home import find_home  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.schedule.install.carry_out import install, shown  # noqa: PLC0415
    from ralph.schedule.install.machine import Machine, Manager, choose, installation, require, service_for  # noqa: PLC0415

    home, machine = find_home(), Machine(os.environ)
    manager = Manager(manager_name) if manager_name else choose(machine)
    plan = installation(manager, service_for(home, os.environ), machine)
    if dry_run:
        click.echo("\n".join(shown(plan)))
        for note in (*_absent(manager, machine), *_lacking()):
            click.echo(f"# {note}")
        return
    require(manager, machine)
    home.folder("schedule")
    install(plan, machine, click.echo)
    for line in plan.notes:
        click.echo(line)
    for line in _lacking():
        click.echo(line)


@click.command("uninstall", epilog="Example: ralph schedule uninstall")
@click.option("--dry-run", is_flag=True, help="Only name what would be removed.")
def uninstall_command(*, dry_run: bool) -> None:
    """Stop the service and remove what `install` wrote; schedules, traces and your settings stay."""
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.install.carry_out import removal_shown, remove  # noqa: PLC0415
    from ralph.schedule.install.machine import Machine, removals, service_for  # noqa: PLC0415

    machine = Machine(os.environ)
    plans = removals(service_for(find_home(), os.environ), machine)
    if not plans:
        click.echo("nothing to remove: no service was installed for this RALPH_HOME")
    for plan in plans:
        if dry_run:
            click.echo("\n".join(removal_shown(plan)))
            continue
        remove(plan, machine, click.echo)
        for line in plan.notes:
            click.echo(line)


def _absent(manager: object, machine: object) -> list[str]:
    """That the manager is not there, which a dry run does not mind."""
    from ralph.schedule.install.machine import Machine, Manager, require  # noqa: PLC0415

    assert isinstance(manager, Manager)
    assert isinstance(machine, Machine)
    try:
        require(manager, machine)
    except RalphError as error:
        return [f"it could not be installed here now: {error}"]
    return []


def _lacking() -> list[str]:
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.schedule.environment import env_file, read_variables  # noqa: PLC0415
    from ralph.schedule.install.missing import advice, lacking  # noqa: PLC0415
    from ralph.schedule.reading import read_plans  # noqa: PLC0415
    from ralph.settings.load import user_settings  # noqa: PLC0415

    home = find_home()
    schedules = [plan.row.schedule.run_args for plan in read_plans(home, time.time_ns())]
    missing = lacking(user_settings(home), read_variables(env_file(home)), os.environ, schedules)
    return ["", *advice(missing, env_file(home), os.environ)] if missing else []
