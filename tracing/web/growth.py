"""Cost and context along the turns, as shapes: a bar for what a turn cost, an area for what it was told, cached or not.

Places are in percent across and in pixels down. Knows nothing about templates or stores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracing.store import SpanLine
from tracing.web.span_row import is_cut
from tracing.words import money, percent, tokens

HEIGHT_PX = 52
MOST_COLUMNS = 240
LEAST_COLUMNS = 12  # room is left where there are fewer: a turn looks alike in a short trace and in a long one


@dataclass(frozen=True)
class Column:
    """One turn, or several beside each other where there are too many; its link leads to the dearest of them."""

    span_id: str
    label: str
    x: float
    width: float
    cost_micros: int
    input_tokens: int
    cached_tokens: int
    cost_y: float
    severity: int  # the gravest finding pinned to these turns; 0: none
    cut: bool
    cache_break: bool
    failed: bool
    chosen: bool

    @property
    def said(self) -> str:
        marks = [
            ("cut", self.cut),
            ("cache broken", self.cache_break),
            ("failed", self.failed),
            ("finding", self.severity),
        ]
        words = [
            f"{tokens(self.input_tokens)} tokens in, {percent(self.cached_tokens, self.input_tokens)} cached",
            money(self.cost_micros),
            *(word for word, there in marks if there),
        ]
        return f"{self.label}: {', '.join(words)}"

    @property
    def marked(self) -> bool:
        return bool(self.cut or self.cache_break or self.failed or self.severity)


@dataclass(frozen=True)
class Growth:
    columns: tuple[Column, ...]
    top_cost_micros: int
    top_tokens: int
    context_path: str  # the `d` of a path in a box of 100 by `height`
    cached_path: str
    height: int = HEIGHT_PX

    @property
    def middle(self) -> int:
        return self.height // 2


def growth(lines: Sequence[SpanLine], severities: Mapping[str, int], chosen: str = "") -> Growth | None:
    """None with fewer than two model calls: nothing grows."""
    calls = [line for line in lines if line.is_call]
    if len(calls) < 2:
        return None
    size = -(-len(calls) // MOST_COLUMNS)
    groups = [calls[start : start + size] for start in range(0, len(calls), size)]
    dearest = max(sum(one.cost_micros for one in group) for group in groups)
    most = max(one.input_tokens for one in calls)
    pinned = _of_turns(lines, severities)
    width = 100 / max(len(groups), LEAST_COLUMNS)
    shape = _Shape(size, width, dearest, pinned, chosen)
    columns = tuple(shape.column(group, number) for number, group in enumerate(groups))
    return Growth(
        columns,
        dearest,
        most,
        _area([column.input_tokens for column in columns], most, width),
        _area([column.cached_tokens for column in columns], most, width),
    )


def _of_turns(lines: Sequence[SpanLine], severities: Mapping[str, int]) -> Mapping[str, int]:
    """What is pinned to a tool's call counts for the turn that asked for it: the model call before it."""
    found: dict[str, int] = {}
    turn = ""
    for line in lines:
        turn = line.span_id if line.is_call else turn
        found[turn] = max(found.get(turn, 0), severities.get(line.span_id, 0))
    return found


@dataclass(frozen=True)
class _Shape:
    size: int  # turns in a column
    width: float
    dearest: int
    severities: Mapping[str, int]
    chosen: str

    def column(self, group: Sequence[SpanLine], number: int) -> Column:
        cost = sum(one.cost_micros for one in group)
        largest = max(group, key=lambda one: one.input_tokens)
        first, last = number * self.size + 1, number * self.size + len(group)
        return Column(
            span_id=max(group, key=lambda one: (self.severities.get(one.span_id, 0), one.cost_micros)).span_id,
            label=f"turn {first}" if first == last else f"turns {first} to {last}",
            x=round(number * self.width, 3),
            width=round(self.width, 3),
            cost_micros=cost,
            input_tokens=largest.input_tokens,
            cached_tokens=largest.cache_read_tokens,
            cost_y=round(HEIGHT_PX * (1 - cost / self.dearest), 1) if self.dearest else HEIGHT_PX,
            severity=max(self.severities.get(one.span_id, 0) for one in group),
            cut=any(map(is_cut, group)),
            cache_break=any(one.cache_break for one in group),
            failed=any(one.problem for one in group),
            chosen=any(one.span_id == self.chosen for one in group),
        )


def _area(values: Sequence[int], most: int, width: float) -> str:
    """Steps, not slopes: a turn has one size."""
    parts = [f"M0 {HEIGHT_PX}"]
    for number, value in enumerate(values):
        y = round(HEIGHT_PX * (1 - value / most), 1) if most else HEIGHT_PX
        parts.append(f"L{round(number * width, 3)} {y} L{round((number + 1) * width, 3)} {y}")
    return " ".join([*parts, f"L{round(len(values) * width, 3)} {HEIGHT_PX} Z"])
