"""What stands around a span of a trace: above, below and beside it, and the model calls next to it.

Made once for a trace and asked for any of its spans: each answer costs what it says, not what the trace has.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tracing.store import SpanLine
from tracing.web.span_row import label, numbered

MOST_CHILDREN = 50
MOST_ABOVE = 50


@dataclass(frozen=True)
class Near:
    """Another span of the trace."""

    span_id: str
    label: str


@dataclass(frozen=True)
class Around:
    """`above` is the span's parents, the outermost first; None: there is no such span."""

    above: tuple[Near, ...]
    previous: Near | None
    next: Near | None
    call_before: Near | None
    call_after: Near | None
    children: tuple[Near, ...]


class Family:
    """The spans of one trace, by how they belong together."""

    def __init__(self, lines: Sequence[SpanLine]) -> None:
        """`lines` in the order they began."""
        self.lines = {line.span_id: line for line in lines}
        self._turns = numbered(lines)
        self._below: dict[str | None, list[SpanLine]] = defaultdict(list)
        self._calls_below: dict[str | None, list[SpanLine]] = defaultdict(list)
        for line in lines:
            self._below[line.parent_span_id].append(line)
            if line.is_call:
                self._calls_below[line.parent_span_id].append(line)
        self._calls = [line for line in lines if line.is_call]
        siblings = [pair for beside in self._below.values() for pair in pairwise(beside)]
        self._next = {one.span_id: after for one, after in siblings}
        self._previous = {after.span_id: one for one, after in siblings}

    def label(self, line: SpanLine) -> str:
        return label(line, self._turns.get(line.span_id, 0))

    def around(self, span_id: str) -> Around:
        line = self.lines[span_id]
        beside = self._calls_below.get(line.parent_span_id, [])
        return Around(
            above=tuple(self._near(one) for one in self._above(line)),
            previous=self._if_any(self._previous.get(span_id)),
            next=self._if_any(self._next.get(span_id)),
            call_before=self._if_any(_before(beside, line) or _before(self._calls, line)),
            call_after=self._if_any(_after(beside, line) or _after(self._calls, line)),
            children=tuple(self._near(one) for one in self._below.get(span_id, [])[:MOST_CHILDREN]),
        )

    def ids_above(self, span_id: str) -> list[str]:
        return [one.span_id for one in self._above(self.lines[span_id])]

    def _near(self, line: SpanLine) -> Near:
        return Near(line.span_id, f"{self.label(line)} {line.gist[:60]}".strip())

    def _if_any(self, line: SpanLine | None) -> Near | None:
        return self._near(line) if line else None

    def _above(self, line: SpanLine) -> list[SpanLine]:
        above: list[SpanLine] = []
        seen = {line.span_id}
        parent = self.lines.get(line.parent_span_id or "")
        while parent is not None and parent.span_id not in seen and len(above) < MOST_ABOVE:
            above.append(parent)
            seen.add(parent.span_id)
            parent = self.lines.get(parent.parent_span_id or "")
        return above[::-1]


def _before(calls: Sequence[SpanLine], line: SpanLine) -> SpanLine | None:
    """The nearest call that began no later; of calls beside each other the one below the same parent is asked for first."""
    at = _until(calls, line)
    nearest = [one for one in calls[max(at - 2, 0) : at] if one.span_id != line.span_id]
    return nearest[-1] if nearest else None


def _after(calls: Sequence[SpanLine], line: SpanLine) -> SpanLine | None:
    at = _until(calls, line)
    return calls[at] if at < len(calls) else None


def _until(calls: Sequence[SpanLine], line: SpanLine) -> int:
    return bisect_right(calls, line.started_at_ns, key=lambda one: one.started_at_ns)
