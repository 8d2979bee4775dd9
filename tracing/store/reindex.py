"""Makes findable, and describes in a few words, the spans that were written before the store did so: one pass of a migration."""

import json
import sqlite3
from collections.abc import Iterator

from tracing.gist import gist
from tracing.jsonlike import leaf_text
from tracing.store.payloads import read_payload
from tracing.store.search import note_texts
from tracing.store.volumes import FIRST

SEARCHED_CHARS = 4_096


def reindex(connection: sqlite3.Connection) -> None:
    """The names, errors, inputs, outputs and new messages of every span, in the order in which spans began."""
    connection.execute("DROP TABLE payload_text")
    seen: set[tuple[str, str]] = set()
    titles = {row["root_span_id"]: row for row in connection.execute("SELECT root_span_id, name, metadata FROM trace")}
    for row in connection.execute("SELECT * FROM span ORDER BY id").fetchall():
        note_texts(connection, row["id"], texts_of(connection, row, titles.get(row["span_id"]), seen), FIRST)
        described = row["output_hash"] if row["kind"] == "LLM" else row["input_hash"]
        words = gist(read_payload(connection, described)) if described else ""
        connection.execute("UPDATE span SET gist = ? WHERE id = ?", (words, row["id"]))


def texts_of(
    connection: sqlite3.Connection, row: sqlite3.Row, title: sqlite3.Row | None, seen: set[tuple[str, str]]
) -> Iterator[str]:
    """What a span is found by; `title` is its trace where it is the root, `seen` what was told of conversations before."""
    if title is not None:
        yield f"{title['name']} {leaf_text(json.loads(title['metadata']), SEARCHED_CHARS)}"
    yield row["name"]
    yield row["error"] or ""
    hashes = [row["input_hash"], row["output_hash"], *_new_messages(connection, row, seen)]
    yield from (leaf_text(read_payload(connection, one), SEARCHED_CHARS) for one in hashes if one)


def _new_messages(connection: sqlite3.Connection, row: sqlite3.Row, seen: set[tuple[str, str]]) -> list[str]:
    """The messages that no span of the trace before had, oldest first."""
    found, head = [], row["conversation_hash"]
    while head and (row["trace_id"], head) not in seen:
        seen.add((row["trace_id"], head))
        node = connection.execute("SELECT * FROM conversation WHERE hash = ?", (head,)).fetchone()
        found += [node["message_hash"]] if node else []
        head = node["parent_hash"] if node else None
    return found[::-1]
