"""`ralph report`: what runs did since the evening, what needs a person first, what it cost, what is next."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.places import repo_root
from ralph.cli.table import on_terminal, screen_width
from ralph.cli.traces import since_ns
from ralph.errors import RalphError

if TYPE_CHECKING:
    from ralph.report.facts import Report

FORMATS = ("terminal", "markdown", "html", "json")
ALL = ""  # --send without a channel


def since_time(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """As of every command, and `yesterday`: its first moment on this machine's clock."""
    if text == "yesterday":
        today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: DTZ005  # wall clock
        return round((today - timedelta(days=1)).timestamp() * 1e9)
    return since_ns(ctx, param, text)


@click.command(
    "report",
    epilog="""\b
Examples:
  ralph report                                   # since yesterday evening, or since the last report
  ralph report --since 7d --repo ~/code/shop
  ralph report --format html -o report.html --open
  ralph report --send mail                       # now, by the channel called mail
  ralph report --pr                              # as the body of a pull request
""",
)
@click.option(
    "--since",
    callback=since_time,
    metavar="TIME",
    help="From when on: 12h, 7d, yesterday, 2026-11-20. [default: yesterday 18:00, or the last report that was sent]",
)
@click.option("--repo", type=click.Path(path_type=Path), help="Only this repository. [default: all that ran]")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: terminal]")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it to this file.")
@click.option("--open", "is_opened", is_flag=True, help="Open it as a page in your browser.")
@click.option(
    "--send",
    "channel",
    is_flag=False,
    flag_value=ALL,
    metavar="[CHANNEL]",
    help="Send it now; by all of your channels when none is named.",
)
@click.option("--pr", "is_pr", is_flag=True, help="Open a pull request with it, or update the one that is open.")
def report_command(
    *,
    since: int | None,
    repo: Path | None,
    form: str | None,
    output: Path | None,
    is_opened: bool,
    channel: str | None,
    is_pr: bool,
) -> None:
    """Tell what runs did: stories done and parked, what needs you first, what it cost, what is next. Changes nothing."""
    if sum((channel is not None, is_pr, bool(form or output or is_opened))) > 1:
        raise click.UsageError("--send and --pr go alone: leave out the other, --format, --output and --open.")
    root = None if repo is None else repo_root(repo)
    if is_pr:
        _pull_request(root or repo_root(Path()), since)
        return
    from ralph.home import find_home  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.report.gather import gather  # noqa: PLC0415

    report = gather(find_home(), root, since)
    if channel is not None:
        _send(report, channel)
    else:
        _show(report, form, output, is_opened=is_opened)


def _show(report: "Report", form: str | None, output: Path | None, *, is_opened: bool) -> None:
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.report.render import Form, rendered  # noqa: PLC0415

    to_screen = output is None and not is_opened
    coloured = to_screen and on_terminal() and "NO_COLOR" not in os.environ
    text = rendered(
        report, Form(form or ("html" if is_opened else "terminal")), width=screen_width(), coloured=coloured
    )
    if to_screen:
        click.echo(text, nl=False)
        return
    path = output or find_home().root / "report.html"
    _write(path, text)
    click.echo(f"{path} is written", err=True)
    if is_opened:
        click.launch(str(path))


def _write(path: Path, text: str) -> None:
    from ralph.files import write_atomically  # noqa: PLC0415

    try:
        write_atomically(path, text.encode(errors="replace"), "report")
    except OSError as error:
        raise RalphError(f"{path}: cannot be written ({error.strerror}). Name another file with -o.") from error


def _send(report: "Report", channel: str) -> None:
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.report.message import send_now  # noqa: PLC0415
    from ralph.settings.load import user_settings  # noqa: PLC0415

    home = find_home()
    click.echo("\n".join(send_now(home, user_settings(home), report, channel)))


def _pull_request(root: Path, since: int | None) -> None:
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.report.pull_request import pull_request  # noqa: PLC0415
    from ralph.settings.load import user_settings  # noqa: PLC0415

    home = find_home()
    click.echo(pull_request(home, user_settings(home), root, since))
