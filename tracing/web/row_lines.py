"""The rows of one trace's tree as compact lines, for the script that draws them: all of them, or what has changed since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracing.span import TraceStatus
from tracing.store import SpanLine, TraceRow
from tracing.web.found import found_spans, found_trace, pins, spans_of
from tracing.web.page import Page, PageError, Query
from tracing.web.span_row import is_cut, state, words

COLUMNS = (
    "span_id", "parent", "kind", "state", "start_us", "end_us", "label", "gist", "note", "duration", "tokens", "cost",
    "cut",
)  # fmt: skip
SLACK_NS = 60_000_000_000  # a span may be written this long after it ended


@dataclass(frozen=True)
class RowsView:
    """`lines` are tab-separated, in the order of `columns`; times are microseconds since `began_ns`; "" is not ended."""

    trace_id: str
    is_running: bool
    columns: tuple[str, ...]
    lines: tuple[str, ...]
    after: str  # ask for what has changed since with ?after=
    began_ns: int
    now_us: int
    severities: Mapping[str, int]  # the gravest finding of each span that has one
    found: tuple[str, ...] | None  # the spans in which the words of ?q= are; None: nothing was asked


def rows_page(query: Query) -> RowsView:
    trace = found_trace(query.store, query.path["trace_id"])
    text = query.text("q")
    after_id, since_ns = _cursor(query)
    lines = () if text else _lines(query, trace, after_id, since_ns)
    last_id = max((line.id for line in lines), default=after_id)
    return RowsView(
        trace_id=trace.trace_id,
        is_running=trace.status is TraceStatus.RUNNING,
        columns=COLUMNS,
        lines=tuple(_line(line, trace.started_at_ns) for line in lines),
        after=f"{last_id}.{trace.updated_at_ns - SLACK_NS}",
        began_ns=trace.started_at_ns,
        now_us=(query.now_ns - trace.started_at_ns) // 1000,
        severities=pins(query.store.findings(trace.trace_id)),
        found=tuple(sorted(found_spans(query.store, trace.trace_id, text))) if text else None,
    )


def _lines(query: Query, trace: TraceRow, after_id: int, since_ns: int) -> Sequence[SpanLine]:
    if not after_id:
        return spans_of(query.store, trace).lines
    return query.store.span_rows(trace.trace_id, after_id, since_ns=since_ns)


def _cursor(query: Query) -> tuple[int, int]:
    given = query.text("after")
    last_id, _, since_ns = given.partition(".")
    if not given:
        return 0, 0
    if not (last_id.isdecimal() and since_ns.isdecimal()) or len(given) > 40:
        raise PageError(f"after={given} is not what an answer said under `after`. Leave it out to get all rows.")
    return int(last_id), int(since_ns)


def _line(line: SpanLine, began_ns: int) -> str:
    """Names and gists are on one line and without control characters: no tab can come from a trace."""
    said = words(line)
    ended_us = "" if line.ended_at_ns is None else str((line.ended_at_ns - began_ns) // 1000)
    cells = (
        line.span_id, line.parent_span_id or "", line.kind.value, state(line), str((line.started_at_ns - began_ns) // 1000),
        ended_us, "" if line.is_call else said.label, said.gist, said.note, said.duration, said.tokens, said.cost,
        "1" if is_cut(line) else "",
    )  # fmt: skip
    return "\t".join(cells)


PAGE = Page("/traces/{trace_id}/rows", "rows", rows_page, "rows.html", lambda _view: "Rows of a trace")
