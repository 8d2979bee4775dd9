"""Takes a bundle into the store: checked as a whole first, then written in short transactions, marked as imported.

A trace that is here already, and the same, is let be; one with the same id that says something else is refused. While it is written
it stands there as open; what a kill leaves is written anew the next time.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tracing.bundle.checking import BundleError, check, read
from tracing.bundle.lines import IMPORTED, FindingLine, Line, NodeLine, PayloadLine, ScoreLine, SpanLine, TraceLine
from tracing.bundle.writing import digest, lines_of
from tracing.finding import Finding, Severity, Waste
from tracing.jsonlike import clean
from tracing.owner import this_process
from tracing.scores import Score
from tracing.slices import Slices
from tracing.span import PayloadRefs, SpanEvent, SpanState, SpanStatus, TraceState, TraceStatus
from tracing.sqlite import connect
from tracing.store.interrupted import LEFT_OPEN
from tracing.store.payloads import compress
from tracing.store.reindex import texts_of
from tracing.store.retention import Aged, delete_loose, delete_traces
from tracing.store.scores import PutScore
from tracing.store.search import note_texts
from tracing.store.store import TraceStore
from tracing.store.writes import PutFindings, PutNode, PutPayload, PutSpan, PutTrace
from tracing.words import iso_time

UNDER_WAY = 1  # in trace.imported_ns, while it is written


@dataclass(frozen=True)
class Imported:
    trace_id: str
    spans: int
    is_new: bool  # False: it was here already, and the same


def import_trace(
    store: Path, file: Path, now_ns: int, *, slices: Callable[[sqlite3.Connection], Slices] = Slices
) -> Imported:
    """Raises: BundleError when the file is not sound, or another trace has its id; nothing was taken in."""
    trace = check(file)
    TraceStore.open(store).close()
    with closing(connect(store, synchronous="NORMAL")) as connection:
        work = slices(connection)
        if _is_here(connection, work, file, trace):
            return Imported(trace.trace_id, _spans(connection, trace.trace_id), is_new=False)
        work.carry_out(_write(connection, file, trace, now_ns), "import trace")
        return Imported(trace.trace_id, _spans(connection, trace.trace_id), is_new=True)


def _is_here(connection: sqlite3.Connection, work: Slices, file: Path, trace: TraceLine) -> bool:
    row = connection.execute("SELECT imported_ns FROM trace WHERE trace_id = ?", (trace.trace_id,)).fetchone()
    if row is None:
        return False
    if row["imported_ns"] == UNDER_WAY:
        _end(connection, trace.trace_id)
        work.carry_out(delete_traces(connection, [Aged(trace.trace_id, 0, 0)]), "import anew")
        work.carry_out(delete_loose(connection), "import anew")
        return False
    if digest(lines_of(connection, trace.trace_id)) != digest(_closed(line, trace) for line in read(file)):
        raise BundleError(
            f"{file}: another trace with the id {trace.trace_id[:8]} is here already, and it says something else (or its texts were "
            f"left out or deleted). It stays as it is: ralph trace {trace.trace_id[:8]}"
        )
    return True


def _end(connection: sqlite3.Connection, trace_id: str) -> None:
    connection.execute("UPDATE trace SET ended_at_ns = updated_at_ns WHERE trace_id = ?", (trace_id,))


def _write(connection: sqlite3.Connection, file: Path, trace: TraceLine, now_ns: int) -> Iterator[None]:
    _put_trace(connection, trace, is_open=True)
    connection.execute("UPDATE trace SET imported_ns = ? WHERE trace_id = ?", (UNDER_WAY, trace.trace_id))
    yield
    findings: list[FindingLine] = []
    for line in read(file):
        if isinstance(line, FindingLine):
            findings.append(line)
        else:
            _put(connection, _closed(line, trace), trace.trace_id)
        yield
    yield from _make_findable(connection, trace.trace_id)
    _put_findings(connection, trace, findings)
    _put_trace(connection, _closed_trace(trace), is_open=False, now_ns=now_ns)
    connection.execute(_FINISH, (now_ns, trace.trimmed_ns, trace.updated_at_ns, trace.trace_id))
    yield


def _put(connection: sqlite3.Connection, line: Line, trace_id: str) -> None:
    if isinstance(line, PayloadLine):
        _payload(line).apply(connection)
    elif isinstance(line, NodeLine):
        PutNode(line.parent, line.message, line.length).apply(connection)
    elif isinstance(line, SpanLine):
        PutSpan(_span(line, trace_id), line.started_at_ns).apply(connection)
    elif isinstance(line, ScoreLine):
        _put_score(connection, line, trace_id)


def _payload(line: PayloadLine) -> PutPayload:
    if line.data is None:
        return PutPayload(line.hash, line.size_bytes, compressed=False, data=None)
    data, compressed = compress(line.data.encode("utf-8", "surrogatepass"))
    return PutPayload(line.hash, line.size_bytes, compressed=compressed, data=data)


def _span(line: SpanLine, trace_id: str) -> SpanState:
    return SpanState(
        trace_id=trace_id,
        span_id=line.span_id,
        parent_span_id=line.parent_span_id,
        name=clean(line.name),
        kind=line.span_kind,
        status=line.status,
        error=None if line.error is None else clean(line.error),
        started_at_ns=line.started_at_ns,
        ended_at_ns=line.ended_at_ns,
        attributes=line.attributes,
        events=tuple(SpanEvent(event.name, event.at_ns, event.attributes) for event in line.events),
        refs=PayloadRefs(line.input, line.output, line.system, line.tools, line.conversation),
        gist=clean(line.gist),
    )


def _put_score(connection: sqlite3.Connection, line: ScoreLine, trace_id: str) -> None:
    """Under its id, unless a score of another trace has it."""
    row = connection.execute("SELECT trace_id FROM score WHERE id = ?", (clean(line.id),)).fetchone()
    if row is None or row["trace_id"] == trace_id:
        facts = line.model_dump(exclude={"kind"})
        PutScore(Score(trace_id=trace_id, **facts)).apply(connection)


def _put_trace(connection: sqlite3.Connection, line: TraceLine, *, is_open: bool, now_ns: int = 0) -> None:
    state = TraceState(
        trace_id=line.trace_id,
        root_span_id=line.root_span_id,
        name=clean(line.name),
        agent_id=clean(line.agent_id),
        session_id=None if line.session_id is None else clean(line.session_id),
        status=TraceStatus.RUNNING if is_open else line.status,
        error=None if line.error is None else clean(line.error),
        started_at_ns=line.started_at_ns,
        ended_at_ns=None if is_open else line.ended_at_ns,
        metadata={**line.metadata, IMPORTED: iso_time(now_ns)},
        owner=this_process(),
    )
    PutTrace(state, line.updated_at_ns).apply(connection)


def _put_findings(connection: sqlite3.Connection, trace: TraceLine, lines: list[FindingLine]) -> None:
    at_ns = max((line.at_ns for line in lines), default=0)
    PutFindings(trace.trace_id, tuple(map(_finding, lines)), trace.analysed, at_ns).apply(connection)


def _finding(line: FindingLine) -> Finding:
    return Finding(
        detector=line.detector,
        severity=Severity(line.severity),
        title=line.title,
        evidence=line.evidence,
        remedy=line.remedy,
        span_ids=line.span_ids,
        waste=Waste(line.tokens, line.cost_micros, line.duration_ns),
        verdict=line.verdict,
        nudge=line.nudge,
    )


def _make_findable(connection: sqlite3.Connection, trace_id: str) -> Iterator[None]:
    seen: set[tuple[str, str]] = set()
    title = connection.execute("SELECT * FROM trace WHERE trace_id = ?", (trace_id,)).fetchone()
    ids = connection.execute("SELECT id FROM span WHERE trace_id = ? ORDER BY id", (trace_id,)).fetchall()
    for (row_id,) in ids:
        row = connection.execute("SELECT * FROM span WHERE id = ?", (row_id,)).fetchone()
        is_root = row["span_id"] == title["root_span_id"]
        note_texts(connection, row_id, texts_of(connection, row, title if is_root else None, seen))
        yield


def _closed(line: Line, trace: TraceLine) -> Line:
    """Nobody will end what was open when it was exported."""
    if isinstance(line, TraceLine):
        return _closed_trace(line)
    if isinstance(line, SpanLine) and line.ended_at_ns is None:
        ended = max(line.started_at_ns, trace.updated_at_ns)
        error = line.error if line.error is not None else LEFT_OPEN
        return line.model_copy(update={"status": SpanStatus.INTERRUPTED, "ended_at_ns": ended, "error": error})
    return line


def _closed_trace(line: TraceLine) -> TraceLine:
    if line.ended_at_ns is not None:
        return line
    ended = max(line.started_at_ns, line.updated_at_ns)
    return line.model_copy(update={"status": TraceStatus.INTERRUPTED, "ended_at_ns": ended, "error": LEFT_OPEN})


def _spans(connection: sqlite3.Connection, trace_id: str) -> int:
    return int(connection.execute("SELECT spans FROM trace WHERE trace_id = ?", (trace_id,)).fetchone()[0])


_FINISH = "UPDATE trace SET imported_ns = ?, trimmed_ns = ?, updated_at_ns = ? WHERE trace_id = ?"
