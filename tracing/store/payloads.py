"""Payloads and conversations, read back. A conversation is a linked list, so its length costs only who reads all of it."""

import sqlite3
import zlib

from tracing.jsonlike import from_bytes
from tracing.span import JsonValue

COMPRESS_FROM_BYTES = 200
DAMAGED = "<damaged: what is stored here is no JSON that can be read>"


def compress(data: bytes) -> tuple[bytes, bool]:
    """The smaller of the bytes as they are and zlib's, and whether they are compressed."""
    if len(data) < COMPRESS_FROM_BYTES:
        return data, False
    packed = zlib.compress(data, 6)
    return (packed, True) if len(packed) < len(data) * 0.9 else (data, False)


def read_payload(connection: sqlite3.Connection, payload_hash: str) -> JsonValue:
    row = connection.execute("SELECT data, compressed FROM payload WHERE hash = ?", (payload_hash,)).fetchone()
    return _decode(row)


def read_conversation(connection: sqlite3.Connection, head: str | None) -> list[JsonValue]:
    rows = connection.execute(_CONVERSATION, (head,)).fetchall() if head else []
    return [_decode(row) for row in rows]


_CONVERSATION = """
WITH RECURSIVE node(hash, parent_hash, message_hash, length) AS (
  SELECT hash, parent_hash, message_hash, length FROM conversation WHERE hash = ?
  UNION ALL
  SELECT c.hash, c.parent_hash, c.message_hash, c.length FROM conversation c
  JOIN node ON c.hash = node.parent_hash AND c.length < node.length
)
SELECT data, compressed FROM node LEFT JOIN payload ON payload.hash = node.message_hash ORDER BY node.length
"""


def _decode(row: sqlite3.Row | None) -> JsonValue:
    if row is None or row["data"] is None:
        return None
    data: bytes = row["data"]
    try:
        return from_bytes(zlib.decompress(data) if row["compressed"] else data)
    except (ValueError, RecursionError, zlib.error):
        return DAMAGED
