"""A stored trace as the lines of a bundle, and those as a file. Reads in one transaction, a line at a time."""

import gzip
import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from tracing import attributes as names
from tracing.bundle.lines import (
    IMPORTED,
    VERSION,
    EndLine,
    EventLine,
    FindingLine,
    Head,
    Line,
    NodeLine,
    PayloadLine,
    ScoreLine,
    SpanLine,
    TraceLine,
)
from tracing.sqlite import connect
from tracing.usage import MODELS

SAFE_TEXTS = frozenset({*MODELS, names.STORY_ID})
CONTENT_OF = ("input", "output", "system", "tools", "conversation")


def export_trace(store: Path, trace_id: str, file: BinaryIO, *, has_content: bool = True, made_by: str = "") -> int:
    """Write the trace (by its whole id) into the file; how many spans it has."""
    spans = count = 0
    with (
        closing(connect(store, synchronous="NORMAL")) as connection,
        gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed,
    ):
        connection.execute("BEGIN")
        packed.write(_encoded(Head(version=VERSION, made_by=made_by, has_content=has_content)))
        for line in lines_of(connection, trace_id, has_content=has_content):
            packed.write(_encoded(line))
            count, spans = count + 1, spans + isinstance(line, SpanLine)
        packed.write(_encoded(EndLine(lines=count)))
    return spans


def lines_of(connection: sqlite3.Connection, trace_id: str, *, has_content: bool = True) -> Iterator[Line]:
    """All but head and end. The mark of an import is left out: it says nothing about the trace."""
    if has_content:
        yield from _payloads(connection, trace_id)
        yield from _nodes(connection, trace_id)
    yield _trace(connection.execute("SELECT * FROM trace WHERE trace_id = ?", (trace_id,)).fetchone(), has_content)
    for row in connection.execute("SELECT * FROM span WHERE trace_id = ? ORDER BY id", (trace_id,)):
        yield _span(row, has_content)
    for row in connection.execute("SELECT * FROM finding WHERE trace_id = ? ORDER BY id", (trace_id,)):
        yield _finding(row, has_content)
    for row in connection.execute("SELECT * FROM score WHERE trace_id = ? ORDER BY id", (trace_id,)):
        yield _score(row, has_content)


def digest(lines: Iterator[Line]) -> str:
    """The same for the same trace, whatever was found in it or said of it since."""
    said = (_encoded(_lasting(line)) for line in lines if not isinstance(line, FindingLine | ScoreLine))
    return hashlib.sha256(b"".join(sorted(hashlib.sha256(line).digest() for line in said))).hexdigest()


def _lasting(line: Line) -> Line:
    return line.model_copy(update={"analysed": 0, "updated_at_ns": 0}) if isinstance(line, TraceLine) else line


def _encoded(line: Line) -> bytes:
    return (
        json.dumps(line.model_dump(mode="json"), ensure_ascii=True, separators=(",", ":"), sort_keys=True) + "\n"
    ).encode("ascii")


def _payloads(connection: sqlite3.Connection, trace_id: str) -> Iterator[PayloadLine]:
    for (one,) in connection.execute(_HASHES, {"trace": trace_id}).fetchall():
        row = connection.execute("SELECT * FROM payload WHERE hash = ?", (one,)).fetchone()
        if row is not None:
            yield PayloadLine(hash=one, size_bytes=row["size_bytes"], data=_data(row))


def _data(row: sqlite3.Row) -> str | None:
    data: bytes | None = row["data"]
    if data is not None and row["compressed"]:
        data = zlib.decompress(data)
    return None if data is None else data.decode("utf-8", "surrogatepass")


def _nodes(connection: sqlite3.Connection, trace_id: str) -> Iterator[NodeLine]:
    for row in connection.execute(_ALL_NODES, {"trace": trace_id}):
        yield NodeLine(hash=row["hash"], parent=row["parent_hash"], message=row["message_hash"], length=row["length"])


def _trace(row: sqlite3.Row, has_content: bool) -> TraceLine:
    metadata = {key: value for key, value in json.loads(row["metadata"]).items() if key != IMPORTED}
    fields = {name: row[name] for name in TraceLine.model_fields if name not in {"kind", "metadata"}}
    line = TraceLine(**fields, metadata=metadata)
    if has_content:
        return line
    safe = {key: value for key, value in metadata.items() if key in SAFE_TEXTS}
    return line.model_copy(update={"metadata": safe, "error": None})


def _span(row: sqlite3.Row, has_content: bool) -> SpanLine:
    given = ("span_id", "parent_span_id", "name", "status", "error", "started_at_ns", "ended_at_ns", "gist")
    line = SpanLine(
        span_kind=row["kind"],
        attributes=json.loads(row["attributes"]),
        events=tuple(EventLine(**event) for event in json.loads(row["events"])),
        **{name: row[name] for name in given},
        **{name: row[f"{name}_hash"] for name in CONTENT_OF},
    )
    if has_content:
        return line
    events = tuple(event.model_copy(update={"attributes": {}}) for event in line.events)
    bare = {"attributes": _safe(line.attributes), "events": events, "error": None, "gist": ""}
    return line.model_copy(update=bare | dict.fromkeys(CONTENT_OF))


def _safe(attributes: Mapping[str, object]) -> dict[str, object]:
    """Numbers, and names of models: nothing that was said, read or written."""
    return {key: value for key, value in attributes.items() if isinstance(value, int | float) or key in SAFE_TEXTS}


def _finding(row: sqlite3.Row, has_content: bool) -> FindingLine:
    fields = {name: row[name] for name in FindingLine.model_fields if name not in {"kind", "span_ids"}}
    line = FindingLine(**fields, span_ids=tuple(json.loads(row["span_ids"])))
    return line if has_content else line.model_copy(update={"evidence": "", "remedy": "", "nudge": ""})


def _score(row: sqlite3.Row, has_content: bool) -> ScoreLine:
    line = ScoreLine(**{name: row[name] for name in ScoreLine.model_fields if name != "kind"})
    return line if has_content else line.model_copy(update={"comment": ""})


_NODES = """
WITH RECURSIVE node(hash, parent_hash, message_hash, length) AS (
  SELECT c.hash, c.parent_hash, c.message_hash, c.length FROM conversation c
  WHERE c.hash IN (SELECT conversation_hash FROM span WHERE trace_id = :trace)
  UNION
  SELECT c.hash, c.parent_hash, c.message_hash, c.length FROM conversation c JOIN node ON c.hash = node.parent_hash
)
"""

_ALL_NODES = f"{_NODES} SELECT * FROM node ORDER BY length, hash"  # noqa: S608  constants

_HASHES = f"""
{_NODES}
SELECT input_hash AS hash FROM span WHERE trace_id = :trace AND input_hash IS NOT NULL
UNION SELECT output_hash FROM span WHERE trace_id = :trace AND output_hash IS NOT NULL
UNION SELECT system_hash FROM span WHERE trace_id = :trace AND system_hash IS NOT NULL
UNION SELECT tools_hash FROM span WHERE trace_id = :trace AND tools_hash IS NOT NULL
UNION SELECT message_hash FROM node ORDER BY 1
"""  # noqa: S608  constants
