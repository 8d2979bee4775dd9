"""Spans as the lines of a long list: narrow columns, no payload, no attribute but the few that a line shows.

A trace of 30,000 spans is one query here. Knows nothing about trees, axes or pages.
"""

import sqlite3
from typing import NamedTuple

from tracing import attributes as names
from tracing.jsonlike import clean
from tracing.span import SpanKind, SpanStatus
from tracing.store.detail import Loader, SpanRow, TraceNotFoundError, span_row

ERROR_CHARS = 300


class SpanLine(NamedTuple):
    """One span as a list shows it; `ended_at_ns` None is still open. `id` grows with every span that is stored.

    A tuple, in the order of the query's columns: tens of thousands of them are made at once.
    """

    id: int
    span_id: str
    parent_span_id: str | None
    name: str
    kind: SpanKind
    status: SpanStatus
    error: str  # its beginning; "" without one
    started_at_ns: int
    ended_at_ns: int | None
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    cost_micros: int
    unseen_micros: int
    gist: str
    stop_reason: str  # of a model call; "" where it is not known
    exit_code: int | None  # of a command
    passed: int | None  # of a check: 1 or 0
    cache_break: str  # of a model call: the likely cause; "" where the cache was not broken
    attempts: int  # of a model call; 1 where it is not known
    why: str = ""  # of a check: what it was run for; "" for the work itself

    @property
    def is_call(self) -> bool:
        return self.kind is SpanKind.LLM

    @property
    def failed_as_it_should(self) -> bool:
        """A check that was run to see it fail: new tests without the work, say."""
        return self.passed == 0 and names.SHOULD_FAIL in self.why

    @property
    def problem(self) -> bool:
        if self.failed_as_it_should:
            return False
        return self.status in {SpanStatus.ERROR, SpanStatus.INTERRUPTED} or self.passed == 0


def span_lines(connection: sqlite3.Connection, trace_id: str, after_id: int, since_ns: int) -> list[SpanLine]:
    """The spans of a trace in the order they began: those stored after `after_id`, those open, those ended since then."""
    rows = connection.execute(
        _CHANGED if after_id else _ALL, (trace_id, after_id, since_ns) if after_id else (trace_id,)
    )
    return [SpanLine(row[0], row[1], row[2], row[3], _KINDS[row[4]], _STATUSES[row[5]], *row[6:]) for row in rows]


def read_span(connection: sqlite3.Connection, trace_id: str, prefix: str, loader: Loader) -> SpanRow:
    """Raises: TraceNotFoundError."""
    exact = connection.execute("SELECT * FROM span WHERE trace_id = ? AND span_id = ?", (trace_id, clean(prefix)))
    wanted = clean(prefix).strip().lower()
    found = (
        exact.fetchall()
        or connection.execute(
            "SELECT * FROM span WHERE trace_id = ? AND span_id >= ? AND span_id < ? LIMIT 2",
            (trace_id, wanted, wanted + "g"),
        ).fetchall()
    )
    if prefix and len(found) == 1:
        return span_row(found[0], loader)
    what = "Several spans" if found else "No span"
    raise TraceNotFoundError(f"{what} of trace {trace_id[:8]} begin with {prefix!r}. The trace's page lists them.")


def _text(name: str, then: str = "") -> str:
    return f"""CAST(coalesce(json_extract(attributes, '$."{name}"{then}'), '') AS TEXT)"""


def _number(name: str) -> str:
    """NULL for whatever else stands there: strangers write attributes too."""
    value = f"""json_extract(attributes, '$."{name}"')"""
    return f"CASE typeof({value}) WHEN 'integer' THEN {value} END"


_ALL = f"""
SELECT id, span_id, parent_span_id, name, kind, status, substr(coalesce(error, ''), 1, {ERROR_CHARS}) AS error, started_at_ns, ended_at_ns,
  input_tokens, cache_read_tokens, output_tokens, cost_micros, unseen_micros, gist,
  CASE kind WHEN 'LLM' THEN {_text(names.FINISH_REASONS, "[0]")} ELSE '' END AS stop_reason,
  CASE kind WHEN 'TOOL' THEN {_number(names.EXIT_CODE)} END AS exit_code,
  CASE kind WHEN 'EVALUATOR' THEN {_number(names.CHECK_PASSED)} END AS passed,
  CASE kind WHEN 'LLM' THEN {_text(names.CACHE_BREAK)} ELSE '' END AS cache_break,
  CASE kind WHEN 'LLM' THEN coalesce({_number(names.CALL_ATTEMPTS)}, 1) ELSE 1 END AS attempts,
  CASE kind WHEN 'EVALUATOR' THEN {_text(names.CHECK_WHY)} ELSE '' END AS why
FROM span WHERE trace_id = ? ORDER BY started_at_ns, id"""  # noqa: S608  constants

_CHANGED = _ALL.replace(
    "WHERE trace_id = ?", "WHERE trace_id = ? AND (id > ? OR ended_at_ns IS NULL OR ended_at_ns >= ?)"
)


_KINDS = {kind.value: kind for kind in SpanKind}
_STATUSES = {status.value: status for status in SpanStatus}
