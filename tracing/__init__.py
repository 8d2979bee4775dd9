"""Traces of any Python agent, on disk as they happen: what it was asked, what it did, what that cost."""

from tracing.observe import child_environment, default_tracer, observe, start_trace
from tracing.redact import Redactor
from tracing.scores import Score, ScoreSource
from tracing.span import SpanKind, SpanStatus, TraceStatus
from tracing.store import TraceFilter, TraceStore
from tracing.tracer import Content, Conversation, Span, Trace, Tracer, current_span

__all__ = [
    "Content",
    "Conversation",
    "Redactor",
    "Score",
    "ScoreSource",
    "Span",
    "SpanKind",
    "SpanStatus",
    "Trace",
    "TraceFilter",
    "TraceStatus",
    "TraceStore",
    "Tracer",
    "child_environment",
    "current_span",
    "default_tracer",
    "observe",
    "start_trace",
]
