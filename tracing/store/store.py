"""One traces.db: opened lazily, shared between threads, reopened in a forked child.

Short transactions (WAL, `synchronous=NORMAL`). Knows nothing about open span objects or redaction: what comes is stored.
"""

import functools
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from tracing.finding import Finding, Severity
from tracing.owner import is_alive
from tracing.scores import Score, ScoreAverage
from tracing.span import JsonValue, Owner
from tracing.sqlite import StateError, connect, migrate, transaction
from tracing.store import agents, findings, queries, rows, scores, snippets
from tracing.store.agents import AgentRow, FindingKind, SessionRow
from tracing.store.detail import Loader, SpanRow, TraceDetail, find_trace, read_trace
from tracing.store.filters import TraceFilter
from tracing.store.findings import FindingRow
from tracing.store.history_rows import HistoryRow, history_rows
from tracing.store.interrupted import close_interrupted
from tracing.store.payloads import read_conversation, read_payload
from tracing.store.queries import CostRow, GroupBy, TraceRow
from tracing.store.rows import SpanLine
from tracing.store.schema import COMPONENT, MIGRATIONS
from tracing.store.search import places_in
from tracing.store.snippets import Snippet
from tracing.store.writes import Write

T = TypeVar("T")


class TraceStore:
    """The traces of one user. `busy_timeout_ms` is how long a call waits for another process's write."""

    def __init__(self, path: Path, *, busy_timeout_ms: int = 5_000) -> None:
        self.path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._connection: sqlite3.Connection | None = None
        self._abandoned: list[sqlite3.Connection] = []
        self._lock = threading.RLock()
        self._closed = False
        os.register_at_fork(after_in_child=functools.partial(_after_fork, weakref.ref(self)))

    @classmethod
    def open(cls, path: Path, *, busy_timeout_ms: int = 5_000) -> "TraceStore":
        """The store at `path`, created and brought to the newest schema at once.

        Raises:
            StateError: the file was written by a newer Ralph.
        """
        store = cls(path, busy_timeout_ms=busy_timeout_ms)
        with store._lock:
            store._connected()
        return store

    def write(self, writes: Sequence[Write]) -> None:
        """Apply all of them in one transaction, or none."""
        with self._lock, transaction(self._connected(), "traces write") as connection:
            for write in writes:
                write.apply(connection)

    def ask(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """A question that another module of this package puts to the file; it reads only."""
        with self._lock:
            return query(self._connected())

    def traces(self, filters: TraceFilter | None = None) -> list[TraceRow]:
        """The traces that match, newest first."""
        with self._lock:
            return queries.traces(self._connected(), filters or TraceFilter())

    def count_traces(self, filters: TraceFilter, *, most: int = 1_000) -> int:
        """How many traces match, counted to `most` and no further; a text is not looked at."""
        with self._lock:
            return queries.count(self._connected(), filters, most)

    def trace(self, trace_id: str) -> TraceDetail:
        """One trace with its spans, by its id or a prefix that only it has; payloads load when asked for.

        Raises:
            TraceNotFoundError: none has the prefix, or several have.
        """
        with self._lock:
            return read_trace(self._connected(), trace_id, load=self.payload, load_conversation=self.conversation)

    def trace_row(self, trace_id: str) -> TraceRow:
        """One trace without its spans, by its id or a prefix that only it has.

        Raises:
            TraceNotFoundError: none has the prefix, or several have.
        """
        with self._lock:
            return find_trace(self._connected(), trace_id)

    def span_rows(self, trace_id: str, after_id: int = 0, *, since_ns: int = 0) -> list[SpanLine]:
        """The spans of a trace (by its whole id) in the order they began, as the lines of a list: no payload is read.

        After an id only what has changed: the spans stored after it, those that are open, those that ended since.
        """
        with self._lock:
            return rows.span_lines(self._connected(), trace_id, after_id, since_ns)

    def spans_with(self, trace_id: str, text: str, limit: int = 1_000) -> list[str]:
        """The ids of the spans of a trace (by its whole id) that were given, told or brought all of these words."""
        with self._lock:
            return [place.span_id for place in places_in(self._connected(), text, trace_id, limit)]

    def span(self, trace_id: str, prefix: str) -> SpanRow:
        """One span of a trace (by its whole id), by its id or a prefix that only it has in that trace.

        Raises:
            TraceNotFoundError: none has the prefix, or several have.
        """
        with self._lock:
            return rows.read_span(self._connected(), trace_id, prefix, Loader(self.payload, self.conversation))

    def costs(self, group_by: GroupBy | str, *, since_ns: int = 0) -> list[CostRow]:
        """What model calls cost, summed by day (UTC), repo, story or model; the dearest first, days in order."""
        with self._lock:
            return queries.costs(self._connected(), GroupBy(group_by), since_ns)

    def findings(self, trace_id: str) -> list[Finding]:
        """What detectors found in one trace (by its whole id), the gravest first."""
        with self._lock:
            return findings.of_trace(self._connected(), trace_id)

    def newest_findings(
        self, *, since_ns: int = 0, least: Severity = Severity.NOTE, limit: int = 50
    ) -> list[FindingRow]:
        """What was found in any trace since then, the gravest first."""
        with self._lock:
            return findings.newest(self._connected(), since_ns=since_ns, least=least, limit=limit)

    def unanalysed(self, version: int, *, limit: int) -> list[str]:
        """Ids of ended traces that detectors of this version have not seen, the newest first."""
        with self._lock:
            return findings.unanalysed(self._connected(), version, limit)

    def history_rows(self, agent_id: str, *, before_ns: int, limit: int = 50, repo: str = "") -> list[HistoryRow]:
        """What the agent's finished traces cost and took that began before then, newest first."""
        with self._lock:
            return history_rows(self._connected(), agent_id, before_ns=before_ns, limit=limit, repo=repo)

    def agents(self, *, since_ns: int = 0, agent: str | None = None) -> list[AgentRow]:
        """Every agent with a run since then, or this one; whoever ran last first."""
        with self._lock:
            return agents.agents(self._connected(), since_ns, agent)

    def agent_names(self) -> list[str]:
        """Of the first hundred agents, "" among them where one has no name."""
        with self._lock:
            return agents.agent_names(self._connected())

    def sessions(self, agent: str, *, since_ns: int = 0) -> list[SessionRow]:
        """The newest sessions of an agent."""
        with self._lock:
            return agents.sessions(self._connected(), agent, since_ns)

    def finding_kinds(self, agent: str, *, since_ns: int = 0) -> list[FindingKind]:
        """What is found most often in an agent's traces."""
        with self._lock:
            return agents.finding_kinds(self._connected(), agent, since_ns)

    def detectors(self) -> list[str]:
        """The names of the detectors that found anything."""
        with self._lock:
            return agents.detectors(self._connected())

    def snippets(self, text: str, trace_id: str, *, limit: int = 3) -> list[Snippet]:
        """Where in one trace (by its whole id) these words stand, with what is around them."""
        with self._lock:
            return snippets.snippets(self._connected(), text, trace_id, limit)

    def scores(self, trace_id: str, *, limit: int = 1_000) -> list[Score]:
        """What was said of a trace (by its whole id) and its spans as numbers, the newest first."""
        with self._lock:
            return scores.scores(self._connected(), trace_id, limit)

    def score_averages(self, name: str, *, last: int) -> list[ScoreAverage]:
        """For each agent with scores of this name, the average of the `last` latest ones."""
        with self._lock:
            return scores.averages(self._connected(), name, last)

    def payload(self, payload_hash: str) -> JsonValue:
        """A stored payload; None where only its hash was kept, or it was deleted."""
        with self._lock:
            return read_payload(self._connected(), payload_hash)

    def conversation(self, head: str | None) -> list[JsonValue]:
        """The messages that end in `head`, oldest first."""
        with self._lock:
            return read_conversation(self._connected(), head)

    def close_interrupted(
        self, alive: Callable[[Owner], bool] = is_alive, *, clock: Callable[[], int] = time.time_ns
    ) -> list[str]:
        """Close, as interrupted, every trace that a dead process left open; gives their ids."""
        with self._lock:
            return close_interrupted(self._connected(), alive, clock())

    def close(self) -> None:
        """Close the file; anything asked of the store afterwards raises StateError."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._closed:
            raise StateError(f"{self.path}: this trace store was closed. Open it again with TraceStore.open().")
        if self._connection is None:
            self._connection = _open(self.path, self._busy_timeout_ms)
        return self._connection

    def after_fork(self) -> None:
        """A child keeps the parent's connection unused: using or closing it would break the parent's locks."""
        self._lock = threading.RLock()
        if self._connection is not None:
            self._abandoned.append(self._connection)
            self._connection = None


def _after_fork(reference: "weakref.ref[TraceStore]") -> None:
    store = reference()
    if store is not None:
        store.after_fork()


def _open(path: Path, busy_timeout_ms: int) -> sqlite3.Connection:
    connection = connect(path, synchronous="NORMAL", busy_timeout_ms=busy_timeout_ms)
    try:
        migrate(connection, COMPONENT, MIGRATIONS)
    except BaseException:
        connection.close()
        raise
    return connection


def write_each(store: TraceStore, writes: Iterable[Write]) -> int:
    """Apply one by one, so that a broken one costs only itself; gives how many were dropped."""
    dropped = 0
    for write in writes:
        try:
            store.write([write])
        except (
            sqlite3.IntegrityError,
            sqlite3.InterfaceError,
            sqlite3.ProgrammingError,
            ValueError,
            TypeError,
            ArithmeticError,
        ):
            dropped += 1
    return dropped
