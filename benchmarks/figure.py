"""One measured figure with its baseline and its target, the table of them, and its place in docs/performance.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

BEGIN = "<!-- figures: written by `python -m benchmarks --write` -->"
END = "<!-- end of figures -->"
HEADER = "| what | figure | baseline | figure / baseline | target | |\n|---|---|---|---|---|---|"


class Judged(StrEnum):
    """Which number the target is about."""

    VALUE = "value"
    RATIO = "ratio"


@dataclass(frozen=True)
class Figure:
    """A median. `baseline` was measured in the same run; `at_most` None: reported, not judged."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    baseline_name: str = ""
    at_most: float | None = None
    judged: Judged = Judged.VALUE

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline if self.baseline else None

    @property
    def verdict(self) -> str:
        """ "met", "missed", or "" where there is no target."""
        judged = self.value if self.judged is Judged.VALUE else self.ratio
        if self.at_most is None or judged is None:
            return ""
        return "met" if judged <= self.at_most else "missed"

    def row(self) -> str:
        baseline = "" if self.baseline is None else f"{_short(self.baseline, self.unit)} ({self.baseline_name})"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f} x"
        cells = (self.name, _short(self.value, self.unit), baseline, ratio, self._target(), self.verdict)
        return f"| {' | '.join(cells)} |"

    def _target(self) -> str:
        if self.at_most is None:
            return ""
        return f"<= {self.at_most:g} x" if self.judged is Judged.RATIO else f"<= {self.at_most:g} {self.unit}"


def table(figures: Sequence[Figure]) -> str:
    return "\n".join([HEADER, *(figure.row() for figure in figures)])


def put_between_markers(page: str, text: str) -> str:
    """The page with `text` between its two markers.

    Raises:
        ValueError: the page has no markers.
    """
    place = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not place.search(page):
        raise ValueError(f"the page has no place for figures. Add these two lines:\n{BEGIN}\n{END}")
    return place.sub(lambda _: f"{BEGIN}\n{text}\n{END}", page)


def _short(number: float, unit: str) -> str:
    return f"{number:,.0f} {unit}" if abs(number) >= 100 else f"{number:.3g} {unit}"
