"""Full text: what spans say, as one document for each thing said, in the order of writing; and where words are found.

A payload is stored once but is found in every trace that has it, and the newest places come first at no cost: the index's
own order is time. Knows nothing about filters or what a page shows.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tracing.store.volumes import NEVER, Volume, newest, volumes

FIRST_BATCH, BATCH = 200, 4_000
MOST_PLACES = 100_000


@dataclass(frozen=True)
class Place:
    """Where words were found: in what a span was given, brought or was told."""

    trace_id: str
    span_id: str


def note_texts(connection: sqlite3.Connection, span_row_id: int, texts: Iterable[str], table: str = "") -> None:
    """Make these texts findable as said by the span; in the newest volume, where none is named."""
    said = [text for text in texts if text]
    table = table or (newest(connection) if said else "")
    for text in said:
        noted = connection.execute("INSERT INTO mention(span) VALUES (?)", (span_row_id,))
        connection.execute(f"INSERT INTO {table}(rowid, text) VALUES (?, ?)", (noted.lastrowid, text))  # noqa: S608


def places(connection: sqlite3.Connection, text: str) -> Iterator[list[Place]]:
    """The newest first, in batches; ends after 100,000 of them: who asks for "the" has to ask for more."""
    words, given = _words(connection, text), 0
    for volume in volumes(connection) if words else ():
        for found in _in_volume(connection, volume, words, is_first=not given):
            given += len(found)
            yield found
            if given >= MOST_PLACES:
                return


def _in_volume(connection: sqlite3.Connection, volume: Volume, words: str, *, is_first: bool) -> Iterator[list[Place]]:
    """Without those whose span was deleted: a volume keeps what it said of them."""
    before, size = NEVER, FIRST_BATCH if is_first else BATCH
    while rows := _rows(connection, _PLACES.format(table=volume.table), (words, before, size)):
        before, size = rows[-1]["id"], BATCH
        if found := [Place(row["trace_id"], row["span_id"]) for row in rows if row["span_id"]]:
            yield found


def says(connection: sqlite3.Connection, text: str, trace_ids: Iterable[str]) -> Iterator[str]:
    """Those of the traces that have the words, in the order given; each is looked at alone."""
    words = _words(connection, text)
    for trace_id in trace_ids if words else ():
        if _in_trace(connection, words, trace_id, 1):
            yield trace_id


def places_in(connection: sqlite3.Connection, text: str, trace_id: str, limit: int = 20) -> list[Place]:
    """Where in one trace the words are found, the first place first."""
    words = _words(connection, text)
    found = _in_trace(connection, words, trace_id, limit) if words else []
    return [Place(trace_id, span_id) for span_id in found]


def _in_trace(connection: sqlite3.Connection, words: str, trace_id: str, limit: int) -> list[str]:
    first, last = connection.execute(_RANGE, (trace_id,)).fetchone()
    found: dict[str, None] = {}
    for volume in reversed(volumes(connection)) if first is not None else ():
        if volume.first <= last and first < volume.end:
            rows = _rows(connection, _PLACES_IN.format(table=volume.table), (words, trace_id, limit, first, last))
            found.update(dict.fromkeys(row["span_id"] for row in rows))
    return list(found)[:limit]


def _rows(connection: sqlite3.Connection, query: str, values: tuple[str | int, ...]) -> list[sqlite3.Row]:
    """Nothing where the volume was dropped since it was listed: all that it led to is gone."""
    try:
        return connection.execute(query, values).fetchall()
    except sqlite3.OperationalError as error:
        if str(error).startswith("no such table"):
            return []
        raise


_PLACES = """
SELECT found.id, span.trace_id, span.span_id
FROM (SELECT rowid AS id FROM {table} WHERE {table} MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?) AS found
LEFT JOIN mention ON mention.id = found.id LEFT JOIN span ON span.id = mention.span ORDER BY found.id DESC
"""

_RANGE = "SELECT min(m.id), max(m.id) FROM span s JOIN mention m ON m.span = s.id WHERE s.trace_id = ?"

_PLACES_IN = """
SELECT span.span_id FROM {table} JOIN mention ON mention.id = {table}.rowid JOIN span ON span.id = mention.span
WHERE {table} MATCH ?1 AND span.trace_id = ?2 AND {table}.rowid >= ?4 AND {table}.rowid <= ?5
GROUP BY span.span_id ORDER BY min({table}.rowid) LIMIT ?3
"""


def match(text: str, *, beginning: bool = False) -> str:
    """An FTS5 query for all words of `text` in any order, each quoted; "" without a word.

    `beginning`, or a `*` at the end of the text: the last word may go on.
    """
    words = ['"' + word.replace('"', '""') + '"' for word in text.replace("\0", " ").rstrip("* ").split()]
    more = beginning or text.rstrip().endswith("*")
    return " ".join(words) + ("*" if more else "") if words else ""


def _words(connection: sqlite3.Connection, text: str) -> str:
    """The whole words; where nothing has them, the last one as a beginning. (Beginnings of common words are dear.)"""
    whole = match(text)
    return whole if not whole or _has(connection, whole) else match(text, beginning=True)


def _has(connection: sqlite3.Connection, words: str) -> bool:
    tables = [volume.table for volume in volumes(connection)]
    return any(
        _rows(connection, f"SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT 1", (words,))  # noqa: S608  ours
        for table in tables
    )
