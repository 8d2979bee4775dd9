"""Traces from files, whoever wrote them: OTLP/JSON, lists and trees of spans, `ralph trace --json`, runs as lists of steps.

A file is one JSON text or one a line, perhaps gzipped; what a piece of it is, is told by looking. What belongs to one
trace may stand in many lines, so loose spans are kept until the end. Attributes that nobody knows are left alone.
"""

import gzip
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from tracing.failures.detectors import detectors
from tracing.failures.messages import given, goal, result
from tracing.failures.observed import Ending, History, Observed, Subject
from tracing.failures.reading import AGENTS, over, shows_input, shows_output
from tracing.failures.replaying import replay
from tracing.failures.span_json import FileSpan, hex_id, is_span, plain_attributes, spans_of
from tracing.failures.steps import read_steps
from tracing.failures.trace_facts import ending_of, subject_of
from tracing.failures.watch import Watch
from tracing.finding import Finding
from tracing.span import JsonValue, SpanKind, SpanStatus, TraceStatus
from tracing.usage import first

Read: TypeAlias = tuple[Subject, list[Observed], Ending]
Json = Mapping[str, JsonValue]

_GZIP = b"\x1f\x8b"
_WRAPPERS = ("data", "traces", "items", "runs")
KNOWN = "OTLP/JSON (`resourceSpans`), spans with ids, `ralph trace ID --json`, or runs with `steps`"


class UnreadableFileError(ValueError):
    """A file that holds no traces; the message says where and what was expected."""


def read_file(path: Path) -> Iterator[Read]:
    """The traces of a file, each with what is known of it and how it ended.

    Raises:
        UnreadableFileError: it cannot be read, is not JSON, or no trace is in it.
    """
    loose: dict[str, list[FileSpan]] = {}
    found = False
    for line, document in _documents(path):
        known = False
        for piece in _pieces(document):
            known = True
            yield from _whole(piece, loose)
        if not known:
            raise UnreadableFileError(f"{path}:{line}: no trace in this JSON. What can be read: {KNOWN}.")
        found = True
    if not found:
        raise UnreadableFileError(f"{path}: the file is empty. What can be read: {KNOWN}.")
    for spans in loose.values():
        yield _trace(spans, {})


def analyse_file(path: Path) -> Iterator[tuple[Subject, Ending, tuple[Finding, ...]]]:
    """What went wrong in each trace of a file, the gravest first.

    Raises:
        UnreadableFileError: as `read_file`.
    """
    for subject, spans, ending in read_file(path):
        watch = Watch(detectors(subject))
        replay(watch, spans, ending)
        yield subject, ending, watch.findings


def _documents(path: Path) -> Iterator[tuple[int, JsonValue]]:
    """Each JSON text with its line: one a line, or the file as a whole."""
    text = _text(path)
    start = text.lstrip()
    first_line = start.split("\n", 1)[0]
    try:
        json.loads(first_line)
    except (ValueError, RecursionError):
        first_line = ""
    if not first_line and start:
        yield 1, _parsed(path, 1, text)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _parsed(path, number, line)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP):
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UnreadableFileError(f"{path}: cannot be read: {reason}.") from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UnreadableFileError(
            f"{path}:{line}: this is no text in UTF-8, so no JSON. {KNOWN} can be read."
        ) from error


def _parsed(path: Path, line: int, text: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{path}:{line + error.lineno - 1}:{error.colno}"
        raise UnreadableFileError(f"{where}: not JSON: {error.msg}. What can be read: {KNOWN}.") from error
    except RecursionError as error:
        raise UnreadableFileError(f"{path}:{line}: nested too deep to be read.") from error
    return found


def _pieces(document: JsonValue) -> Iterator[Json]:
    """What holds traces in a document: lists and wrappers are opened."""
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, Mapping) and _holds_traces(one):
            yield one
        elif isinstance(one, Mapping):
            waiting += [one[name] for name in _WRAPPERS if isinstance(one.get(name), list | dict)]


def _holds_traces(one: Json) -> bool:
    return any(isinstance(one.get(name), list) for name in ("resourceSpans", "resource_spans", "steps", "spans")) or (
        is_span(one)
    )


def _whole(piece: Json, loose: dict[str, list[FileSpan]]) -> Iterator[Read]:
    """The traces that are complete with this piece; spans of others are put aside."""
    if isinstance(piece.get("steps"), list):
        yield read_steps(piece)
    elif isinstance(piece.get("spans"), list) and not is_span(piece):
        if spans := list(spans_of(piece, hex_id(piece.get("trace_id"), 16))):
            yield _trace(spans, piece)
    else:
        for span in _otlp(piece) if not is_span(piece) else spans_of(piece):
            loose.setdefault(span.trace_id, []).append(span)


def _otlp(piece: Json) -> Iterator[FileSpan]:
    for resource in _objects(piece, "resourceSpans", "resource_spans"):
        for scope in _objects(resource, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
            for span in _objects(scope, "spans"):
                yield from spans_of(span)


def _objects(found: Json, *wanted: str) -> Iterable[Json]:
    listed = next((value for name in wanted if isinstance(value := found.get(name), list)), [])
    return [one for one in listed if isinstance(one, Mapping)]


def _trace(spans: list[FileSpan], facts: Json) -> Read:
    """A trace of these spans; `facts` are what its file says of the trace as a whole."""
    spans = sorted(spans, key=_outermost_first)
    known = plain_attributes(facts.get("metadata"))
    root = next((span for span in spans if not span.parent_span_id), spans[0])
    agent = str(facts.get("agent_id") or _agent(spans))
    subject = subject_of(root.trace_id, agent, known, asked=lambda: goal(spans), history=History())
    return subject, [_observed(span) for span in spans], ending_of(_status(facts, root), known)


def _outermost_first(span: FileSpan) -> tuple[bool, int, float]:
    """Writers put spans down as they end: children before the agent that was asked."""
    return bool(span.parent_span_id), span.started_at_ns, -(span.ended_at_ns or math.inf)


def _agent(spans: list[FileSpan]) -> str:
    named = (first(span.attributes, AGENTS[:2]) or (span.name if span.kind is SpanKind.AGENT else "") for span in spans)
    return next((str(name) for name in named if name), "")


def _observed(span: FileSpan) -> Observed:
    return over(
        span,
        given(span) if shows_input(span.kind) else None,
        result(span) if shows_output(span.kind, span.name) else None,
    )


def _status(facts: Json, root: FileSpan) -> TraceStatus:
    said = facts.get("status")
    if isinstance(said, str) and said in set(TraceStatus):
        return TraceStatus(said)
    if root.ended_at_ns is None:
        return TraceStatus.RUNNING
    return TraceStatus.ERROR if root.status is SpanStatus.ERROR else TraceStatus.SUCCESS
