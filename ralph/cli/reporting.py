"""Who tells a person of a run while it goes on: the live view where there is a terminal for it, else lines."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.lines import printer
from ralph.errors import interrupted

if TYPE_CHECKING:
    from ralph.events import Reporter
    from ralph.live.panel import Order


@contextmanager
def reporting(repo: Path, prd: Path | None = None, *, as_json: bool, plain: bool) -> "Iterator[Reporter]":
    """A reporter for a run in `repo`; the keys of its live view are orders for that run."""
    try:
        with _reporter(repo, prd, as_json=as_json, plain=plain) as report:
            yield report
    except KeyboardInterrupt as error:  # the run's last line has said it
        raise click.exceptions.Exit(interrupted(error)) from None


@contextmanager
def _reporter(repo: Path, prd: Path | None, *, as_json: bool, plain: bool) -> "Iterator[Reporter]":
    if as_json or plain or not sys.stdout.isatty():
        yield printer(as_json=as_json)
        return
    from ralph.live.view import can_show, live_view  # noqa: PLC0415  # Rich is heavy

    if not can_show(sys.stdout):
        yield printer(as_json=False)
        return
    with live_view(repo.resolve().name, lambda order: _carry_out(repo, prd, order)) as view:
        yield view


def _carry_out(repo: Path, prd: Path | None, order: "Order") -> str:
    """What a key asks for, done as the command of the same name does it."""
    from ralph import orders  # noqa: PLC0415

    words = {
        "say": lambda: orders.say(repo, order.text),
        "skip": lambda: orders.skip(repo, order.text, prd),
        "pause": lambda: orders.pause(repo),
        "resume": lambda: orders.resume(repo),
        "stop": lambda: orders.stop(repo),
    }
    return words[order.action.value]().partition(" (")[0]  # the remedies are for a command line; here there are keys
