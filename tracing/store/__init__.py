"""traces.db: what is written, how it is found again, and what a dead process left open."""

from tracing.store.detail import SpanRow, TraceDetail, TraceNotFoundError
from tracing.store.filters import Cursor, Sort, TraceFilter
from tracing.store.findings import FindingRow
from tracing.store.queries import CostRow, GroupBy, TraceRow, told_sum
from tracing.store.rows import SpanLine
from tracing.store.store import TraceStore

__all__ = [
    "CostRow",
    "Cursor",
    "FindingRow",
    "GroupBy",
    "Sort",
    "SpanLine",
    "SpanRow",
    "TraceDetail",
    "TraceFilter",
    "TraceNotFoundError",
    "TraceRow",
    "TraceStore",
    "told_sum",
]
