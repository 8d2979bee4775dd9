"""The courier's end of the outbox: which row is next for a channel, and what became of it. Sends nothing, sleeps never.

Used by one courier at a time (it holds a lock file), so a row that is `sending` when a courier begins is one that a dead
courier left behind. A row may go when no earlier one of its channel and dedup key is still open. A channel that does not
answer is left alone for longer and longer; a row that fails by itself waits by itself.
"""

import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracing.alerts.attempt import UnansweredError
from tracing.alerts.digest import FOLDED_KINDS, fold
from tracing.alerts.kept_message import from_json
from tracing.alerts.message import Kind, Message
from tracing.alerts.outbox import OPEN_STATES, Outbox, State

SECOND_NS = 10**9
FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 3_600.0
LONGEST_ASKED_S = 86_400.0  # of a receiver's Retry-After
GIVEN_UP_AFTER_S = 3 * 86_400
LEAST_ATTEMPTS = 10  # a machine that slept for days has not tried for days
GONE_AFTER_S = 86_400  # a channel that is in no settings
FOLDED_ABOVE = 10  # so many at once are one message
FIRING_GIVEN_UP = "not sent: that it began was never told on this channel"

NEXT = f"""
    SELECT * FROM outbox AS row WHERE channel = :channel AND state = 'waiting' AND state IN {OPEN_STATES}
    AND (next_at_ns <= :now OR reckoned_ns > :now)
    AND NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.channel = row.channel AND row.dedup_key != ''
        AND earlier.dedup_key = row.dedup_key AND earlier.seq < row.seq AND earlier.state IN {OPEN_STATES})
    ORDER BY attempts, seq LIMIT 1
"""  # noqa: S608 (ours)
WAITING = f"SELECT * FROM outbox WHERE state = 'waiting' AND state IN {OPEN_STATES}"  # noqa: S608 (ours)
FOLDABLE = (
    f"{WAITING} AND channel = ? AND kind IN ({', '.join(repr(kind.value) for kind in FOLDED_KINDS)}) AND digest = '' "
    "AND again = 0 AND reached = '[]' ORDER BY seq"
)
LEFT = f"SELECT channel, COUNT(*) AS count FROM outbox WHERE state IN {OPEN_STATES} AND digest != message_id GROUP BY channel"  # noqa: S608 (ours)
RECOVER = f"""
    UPDATE outbox SET state = 'waiting', again = 1, next_at_ns = put_at_ns WHERE state = 'sending' AND state IN {OPEN_STATES}
"""  # noqa: S608 (ours)
HELD_BACK = "SELECT 1 FROM outbox_channels WHERE channel = :channel AND open_at_ns > :now AND reckoned_ns <= :now"


@dataclass(frozen=True)
class Claim:
    """A row that is being sent."""

    seq: int
    channel: str
    message: Message
    attempts: int  # with this one
    fence: int
    since_ns: int
    again: bool
    reached: tuple[str, ...]


def wait_s(attempts: int, spread: float) -> float:
    """How long after so many failures; `spread` in [0, 1) keeps many from coming at the same moment."""
    return float(min(FIRST_WAIT_S * 2 ** min(attempts - 1, 20), LONGEST_WAIT_S) * (0.8 + 0.4 * spread))


class Queue:
    """The rows of an outbox, for whoever holds the courier's lock."""

    def __init__(self, outbox: Outbox, spread: Callable[[], float] = random.random) -> None:
        self._outbox = outbox
        self._spread = spread

    def left(self) -> Counter[str]:
        """How many rows are open, by channel."""
        with self._outbox.reading() as db:
            return Counter({row["channel"]: row["count"] for row in db.execute(LEFT).fetchall()})

    def recover(self) -> None:
        """Put back what a dead courier was sending; it goes out again under the same id."""
        with self._outbox.writing("outbox recover") as db:
            db.execute(RECOVER)

    def abandon(self, known: Sequence[str]) -> int:
        """Give up what has waited for a day for a channel that no settings have; how many rows."""
        now = self._outbox.clock()
        with self._outbox.writing("outbox abandon") as db:
            waiting = db.execute(WAITING).fetchall()
            gone = [
                row
                for row in waiting
                if row["channel"] not in known and row["since_ns"] + GONE_AFTER_S * SECOND_NS <= now
            ]
            for row in gone:
                note = f'the settings have no channel "{row["channel"]}" any more. Add it again, then: ralph alerts retry --all'
                _end(db, (row["seq"], row["message_id"]), State.FAILED, note, now)
        return len(gone)

    def is_due(self, channel: str) -> bool:
        with self._outbox.reading() as db:
            values = self._values(channel)
            return not db.execute(HELD_BACK, values).fetchone() and db.execute(NEXT, values).fetchone() is not None

    def claim(self, channel: str, *, folded: bool) -> Claim | None:
        """Take the next row of the channel, None when nothing is due. `folded`: many rows may become one digest."""
        values = self._values(channel)
        with self._outbox.writing("outbox claim") as db:
            if db.execute(HELD_BACK, values).fetchone():
                return None
            if folded:
                self._fold(db, channel)
            while (row := db.execute(NEXT, values).fetchone()) is not None:
                if row["kind"] != Kind.RESOLVED or not _firing_given_up(db, row):
                    return _claimed(db, row)
                _end(db, (row["seq"], row["message_id"]), State.DROPPED, FIRING_GIVEN_UP, values["now"])
        return None

    def sent(self, claim: Claim, note: str) -> None:
        with self._outbox.writing("outbox sent") as db:
            if _is_held(db, claim):
                _end(db, (claim.seq, claim.message.id), State.SENT, note, self._outbox.clock())
                db.execute("DELETE FROM outbox_channels WHERE channel = ?", (claim.channel,))

    def ended(self, claim: Claim, state: State, note: str) -> None:
        """Given up, or dropped."""
        with self._outbox.writing("outbox ended") as db:
            if _is_held(db, claim):
                _end(db, (claim.seq, claim.message.id), state, note, self._outbox.clock())

    def later(self, claim: Claim, error: UnansweredError, note: str) -> bool:
        """Leave it for another attempt; False when that was the last one and it is given up."""
        now = self._outbox.clock()
        asked_s = min(error.retry_after_s, LONGEST_ASKED_S)
        with self._outbox.writing("outbox later") as db:
            if not _is_held(db, claim):
                return True
            if claim.attempts >= LEAST_ATTEMPTS and now - claim.since_ns > GIVEN_UP_AFTER_S * SECOND_NS:
                _end(
                    db,
                    (claim.seq, claim.message.id),
                    State.FAILED,
                    f"given up after {claim.attempts} attempts: {note}",
                    now,
                )
                return False
            next_at_ns = now + int(max(asked_s, wait_s(claim.attempts, self._spread())) * SECOND_NS)
            again, reached = claim.again or error.maybe, json.dumps(error.reached or claim.reached)
            db.execute(
                "UPDATE outbox SET state = 'waiting', next_at_ns = ?, reckoned_ns = ?, note = ?, again = ?, reached = ? WHERE seq = ?",
                (next_at_ns, now, note, again, reached, claim.seq),
            )
            if not error.reached:
                self._hold_back(db, claim.channel, now, asked_s)
        return True

    def _hold_back(self, db: sqlite3.Connection, channel: str, now_ns: int, asked_s: float) -> None:
        row = db.execute("SELECT failures FROM outbox_channels WHERE channel = ?", (channel,)).fetchone()
        failures = (row["failures"] if row else 0) + 1
        open_at_ns = now_ns + int(max(asked_s, wait_s(failures, self._spread())) * SECOND_NS)
        db.execute(
            "INSERT OR REPLACE INTO outbox_channels VALUES (?, ?, ?, ?)", (channel, failures, open_at_ns, now_ns)
        )

    def _fold(self, db: sqlite3.Connection, channel: str) -> None:
        """Make one message of many. What may have arrived already stays by itself."""
        rows = db.execute(FOLDABLE, (channel,)).fetchall()
        if len(rows) <= FOLDED_ABOVE:
            return
        now = self._outbox.clock()
        digest = fold([from_json(row["message"]) for row in rows], f"{channel}/{rows[0]['seq']}-{rows[-1]['seq']}", now)
        Outbox.enqueue(db, digest, [channel], now)
        db.execute("UPDATE outbox SET digest = message_id WHERE message_id = ?", (digest.id,))
        db.executemany(
            "UPDATE outbox SET state = 'folded', digest = ? WHERE seq = ?", [(digest.id, row["seq"]) for row in rows]
        )

    def _values(self, channel: str) -> dict[str, object]:
        return {"channel": channel, "now": self._outbox.clock()}


def _claimed(db: sqlite3.Connection, row: sqlite3.Row) -> Claim:
    db.execute(
        "UPDATE outbox SET state = 'sending', attempts = attempts + 1, fence = fence + 1 WHERE seq = ?", (row["seq"],)
    )
    return Claim(
        seq=row["seq"],
        channel=row["channel"],
        message=from_json(row["message"]),
        attempts=row["attempts"] + 1,
        fence=row["fence"] + 1,
        since_ns=row["since_ns"],
        again=bool(row["again"]),
        reached=tuple(json.loads(row["reached"])),
    )


def _is_held(db: sqlite3.Connection, claim: Claim) -> bool:
    row = db.execute("SELECT state, fence FROM outbox WHERE seq = ?", (claim.seq,)).fetchone()
    return row is not None and row["state"] == State.SENDING and row["fence"] == claim.fence


def _end(db: sqlite3.Connection, which: tuple[int, str], state: State, note: str, now_ns: object) -> None:
    """Of a row, by its number and its message's id, and of all that was folded into it."""
    seq, message_id = which
    db.execute("UPDATE outbox SET state = ?, note = ?, ended_at_ns = ? WHERE seq = ?", (state, note, now_ns, seq))
    db.execute(
        "UPDATE outbox SET state = ?, note = ?, ended_at_ns = ? WHERE digest = ? AND digest != '' AND state = 'folded'",
        (state, f"in one message with others{': ' if note else ''}{note}", now_ns, message_id),
    )


def _firing_given_up(db: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether this condition's firings went to this channel and none arrived, since it was last resolved there."""
    states = db.execute(
        "SELECT state FROM outbox WHERE channel = ?1 AND dedup_key = ?2 AND kind = 'firing' AND seq < ?3 AND seq > COALESCE("
        "(SELECT MAX(seq) FROM outbox WHERE channel = ?1 AND dedup_key = ?2 AND kind = 'resolved' AND seq < ?3), 0)",
        (row["channel"], row["dedup_key"], row["seq"]),
    ).fetchall()
    return bool(states) and row["dedup_key"] != "" and all(state["state"] != State.SENT for state in states)
