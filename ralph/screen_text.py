"""Text from programs and people, made safe for a terminal: nothing in it can move the cursor, colour or retitle anything."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

LAST_LINES = 5
LINE_CHARS = 240
TAIL_CHARS = 8_000  # more than the last lines can need
ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # a title, a link
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # strings for the terminal itself
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, cursor movements
    r"|\x1b[ -/]*[0-~]?"
)


def one_line(text: str) -> str:
    """On one line, without escape sequences and control characters."""
    return " ".join(_printable(ESCAPES.sub("", text)).split())


def on_screen(text: str) -> str:
    """As it stands, lines and spaces kept, without escape sequences and control characters."""
    return "\n".join(_printable(line) for line in ESCAPES.sub("", text).split("\n"))


def last_lines(content: str | Iterable[Mapping[str, Any]], count: int = LAST_LINES) -> tuple[str, ...]:
    """The last lines of a tool's result that have something in them, each of bounded length."""
    text = content if isinstance(content, str) else "\n".join(str(block.get("text", "")) for block in content)
    lines = (_line(line) for line in ESCAPES.sub("", text[-TAIL_CHARS:]).split("\n"))
    return tuple(line[:LINE_CHARS] for line in lines if line)[-count:]


def _line(line: str) -> str:
    """What a terminal would show of it: a carriage return starts the line again."""
    shown = line.rstrip("\r").rpartition("\r")[2]
    return _printable(shown.expandtabs(4)).rstrip()


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
