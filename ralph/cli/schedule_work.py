"""`ralph daemon`, `ralph schedule run-now` and `once`: whatever carries scheduled runs out."""

import logging
import time
from contextlib import closing
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import schedule_names
from ralph.cli.schedule_words import meaning, when

if TYPE_CHECKING:
    from ralph.schedule.store import DueRun


@click.command("run-now", epilog="Example: ralph schedule run-now nightly")
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
        click.echo(f"  {row.schedule.name}: next due {when(row.next_due)}")
    return int(daemon(home, execute_aloud))


def execute_aloud(run: "DueRun") -> int:
    """Run it, saying where its output goes and how it ended."""
    from ralph.schedule.daemon import run_files, run_in_subprocess  # noqa: PLC0415

    log = run_files(run).with_suffix(".log")
    click.echo(f"{time.strftime('%H:%M:%S')} {run.schedule}: begun in {run.repo}; its output: {log}")
    code = run_in_subprocess(run)
    click.echo(f"{time.strftime('%H:%M:%S')} {run.schedule}: ended, {meaning(code)}")
    return code
