"""The volumes of the full-text index: each holds what was said in about two weeks, so that old texts go with their volume.

A table without content can forget a text only by being told it again, word for word (SQLite before 3.43). So nothing is taken
out of a volume: what it says of a deleted span leads nowhere, and when all of its spans are gone the volume goes as a whole.
Knows nothing about what is old.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

PERIOD_NS = 14 * 86_400 * 10**9
FIRST = "mention_text"
ROWS = 200  # of an index's own tables at a time; they are pages of about 4 KB
NEVER = 1 << 62
LAST_OF_HEAD = 10  # the rows of an index that SQLite needs to open it: 1 and 10, https://sqlite.org/fts5.html


@dataclass(frozen=True)
class Volume:
    """What was said as mention `first` and later, before mention `end`."""

    number: int
    first: int
    end: int

    @property
    def table(self) -> str:
        return f"{FIRST}_{self.number}" if self.number else FIRST


def volumes(connection: sqlite3.Connection) -> list[Volume]:
    """Those that are searched, the newest first."""
    rows = connection.execute(
        "SELECT number, first_mention FROM text_volume WHERE NOT is_retired ORDER BY number DESC"
    ).fetchall()
    ends = [NEVER, *(row["first_mention"] for row in rows)]
    return [Volume(row["number"], row["first_mention"], end) for row, end in zip(rows, ends, strict=False)]


def newest(connection: sqlite3.Connection) -> str:
    """The table that new texts go to."""
    return Volume(connection.execute("SELECT max(number) FROM text_volume").fetchone()[0], 0, 0).table


def open_volume(connection: sqlite3.Connection, now_ns: int) -> bool:
    """Begin a new one where the newest is old and holds something; inside a transaction."""
    row = connection.execute(
        "SELECT number, opened_ns, first_mention, (SELECT coalesce(max(id), 0) FROM mention) AS last "
        "FROM text_volume ORDER BY number DESC LIMIT 1"
    ).fetchone()
    if now_ns - row["opened_ns"] < PERIOD_NS or row["last"] < max(row["first_mention"], 1):
        return False
    fresh = Volume(row["number"] + 1, row["last"] + 1, NEVER)
    connection.execute(f"CREATE VIRTUAL TABLE {fresh.table} USING fts5(text, content='', tokenize='unicode61')")
    connection.execute(
        "INSERT INTO text_volume(number, first_mention, opened_ns) VALUES (?, ?, ?)",
        (fresh.number, fresh.first, now_ns),
    )
    return True


def drop_emptied(connection: sqlite3.Connection) -> Iterator[None]:
    """Remove the volumes that lead nowhere any more, a few pages at each step; each step is inside somebody's transaction."""
    for volume in volumes(connection)[1:]:
        if not connection.execute(_LEADS, (volume.first, volume.end)).fetchone():
            connection.execute("UPDATE text_volume SET is_retired = 1 WHERE number = ?", (volume.number,))
            yield
    for row in connection.execute("SELECT number FROM text_volume WHERE is_retired").fetchall():
        yield from _drop(connection, Volume(row["number"], 0, 0).table)
        connection.execute("DELETE FROM text_volume WHERE number = ?", (row["number"],))
        yield


def _drop(connection: sqlite3.Connection, table: str) -> Iterator[None]:
    """By its pages: to drop a large table at once takes seconds. Where SQLite guards those from us, it has to be at once."""
    for part, kept in (("data", LAST_OF_HEAD), ("docsize", -1)):
        some = f"DELETE FROM {table}_{part} WHERE id IN (SELECT id FROM {table}_{part} WHERE id > {kept} LIMIT {ROWS})"  # noqa: S608
        try:
            while connection.execute(some).rowcount:
                yield
        except sqlite3.OperationalError:
            break
    connection.execute(f"DROP TABLE IF EXISTS {table}")


_LEADS = "SELECT 1 FROM mention WHERE id >= ? AND id < ? AND span <> 0 LIMIT 1"
