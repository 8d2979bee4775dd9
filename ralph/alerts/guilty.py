"""Which trace, and which span in it, an alert points at: where a person looks first. Knows no rule."""

from collections.abc import Iterable

from tracing.store import TraceFilter, TraceNotFoundError, TraceRow, TraceStore
from tracing.store.rows import SpanLine
from tracing.words import plain

NEWEST = 500  # traces among which the dearest is looked for


def guilty_span(store: TraceStore, trace_id: str) -> str:
    """The last check that failed, else the last step that did, else the dearest call; "" where there is none of them."""
    lines = store.span_rows(trace_id)
    failed = [line for line in lines if line.problem and line.parent_span_id]
    checks = [line for line in failed if line.passed == 0 and not line.why]
    return _id(checks[-1:] or failed[-1:]) or dearest_call(lines)


def dearest_call(lines: Iterable[SpanLine]) -> str:
    """Of the model calls; "" where none cost anything."""
    return _id(sorted((line for line in lines if line.cost_micros), key=lambda line: line.cost_micros)[-1:])


def dearest_trace(store: TraceStore, filters: TraceFilter) -> TraceRow | None:
    """Of the newest that match; None where none cost anything."""
    rows = [row for row in store.traces(filters) if row.known_micros]
    return max(rows, key=lambda row: row.known_micros, default=None)


def whole_trace(store: TraceStore, trace_id: str) -> TraceRow | None:
    """None: there is none, or it was deleted."""
    try:
        return store.trace_row(trace_id) if trace_id else None
    except TraceNotFoundError:
        return None


def named(trace: TraceRow) -> str:
    """As in "US-003 in shop"; the agent's name where it is another's."""
    repo = trace.repo.rpartition("/")[2]
    return plain(f"{trace.story} in {repo}" if trace.story and repo else trace.story or trace.agent_id or trace.name)


def dearest_span(store: TraceStore, trace: TraceRow | None) -> str:
    return dearest_call(store.span_rows(trace.trace_id)) if trace else ""


def _id(lines: list[SpanLine]) -> str:
    return lines[-1].span_id if lines else ""
