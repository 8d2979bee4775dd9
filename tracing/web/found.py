"""What the pages about one trace look up alike: the trace that an address means, its title, what is pinned to its spans."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tracing.finding import Finding
from tracing.store import SpanLine, TraceFilter, TraceNotFoundError, TraceRow, TraceStore
from tracing.web.page import NotFoundError
from tracing.web.timeline import Placed, arranged
from tracing.words import plain


def found_trace(store: TraceStore, wanted: str) -> TraceRow:
    """The trace with this id or prefix; "latest" is the newest one. Raises: NotFoundError."""
    if wanted == "latest":
        newest = store.traces(TraceFilter(limit=1))
        if not newest:
            raise NotFoundError("There is no trace yet. Run an agent, then come back.")
        return newest[0]
    try:
        return store.trace_row(wanted)
    except TraceNotFoundError as error:
        raise NotFoundError(str(error)) from error


@dataclass(frozen=True)
class Spans:
    """The spans of a trace, in the order they began and in the order of reading."""

    lines: tuple[SpanLine, ...]
    placed: tuple[Placed, ...]


def spans_of(store: TraceStore, trace: TraceRow) -> Spans:
    """Those of a trace that has ended are kept for a while: who looks at one span of 30,000 looks at others too."""
    read = _kept if trace.ended_at_ns is not None else _read
    return read(store, trace.trace_id, trace.updated_at_ns)


def _read(store: TraceStore, trace_id: str, _updated_at_ns: int) -> Spans:
    lines = store.span_rows(trace_id)
    return Spans(tuple(lines), tuple(arranged(lines)))


_kept = lru_cache(maxsize=2)(_read)


def title(trace: TraceRow) -> str:
    """The story where there is one, else the trace's name."""
    named = plain(trace.metadata.get("ralph.story.title") or trace.metadata.get("title") or trace.name)
    return f"{plain(trace.story)}: {named}" if trace.story and trace.story != named else named


def pins(findings: Iterable[Finding]) -> Mapping[str, int]:
    """The gravest finding of each span."""
    found: dict[str, int] = {}
    for finding in findings:
        for span_id in finding.span_ids:
            found[span_id] = max(found.get(span_id, 0), int(finding.severity))
    return found


def found_spans(store: TraceStore, trace_id: str, text: str) -> frozenset[str]:
    """The spans of a trace that were given, said or brought these words."""
    return frozenset(store.spans_with(trace_id, text)) if text else frozenset()
