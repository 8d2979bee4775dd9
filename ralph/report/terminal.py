"""The report on a terminal, or in a pipe without colours: 80 columns at most, commands whole so that they can be copied."""

import textwrap
from collections.abc import Iterator

from ralph.report.outline import Bar, Item, Outline, Part, Section, Table, Tone
from ralph.screen_text import one_line

WIDTH = 80
BAR_CHARS = 20
BLOCK = "█"
MARKS = {Tone.PLAIN: "·", Tone.GOOD: "✓", Tone.NOTE: "-", Tone.WARNING: "!", Tone.BAD: "✗"}
COLOURS = {Tone.PLAIN: "", Tone.GOOD: "32", Tone.NOTE: "36", Tone.WARNING: "33", Tone.BAD: "31;1"}
BOLD, DIM = "1", "2"


def as_terminal(outline: Outline, *, width: int = WIDTH, coloured: bool = False) -> str:
    return "\n".join(_Page(min(width, WIDTH), coloured=coloured).lines(outline)) + "\n"


class _Page:
    def __init__(self, width: int, *, coloured: bool) -> None:
        self._width, self._coloured = width, coloured

    def lines(self, outline: Outline) -> Iterator[str]:
        yield from self._wrapped(outline.title, "", style=BOLD)
        yield from self._wrapped(outline.subtitle, "", style=DIM)
        for section in outline.sections:
            yield ""
            yield from self._section(section)

    def _section(self, section: Section) -> Iterator[str]:
        yield from self._wrapped(section.title, "", style=BOLD)
        yield from self._wrapped(section.text, "  ", style=DIM) if section.text else ()
        for part in section.parts:
            yield from self._part(part)

    def _part(self, part: Part) -> Iterator[str]:
        if part.title:
            yield f"  {part.title}"
        for block in part.blocks:
            yield from self._item(block) if isinstance(block, Item) else self._table(block)

    def _item(self, item: Item) -> Iterator[str]:
        head, aside = one_line(item.head), one_line(item.aside)
        mark = self._styled(MARKS[item.tone], COLOURS[item.tone])
        lines = self._fitted(head, "    ")
        if aside and len(lines[-1]) + len(aside) + 2 <= self._width:
            lines[-1] += "  " + self._styled(aside, DIM)
        elif aside:
            lines += [self._styled(line, DIM) for line in self._fitted(aside, "    ")]
        yield f"  {mark} {lines[0].lstrip()}"
        yield from lines[1:]
        yield from self._wrapped(item.body, "      ") if item.body else ()
        if item.command:
            yield f"      {self._styled('$ ' + one_line(item.command), COLOURS[Tone.NOTE])}"

    def _table(self, table: Table) -> Iterator[str]:
        rows = [[_cell(cell) for cell in row] for row in (table.header, *table.rows)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for number, row in enumerate(rows):
            cells = [
                cell.rjust(width) if column in table.right else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            line = f"    {'  '.join(cells)}".rstrip()[: self._width]
            yield self._styled(line, DIM) if number == 0 else line

    def _wrapped(self, text: str, indent: str, style: str = "") -> Iterator[str]:
        return (self._styled(line, style) for line in self._fitted(one_line(text), indent))

    def _fitted(self, text: str, indent: str) -> list[str]:
        return textwrap.wrap(
            text, self._width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        ) or [indent]

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if style and self._coloured else text


def _cell(cell: str | Bar) -> str:
    return BLOCK * max(round(cell.share * BAR_CHARS), cell.share > 0) if isinstance(cell, Bar) else one_line(cell)
