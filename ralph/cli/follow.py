"""A trace as it grows: each span in one line when it has ended, each finding when it is made, until the trace ends.

Ctrl-C ends the looking only.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from ralph.cli.finding_view import MARKS, findings_lines
from ralph.cli.span_notes import Turns, cost, details, label, mark, note
from ralph.cli.table import screen_width
from tracing.failures.stored import known_findings
from tracing.finding import Finding, Severity
from tracing.owner import is_alive
from tracing.span import SpanKind
from tracing.store import SpanRow, TraceDetail, TraceRow, TraceStore
from tracing.watching import MOST_WAITING
from tracing.words import cut, length, local_time, money, plain, tokens

POLL_S = 0.3


def followed(store: TraceStore, trace_id: str, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """The lines there are, then each new one; ends with the trace, or when the process that wrote it is gone.

    Raises:
        TraceNotFoundError: no trace has this id.
    """
    told: set[str] = set()
    warned: dict[tuple[str, str], Severity] = {}
    seen_ns = -1
    while True:
        detail = store.trace(trace_id)
        if detail.trace.updated_at_ns != seen_ns:
            seen_ns = detail.trace.updated_at_ns
            yield from _news(detail, told)
            if detail.trace.ended_at_ns is None:
                yield from _warnings(_so_far(store, detail.trace), warned)
        if detail.trace.ended_at_ns is not None:
            yield from _end(store, detail)
            return
        sleep(POLL_S)
        store.close_interrupted(is_alive)


def _news(detail: TraceDetail, told: set[str]) -> Iterator[str]:
    turns = Turns.of(detail)
    ended = [span for span in detail.spans if span.ended_at_ns is not None and span.span_id not in told]
    for span in sorted(ended, key=lambda span: span.ended_at_ns or 0):
        told.add(span.span_id)
        if span.parent_span_id is not None:
            yield from _lines(span, turns, detail)


def _so_far(store: TraceStore, row: TraceRow) -> Sequence[Finding]:
    """Detectors that watch an agent may wait for its first spans before they begin: until then they are asked here."""
    return known_findings(store, row) if row.spans <= MOST_WAITING else store.findings(row.trace_id)


def _warnings(findings: Iterable[Finding], warned: dict[tuple[str, str], Severity]) -> Iterator[str]:
    """Each in one line, and again when it has turned graver; the end of the trace tells all of it."""
    for one in findings:
        if one.severity > warned.get(one.key, 0):
            warned[one.key] = one.severity
            yield cut(f"{MARKS[one.severity]} {one.severity.name.lower()}: {plain(one.title)}", screen_width())


def _lines(span: SpanRow, turns: Turns, detail: TraceDetail) -> Iterator[str]:
    width = screen_width()
    at, took = local_time(span.ended_at_ns or 0, "%H:%M:%S"), _took(span)
    deep = "  " * (_depth(span, detail) - 1)
    yield cut(
        f"{mark(span)} {at}  {deep}{label(span, turns)}  {', '.join(filter(None, (took, note(span))))}".rstrip(), width
    )
    yield from (cut(f"               {deep}{line}", width) for line in details(span, turns)[:6])


def _depth(span: SpanRow, detail: TraceDetail) -> int:
    above = {one.span_id: one.parent_span_id for one in detail.spans}
    depth, at = 0, span.parent_span_id
    while at is not None and depth < 20:
        depth, at = depth + 1, above.get(at)
    return max(depth, 1)


def _took(span: SpanRow) -> str:
    words = [length(span.duration_ns)]
    if span.kind is SpanKind.LLM:
        words += [
            f"{tokens(span.input_tokens)}→{tokens(span.output_tokens)}",
            cost(span),
        ]
    return ", ".join(filter(None, words))


def _end(store: TraceStore, detail: TraceDetail) -> Iterator[str]:
    row = detail.trace
    yield f"ended: {row.status.value}, {length(row.duration_ns)}, {money(row.told_micros)}, {row.turns} turns"
    yield from findings_lines(known_findings(store, row), row.trace_id)
