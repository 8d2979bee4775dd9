"""Full text: what spans say, as one document for each thing said, in the order of writing; and where words are found.

A payload is stored once but is found in every trace that has it, and the newest places come first at no cost: the index's
own order is time. Knows nothing about filters or what a page shows.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FIRST_BATCH, BATCH = 200, 4_000
MOST_PLACES = 100_000


@dataclass(frozen=True)
class Place:
    """Where words were found: in what a span was given, brought or was told."""

    trace_id: str
    span_id: str


def note_texts(connection: sqlite3.Connection, span_row_id: int, texts: Iterable[str]) -> None:
    """Make these texts findable as said by the span."""
    for text in filter(None, texts):
        noted = connection.execute("INSERT INTO mention(span) VALUES (?)", (span_row_id,))
        connection.execute("INSERT INTO mention_text(rowid, text) VALUES (?, ?)", (noted.lastrowid, text))


def places(connection: sqlite3.Connection, text: str) -> Iterator[list[Place]]:
    """The newest first, in batches; ends after 100,000 of them: who asks for "the" has to ask for more."""
    words, before, given, size = _words(connection, text), 1 << 62, 0, FIRST_BATCH
    while words and given < MOST_PLACES:
        rows = connection.execute(_PLACES, (words, before, size)).fetchall()
        if not rows:
            return
        before, given, size = rows[-1]["id"], given + len(rows), BATCH
        yield [Place(row["trace_id"], row["span_id"]) for row in rows]


def says(connection: sqlite3.Connection, text: str, trace_ids: Iterable[str]) -> Iterator[str]:
    """Those of the traces that have the words, in the order given; each is looked at alone."""
    words = _words(connection, text)
    for trace_id in trace_ids if words else ():
        if connection.execute(_PLACES_IN, (words, trace_id, 1)).fetchone():
            yield trace_id


def places_in(connection: sqlite3.Connection, text: str, trace_id: str, limit: int = 20) -> list[Place]:
    """Where in one trace the words are found, the first place first."""
    words = _words(connection, text)
    rows = connection.execute(_PLACES_IN, (words, trace_id, limit)).fetchall() if words else []
    return [Place(trace_id, row["span_id"]) for row in rows]


_PLACES = """
SELECT found.id, span.trace_id, span.span_id
FROM (SELECT rowid AS id FROM mention_text WHERE mention_text MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?) AS found
JOIN mention ON mention.id = found.id JOIN span ON span.id = mention.span ORDER BY found.id DESC
"""

_PLACES_IN = """
SELECT span.span_id FROM mention_text JOIN mention ON mention.id = mention_text.rowid JOIN span ON span.id = mention.span
WHERE mention_text MATCH ?1 AND span.trace_id = ?2
  AND mention_text.rowid >= (SELECT min(m.id) FROM mention m JOIN span s ON s.id = m.span WHERE s.trace_id = ?2)
  AND mention_text.rowid <= (SELECT max(m.id) FROM mention m JOIN span s ON s.id = m.span WHERE s.trace_id = ?2)
GROUP BY span.span_id ORDER BY min(mention_text.rowid) LIMIT ?3
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
    found = whole and connection.execute("SELECT 1 FROM mention_text WHERE mention_text MATCH ? LIMIT 1", (whole,))
    return whole if not found or found.fetchone() else match(text, beginning=True)
