"""Puts right by hand what the ledger cannot know: what a call cost whose end nobody saw, or that broke its worst case.

Each correction is a row of its own that stays for good: who, when, what was counted before and what is since. Totals and
with them every limit follow at once. Knows no prices: the amount comes from a person who has the provider's invoice.
"""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracing.budget import ReservationState, require_whole, usd
from tracing.ledger_schema import DAY, MIGRATIONS, latest_day
from tracing.owner import is_alive
from tracing.span import Owner
from tracing.sqlite import connect, migrate, transaction


class ReconcileError(Exception):
    """The correction was not made; the message says why and what to do."""


@dataclass(frozen=True)
class OpenReservation:
    """A call that counts with its worst case, since nobody knows what it cost, or one that cost more than that."""

    id: int
    model: str
    trace_id: str  # "" where there is none
    reserved_micros: int
    counted_micros: int  # what counts against the limits now
    known_micros: int  # of that: what is known to be spent; 0 where nobody saw the end
    reserved_at_ns: int
    is_held: bool  # never closed
    is_under_way: bool  # held, and its process lives: it will settle this itself
    is_broken: bool  # it cost more than was reserved, and nothing is called until somebody accepts that

    @property
    def is_unknown(self) -> bool:
        return not self.is_under_way and not self.is_broken


@dataclass(frozen=True)
class Correction:
    """One line of the record of what was put right by hand."""

    id: int
    reservation_id: int
    known_before_micros: int  # what was known to be spent: 0 for a call whose end nobody saw
    micros: int
    made_by: str
    note: str
    made_at_ns: int
    model: str = ""
    trace_id: str = ""
    reserved_at_ns: int = 0


class Books:
    """The same file as `Ledger`, for reading what is open and for correcting it."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self._connection = connection
        self._clock = clock

    @classmethod
    def open(cls, path: Path, clock: Callable[[], int] = time.time_ns) -> "Books":
        connection = connect(path, synchronous="FULL")
        migrate(connection, "ledger", MIGRATIONS)
        return cls(connection, clock)

    def close(self) -> None:
        self._connection.close()

    def open_reservations(self) -> tuple[OpenReservation, ...]:
        """Everything whose cost is not known, or not accepted; oldest first."""
        return tuple(map(_read, self._connection.execute(f"{_SELECT} ORDER BY reservations.id")))

    def corrections(self) -> tuple[Correction, ...]:
        """All that was ever put right by hand, oldest first."""
        query = (
            "SELECT corrections.*, model, trace_id, reserved_at_ns FROM corrections "
            "JOIN reservations ON reservations.id = reservation_id ORDER BY corrections.id"
        )
        return tuple(Correction(**dict(row)) for row in self._connection.execute(query))

    def settle(
        self, reservation_id: int, micros: int | None, *, made_by: str, note: str = "", above: bool = False
    ) -> Correction:
        """Count `micros` for this call from now on (None: what counts now). More than was reserved only with `above`.

        Raises:
            ReconcileError: it is not open, its process lives, or the amount is above its worst case.
        """
        if micros is not None:
            require_whole(micros, "reconcile")
        with transaction(self._connection, "ledger reconcile"):
            found = self._find(reservation_id)
            amount = found.counted_micros if micros is None else micros
            _require_settleable(found, amount, above=above)
            self._recount(found, amount)
            return self._record(found, amount, made_by, note)

    def day_ahead(self, today: str) -> str:
        """The day that calls count under because it was reserved under already, though `today` is earlier; or ""."""
        latest = latest_day(self._connection).removeprefix(DAY)
        return latest if latest > today else ""

    def call_day_wrong(self, today: str) -> tuple[str, ...]:
        """The clock was wrong: days after `today` do not hold back the days before them any more. Returns those days."""
        days = []
        with transaction(self._connection, "ledger wrong day"):
            while day := self.day_ahead(today):
                self._connection.execute("INSERT INTO wrong_days VALUES (?)", (DAY + day,))
                days.append(day)
        return tuple(days)

    def _find(self, reservation_id: int) -> OpenReservation:
        row = self._connection.execute(f"{_SELECT} AND reservations.id = ?", (reservation_id,)).fetchone()
        if row is None:
            raise ReconcileError(f"{reservation_id} is not open. `ralph costs reconcile` lists the ids that are.")
        return _read(row)

    def _recount(self, found: OpenReservation, micros: int) -> None:
        mine = "scope IN (SELECT scope FROM reservation_scopes WHERE reservation_id = ?)"
        was_held, was_settled = (found.counted_micros, 0) if found.is_held else (0, found.counted_micros)
        self._connection.execute(
            f"UPDATE scope_totals SET held_micros = held_micros - ?, settled_micros = settled_micros + ? WHERE {mine}",  # noqa: S608  a constant
            (was_held, micros - was_settled, found.id),
        )
        self._connection.execute(
            f"UPDATE unseen_totals SET micros = micros - ? WHERE {mine}",  # noqa: S608  a constant
            (was_settled - found.known_micros, found.id),
        )
        self._connection.execute(
            "UPDATE reservations SET state = ?, charged_micros = ?, unseen = 0, note = 'reconciled by hand', "
            "closed_at_ns = coalesce(closed_at_ns, ?) WHERE id = ?",
            (ReservationState.SETTLED, micros, self._clock(), found.id),
        )
        self._connection.execute(
            "UPDATE broken_assumptions SET accepted_at_ns = ? WHERE reservation_id = ?", (self._clock(), found.id)
        )

    def _record(self, found: OpenReservation, micros: int, made_by: str, note: str) -> Correction:
        at_ns = self._clock()
        values = (found.id, found.known_micros, micros, made_by, note, at_ns)
        row_id = self._connection.execute(
            "INSERT INTO corrections(reservation_id, known_before_micros, micros, made_by, note, made_at_ns) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            values,
        ).lastrowid
        assert row_id is not None
        return Correction(row_id, *values, found.model, found.trace_id, found.reserved_at_ns)


_SELECT = """
SELECT reservations.*, coalesce(reservations.charged_micros, reservations.reserved_micros) AS counted_micros,
  broken_assumptions.reservation_id IS NOT NULL AND accepted_at_ns IS NULL AS is_broken
FROM reservations LEFT JOIN broken_assumptions ON broken_assumptions.reservation_id = reservations.id
WHERE (state = 'held' OR unseen = 1 OR (broken_assumptions.reservation_id IS NOT NULL AND accepted_at_ns IS NULL))
"""


def _read(row: sqlite3.Row) -> OpenReservation:
    owner = Owner(pid=row["owner_pid"], started=row["owner_started"], boot_id=row["owner_boot_id"])
    held = row["state"] == ReservationState.HELD
    return OpenReservation(
        id=row["id"],
        model=row["model"],
        trace_id=row["trace_id"],
        reserved_micros=row["reserved_micros"],
        counted_micros=row["counted_micros"],
        known_micros=0 if held or row["unseen"] else row["counted_micros"],
        reserved_at_ns=row["reserved_at_ns"],
        is_held=held,
        is_under_way=held and is_alive(owner),
        is_broken=bool(row["is_broken"]),
    )


def _require_settleable(found: OpenReservation, micros: int, *, above: bool) -> None:
    if found.is_under_way:
        raise ReconcileError(
            f"{found.id} is under way: the process that reserved it lives and will settle it. Stop that run first."
        )
    most_micros = max(found.reserved_micros, found.counted_micros)
    if micros > most_micros and not above:
        raise ReconcileError(
            f"${usd(micros)} is more than the ${usd(most_micros)} that {found.id} counts with at most. Look at the amount "
            "again (dollars, not cents); if it is right, add --above."
        )
