"""Charts drawn on the server, as plain data: what is shown, in words and numbers; the template asks where it stands.

Shapes are placed in percent across and in pixels down, so that letters keep their size on a phone. Series get their colour
from a class (`series-0`, ...). Knows nothing about traces; `chart(chart)` in _charts.html draws all kinds.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

HEIGHT_PX = 160
MOST_LABELS = 6
GAP = 0.2  # of a bar's room, left free
WIDEST_BAR = 12  # percent of the chart
STEPS = (1, 2, 2.5, 5, 10)
_AMOUNT = re.compile(r"(\D*\d+)\.(\d+)")
TIME_STEPS_NS = tuple(
    seconds * 1_000_000_000
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600)
)


class Kind(StrEnum):
    BARS = "bars"
    LINE = "line"
    RANKS = "ranks"
    SPARKLINE = "sparkline"


@dataclass(frozen=True)
class Link:
    """A page of the site by its name, and what goes into its address: the template writes it out."""

    page: str
    args: Mapping[str, str]


@dataclass(frozen=True)
class Point:
    """One place along the axis; a value for each series. None is "nothing known": no line runs through it.

    `href` leads to what is behind the value: a Link, or an address.
    """

    label: str
    values: Sequence[float | None]
    href: str | Link = ""


@dataclass(frozen=True)
class Tick:
    """A value on the axis and its words; `at` is its place [percent across, or pixels down]."""

    value: float
    label: str
    at: float


@dataclass(frozen=True)
class Bar:
    """x and width in percent, y and height in pixels."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str
    href: str | Link


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    series: int
    title: str
    href: str | Link


@dataclass(frozen=True)
class Chart:
    """`words` are the points' values as people read them, `totals` their sums; `top` is at the upper end of the axis."""

    kind: Kind
    title: str
    series: tuple[str, ...]
    points: tuple[Point, ...]
    words: tuple[tuple[str, ...], ...]
    totals: tuple[str, ...]
    top: float
    steps: tuple[tuple[float, str], ...] = ()

    @property
    def height(self) -> int:
        return HEIGHT_PX

    @property
    def description(self) -> str:
        """What a screen reader says: first, last and greatest."""
        if not self.points:
            return "Nothing to show."
        greatest = max(range(len(self.points)), key=lambda number: _sum(self.points[number]))
        places = dict.fromkeys((0, greatest, len(self.points) - 1))
        return "; ".join(f"{self.points[number].label}: {self._said(number)}" for number in places) + "."

    @property
    def has_links(self) -> bool:
        return any(point.href for point in self.points)

    @property
    def grid(self) -> tuple[Tick, ...]:
        """The lines across, from the lowest."""
        return tuple(Tick(value, label, self._down(value)) for value, label in self.steps)

    @property
    def labels(self) -> tuple[Tick, ...]:
        """As many of the points' labels as fit beside each other on a phone."""
        every = max(1, math.ceil(len(self.points) / MOST_LABELS))
        shown = list(range(len(self.points) - 1, -1, -every))[::-1]
        return tuple(Tick(number, self.points[number].label, self._middle(number)) for number in shown)

    @property
    def bars(self) -> tuple[Bar, ...]:
        """Stacked, the first series lowest."""
        return tuple(bar for number in range(len(self.points)) for bar in self._stack(number))

    @property
    def dots(self) -> tuple[Dot, ...]:
        return tuple(
            Dot(self._middle(number), self._down(value), series, self._title(number, series), point.href)
            for number, point in enumerate(self.points)
            for series, value in enumerate(point.values)
            if value is not None
        )

    @property
    def paths(self) -> tuple[tuple[int, str], ...]:
        """Each series as the `d` of a path, in a box of 100 by `height`."""
        return tuple((series, " ".join(self._path(series))) for series in range(len(self.series)))

    @property
    def ranks(self) -> tuple[tuple[Point, str, tuple[Bar, ...]], ...]:
        """For bars that lie: the point, its sum in words, its bars from the left."""
        return tuple((point, self.totals[number], tuple(self._row(number))) for number, point in enumerate(self.points))

    @property
    def _widest(self) -> float:
        """One day alone is no bar as wide as the page."""
        return WIDEST_BAR if self.kind is Kind.BARS else 100

    def _stack(self, number: int) -> Iterator[Bar]:
        width = 100 / len(self.points)
        base = 0.0
        for series, value in enumerate(self.points[number].values):
            if value:
                y = self._down(base + value)
                height = _short(max(self._down(base) - y, 1))
                room = _short(min(width * (1 - GAP), self._widest))
                x = _short(width * (number + 0.5) - room / 2)
                yield Bar(x, y, room, height, series, self._title(number, series), self.points[number].href)
                base += value

    def _row(self, number: int) -> Iterator[Bar]:
        x = 0.0
        for series, value in enumerate(self.points[number].values):
            if value:
                width = max(100 * value / self.top, 0.3) if self.top else 0
                yield Bar(_short(x), 0, _short(width), 10, series, self._title(number, series), "")
                x += width

    def _path(self, series: int) -> Iterator[str]:
        pen = "M"
        for number, point in enumerate(self.points):
            value = point.values[series]
            if value is None:
                pen = "M"
            else:
                yield f"{pen}{self._middle(number)} {self._down(value)}"
                pen = "L"

    def _title(self, number: int, series: int) -> str:
        name = f"{self.series[series]} " if len(self.series) > 1 else ""
        return f"{self.points[number].label}: {name}{self.words[number][series]}"

    def _said(self, number: int) -> str:
        if len(self.series) == 1:
            return self.words[number][0]
        pairs = zip(self.series, self.words[number], self.points[number].values, strict=True)
        return ", ".join(f"{name} {words}" for name, words, value in pairs if value) or self.words[number][0]

    def _middle(self, number: int) -> float:
        return _short(100 * (number + 0.5) / len(self.points))

    def _down(self, value: float) -> float:
        return _short(HEIGHT_PX * (1 - value / self.top)) if self.top else HEIGHT_PX


def bars(
    points: Sequence[Point],
    series: Sequence[str],
    unit: Callable[[float], str],
    *,
    title: str = "",
    whole: bool = False,
) -> Chart:
    """Bars that stand, a stack for each point. `whole`: only whole numbers make sense."""
    return _chart(Kind.BARS, points, series, unit, title=title, greatest=max(map(_sum, points), default=0), whole=whole)


def line(
    points: Sequence[Point],
    series: Sequence[str],
    unit: Callable[[float], str],
    *,
    title: str = "",
    top: float = 0,
    steps: Sequence[float] = (),
) -> Chart:
    """A line for each series; `top` is a value that the axis must reach (1.0 for a share), `steps` are steps that read
    better than decimal ones (TIME_STEPS_NS).
    """
    greatest = max((value for point in points for value in point.values if value is not None), default=0)
    return _chart(Kind.LINE, points, series, unit, title=title, greatest=max(greatest, top), steps=steps)


def ranks(points: Sequence[Point], series: Sequence[str], unit: Callable[[float], str], *, title: str = "") -> Chart:
    """Bars that lie, one below the other, with their labels over them: for names, in the order given."""
    made = _chart(Kind.RANKS, points, series, unit, title=title)
    return replace(made, top=max(map(_sum, points), default=0), steps=())


def sparkline(values: Sequence[float], *, bad: Sequence[float] = (), title: str = "") -> Chart:
    """Bars as small as a word, without an axis; `bad` is the part of each value that is drawn as an error."""
    errors = bad or [0.0] * len(values)
    points = [Point("", (value - part, part)) for value, part in zip(values, errors, strict=True)]
    silent = ("",) * len(points)
    said = (("", ""),) * len(points)
    return Chart(Kind.SPARKLINE, title, ("fine", "bad"), tuple(points), said, silent, max(values, default=0))


def _chart(
    kind: Kind,
    points: Sequence[Point],
    series: Sequence[str],
    unit: Callable[[float], str],
    *,
    title: str,
    greatest: float = 0,
    whole: bool = False,
    steps: Sequence[float] = (),
) -> Chart:
    values = _steps(greatest, steps, whole=whole)
    words = tuple(tuple("-" if one is None else unit(one) for one in point.values) for point in points)
    labels = _without_zeros([unit(value) for value in values])
    totals = tuple(unit(_sum(point)) for point in points)
    scale = tuple(zip(values, labels, strict=True))
    return Chart(kind, title, tuple(series), tuple(points), words, totals, values[-1], scale)


def _without_zeros(labels: list[str]) -> list[str]:
    """As in "$2" for "$2.0000": amounts get as many decimals as the axis needs; other labels stay."""
    found = [_AMOUNT.fullmatch(label) for label in labels]
    amounts = [(match[1], match[2].rstrip("0")) for match in found if match]
    if len(amounts) < len(labels):
        return labels
    decimals = max(len(part) for _, part in amounts)
    return [f"{whole}.{part.ljust(decimals, '0')}" if decimals else whole for whole, part in amounts]


def _steps(greatest: float, better: Sequence[float], *, whole: bool) -> list[float]:
    """Two to six round values from 0 to at least the greatest."""
    if greatest <= 0:
        return [0, 1]
    rough = greatest / 4
    size = 10.0 ** math.floor(math.log10(rough))
    decimal = (size * step for step in STEPS if size * step >= rough * 0.999)
    step = next((step for step in better if step >= rough >= better[0]), None) or next(decimal)
    if whole:
        step = max(1, round(step))
    return [step * number for number in range(math.ceil(greatest / step * 0.999) + 1)]


def _sum(point: Point) -> float:
    return sum(value or 0 for value in point.values)


def _short(value: float) -> float:
    return round(value, 2)
