"""The lines at the bottom of the terminal that are painted over and over; what is written above them goes into the scrollback.

No alternate screen: what the terminal, tmux or ssh keep of the run is the run's own log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, Group
from rich.text import Text

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
ERASED, UP = "\r\x1b[2K", "\x1b[A"
NEXT_LINE = "\n"
PLAIN = str.maketrans("█░…·│▏", "#-~-|_")  # as wide as they, for a terminal that is not told in UTF-8


@dataclass
class Region:
    """One write for each picture, and none when nothing has changed."""

    out: TextIO
    console: Console
    _painted: tuple[int, ...] = ()  # the cells of each line on the screen
    _picture: str = field(default="")

    @classmethod
    def on(cls, out: TextIO) -> "Region":
        return cls(out, Console(file=out, force_terminal=True, highlight=False, markup=False, emoji=False))

    def paint(self, lines: Sequence[Text], width: int, above: Sequence[str] = ()) -> None:
        """Replace the region by `lines`, none of them wider than `width`, and write `above` over it for good."""
        picture = self._rendered(lines, width)
        if picture == self._picture and not above:
            return
        written = "".join(f"{line}{NEXT_LINE}" for line in above)
        self._write(f"{HIDE_CURSOR}{self._erased(width)}{written}{picture}")
        self._painted, self._picture = tuple(line.cell_len for line in lines), picture

    def end(self, lines: Sequence[Text], width: int, above: Sequence[str] = (), below: Sequence[str] = ()) -> None:
        """Write `above`, `lines` and `below` for good, and give the cursor back."""
        written = "".join(f"{line}{NEXT_LINE}" for line in above)
        last = self._rendered(lines, width) + NEXT_LINE if lines else ""
        after = "".join(f"{line}{NEXT_LINE}" for line in below)
        self._write(f"{self._erased(width)}{written}{last}{after}{SHOW_CURSOR}")
        self.forget()

    def forget(self) -> None:
        """What is on the screen is not ours to erase any more."""
        self._painted, self._picture = (), ""

    def _erased(self, width: int) -> str:
        """Back to the region's first row. A terminal that became narrower shows a line on several rows by now.

        Row by row: tmux takes an erasing of the whole screen at once for something to keep in the scrollback.
        """
        rows = sum(max(1, -(-cells // max(1, width))) for cells in self._painted)
        return UP.join([ERASED] * rows)

    def _rendered(self, lines: Sequence[Text], width: int) -> str:
        with self.console.capture() as capture:
            self.console.print(Group(*lines), end="", width=max(width, max(map(_cells, lines), default=1)), crop=False)
        return capture.get().rstrip(NEXT_LINE)

    def _write(self, text: str) -> None:
        encoding = self.out.encoding or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            text = text.translate(PLAIN).encode(encoding, "replace").decode(encoding)
        self.out.write(text)
        self.out.flush()


def _cells(line: Text) -> int:
    return cell_len(line.plain)
