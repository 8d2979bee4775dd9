"""Spans on a time axis: the tree in reading order, and an axis on which idle gaps are folded.

The axis is a chain of segments. A busy one takes as much room as it lasted, a folded one a fixed small room. Times are
milliseconds since the trace began; places are shares [0..1] of what is shown. Knows nothing about HTML, money or words.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tracing.span import SpanKind
from tracing.store import SpanLine

NS_PER_MS = 1_000_000
LEAST_GAP_MS = 2_000
LEAST_GAP_SHARE = 0.03
FOLD_SHARE = 0.025  # of the busy time: what a fold takes on the axis
TICKS = 6
CONTAINERS = {SpanKind.AGENT, SpanKind.CHAIN}


@dataclass(frozen=True)
class Placed:
    """A span in the order of reading. `row` is its number among all, `children` how many it has of its own."""

    line: SpanLine
    depth: int
    children: int
    row: int


@dataclass(frozen=True)
class Segment:
    start_ms: float
    end_ms: float
    folded: bool

    @property
    def length_ms(self) -> float:
        return self.end_ms - self.start_ms


@dataclass(frozen=True)
class Tick:
    at: float
    ms: float


@dataclass(frozen=True)
class Axis:
    """`from_ms` to `to_ms` is the part that is shown: all of it, or what somebody zoomed into."""

    segments: tuple[Segment, ...]
    from_ms: float
    to_ms: float

    @property
    def end_ms(self) -> float:
        return self.segments[-1].end_ms

    @property
    def is_zoomed(self) -> bool:
        return self.from_ms > 0 or self.to_ms < self.end_ms

    @cached_property
    def fold_room_ms(self) -> float:
        busy_ms = sum(one.length_ms for one in self.segments if not one.folded)
        return max(busy_ms * FOLD_SHARE, 1)

    def place(self, ms: float) -> float:
        """Where a moment stands in what is shown; below 0 or above 1 is outside."""
        first, last = self._room(self.from_ms), self._room(self.to_ms)
        return (self._room(ms) - first) / (last - first) if last > first else 0.0

    def bar(self, start_ms: float, end_ms: float) -> tuple[float, float] | None:
        """(left, width) of what is shown of a span, in percent; None where it lies outside."""
        left, right = self.place(start_ms), self.place(end_ms)
        if right < 0 or left > 1:
            return None
        left, right = max(left, 0), min(right, 1)
        return round(100 * left, 3), round(100 * (right - left), 3)

    @property
    def folds(self) -> tuple[Segment, ...]:
        return tuple(one for one in self.segments if one.folded)

    def ticks(self) -> tuple[Tick, ...]:
        """Round moments, evenly spaced in what is shown, none inside a fold."""
        step_ms = _round_step((self.to_ms - self.from_ms - self._folded_ms()) / TICKS)
        shown: list[Tick] = []
        for segment in self.segments:
            if not segment.folded:
                shown += self._ticks_of(segment, step_ms)
        return tuple(shown)

    def _ticks_of(self, segment: Segment, step_ms: float) -> Iterator[Tick]:
        number = -(-max(segment.start_ms, self.from_ms) // step_ms)
        while (ms := number * step_ms) <= min(segment.end_ms, self.to_ms):
            yield Tick(round(100 * self.place(ms), 3), ms)
            number += 1

    def _folded_ms(self) -> float:
        return sum(max(min(fold.end_ms, self.to_ms) - max(fold.start_ms, self.from_ms), 0) for fold in self.folds)

    def _room(self, ms: float) -> float:
        """How much room stands before a moment."""
        number = max(bisect_right(self._starts, ms) - 1, 0)
        segment, before = self.segments[number], self._before[number]
        inside = ms - segment.start_ms
        if segment.folded and segment.length_ms:
            inside = min(inside / segment.length_ms, 1) * self.fold_room_ms
        return before + inside

    @cached_property
    def _starts(self) -> tuple[float, ...]:
        return tuple(one.start_ms for one in self.segments)

    @cached_property
    def _before(self) -> tuple[float, ...]:
        before = [0.0]
        for one in self.segments:
            before.append(before[-1] + (self.fold_room_ms if one.folded else one.length_ms))
        return tuple(before)


def axis(lines: Sequence[SpanLine], now_ns: int, from_ms: float = 0, to_ms: float = 0) -> Axis:
    """The axis of all spans; `to_ms` 0 is "to the end". An open span lasts until now."""
    begun_ns = began_ns(lines)
    last_ms = max((_ended_ns(line, now_ns) - begun_ns for line in lines), default=0) / NS_PER_MS
    segments = tuple(_segments(_gaps(lines, begun_ns, now_ns, last_ms), max(last_ms, 0.001)))
    end_ms = segments[-1].end_ms
    first, last = min(max(from_ms, 0), end_ms), min(to_ms or end_ms, end_ms)
    return Axis(segments, *((first, last) if first < last else (0, end_ms)))


def began_ns(lines: Sequence[SpanLine]) -> int:
    return lines[0].started_at_ns if lines else 0


def _ended_ns(line: SpanLine, now_ns: int) -> int:
    return max(line.started_at_ns, now_ns if line.ended_at_ns is None else line.ended_at_ns)


def _gaps(lines: Sequence[SpanLine], begun_ns: int, now_ns: int, last_ms: float) -> Iterator[tuple[float, float]]:
    """Where nothing was open but spans that only hold others together."""
    least_ms = max(LEAST_GAP_MS, LEAST_GAP_SHARE * last_ms)
    parents = {line.parent_span_id for line in lines}
    busy_until_ms = 0.0
    for line in lines:
        if line.kind in CONTAINERS and line.span_id in parents:
            continue
        start_ms = (line.started_at_ns - begun_ns) / NS_PER_MS
        if start_ms - busy_until_ms > least_ms:
            yield busy_until_ms, start_ms
        busy_until_ms = max(busy_until_ms, (_ended_ns(line, now_ns) - begun_ns) / NS_PER_MS)
    if busy_until_ms and last_ms - busy_until_ms > least_ms:
        yield busy_until_ms, last_ms


def _segments(gaps: Iterator[tuple[float, float]], end_ms: float) -> Iterator[Segment]:
    at_ms = 0.0
    for start_ms, stop_ms in gaps:
        if start_ms > at_ms:
            yield Segment(at_ms, start_ms, folded=False)
        yield Segment(start_ms, stop_ms, folded=True)
        at_ms = stop_ms
    if at_ms < end_ms:
        yield Segment(at_ms, end_ms, folded=False)


def axis_rule() -> str:
    """What a browser needs to fold and mark its own axis alike, as JSON: the numbers here are the only ones."""
    rule = {
        "leastGapMs": LEAST_GAP_MS,
        "leastGapShare": LEAST_GAP_SHARE,
        "foldShare": FOLD_SHARE,
        "containers": sorted(CONTAINERS),
        "stepsMs": _STEPS_MS,
    }
    return json.dumps(rule, separators=(",", ":"))


def _round_step(rough_ms: float) -> float:
    """The next round number of milliseconds: 1, 2 or 5 times a power of ten, and what clocks divide by."""
    for step_ms in _STEPS_MS:
        if step_ms >= rough_ms:
            return step_ms
    return -(-rough_ms // 86_400_000) * 86_400_000


_STEPS_MS = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1.5e4, 3e4, 6e4, 1.2e5, 3e5, 6e5, 9e5, 1.8e6,
    3.6e6, 7.2e6, 1.44e7, 2.88e7, 4.32e7, 8.64e7,
)  # fmt: skip


def arranged(lines: Sequence[SpanLine]) -> list[Placed]:
    """Every span once, parents first, in the order they began. No recursion: a foreign trace may be deeper than the stack.

    A span whose parent is not there is a root; of spans that are each other's parents the first one is.
    """
    known = {line.span_id for line in lines}
    below: dict[str | None, list[SpanLine]] = {}
    for line in lines:
        below.setdefault(line.parent_span_id, []).append(line)
    roots = [line for line in lines if line.parent_span_id not in known]
    placed: list[Placed] = []
    seen: set[str] = set()
    for root in [*roots, *lines]:
        _descend(root, below, seen, placed)
    return placed


def _descend(root: SpanLine, below: dict[str | None, list[SpanLine]], seen: set[str], placed: list[Placed]) -> None:
    waiting = [(root, 0)]
    while waiting:
        line, depth = waiting.pop()
        if line.span_id in seen:
            continue
        seen.add(line.span_id)
        children = below.get(line.span_id, [])
        placed.append(Placed(line, depth, len(children), len(placed)))
        waiting.extend((child, depth + 1) for child in reversed(children))
