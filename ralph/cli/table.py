"""Rows as aligned columns, cut to the terminal: what every list on the screen shares."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from prd.naming import is_derived
from tracing.words import cut

WIDTH_IN_A_PIPE = 100
STORY_CHARS = 16  # of a story's id in a table on a terminal: its beginning is enough for every command
DERIVED_CHARS = 10  # where the title beside it says the same


def on_terminal() -> bool:
    """Whether a person reads it as it is printed: elsewhere nothing that is to be copied is cut."""
    return sys.stdout.isatty()


def screen_width() -> int:
    """Columns to write on: the terminal's, within reason."""
    return min(max(shutil.get_terminal_size((WIDTH_IN_A_PIPE, 24)).columns, 40), 200)


def short_id(story_id: str, title: str) -> str:
    """A story's id for a table with its title beside it; whole where a program may read it."""
    if not on_terminal():
        return story_id
    return cut(story_id, DERIVED_CHARS if is_derived(story_id, title) else STORY_CHARS)


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
