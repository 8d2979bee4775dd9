"""Words for amounts, times and lengths, and rows as aligned columns: what every list on the screen shares."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from prd.naming import is_derived

MICROS_PER_USD = 1_000_000
WIDTH_IN_A_PIPE = 100
STORY_CHARS = 16  # of a story's id in a table on a terminal: its beginning is enough for every command
DERIVED_CHARS = 10  # where the title beside it says the same


def on_terminal() -> bool:
    """Whether a person reads it as it is printed: elsewhere nothing that is to be copied is cut."""
    return sys.stdout.isatty()


def screen_width() -> int:
    """Columns to write on: the terminal's, within reason."""
    return min(max(shutil.get_terminal_size((WIDTH_IN_A_PIPE, 24)).columns, 40), 200)


def plain(text: object) -> str:
    """On one line, without the control characters that could repaint a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())


def plain_lines(text: str) -> list[str]:
    """As it stands, line by line, without control characters; tabs become spaces."""
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    return ["".join(char if char.isprintable() else "·" for char in line).rstrip() for line in lines]


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def short_id(story_id: str, title: str) -> str:
    """A story's id for a table with its title beside it; whole where a program may read it."""
    if not on_terminal():
        return story_id
    return cut(story_id, DERIVED_CHARS if is_derived(story_id, title) else STORY_CHARS)


def money(micros: int) -> str:
    """Cents for what is dear, ten-thousandths of a dollar for what is cheap: "$12.34", "$0.0182"."""
    usd = micros / MICROS_PER_USD
    return f"${usd:.2f}" if usd >= 10 else f"${usd:.4f}"


def tokens(count: int) -> str:
    """Three figures or so: "142", "15.3k", "1.2M"."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)


def percent(part: int, whole: int) -> str:
    """A dash where there is nothing to take a part of."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def length(duration_ns: int | None) -> str:
    """As in "20 ms", "4.1 s", "3m05s", "2h07m"; "open" while it runs."""
    if duration_ns is None:
        return "open"
    seconds = duration_ns / 1e9
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    return f"{minutes}m{rest_s:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def local_time(at_ns: int, form: str = "%m-%d %H:%M") -> str:
    return datetime.fromtimestamp(at_ns / 1e9).astimezone().strftime(form)


def iso_time(at_ns: int | None) -> str | None:
    return None if at_ns is None else datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Column:
    """`grows`: takes what is left of the line, and is cut to it."""

    title: str
    right: bool = False
    grows: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """A header and the rows, cut to fit `width` where a column may grow."""
    widths = [
        max(len(column.title), *(len(row[number]) for row in rows)) if rows else len(column.title)
        for number, column in enumerate(columns)
    ]
    left = (width or screen_width()) - sum(widths) - 2 * (len(columns) - 1)
    for number, column in enumerate(columns):
        if column.grows and left < 0:
            widths[number] = max(widths[number] + left, 8)
    return [_line(columns, widths, row) for row in ([column.title for column in columns], *rows)]


def _line(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> str:
    cells = [
        cut(cell, width).rjust(width) if column.right else cut(cell, width).ljust(width)
        for column, width, cell in zip(columns, widths, row, strict=True)
    ]
    return "  ".join(cells).rstrip()
