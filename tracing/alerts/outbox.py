"""What is to be told and what became of it, in `ledger.db`: a message is on disk, whole, before anybody tries to send it.

One row for each message and channel. Rows of one channel with the same dedup key keep their order. Knows nothing of how a
channel sends; `tracing/alerts/courier.py` takes rows out.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tracing.alerts.kept_message import as_json, from_json
from tracing.alerts.message import Message
from tracing.sqlite import connect, migrate, transaction

NOBODY = ""  # the channel of a message that no channel is set up for
TO_NOBODY = "no channel is set up for it: add [[channels]] to config.toml"

MIGRATIONS = (
    """
    CREATE TABLE outbox(
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        message_id TEXT NOT NULL,
        channel TEXT NOT NULL,
        dedup_key TEXT NOT NULL,
        kind TEXT NOT NULL,
        message TEXT NOT NULL,
        state TEXT NOT NULL,
        put_at_ns INTEGER NOT NULL,
        since_ns INTEGER NOT NULL,
        next_at_ns INTEGER NOT NULL,
        ended_at_ns INTEGER,
        attempts INTEGER NOT NULL DEFAULT 0,
        fence INTEGER NOT NULL DEFAULT 0,
        again INTEGER NOT NULL DEFAULT 0,
        reached TEXT NOT NULL DEFAULT '[]',
        digest TEXT NOT NULL DEFAULT '',
        note TEXT NOT NULL DEFAULT '',
        UNIQUE(message_id, channel)
    );
    CREATE INDEX outbox_open ON outbox(channel, seq) WHERE state IN ('waiting', 'sending', 'folded');
    CREATE INDEX outbox_digest ON outbox(digest) WHERE digest != '';
    CREATE INDEX outbox_thread ON outbox(channel, dedup_key, seq);
    CREATE TABLE outbox_channels(
        channel TEXT PRIMARY KEY,
        failures INTEGER NOT NULL,
        open_at_ns INTEGER NOT NULL
    )
    """,
    """
    ALTER TABLE outbox ADD COLUMN reckoned_ns INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox_channels ADD COLUMN reckoned_ns INTEGER NOT NULL DEFAULT 0
    """,  # when it was reckoned until when to wait: a clock that is before it was put back, and nobody waits by it
)


class State(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    FOLDED = "folded"  # waits as a part of a digest
    SENT = "sent"
    FAILED = "failed"  # given up; `retry` takes it up again
    DROPPED = "dropped"  # not meant to be sent; the note says why


OPEN_STATES = "('waiting', 'sending', 'folded')"  # as the partial index has them


@dataclass(frozen=True)
class Entry:
    """One message on its way to one channel."""

    message: Message
    channel: str  # "": no channel was set up for it
    state: State
    put_at_ns: int
    next_at_ns: int  # while it waits: not before this
    ended_at_ns: int | None
    attempts: int
    note: str  # the last error, or a remark


class Outbox:
    """Safe between processes and between threads."""

    def __init__(self, connection: sqlite3.Connection, path: Path, clock: Callable[[], int] = time.time_ns) -> None:
        self.path = path
        self.clock = clock
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, clock: Callable[[], int] = time.time_ns) -> "Outbox":
        """Raises: StateError: the file cannot be used."""
        connection = connect(path, synchronous="FULL")
        migrate(connection, "outbox", MIGRATIONS)
        return cls(connection, path, clock)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def put(self, message: Message, channels: Sequence[str]) -> bool:
        """Keep it for each channel; False when a message of this id was put before, and nothing is changed."""
        with self.writing("outbox put") as db:
            return self.enqueue(db, message, channels, self.clock())

    @staticmethod
    def enqueue(connection: sqlite3.Connection, message: Message, channels: Sequence[str], now_ns: int) -> bool:
        """The same within somebody's transaction on the same file. An `Outbox` must have been opened on it before."""
        if connection.execute("SELECT 1 FROM outbox WHERE message_id = ? LIMIT 1", (message.id,)).fetchone():
            return False
        kept = as_json(message)
        for channel in dict.fromkeys(channels) or (NOBODY,):
            nobody = channel == NOBODY
            connection.execute(
                "INSERT INTO outbox(message_id, channel, dedup_key, kind, message, state, put_at_ns, since_ns, next_at_ns, "
                "reckoned_ns, ended_at_ns, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?7, ?7, ?8, ?9)",
                (
                    message.id,
                    channel,
                    message.dedup_key,
                    message.kind.value,
                    kept,
                    State.DROPPED if nobody else State.WAITING,
                    now_ns,
                    now_ns if nobody else None,
                    TO_NOBODY if nobody else "",
                ),
            )
        return True

    def history(self, limit: int = 50) -> list[Entry]:
        """The newest first."""
        return self._entries("SELECT * FROM outbox WHERE digest != message_id ORDER BY seq DESC LIMIT ?", (limit,))

    def waiting(self) -> list[Entry]:
        """What has not been sent and not been given up, the oldest first."""
        return self._entries(
            f"SELECT * FROM outbox WHERE state IN {OPEN_STATES} AND digest != message_id ORDER BY seq"  # noqa: S608 (ours)
        )

    def retry(self, message_id: str) -> int:
        """Take up again what was given up, on every channel; how many there were. What resolves it goes after it again."""
        with self.writing("outbox retry") as db:
            rows = db.execute(
                "SELECT * FROM outbox WHERE message_id = ? AND state = ?", (message_id, State.FAILED)
            ).fetchall()
            for row in rows:
                db.execute(
                    "UPDATE outbox SET state = 'waiting', attempts = 0, since_ns = ?1, next_at_ns = ?1, reckoned_ns = ?1, ended_at_ns = NULL, "
                    "digest = CASE digest WHEN message_id THEN digest ELSE '' END WHERE seq = ?2 OR (channel = ?3 AND "
                    "dedup_key = ?4 AND dedup_key != '' AND seq > ?2 AND kind = 'resolved' AND state = 'dropped')",
                    (self.clock(), row["seq"], row["channel"], row["dedup_key"]),
                )
        return len(rows)

    def prune(self, before_ns: int) -> int:
        """Forget what ended before then; what waits stays. How many rows went."""
        with self.writing("outbox prune") as db:
            return db.execute("DELETE FROM outbox WHERE ended_at_ns < ?", (before_ns,)).rowcount

    @contextmanager
    def writing(self, what: str) -> Iterator[sqlite3.Connection]:
        """A transaction, for the courier's queue."""
        with self._lock, transaction(self._connection, what) as db:
            yield db

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection

    def _entries(self, query: str, values: tuple[object, ...] = ()) -> list[Entry]:
        with self.reading() as db:
            return [_entry(row) for row in db.execute(query, values).fetchall()]


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        message=from_json(row["message"]),
        channel=row["channel"],
        state=State(row["state"]),
        put_at_ns=row["put_at_ns"],
        next_at_ns=row["next_at_ns"],
        ended_at_ns=row["ended_at_ns"],
        attempts=row["attempts"],
        note=row["note"],
    )
