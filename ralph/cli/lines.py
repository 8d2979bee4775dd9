"""Events as plain lines for a person, or as one JSON object a line for a program."""

import json
import os
import sys
import time

import click

from ralph.events import Event, EventKind, EventValue, Reporter
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


class Lines:
    """Turns events into lines for a person. Where several stories are worked on at a time, a line names its own."""

    def __init__(self) -> None:
        self._at_work: set[EventValue] = set()
        self._side_by_side = False

    def line(self, event: Event, at_s: float) -> str | None:
        """None for what is told for a live view alone. `at_s`: seconds since the epoch."""
        if event.kind in FOR_VIEWS:
            return None
        story = event.fields.get("story")
        if event.kind is EventKind.RUN_STARTED:
            self._side_by_side = event.fields.get("jobs") not in {None, 1}
        if event.kind is EventKind.STORY_STARTED:
            self._at_work.add(story)
            self._side_by_side |= len(self._at_work) > 1
        is_one_of_many = story is not None and self._side_by_side
        if event.kind in {EventKind.COMMITTED, EventKind.STORY_ENDED}:
            self._at_work.discard(story)
        prefix = "! " if event.kind is EventKind.WARNING else INDENT.get(event.kind, "")
        named = f"{story}: " if is_one_of_many and story not in event.text.split() else ""
        return f"{time.strftime('%H:%M:%S', time.localtime(at_s))} {prefix}{on_screen(named + event.text)}"


def printer(*, as_json: bool) -> Reporter:
    """A reporter that writes to standard output at once, so that a pipe or a log file sees each line when it happens."""
    return _json_line if as_json else _plain_printer()


def say(line: str) -> None:
    """Print at once. When nobody reads any more (`| head`, a closed terminal, a full disk), this and all that follows is
    dropped: the log has it.
    """
    try:
        click.echo(line)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _plain_printer() -> Reporter:
    lines = Lines()

    def tell(event: Event) -> None:
        line = lines.line(event, time.time())
        if line is not None:
            say(line)

    return tell


def _json_line(event: Event) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    say(json.dumps({"at": at, "event": event.kind.value, "text": event.text, **event.fields}, ensure_ascii=False))
