"""A whole trace told to detectors afterwards, each beginning and each end at its time, as they hear it while it happens.

Linear in the trace, apart from the sorting. Knows nothing of where the spans come from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from tracing.failures.observed import Ending, Observed, StopReason
from tracing.failures.watch import Watch


class Timed(Protocol):
    @property
    def span_id(self) -> str: ...
    @property
    def parent_span_id(self) -> str | None: ...
    @property
    def started_at_ns(self) -> int: ...
    @property
    def ended_at_ns(self) -> int | None: ...


SpanT = TypeVar("SpanT", bound=Timed)


def moments(spans: Sequence[SpanT]) -> Iterator[tuple[SpanT, bool]]:
    """Each span when it begins (False) and when it ends (True); one that is open never ends.

    Where clocks are too coarse to tell, the order of `spans` counts, and children end before their parents.
    """
    yield from _Merge(spans).run()


class _Merge(Generic[SpanT]):
    def __init__(self, spans: Sequence[SpanT]) -> None:
        self._depth = _depths(spans)
        self._order = {span.span_id: number for number, span in enumerate(spans)}
        self._begins = list(_parents_first(sorted(spans, key=self._beginning)))
        self._ends = sorted((span for span in spans if span.ended_at_ns is not None), key=self._ending)

    def run(self) -> Iterator[tuple[SpanT, bool]]:
        begun: set[str] = set()
        waiting = iter(self._begins)
        coming = next(waiting, None)
        for ending in self._ends:
            while coming is not None and not self._is_before(ending, coming, begun):
                begun.add(coming.span_id)
                yield coming, False
                coming = next(waiting, None)
            yield ending, True
        while coming is not None:
            yield coming, False
            coming = next(waiting, None)

    def _beginning(self, span: SpanT) -> tuple[int, int]:
        return span.started_at_ns, self._order[span.span_id]

    def _ending(self, span: SpanT) -> tuple[int, int, int]:
        return max(span.ended_at_ns or 0, span.started_at_ns), -self._depth[span.span_id], self._order[span.span_id]

    def _is_before(self, ending: SpanT, coming: SpanT, begun: set[str]) -> bool:
        """Whether the one ends before the other begins."""
        if ending.span_id not in begun:
            return False
        ended, starts = self._ending(ending)[0], coming.started_at_ns
        return ended < starts or (ended == starts and self._depth[coming.span_id] <= self._depth[ending.span_id])


def _parents_first(spans: Sequence[SpanT]) -> Iterator[SpanT]:
    """In their order, but none before a parent that begins at the same time: exporters write children first."""
    waiting = {span.span_id: span for span in spans}
    for span in spans:
        chain: list[SpanT] = []
        above: SpanT | None = span
        while above is not None and above.started_at_ns == span.started_at_ns:
            if waiting.pop(above.span_id, None) is None:
                break
            chain.append(above)
            above = waiting.get(above.parent_span_id or "")
        yield from reversed(chain)


def _depths(spans: Sequence[SpanT]) -> dict[str, int]:
    """How deep each span is below the outermost one; of a circle, some number."""
    parents = {span.span_id: span.parent_span_id for span in spans}
    found: dict[str, int] = {}
    for span_id in parents:
        chain: list[str] = []
        above: str | None = span_id
        while above is not None and above in parents and above not in found:
            found[above] = 0  # seen: a circle ends here
            chain.append(above)
            above = parents[above]
        depth = found.get(above, -1) if above is not None else -1
        for number, below in enumerate(reversed(chain), 1):
            found[below] = depth + number
    return found


def replay(watch: Watch, spans: Sequence[Observed], ending: Ending | None) -> None:
    """Tell all of it; without an ending, the trace is still open."""
    for span, is_over in moments(spans):
        if is_over:
            watch.ended(span)
        else:
            watch.began(as_begun(span))
    if ending is not None:
        watch.closed(ending)


def as_begun(span: Observed) -> Observed:
    """The span without what came of it."""
    return replace(
        span,
        ended_at_ns=None,
        is_error=False,
        error="",
        output=None,
        exit_code=None,
        changed=None,
        stop_reason=StopReason.UNKNOWN,
        input_tokens=0,
        cache_read_tokens=0,
        cache_write_tokens=0,
        output_tokens=0,
        cost_micros=0,
        attempts=1,
        attempt_errors=(),
    )
