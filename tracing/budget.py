"""A ledger of money that cannot be overspent: each attempt reserves its worst case before it starts.

Running totals per scope are kept in the same transaction as the row, so a reservation costs the same after a million
others. A reservation that nobody settles stays counted until a person settles it (`tracing/reconcile.py`). A day that is
over stays over: when the clock is set back, what is reserved counts under the latest day that was ever reserved under.
Knows nothing about models' prices or about calls.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tracing.ledger_schema import DAY, MIGRATIONS, latest_day
from tracing.owner import this_process
from tracing.sqlite import connect, migrate, transaction

CALL = "call"  # the scope that limits one reservation and adds up nothing
MICROS_PER_USD = 1_000_000
NO_LIMIT_MICROS = 2**62  # for a scope that is counted and not limited


class ReservationState(StrEnum):
    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"


@dataclass(frozen=True)
class Limit:
    """At most `micros` over everything ever reserved under `scope`; `call` limits each reservation by itself."""

    scope: str  # "call", "story:<key>", "run:<id>", "day:2026-11-21"
    micros: int


@dataclass(frozen=True)
class Reservation:
    id: int
    micros: int


@dataclass(frozen=True)
class Spend:
    settled_micros: int
    held_micros: int  # reserved and not closed: in flight, or left behind by a dead process
    unseen_micros: int = 0  # of what is settled: bounds for calls whose end was never seen

    @property
    def known_micros(self) -> int:
        """What was really spent, as far as anybody knows."""
        return self.settled_micros - self.unseen_micros

    @property
    def total_micros(self) -> int:
        return self.settled_micros + self.held_micros


@dataclass(frozen=True)
class BrokenAssumption:
    """A call cost more than the worst case that was reserved for it: the price table or the input bound is wrong."""

    reservation_id: int
    reserved_micros: int
    charged_micros: int

    def __str__(self) -> str:
        return (
            f"A call cost ${usd(self.charged_micros)}, more than the ${usd(self.reserved_micros)} reserved as its worst "
            "case: the price table or the bound on the input is wrong. Nothing more is called until you have looked: "
            "compare the model's price with `[prices]` in config.toml, then run "
            f"`ralph costs reconcile {self.reservation_id} --accept`."
        )


class UnreconciledError(Exception):
    """A call once cost more than its worst case and nobody has looked at it since; nothing was reserved."""

    def __init__(self, broken: BrokenAssumption) -> None:
        self.broken = broken
        super().__init__(str(broken))


class OverBudgetError(Exception):
    """The reservation does not fit; nothing was reserved."""

    def __init__(self, limit: Limit, left_micros: int, wanted_micros: int, counted_under: str = "") -> None:
        self.limit = limit
        wrong_clock = counted_under not in {"", limit.scope}
        self.left_micros = left_micros
        self.wanted_micros = wanted_micros
        super().__init__(
            f"The {limit.scope.partition(':')[0]} limit of ${usd(limit.micros)} has ${usd(max(left_micros, 0))} left "
            f"and the next call needs ${usd(wanted_micros)}. Raise the limit to go on."
            + wrong_clock
            * (
                f" It counts under {counted_under.removeprefix(DAY)}, though the clock says {limit.scope.removeprefix(DAY)}: "
                "if the clock was wrong then, run `ralph costs reconcile --clock`."
            )
        )


class LedgerLike(Protocol):
    """What a budget asks of its storage; tests/tracing/test_money_ledger.py holds the contract for every backend."""

    def reserve(
        self,
        micros: int,
        limits: Sequence[Limit],
        *,
        model: str,
        trace_id: str = "",
        at_least_micros: int | None = None,
    ) -> Reservation: ...
    def settle(
        self, reservation: Reservation, micros: int, *, note: str = "", seen: bool = True
    ) -> BrokenAssumption | None: ...
    def release(self, reservation: Reservation, *, note: str = "") -> None: ...
    def left(self, limits: Sequence[Limit]) -> int: ...
    def spent(self, scope: str) -> Spend: ...
    def close(self) -> None: ...


class Ledger:
    """The ledger of one machine: SQLite, durable before `reserve` returns, shared by all processes of the user."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, clock: Callable[[], int] = time.time_ns) -> "Ledger":
        connection = connect(path, synchronous="FULL")
        migrate(connection, "ledger", MIGRATIONS)
        return cls(connection, clock)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def reserve(
        self,
        micros: int,
        limits: Sequence[Limit],
        *,
        model: str,
        trace_id: str = "",
        at_least_micros: int | None = None,
    ) -> Reservation:
        """Hold `micros` under every scope of `limits`, or what is left of it down to `at_least_micros` (None: all).

        Raises:
            OverBudgetError: not even `at_least_micros` fits under the tightest limit; nothing is held.
            UnreconciledError: a call broke its worst case and nobody has accepted that; nothing is held.
        """
        needed = micros if at_least_micros is None else min(at_least_micros, micros)
        for amount in (micros, needed, *(limit.micros for limit in limits)):
            require_whole(amount, "reserve")
        with self._lock, transaction(self._connection, "ledger reserve"):
            if broken := self._unaccepted():
                raise UnreconciledError(broken)
            tightest = self._tightest(limits)
            if tightest and tightest[0] < needed:
                raise OverBudgetError(tightest[1], tightest[0], needed, self._current(tightest[1].scope))
            granted = min(micros, tightest[0]) if tightest else micros
            return self._hold(granted, {self._current(limit.scope) for limit in limits} - {CALL}, model, trace_id)

    def settle(
        self, reservation: Reservation, micros: int, *, note: str = "", seen: bool = True
    ) -> BrokenAssumption | None:
        """Replace what was held by what it cost; above the reservation it is recorded as a broken assumption too.

        `seen` False: nobody saw how it ended, and `micros` is what it may have cost at most.
        """
        require_whole(micros, "settle")
        broken = BrokenAssumption(reservation.id, reservation.micros, micros) if micros > reservation.micros else None
        with self._lock, transaction(self._connection, "ledger settle"):
            self._close_row(reservation, ReservationState.SETTLED, micros, note)
            if not seen:
                self._note_unseen(reservation, micros)
            if broken:
                self._connection.execute(
                    "INSERT INTO broken_assumptions(reservation_id, reserved_micros, charged_micros, noticed_at_ns) "
                    "VALUES (?, ?, ?, ?)",
                    (reservation.id, reservation.micros, micros, self._clock()),
                )
        return broken

    def release(self, reservation: Reservation, *, note: str = "") -> None:
        """Give back all that was held: only for what was never sent, or was refused by an HTTP status."""
        with self._lock, transaction(self._connection, "ledger release"):
            self._close_row(reservation, ReservationState.RELEASED, 0, note)

    def left(self, limits: Sequence[Limit]) -> int:
        """The smallest room over the limits, in micro-dollars; 0 when one is used up."""
        with self._lock:
            tightest = self._tightest(limits)
        return max(tightest[0], 0) if tightest else NO_LIMIT_MICROS

    def spent(self, scope: str) -> Spend:
        with self._lock:
            return self._spent(scope)

    def broken_assumptions(self) -> list[BrokenAssumption]:
        """Everything that ever cost more than its worst case, oldest first."""
        query = "SELECT reservation_id, reserved_micros, charged_micros FROM broken_assumptions ORDER BY reservation_id"
        with self._lock:
            return [BrokenAssumption(*row) for row in self._connection.execute(query)]

    def unaccepted(self) -> BrokenAssumption | None:
        """The first call above its worst case that nobody has looked at: while there is one, nothing is reserved."""
        with self._lock:
            return self._unaccepted()

    def _unaccepted(self) -> BrokenAssumption | None:
        query = (
            "SELECT reservation_id, reserved_micros, charged_micros FROM broken_assumptions "
            "WHERE accepted_at_ns IS NULL ORDER BY reservation_id LIMIT 1"
        )
        row = self._connection.execute(query).fetchone()
        return BrokenAssumption(*row) if row else None

    def _current(self, scope: str) -> str:
        """The scope to count under: for a day, never one before the latest day, whatever the clock says now."""
        if not scope.startswith(DAY):
            return scope
        return max(scope, latest_day(self._connection))

    def _tightest(self, limits: Sequence[Limit]) -> tuple[int, Limit] | None:
        rooms = [(limit.micros - self._counted(self._current(limit.scope)), limit) for limit in limits]
        return min(rooms, key=lambda room: room[0], default=None)

    def _counted(self, scope: str) -> int:
        return 0 if scope == CALL else self._spent(scope).total_micros

    def _spent(self, scope: str) -> Spend:
        query = (
            "SELECT settled_micros, held_micros, coalesce(micros, 0) "
            "FROM scope_totals LEFT JOIN unseen_totals USING (scope) WHERE scope = ?"
        )
        row = self._connection.execute(query, (scope,)).fetchone()
        return Spend(*row) if row else Spend(0, 0)

    def _hold(self, micros: int, scopes: set[str], model: str, trace_id: str) -> Reservation:
        owner = this_process()
        row_id = self._connection.execute(
            "INSERT INTO reservations(state, model, trace_id, reserved_micros, reserved_at_ns, "
            "owner_pid, owner_started, owner_boot_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (ReservationState.HELD, model, trace_id, micros, self._clock(), owner.pid, owner.started, owner.boot_id),
        ).lastrowid
        assert row_id is not None
        for scope in sorted(scopes):
            self._connection.execute("INSERT INTO reservation_scopes VALUES (?, ?)", (row_id, scope))
            self._connection.execute(
                "INSERT INTO scope_totals VALUES (?, 0, ?) "
                "ON CONFLICT(scope) DO UPDATE SET held_micros = held_micros + excluded.held_micros",
                (scope, micros),
            )
        return Reservation(row_id, micros)

    def _close_row(self, reservation: Reservation, state: ReservationState, charged_micros: int, note: str) -> None:
        closed = self._connection.execute(
            "UPDATE reservations SET state = ?, charged_micros = ?, note = ?, closed_at_ns = ? "
            "WHERE id = ? AND state = ? AND reserved_micros = ?",
            (state, charged_micros, note, self._clock(), reservation.id, ReservationState.HELD, reservation.micros),
        ).rowcount
        if closed != 1:
            raise ValueError(f"reservation {reservation.id} is not held any more: it can be closed only once")
        self._connection.execute(
            "UPDATE scope_totals SET held_micros = held_micros - ?, settled_micros = settled_micros + ? "
            "WHERE scope IN (SELECT scope FROM reservation_scopes WHERE reservation_id = ?)",
            (reservation.micros, charged_micros, reservation.id),
        )

    def _note_unseen(self, reservation: Reservation, micros: int) -> None:
        self._connection.execute("UPDATE reservations SET unseen = 1 WHERE id = ?", (reservation.id,))
        self._connection.execute(
            "INSERT INTO unseen_totals SELECT scope, ? FROM reservation_scopes WHERE reservation_id = ? "
            "ON CONFLICT(scope) DO UPDATE SET micros = micros + excluded.micros",
            (micros, reservation.id),
        )


def day_scope(day: date) -> str:
    return f"{DAY}{day.isoformat()}"


def require_whole(micros: int, what: str) -> None:
    """Refuse anything but a whole number of micro-dollars, zero or more: fractions would add up to what nobody owes."""
    if type(micros) is not int:
        raise TypeError(f"cannot {what} {micros!r}: money is whole micro-dollars")
    if micros < 0:
        raise ValueError(f"cannot {what} {micros} micro-dollars")


def usd(micros: int) -> str:
    """As in 0.0312 or 5.00: no more digits than it takes."""
    return f"{micros / 1e6:.6f}".rstrip("0").ljust(len(str(micros // 10**6)) + 3, "0")
