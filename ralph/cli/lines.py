"""Events as plain lines for a person, or as one JSON object a line for a program."""

import json
import time

import click

from ralph.events import Event, EventKind, Reporter
from ralph.screen_text import on_screen

INDENT = {
    EventKind.TURN: "    ",
    EventKind.TOOL: "      ",
    EventKind.MODEL_RETRY: "      ",
    EventKind.STEERED: "    ",
    EventKind.PAUSED: "    ",
    EventKind.RESUMED: "    ",
    EventKind.CHECK: "    ",
    EventKind.REPAIR: "    ",
    EventKind.COMMITTED: "  ",
    EventKind.STORY_ENDED: "  ",
}
FOR_VIEWS = {EventKind.STORIES, EventKind.TOOL_STARTED}  # another line says the same when it is over


def printer(*, as_json: bool) -> Reporter:
    """A reporter that writes to standard output at once, so that a pipe or a log file sees each line when it happens."""
    return _json_line if as_json else _plain_line


def _plain_line(event: Event) -> None:
    if event.kind in FOR_VIEWS:
        return
    prefix = "! " if event.kind is EventKind.WARNING else INDENT.get(event.kind, "")
    click.echo(f"{time.strftime('%H:%M:%S')} {prefix}{on_screen(event.text)}")


def _json_line(event: Event) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    click.echo(
        json.dumps({"at": at, "event": event.kind.value, "text": event.text, **event.fields}, ensure_ascii=False)
    )
