"""Detectors over traces in the store. Payloads are loaded span by span, and only those that detectors are shown."""

import logging
import sqlite3
import time
from hashlib import sha256

from tracing.failures.detectors import VERSION, detectors
from tracing.failures.history import history
from tracing.failures.messages import first_user_text
from tracing.failures.observed import Observed, Subject
from tracing.failures.reading import begun, over, shows_input, shows_output
from tracing.failures.replaying import moments
from tracing.failures.trace_facts import ending_of, subject_of
from tracing.failures.watch import Watch
from tracing.finding import Finding
from tracing.span import JsonValue, SpanKind
from tracing.sqlite import StateError
from tracing.store.detail import SpanRow, TraceDetail
from tracing.store.queries import TraceRow
from tracing.store.store import TraceStore
from tracing.store.writes import PutFindings

LOG = logging.getLogger(__name__)
OF_NOTHING = sha256(b"null").hexdigest()


def observed(span: SpanRow) -> Observed:
    """The span as detectors see it, as far as it has come."""
    return over(
        span, _input(span), _payload(span.output(), span.refs.output) if shows_output(span.kind, span.name) else None
    )


def subject(store: TraceStore, detail: TraceDetail) -> Subject:
    """What is known of the trace beside its spans: its agent, what it was asked for, how such traces usually go."""
    row = detail.trace
    return subject_of(
        row.trace_id,
        row.agent_id,
        row.metadata,
        asked=lambda: _first_message(detail),
        history=history(store, row.agent_id, before_ns=row.started_at_ns, repo=row.repo),
    )


def analyse(store: TraceStore, trace_id: str, *, write: bool = True) -> tuple[Finding, ...]:
    """What went wrong in a trace, the gravest first; a running one as far as it has come.

    Raises:
        TraceNotFoundError: no trace begins with this id, or several do.
    """
    detail = store.trace(trace_id)
    row, watch = detail.trace, Watch(detectors(subject(store, detail)))
    for span, is_over in moments(detail.spans):
        if is_over:
            watch.ended(observed(span))
        else:
            watch.began(begun(span, _input(span)))
    is_over = row.ended_at_ns is not None
    if is_over:
        watch.closed(ending_of(row.status, row.metadata))
    if write:
        version, at_ns = VERSION if is_over else 0, row.ended_at_ns or row.updated_at_ns
        store.write([PutFindings(row.trace_id, watch.findings, version, at_ns)])
    return watch.findings


def analyse_pending(store: TraceStore, *, limit: int) -> int:
    """Analyse traces that ended and were not seen by these detectors yet, the newest first; gives how many those were.

    One that cannot be read (anybody may have written it) counts as seen without findings: it must not hold up all others.
    """
    pending = store.unanalysed(VERSION, limit=limit)
    for trace_id in pending:
        try:
            analyse(store, trace_id)
        except (StateError, sqlite3.Error):
            raise
        except Exception:
            LOG.exception("trace %r cannot be analysed", trace_id)
            store.write([PutFindings(trace_id, (), VERSION, time.time_ns())])
    return len(pending)


def known_findings(store: TraceStore, row: TraceRow) -> tuple[Finding, ...]:
    """What is stored where it is up to date, else analysed now; a trace that runs is analysed as far as it has come."""
    if row.analysed == VERSION or (row.ended_at_ns is None and row.findings):
        return tuple(store.findings(row.trace_id))
    return analyse(store, row.trace_id, write=row.ended_at_ns is not None)


def _first_message(detail: TraceDetail) -> str:
    """The first thing a user says in the first model call that has a conversation."""
    call = next((span for span in detail.spans if span.kind is SpanKind.LLM and span.refs.conversation), None)
    return "" if call is None else first_user_text(call.messages())


def _input(span: SpanRow) -> JsonValue:
    return _payload(span.input(), span.refs.input) if shows_input(span.kind) else None


def _payload(value: JsonValue, name: str | None) -> JsonValue:
    """Where only its hash was kept, the hash: equal ones are still told from others. None is what nobody kept."""
    if name == OF_NOTHING:
        return ""
    return {"sha256": name} if value is None and name is not None else value
