"""Deletes traces, or only their texts, so that nothing else is lost: what a kept trace shares stays, and what calls cost is added up.

A span's payloads and conversations go through a list of what may be loose now (table `loose`), written in the transaction
that takes the span away and worked off by what is looked up there and then; so a kill at any point loses no track of any.
Open traces are never touched. Knows nothing about how old is old.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

SPANS = 20  # a step
HASHES = 50  # looked up at a time
LONGEST_TAIL = 10_000  # messages behind a span's last one that no span was sent
ALL = 1 << 62


@dataclass(frozen=True)
class Aged:
    """A trace that ended; `at_ns` is when, or when it was imported."""

    trace_id: str
    at_ns: int
    spans: int


def ended_before(
    connection: sqlite3.Connection, before_ns: int, *, keep: Collection[str] = (), with_texts: bool = False
) -> list[Aged]:
    """The traces that ended before then, the oldest first; those with texts only, if asked for."""
    rows = connection.execute(_ENDED + " AND trimmed_ns = 0" * with_texts + _IN_ORDER, (before_ns, before_ns))
    return [Aged(*row) for row in rows if row["trace_id"] not in keep]


def delete_traces(connection: sqlite3.Connection, traces: Sequence[Aged]) -> Iterator[None]:
    """Whole traces, some spans at each step; each step is inside somebody's transaction."""
    for trace in traces:
        if _has_ended(connection, trace):
            yield from _delete_trace(connection, trace.trace_id)


def delete_texts(connection: sqlite3.Connection, traces: Sequence[Aged], now_ns: int) -> Iterator[None]:
    """What traces were told and brought, and the words to find them by; spans, times, costs, errors and findings stay."""
    for trace in traces:
        if not _has_ended(connection, trace):
            continue
        for ids in _span_ids(connection, trace.trace_id):
            _let_go_of_texts(connection, ids)
            connection.executemany(_CLEAR, [(row_id,) for row_id in ids])
            yield
        connection.execute("UPDATE trace SET trimmed_ns = ? WHERE trace_id = ?", (now_ns, trace.trace_id))
        yield


def delete_loose(connection: sqlite3.Connection) -> Iterator[None]:
    """The payloads and messages that nothing leads to any more; the longest conversations first, so that tails are short."""
    while rows := connection.execute(_LOOSE, (HASHES,)).fetchall():
        for row in rows:
            connection.execute("DELETE FROM loose WHERE is_node = ? AND length = ? AND hash = ?", tuple(row))
            if row["is_node"]:
                _delete_node(connection, row["hash"])
            else:
                _delete_payload(connection, row["hash"])
            yield  # after each: a payload may have megabytes


def used_bytes(connection: sqlite3.Connection) -> int:
    """What the file holds, without the room that was freed in it."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def text_bytes(connection: sqlite3.Connection) -> int:
    """About what payloads take of the file, as the newest thousand have it."""
    row = connection.execute(_TEXT_BYTES).fetchone()
    return int((row[0] or 0) * row[1])


def _has_ended(connection: sqlite3.Connection, trace: Aged) -> bool:
    row = connection.execute("SELECT ended_at_ns FROM trace WHERE trace_id = ?", (trace.trace_id,)).fetchone()
    return row is not None and row["ended_at_ns"] is not None


def _delete_trace(connection: sqlite3.Connection, trace_id: str) -> Iterator[None]:
    for ids in _span_ids(connection, trace_id):
        marks = _marks(ids)
        connection.execute(_ADD_UP.format(marks=marks), ids)
        _let_go_of_texts(connection, ids)
        connection.execute(f"DELETE FROM span WHERE id IN ({marks})", ids)  # noqa: S608  question marks
        yield
    for table in _about_traces(connection):
        connection.execute(f"DELETE FROM {table} WHERE trace_id = ?", (trace_id,))  # noqa: S608  a table of ours
    connection.execute("DELETE FROM trace WHERE trace_id = ?", (trace_id,))
    yield


def _span_ids(connection: sqlite3.Connection, trace_id: str) -> Iterator[list[int]]:
    ids = [row[0] for row in connection.execute("SELECT id FROM span WHERE trace_id = ? ORDER BY id", (trace_id,))]
    return (ids[start : start + SPANS] for start in range(0, len(ids), SPANS))


def _let_go_of_texts(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """List what these spans lead to, and forget the words. The last mention stays as a mark: ids are not used twice."""
    marks = _marks(ids)
    for name in ("input", "output", "system", "tools"):
        connection.execute(_NOTE_PAYLOADS.format(name=name, marks=marks), ids)
    connection.execute(_NOTE_NODES.format(marks=marks), ids)
    connection.execute(_KEEP_LAST.format(marks=marks), ids)
    connection.execute(f"DELETE FROM mention WHERE span IN ({marks})", ids)  # noqa: S608  question marks
    connection.execute("DELETE FROM mention WHERE span = 0 AND id < (SELECT max(id) FROM mention)")


def _about_traces(connection: sqlite3.Connection) -> list[str]:
    """Every other table with a `trace_id`: findings, scores, whatever comes."""
    return [row["name"] for row in connection.execute(_ABOUT_TRACES)]


def _delete_node(connection: sqlite3.Connection, node_hash: str) -> None:
    """A message and those behind it that no span was sent either; then it is its parent's turn."""
    nodes = [node_hash]
    for node in nodes:  # grows meanwhile
        if connection.execute(_NODE_IN_USE, (node,)).fetchone() or len(nodes) > LONGEST_TAIL:
            return
        nodes += [row["hash"] for row in connection.execute(_CHILDREN, (node,))]
    for node in nodes:
        row = connection.execute("SELECT * FROM conversation WHERE hash = ?", (node,)).fetchone()
        if row is not None:
            connection.execute("DELETE FROM conversation WHERE hash = ?", (node,))
            connection.execute(_NOTE, (0, 0, row["message_hash"]))
            if row["parent_hash"] is not None and node == node_hash:
                connection.execute(_NOTE, (1, row["length"] - 1, row["parent_hash"]))


def _delete_payload(connection: sqlite3.Connection, payload_hash: str) -> None:
    if not any(connection.execute(query, (payload_hash,)).fetchone() for query in _PAYLOAD_IN_USE):
        connection.execute("DELETE FROM payload WHERE hash = ?", (payload_hash,))


def _marks(values: Sequence[int]) -> str:
    return ", ".join("?" * len(values))


_ENDED = """
SELECT trace_id, max(ended_at_ns, imported_ns) AS at_ns, spans FROM trace
WHERE started_at_ns < ? AND ended_at_ns IS NOT NULL AND max(ended_at_ns, imported_ns) < ?
"""
_IN_ORDER = " ORDER BY max(ended_at_ns, imported_ns), trace_id"

_CLEAR = """
UPDATE span SET input_hash = NULL, output_hash = NULL, system_hash = NULL, tools_hash = NULL, conversation_hash = NULL, gist = ''
WHERE id = ?
"""

_NOTE = "INSERT OR IGNORE INTO loose(is_node, length, hash) VALUES (?, ?, ?)"

_NOTE_PAYLOADS = """
INSERT OR IGNORE INTO loose(is_node, length, hash)
SELECT 0, 0, {name}_hash FROM span WHERE id IN ({marks}) AND {name}_hash IS NOT NULL
"""

_NOTE_NODES = """
INSERT OR IGNORE INTO loose(is_node, length, hash)
SELECT 1, coalesce(conversation.length, 0), span.conversation_hash FROM span
LEFT JOIN conversation ON conversation.hash = span.conversation_hash
WHERE span.id IN ({marks}) AND span.conversation_hash IS NOT NULL
"""

_KEEP_LAST = """
UPDATE mention SET span = 0 WHERE id = (SELECT max(id) FROM mention) AND span IN ({marks})
"""

_ADD_UP = """
INSERT INTO past_calls
SELECT span.started_at_ns / 86400000000000, coalesce(model, ''), repo, story, agent_id, count(*),
  sum(span.input_tokens), sum(span.cache_read_tokens), sum(span.output_tokens), sum(span.cost_micros),
  sum(span.unseen_micros), sum(span.simulated_micros)
FROM span JOIN trace ON trace.trace_id = span.trace_id
WHERE span.id IN ({marks}) AND span.turns > 0 AND trace.imported_ns = 0 GROUP BY 1, 2, 3, 4, 5
ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, input_tokens = input_tokens + excluded.input_tokens,
  cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens, output_tokens = output_tokens + excluded.output_tokens,
  cost_micros = cost_micros + excluded.cost_micros, unseen_micros = unseen_micros + excluded.unseen_micros,
  simulated_micros = simulated_micros + excluded.simulated_micros
"""

_ABOUT_TRACES = """
SELECT tables.name FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
WHERE tables.type = 'table' AND columns.name = 'trace_id' AND tables.name NOT IN ('trace', 'span')
"""

_LOOSE = "SELECT is_node, length, hash FROM loose ORDER BY is_node DESC, length DESC LIMIT ?"
_NODE_IN_USE = "SELECT 1 FROM span WHERE conversation_hash = ? LIMIT 1"
_CHILDREN = "SELECT hash FROM conversation WHERE parent_hash = ?"
_PAYLOAD_IN_USE = (
    "SELECT 1 FROM span WHERE input_hash = ? LIMIT 1",
    "SELECT 1 FROM span WHERE output_hash = ? LIMIT 1",
    "SELECT 1 FROM span WHERE system_hash = ? LIMIT 1",
    "SELECT 1 FROM span WHERE tools_hash = ? LIMIT 1",
    "SELECT 1 FROM conversation WHERE message_hash = ? LIMIT 1",
)
_TEXT_BYTES = """
SELECT (SELECT avg(length(data)) FROM (SELECT data FROM payload ORDER BY id DESC LIMIT 1000)), count(*) FROM payload
"""
