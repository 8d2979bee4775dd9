"""`ralph daemon`, `ralph schedule run-now` and `once`: whatever carries scheduled runs out."""

import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import schedule_names
from ralph.schedule.words import when

if TYPE_CHECKING:
    from ralph.home import Home
    from ralph.schedule.store import DueRun, ScheduleRow


@click.command("run-now", epilog="Example: ralph schedule run-now nightly")
@click.argument("name", shell_complete=schedule_names)
def run_now_command(name: str) -> int:
    """Run a schedule here and now, beside its cron line and without its --until. The exit code is the run's own."""
    from ralph.home import find_home  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.schedule.daemon import run_now  # noqa: PLC0415
    from ralph.schedule.environment import FileVariables  # noqa: PLC0415

    home = find_home()
    FileVariables(home).refresh()
    return run_now(home, name, Aloud())


@click.command("once", epilog="Example: ralph schedule once    (from a timer of your own, say every five minutes)")
@click.argument("name", required=False, shell_complete=schedule_names)
def once_command(name: str | None) -> int:
    """Carry out what is due, of all schedules or of NAME, and leave: for those who have a timer of their own.

    What was missed since the last time counts as due. Where a daemon or an earlier `once` is at it, nothing is done twice.
    The exit code is that of the run that ended last, and 0 when nothing was due.
    """
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.nightly import chores  # noqa: PLC0415
    from ralph.schedule.daemon import once  # noqa: PLC0415
    from ralph.schedule.environment import FileVariables  # noqa: PLC0415
    from ralph.schedule.own_settings import own_settings  # noqa: PLC0415
    from ralph.schedule.serving import DaemonBusyError  # noqa: PLC0415

    home, aloud = find_home(), Aloud()
    FileVariables(home).refresh()
    settings = own_settings(home)
    settings()  # a wrong config.toml is told before anything is begun: no run could work with it
    try:
        code = (
            _once_of(home, name, aloud) if name else once(home, aloud, settings=settings, chores=chores(home, settings))
        )
    except DaemonBusyError:
        click.echo("nothing to do: a daemon, or an earlier `ralph schedule once`, carries the schedules out")
        return 0
    if not aloud.codes:
        click.echo(f"nothing of {name} is due" if name else "nothing is due")
    return int(code) or (aloud.codes[-1] if aloud.codes else 0)


@click.command(
    "daemon", epilog="Example: ralph daemon    (in a terminal that stays open; as a service: ralph schedule install)"
)
@click.option(
    "--unless-running", is_flag=True, help="Leave at once and silently when a daemon serves already: for cron."
)
def daemon_command(*, unless_running: bool) -> int:
    """Carry out scheduled runs when they are due, until Ctrl-C or SIGTERM; then each run finishes its step and goes on with the next daemon.

    `ralph schedule install` has the system start it at boot. Keys are read from RALPH_HOME/env where they are not set.
    """
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.nightly import chores  # noqa: PLC0415
    from ralph.schedule.own_settings import own_settings  # noqa: PLC0415
    from ralph.schedule.serving import is_served  # noqa: PLC0415

    home = find_home()
    served = is_served(home)
    if unless_running and served:
        return 0
    settings = own_settings(home)
    settings()  # a wrong config.toml is told at once: no night could begin with it
    beside = chores(home, settings)
    from ralph.schedule.daemon import daemon, show_log  # noqa: PLC0415

    show_log()
    for line in [] if served else _served(home):
        click.echo(line)
    return int(daemon(home, settings=settings, chores=beside))


def _served(home: "Home") -> list[str]:
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    with closing(Schedules(home)) as schedules:
        rows = schedules.list()
    heading = f"serving {len(rows)} schedule{'s' * (len(rows) != 1)} of {home.root}; Ctrl-C stops"
    return [heading, *(f"  {row.schedule.name}: {_next(row)}" for row in rows)]


def _next(row: "ScheduleRow") -> str:
    zone = row.schedule.cron.timezone
    going = f"runs since {when(row.running_since, zone)}, " if row.running_since else ""
    return going + ("paused" if row.schedule.paused else f"next due {when(row.next_due, zone)}")


def _once_of(home: "Home", name: str, aloud: "Aloud") -> int:
    from ralph.cli.schedule_change import row_of  # noqa: PLC0415
    from ralph.schedule.only import once_of  # noqa: PLC0415
    from ralph.schedule.store import Schedules  # noqa: PLC0415

    with closing(Schedules(home)) as schedules:
        row_of(schedules, name)
    return int(once_of(home, name, aloud))


@dataclass
class Aloud:
    """Runs it, saying where its output goes and how it ended."""

    codes: list[int] = field(default_factory=list)

    def __call__(self, run: "DueRun") -> int:
        from ralph.schedule.execute import run_files, run_in_subprocess  # noqa: PLC0415
        from ralph.schedule.words import meaning  # noqa: PLC0415

        log = run_files(run).with_suffix(".log")
        click.echo(f"{time.strftime('%H:%M:%S')} {run.schedule}: begun in {run.repo}; its output: {log}")
        code = run_in_subprocess(run)
        self.codes.append(code)
        click.echo(f"{time.strftime('%H:%M:%S')} {run.schedule}: ended, {meaning(code)}")
        return code
