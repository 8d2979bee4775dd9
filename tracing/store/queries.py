"""Lists over many traces: filters, totals and cost groups. All of it reads columns that the writes keep up to date."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import islice

from tracing import attributes as names
from tracing.span import JsonValue, TraceStatus
from tracing.store.filters import Sort, TraceFilter, conditions, order
from tracing.store.interrupted import was_stopped
from tracing.store.search import places, says

FEW_TRACES = 2_000
COMMON_AFTER = 1  # batches of places: words that are found more often than that are common


@dataclass(frozen=True)
class TraceRow:
    """One trace with the totals of its spans. `input_tokens` includes what was read from and written to the cache."""

    trace_id: str
    root_span_id: str
    name: str
    agent_id: str
    session_id: str | None
    status: TraceStatus
    error: str | None
    started_at_ns: int
    ended_at_ns: int | None
    updated_at_ns: int
    metadata: Mapping[str, JsonValue]
    story: str
    repo: str
    spans: int
    errors: int
    turns: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    cost_micros: int
    unseen_micros: int  # of the cost: bounds for calls whose end was never seen
    simulated_micros: int  # of the cost: what no real model was paid for
    findings: int  # how many things detectors found
    worst: int  # the gravest of them, as tracing.finding.Severity; 0: none
    analysed: int  # the version of the detectors that finished with it; 0: none has
    trimmed_ns: int = 0  # when retention deleted its texts; 0: they are there
    imported_ns: int = 0  # when it came from a file of somebody else's; 0: it was written here

    @property
    def known_micros(self) -> int:
        """What was really spent, as far as anybody knows."""
        return self.cost_micros - self.unseen_micros

    @property
    def told_micros(self) -> int | None:
        """What to say of its cost: None where calls used tokens and nobody said at what price. Ralph has a price for each of its own."""
        is_priced = self.cost_micros or names.STORY_ID in self.metadata or not self.input_tokens + self.output_tokens
        return self.known_micros if is_priced else None

    @property
    def was_stopped(self) -> bool:
        return was_stopped(self.status, self.error)

    @property
    def duration_ns(self) -> int:
        """From start to end; of an open trace, to the last thing written."""
        return (self.ended_at_ns if self.ended_at_ns is not None else self.updated_at_ns) - self.started_at_ns

    @property
    def cache_hit_ratio(self) -> float:
        """The part of all input tokens that came from the cache [0..1]; 0 without a call."""
        return self.cache_read_tokens / self.input_tokens if self.input_tokens else 0.0


def told_sum(rows: Iterable[TraceRow]) -> int | None:
    """What to say that these cost together: None where no price of any is known."""
    told = [row.told_micros for row in rows if row.told_micros is not None]
    return sum(told) if told else None


class GroupBy(StrEnum):
    DAY = "day"
    REPO = "repo"
    STORY = "story"
    MODEL = "model"
    AGENT = "agent"


@dataclass(frozen=True)
class CostRow:
    """What the model calls of one group cost; `group` is "" where calls have no such label."""

    group: str
    calls: int
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    cost_micros: int
    unseen_micros: int = 0  # of the cost: bounds for calls whose end was never seen
    simulated_micros: int = 0  # of the cost: what no real model was paid for

    @property
    def known_micros(self) -> int:
        return self.cost_micros - self.unseen_micros


COLUMNS = (
    "trace_id", "root_span_id", "name", "agent_id", "session_id", "status", "error", "started_at_ns", "ended_at_ns",
    "updated_at_ns", "metadata", "story", "repo", "spans", "errors", "turns", "input_tokens", "cache_read_tokens",
    "cache_write_tokens", "output_tokens", "cost_micros", "unseen_micros", "simulated_micros", "findings",
    "worst", "analysed", "trimmed_ns", "imported_ns",
)  # fmt: skip


def trace_row(row: sqlite3.Row) -> TraceRow:
    values = {name: row[name] for name in COLUMNS}
    values |= {"status": TraceStatus(row["status"]), "metadata": json.loads(row["metadata"])}
    return TraceRow(**values)


def traces(connection: sqlite3.Connection, filters: TraceFilter) -> list[TraceRow]:
    read = _with_text if filters.text.strip() else _matching
    rows = read(connection, filters)
    return rows[::-1] if filters.cursor and filters.cursor.back else rows


def count(connection: sqlite3.Connection, filters: TraceFilter, most: int) -> int:
    """How many match, counted to `most` and no further; full text is not looked at."""
    wanted, parameters = conditions(filters)
    row = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM trace {_where(wanted)} LIMIT ?)",  # noqa: S608  constants
        (*parameters, most),
    ).fetchone()
    return int(row[0])


def _with_text(connection: sqlite3.Connection, filters: TraceFilter) -> list[TraceRow]:
    """The words lead, newest places first; where few traces match the rest, and the words are common, those lead."""
    newest = filters.sort is Sort.WHEN and not (filters.cursor and filters.cursor.back)
    found: list[TraceRow] = []
    seen: set[str] = set()
    for number, batch in enumerate(places(connection, filters.text)):
        new = {place.trace_id for place in batch} - seen
        seen |= new
        found += _matching(connection, filters, new) if new else []
        if newest and len(found) >= filters.limit:
            break
        if number == COMMON_AFTER and (few := _few(connection, filters)):
            having = says(connection, filters.text, few)
            return _matching(connection, filters, list(islice(having, filters.limit)))
    return _matching(connection, filters, {row.trace_id for row in found}) if found else []


def _few(connection: sqlite3.Connection, filters: TraceFilter) -> list[str]:
    """The ids of all that match everything but the text, in order, if they are few; else none."""
    wanted, parameters = conditions(filters)
    if not wanted:
        return []
    rows = connection.execute(
        f"SELECT trace_id FROM trace {_where(wanted)} ORDER BY {order(filters)} LIMIT ?",  # noqa: S608  constants
        (*parameters, FEW_TRACES + 1),
    ).fetchall()
    return [row["trace_id"] for row in rows] if len(rows) <= FEW_TRACES else []


def _matching(
    connection: sqlite3.Connection, filters: TraceFilter, among: Collection[str] | None = None
) -> list[TraceRow]:
    """Those that match everything but the text; of these traces only, where they are given."""
    wanted, parameters = conditions(filters)
    if among is not None:
        wanted.append(f"trace_id IN ({', '.join('?' * len(among))})")
        parameters += among
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM trace {_where(wanted)} ORDER BY {order(filters)} LIMIT ?",  # noqa: S608
        (*parameters, filters.limit),
    )
    return [trace_row(row) for row in rows]


def _where(wanted: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(wanted)}" if wanted else ""


_OF_CALLS: Mapping[GroupBy, str] = {
    GroupBy.DAY: "started_at_ns / 86400000000000",  # counted since 1970: cheaper than its name, for each call
    GroupBy.MODEL: "coalesce(model, '')",
}
_OF_TRACES: Mapping[GroupBy, str] = {GroupBy.REPO: "repo", GroupBy.STORY: "story", GroupBy.AGENT: "agent_id"}
_SUMS = ", ".join(
    f"sum({name}) AS {name}"
    for name in (
        "input_tokens", "cache_read_tokens", "output_tokens", "cost_micros", "unseen_micros", "simulated_micros",
    )
)  # fmt: skip
_CALLS = (
    "FROM span WHERE turns > 0 AND started_at_ns >= ? "
    "AND trace_id NOT IN (SELECT trace_id FROM trace WHERE imported_ns > 0)"  # what somebody else paid
)
_OF_PAST: Mapping[GroupBy, str] = {GroupBy.DAY: "day", GroupBy.MODEL: "model", **_OF_TRACES}


def costs(connection: sqlite3.Connection, group_by: GroupBy, since_ns: int) -> list[CostRow]:
    """Deleted traces count with what was added up when they went, by whole days."""
    order = "grouped" if group_by is GroupBy.DAY else "cost_micros DESC, grouped"
    if group_by in _OF_CALLS:
        kept = f"SELECT {_OF_CALLS[group_by]} AS grouped, count(*) AS calls, {_SUMS} {_CALLS} GROUP BY grouped"
    else:
        kept = f"SELECT coalesce({_OF_TRACES[group_by]}, '') AS grouped, sum(calls) AS calls, {_SUMS} {_by_trace(since_ns)} GROUP BY grouped"
    past = (
        f"SELECT {_OF_PAST[group_by]} AS grouped, sum(calls) AS calls, {_SUMS} FROM past_calls "  # noqa: S608  constants
        "WHERE (day + 1) * 86400000000000 > ? GROUP BY grouped"
    )
    both = f"SELECT grouped, sum(calls) AS calls, {_SUMS} FROM ({kept} UNION ALL {past})"  # noqa: S608  constants
    both += f" GROUP BY grouped ORDER BY {order}"
    rows = connection.execute(both, (since_ns, since_ns))
    return [CostRow(_day(row[0]) if group_by is GroupBy.DAY else row[0], *row[1:]) for row in rows]


def _day(days: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=days)).isoformat()


def _by_trace(since_ns: int) -> str:
    """Each trace's calls added up: the totals that stand in its row, where all of its calls are wanted."""
    if since_ns <= 0:
        return "FROM (SELECT *, turns AS calls FROM trace WHERE turns > 0 AND imported_ns = 0 AND started_at_ns >= ?)"
    calls = f"SELECT trace_id AS of_trace, count(*) AS calls, {_SUMS} {_CALLS} GROUP BY trace_id"
    labels = f"SELECT trace_id, {', '.join(_OF_TRACES.values())} FROM trace"  # noqa: S608  constants
    return f"FROM ({calls}) LEFT JOIN ({labels}) ON trace_id = of_trace"
