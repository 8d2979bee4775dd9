"""One trace as a tree of spans. Payloads are read only when somebody asks for them."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tracing.jsonlike import clean
from tracing.span import AttributeValue, JsonValue, PayloadRefs, SpanEvent, SpanKind, SpanStatus
from tracing.store.queries import COLUMNS, TraceRow, trace_row


class TraceNotFoundError(LookupError):
    """No trace, or more than one, has the id that was asked for; the message says which and what to type."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Loader:
    payload: Callable[[str], JsonValue]
    conversation: Callable[[str | None], list[JsonValue]]


@dataclass(frozen=True)
class SpanRow:
    """One stored span; `ended_at_ns` None is still open. Input, output and messages are read from the store on demand."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: SpanKind
    status: SpanStatus
    error: str | None
    started_at_ns: int
    ended_at_ns: int | None
    attributes: Mapping[str, AttributeValue]
    events: tuple[SpanEvent, ...]
    refs: PayloadRefs
    model: str | None
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    cost_micros: int
    unseen_micros: int
    gist: str
    load: Loader = field(repr=False, compare=False)

    @property
    def duration_ns(self) -> int | None:
        return None if self.ended_at_ns is None else self.ended_at_ns - self.started_at_ns

    def input(self) -> JsonValue:
        return self._payload(self.refs.input)

    def output(self) -> JsonValue:
        return self._payload(self.refs.output)

    def system(self) -> JsonValue:
        return self._payload(self.refs.system)

    def tools(self) -> JsonValue:
        return self._payload(self.refs.tools)

    def messages(self) -> list[JsonValue]:
        """The whole conversation that a model call was sent, oldest message first."""
        return self.load.conversation(self.refs.conversation)

    def _payload(self, payload_hash: str | None) -> JsonValue:
        return None if payload_hash is None else self.load.payload(payload_hash)


@dataclass(frozen=True)
class TraceDetail:
    trace: TraceRow
    spans: tuple[SpanRow, ...]

    @property
    def roots(self) -> tuple[SpanRow, ...]:
        """Spans without a parent in this trace, in the order they began; usually one."""
        known = {span.span_id for span in self.spans}
        return tuple(span for span in self.spans if span.parent_span_id not in known)

    def children(self, span_id: str) -> tuple[SpanRow, ...]:
        """In the order they began."""
        return tuple(span for span in self.spans if span.parent_span_id == span_id)

    def span(self, prefix: str) -> SpanRow:
        """The span with this id, or the one whose id begins so.

        Raises:
            TraceNotFoundError: none, or several.
        """
        found = [span for span in self.spans if span.span_id.startswith(prefix.lower())]
        if prefix and len(found) == 1:
            return found[0]
        what = "No span" if not found else f"{len(found)} spans"
        raise TraceNotFoundError(
            f"{what} of trace {self.trace.trace_id[:8]} begins with {prefix!r}. `ralph trace {self.trace.trace_id[:8]}` lists them."
        )


def read_trace(
    connection: sqlite3.Connection,
    wanted: str,
    *,
    load: Callable[[str], JsonValue],
    load_conversation: Callable[[str | None], list[JsonValue]],
) -> TraceDetail:
    trace = find_trace(connection, wanted)
    rows = connection.execute("SELECT * FROM span WHERE trace_id = ? ORDER BY started_at_ns, id", (trace.trace_id,))
    loader = Loader(load, load_conversation)
    return TraceDetail(trace, tuple(span_row(row, loader) for row in rows))


def find_trace(connection: sqlite3.Connection, wanted: str) -> TraceRow:
    """A whole id before what only begins so: no other trace's id can get in front of one."""
    select = f"SELECT {', '.join(COLUMNS)} FROM trace WHERE trace_id = ?"  # noqa: S608  constants
    exact = connection.execute(select, (clean(wanted),)).fetchone()
    return trace_row(exact or _by_prefix(connection, wanted))


def _by_prefix(connection: sqlite3.Connection, wanted: str) -> sqlite3.Row:
    prefix = wanted.strip().lower()
    if not prefix or not set(prefix) <= set("0123456789abcdef"):
        raise TraceNotFoundError(f"{wanted!r} is not a trace id: those are hex digits. `ralph traces` lists them.")
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM trace WHERE trace_id >= ? AND trace_id < ? "  # noqa: S608  constants
        "ORDER BY started_at_ns DESC LIMIT 6",
        (prefix, prefix + "g"),
    ).fetchall()
    if not rows:
        raise TraceNotFoundError(f"No trace begins with {prefix!r}. `ralph traces` lists them.")
    if len(rows) > 1:
        begun = ", ".join(row["trace_id"][: len(prefix) + 4] for row in rows[:5])
        more = ", ..." if len(rows) > 5 else ""
        raise TraceNotFoundError(f"Several traces begin with {prefix!r}: {begun}{more}. Type more of the id.")
    row: sqlite3.Row = rows[0]
    return row


def span_row(row: sqlite3.Row, loader: Loader) -> SpanRow:
    return SpanRow(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        name=row["name"],
        kind=SpanKind(row["kind"]),
        status=SpanStatus(row["status"]),
        error=row["error"],
        started_at_ns=row["started_at_ns"],
        ended_at_ns=row["ended_at_ns"],
        attributes=json.loads(row["attributes"]),
        events=tuple(SpanEvent(**event) for event in json.loads(row["events"])),
        refs=PayloadRefs(
            input=row["input_hash"],
            output=row["output_hash"],
            system=row["system_hash"],
            tools=row["tools_hash"],
            conversation=row["conversation_hash"],
        ),
        model=row["model"],
        input_tokens=row["input_tokens"],
        cache_read_tokens=row["cache_read_tokens"],
        cache_write_tokens=row["cache_write_tokens"],
        output_tokens=row["output_tokens"],
        cost_micros=row["cost_micros"],
        unseen_micros=row["unseen_micros"],
        gist=row["gist"],
        load=loader,
    )
