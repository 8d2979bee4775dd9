"""Stands in front of one model call: reserves its worst case, shrinks its answer to what is left, settles afterwards.

Where calls are made side by side, one that does not fit beside the others waits for one of them to be settled: most give
back nearly all of their worst case. Knows prices and the ledger; knows nothing about the call itself, so any client or gateway can use it.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tracing.budget import CALL, BrokenAssumption, LedgerLike, Limit, OverBudgetError, Reservation
from tracing.prices import PriceBook, TokenUsage

FLOOR_TOKENS = 4_096  # of output: a call that the budget leaves fewer than these is not made
LOOK_UP_S = 0.25  # how often a call that waits for room is asked whether it is still wanted


@dataclass(frozen=True)
class Grant:
    """Leave to make one attempt with at most `max_tokens` of output."""

    reservation: Reservation
    model: str
    max_tokens: int  # what to send: the wish, or less when the budget pays for less
    input_bound_tokens: int
    at: datetime  # prices are those of this moment
    scopes: tuple[str, ...] = ()  # what it counts under


@dataclass(frozen=True)
class _Wish:
    model: str
    input_bound_tokens: int
    max_tokens: int
    limits: Sequence[Limit]
    trace_id: str


class Meter:
    """One attempt is one grant, and each grant is closed once: settled exactly, settled as broken, or released."""

    def __init__(
        self,
        ledger: LedgerLike,
        prices: PriceBook,
        *,
        floor_tokens: int = FLOOR_TOKENS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._floor_tokens = floor_tokens
        self._clock = clock
        self._broken: list[BrokenAssumption] = []
        self._room = threading.Condition()
        self._open = Counter[str]()  # scope -> grants of this meter that are not closed yet

    @property
    def broken_assumptions(self) -> tuple[BrokenAssumption, ...]:
        """Calls of this meter that cost more than their worst case. One is a reason to stop the run."""
        return tuple(self._broken)

    @property
    def price_version(self) -> str:
        return self._prices.version

    def admit(
        self,
        model: str,
        *,
        input_bound_tokens: int,
        max_tokens: int,
        limits: Sequence[Limit],
        trace_id: str = "",
        still_wanted: Callable[[], None] = lambda: None,
    ) -> Grant:
        """Reserve the worst case of one attempt, durable on return; retries ask again.

        `still_wanted` is asked while the call waits for room beside others; what it raises ends the wait.

        Raises:
            OverBudgetError: what is left does not pay for the floor of output tokens.
            UnknownPriceError: the model has no price.
        """
        wish = _Wish(model, input_bound_tokens, max_tokens, limits, trace_id)
        least = min(self._floor_tokens, max_tokens)
        with self._room:
            floor = max_tokens if self._open.total() else least  # beside others: rather wait than shrink
            while True:
                try:
                    grant = self._reserve(wish, floor)
                except OverBudgetError as error:
                    if self._open[error.limit.scope]:
                        self._room.wait(LOOK_UP_S)
                        still_wanted()
                    elif floor > least:
                        floor = least
                    else:
                        raise
                else:
                    self._open.update(grant.scopes)
                    return grant

    def _reserve(self, wish: "_Wish", floor_tokens: int) -> Grant:
        at, model, input_tokens = self._clock(), wish.model, wish.input_bound_tokens
        reservation = self._ledger.reserve(
            self._prices.worst_case_micros(model, input_tokens, wish.max_tokens, at),
            wish.limits,
            model=model,
            trace_id=wish.trace_id,
            at_least_micros=self._prices.worst_case_micros(model, input_tokens, floor_tokens, at),
        )
        affordable = self._prices.affordable_output_tokens(model, input_tokens, reservation.micros, at)
        scopes = tuple({limit.scope for limit in wish.limits} - {CALL})
        return Grant(reservation, model, min(wish.max_tokens, affordable), input_tokens, at, scopes)

    def settle_exact(self, grant: Grant, usage: TokenUsage) -> int:
        """The whole answer arrived and reported its usage. Returns what it cost, in micro-dollars."""
        return self._settle(grant, self._prices.cost_micros(grant.model, usage, grant.at), "exact")

    def settle_broken(
        self,
        grant: Grant,
        input_tokens_seen: int | None = None,
        *,
        usage_seen: TokenUsage | None = None,
        ended: bool = False,
    ) -> int:
        """The attempt was sent and its end never came, or (`ended`) no counts with it. Returns what stays counted, in micro-dollars.

        Input that the stream reported (in detail, or just its total) is charged with the worst output; with
        nothing seen the whole reservation stays.
        """
        if usage_seen is not None:
            worst = replace(usage_seen, output_tokens=max(grant.max_tokens, usage_seen.output_tokens))
            return self._settle(
                grant, self._prices.cost_micros(grant.model, worst, grant.at), "broken stream: worst output", seen=ended
            )
        if input_tokens_seen is not None:
            worst_micros = self._prices.worst_case_micros(grant.model, input_tokens_seen, grant.max_tokens, grant.at)
            return self._settle(grant, worst_micros, "broken stream: worst output", seen=ended)
        return self._settle(grant, grant.reservation.micros, "sent and nothing seen: all stays", seen=ended)

    def release(self, grant: Grant) -> None:
        """The attempt was never sent, or was refused with an HTTP error status: it cost nothing."""
        with self._closing(grant):
            self._ledger.release(grant.reservation, note="not sent or refused")

    def _settle(self, grant: Grant, micros: int, note: str, *, seen: bool = True) -> int:
        with self._closing(grant):
            broken = self._ledger.settle(grant.reservation, micros, note=note, seen=seen)
        if broken:
            self._broken.append(broken)
        return micros

    @contextmanager
    def _closing(self, grant: Grant) -> Iterator[None]:
        """Whoever waits for room looks again afterwards, also when the ledger failed: nothing more comes of this grant."""
        try:
            yield
        finally:
            with self._room:
                self._open.subtract(grant.scopes)
                self._room.notify_all()
