"""Where words were found, as a line to read: the span, what of it said them, and the words in their surroundings.

The index says which span; this reads what that span says until the words turn up. Only for the traces that a page shows.
"""

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracing.jsonlike import leaf_text
from tracing.span import JsonValue, SpanKind
from tracing.store.payloads import read_payload
from tracing.store.search import places_in

SEARCHED_CHARS = 4_096
BEFORE_CHARS, AFTER_CHARS = 48, 140
MOST_MESSAGES = 12  # of a conversation, from its end: the ones that a call added

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Part:
    text: str
    found: bool  # one of the words that were looked for


@dataclass(frozen=True)
class Snippet:
    """One place; `where` is "input", "output", "message", "error", "name" or "title"."""

    span_id: str
    span_name: str
    kind: SpanKind
    where: str
    parts: tuple[Part, ...]


def snippets(connection: sqlite3.Connection, text: str, trace_id: str, limit: int) -> list[Snippet]:
    """Where in one trace the words stand, the first places first."""
    words = _words(text)
    found = (
        _snippet(connection, trace_id, place.span_id, words) for place in places_in(connection, text, trace_id, limit)
    )
    return [one for one in found if one is not None] if words else []


def marked(text: str, words: Sequence[str]) -> tuple[Part, ...]:
    """The first place where a word stands, with what is around it on one line; nothing where none does."""
    line = " ".join(text.split())
    pattern = re.compile("|".join(map(_pattern, words)), re.IGNORECASE)
    first = pattern.search(_plain_letters(line)) if words else None
    if first is None:
        return ()
    start, end = max(first.start() - BEFORE_CHARS, 0), first.end() + AFTER_CHARS
    cut = ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")
    return tuple(_parts(cut, pattern))


def _parts(line: str, pattern: re.Pattern[str]) -> Iterator[Part]:
    at = 0
    for match in pattern.finditer(_plain_letters(line)):
        if match.start() > at:
            yield Part(line[at : match.start()], found=False)
        yield Part(line[match.start() : match.end()], found=True)
        at = match.end()
    if at < len(line):
        yield Part(line[at:], found=False)


def _words(text: str) -> list[str]:
    """As the index takes words apart; the longest first, so that it is marked whole."""
    return sorted(set(_WORD.findall(_plain_letters(text))), key=lambda word: (-len(word), word))


def _snippet(connection: sqlite3.Connection, trace_id: str, span_id: str, words: Sequence[str]) -> Snippet | None:
    row = connection.execute(_SPAN, (trace_id, span_id)).fetchone()
    if row is None:
        return None
    said = next(
        ((where, text) for where, text in _said(connection, row) if _has_all(text, words)), ("name", row["name"])
    )
    parts = marked(said[1], words) or (Part(said[1][:AFTER_CHARS], found=False),)
    return Snippet(span_id, row["name"], SpanKind(row["kind"]), said[0], parts)


def _has_all(text: str, words: Sequence[str]) -> bool:
    letters = _plain_letters(text)
    return all(re.search(_pattern(word), letters, re.IGNORECASE) for word in words)


def _pattern(word: str) -> str:
    """Where a word begins, as the index takes words apart: at `_` too, and accents set as characters of their own say nothing."""
    return r"(?<![^\W_])" + "".join(f"{re.escape(char)}[\u0300-\u036f]*" for char in word)


def _plain_letters(text: str) -> str:
    """Each letter without its accent, so that places in the text stay what they are."""
    return text if text.isascii() else text.translate({ord(char): _letter(char) for char in set(text)})


def _letter(char: str) -> str:
    parts = unicodedata.normalize("NFD", char)
    return parts[0] if all(map(unicodedata.combining, parts[1:])) else char


def _said(connection: sqlite3.Connection, row: sqlite3.Row) -> Iterator[tuple[str, str]]:
    """What the index knows of a span, as far as it knows it: one text after the other."""
    yield "error", row["error"] or ""
    yield "name", row["name"]
    for where in ("input", "output"):
        yield where, _payload(connection, row[f"{where}_hash"])
    for message_hash in _messages(connection, row["conversation_hash"]):
        yield "message", _payload(connection, message_hash)
    if row["root_span_id"] == row["span_id"]:
        metadata: JsonValue = json.loads(row["metadata"])
        yield "title", f"{row['trace_name']} {leaf_text(metadata, SEARCHED_CHARS)}"


def _payload(connection: sqlite3.Connection, payload_hash: str | None) -> str:
    return leaf_text(read_payload(connection, payload_hash), SEARCHED_CHARS) if payload_hash else ""


def _messages(connection: sqlite3.Connection, head: str | None) -> Iterator[str]:
    for _ in range(MOST_MESSAGES):
        row = connection.execute(_NODE, (head,)).fetchone() if head else None
        if row is None:
            return
        yield row["message_hash"]
        head = row["parent_hash"]


_SPAN = """
SELECT span.span_id, span.name, span.kind, span.error, input_hash, output_hash, conversation_hash,
  trace.root_span_id, trace.name AS trace_name, trace.metadata
FROM span JOIN trace ON trace.trace_id = span.trace_id WHERE span.trace_id = ? AND span.span_id = ?
"""

_NODE = "SELECT message_hash, parent_hash FROM conversation WHERE hash = ?"
