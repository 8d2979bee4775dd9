import tempfile
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from tracing.budget import (
    CALL,
    NO_LIMIT_MICROS,
    BrokenAssumption,
    Ledger,
    LedgerLike,
    Limit,
    OverBudgetError,
    Reservation,
    Spend,
    UnreconciledError,
    day_scope,
)

RUN = Limit("run:1", 1_000)
DAY = Limit("day:2026-11-21", 1_500)


class LedgerContract(ABC):
    """What every storage of the ledger must do: inherit it, and open yours."""

    @abstractmethod
    def open(self, folder: Path) -> LedgerLike: ...

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Iterator[LedgerLike]:
        with closing(self.open(tmp_path)) as ledger:
            yield ledger

    def test_a_reservation_counts_at_once_under_each_of_its_scopes(self, ledger: LedgerLike) -> None:
        ledger.reserve(600, [RUN, DAY], model="m")

        assert ledger.spent("run:1") == Spend(0, 600)
        assert ledger.spent("day:2026-11-21") == Spend(0, 600)
        assert ledger.spent("run:2") == Spend(0, 0)

    def test_the_last_micro_dollar_can_be_reserved_and_not_one_more(self, ledger: LedgerLike) -> None:
        ledger.reserve(1_000, [RUN], model="m")

        with pytest.raises(OverBudgetError) as over:
            ledger.reserve(1, [RUN], model="m")
        assert (over.value.limit, over.value.left_micros, over.value.wanted_micros) == (RUN, 0, 1)

    def test_what_does_not_fit_under_one_limit_is_held_under_none(self, ledger: LedgerLike) -> None:
        with pytest.raises(OverBudgetError):
            ledger.reserve(1_200, [DAY, RUN], model="m")

        assert ledger.spent("day:2026-11-21") == Spend(0, 0)

    def test_a_day_is_shared_by_all_its_runs(self, ledger: LedgerLike) -> None:
        ledger.reserve(1_000, [RUN, DAY], model="m")

        with pytest.raises(OverBudgetError) as over:
            ledger.reserve(600, [Limit("run:2", 1_000), DAY], model="m")
        assert over.value.limit == DAY

    def test_the_call_limit_bounds_each_reservation_and_adds_nothing_up(self, ledger: LedgerLike) -> None:
        call = Limit(CALL, 400)
        for _ in range(2):
            ledger.reserve(400, [call, RUN], model="m")

        with pytest.raises(OverBudgetError) as over:
            ledger.reserve(401, [call], model="m")
        assert over.value.limit == call
        assert ledger.spent(CALL) == Spend(0, 0)

    def test_a_reservation_takes_what_is_left_when_that_is_enough(self, ledger: LedgerLike) -> None:
        ledger.reserve(700, [RUN], model="m")

        assert ledger.reserve(900, [RUN], model="m", at_least_micros=300).micros == 300

    def test_a_reservation_below_its_own_minimum_is_refused(self, ledger: LedgerLike) -> None:
        ledger.reserve(701, [RUN], model="m")

        with pytest.raises(OverBudgetError) as over:
            ledger.reserve(900, [RUN], model="m", at_least_micros=300)
        assert (over.value.left_micros, over.value.wanted_micros) == (299, 300)

    def test_settling_counts_what_it_cost_and_gives_back_the_rest(self, ledger: LedgerLike) -> None:
        assert ledger.settle(ledger.reserve(600, [RUN], model="m"), 250, note="exact") is None

        assert ledger.spent("run:1") == Spend(250, 0)
        assert ledger.left([RUN]) == 750

    def test_what_nobody_saw_the_end_of_counts_against_limits_and_is_known_apart(self, ledger: LedgerLike) -> None:
        ledger.settle(ledger.reserve(600, [RUN, DAY], model="m"), 250)
        for _ in range(2):
            ledger.settle(ledger.reserve(300, [RUN, DAY], model="m"), 300, seen=False)

        spent = ledger.spent("run:1")
        assert (spent.total_micros, spent.known_micros, spent.unseen_micros) == (850, 250, 600)
        assert ledger.spent(DAY.scope) == spent
        assert ledger.left([RUN]) == 150

    def test_releasing_gives_back_everything(self, ledger: LedgerLike) -> None:
        ledger.release(ledger.reserve(600, [RUN], model="m"))

        assert ledger.spent("run:1") == Spend(0, 0)

    def test_a_reservation_is_closed_only_once(self, ledger: LedgerLike) -> None:
        held = ledger.reserve(600, [RUN], model="m")
        ledger.settle(held, 600)

        with pytest.raises(ValueError, match="closed only once"):
            ledger.settle(held, 600)
        with pytest.raises(ValueError, match="closed only once"):
            ledger.release(held)
        assert ledger.spent("run:1") == Spend(600, 0)

    def test_a_cost_above_the_reservation_is_counted_in_full_and_told(self, ledger: LedgerLike) -> None:
        held = ledger.reserve(600, [RUN], model="m")

        assert ledger.settle(held, 1_300) == BrokenAssumption(held.id, 600, 1_300)
        assert ledger.spent("run:1") == Spend(1_300, 0)
        assert ledger.left([RUN]) == 0
        with pytest.raises(UnreconciledError, match="Nothing more is called until you have looked"):
            ledger.reserve(0, [Limit("run:2", 1_000)], model="m")

    def test_what_is_left_is_the_smallest_room_of_all_limits(self, ledger: LedgerLike) -> None:
        ledger.reserve(900, [DAY], model="m")

        assert ledger.left([RUN, DAY, Limit(CALL, 800)]) == 600
        assert ledger.left([]) == NO_LIMIT_MICROS

    def test_a_scope_without_a_limit_is_counted_all_the_same(self, ledger: LedgerLike) -> None:
        ledger.reserve(5_000, [Limit("day:1", NO_LIMIT_MICROS)], model="m")

        assert ledger.left([Limit("day:1", 6_000)]) == 1_000

    def test_a_negative_amount_is_refused(self, ledger: LedgerLike) -> None:
        with pytest.raises(ValueError, match="cannot reserve -1"):
            ledger.reserve(-1, [RUN], model="m")
        with pytest.raises(ValueError, match="cannot settle -1"):
            ledger.settle(ledger.reserve(1, [RUN], model="m"), -1)

    def test_a_reservation_that_nobody_settles_outlives_its_owner(self, ledger: LedgerLike, tmp_path: Path) -> None:
        ledger.reserve(900, [RUN], model="m")
        ledger.close()

        with closing(self.open(tmp_path)) as again, pytest.raises(OverBudgetError):
            again.reserve(101, [RUN], model="m")

    def test_threads_that_share_a_ledger_never_pass_a_limit_together(self, ledger: LedgerLike) -> None:
        granted: list[int] = []

        def spend() -> None:
            for _ in range(20):
                try:
                    granted.append(ledger.reserve(7, [RUN], model="m").micros)
                except OverBudgetError:
                    return

        threads = [threading.Thread(target=spend) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(granted) == 994


class TestSqliteLedger(LedgerContract):
    def open(self, folder: Path) -> Ledger:
        return Ledger.open(folder / "ledger.db")


class LedgerMachine(RuleBasedStateMachine):
    """Any order of reserving, settling, releasing and reopening, against plain sums."""

    held = Bundle("held")
    limits = (Limit("story:a", 700), Limit("run:1", 1_000), Limit("day:1", 1_700), Limit(CALL, 500))

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger.open(Path(self.folder.name) / "ledger.db")
        self.counted: Counter[str] = Counter()
        self.scopes_of: dict[int, set[str]] = {}

    @rule(
        target=held,
        micros=st.integers(0, 600),
        minimum=st.none() | st.integers(0, 600),
        limits=st.lists(st.sampled_from(limits), unique=True),
    )
    def reserve(self, micros: int, minimum: int | None, limits: list[Limit]) -> Reservation | None:
        room = min((limit.micros - self.counted[limit.scope] for limit in limits), default=NO_LIMIT_MICROS)
        needed = micros if minimum is None else min(minimum, micros)
        try:
            held = self.ledger.reserve(micros, limits, model="m", at_least_micros=minimum)
        except OverBudgetError:
            assert room < needed
            return None
        assert held.micros == min(micros, room)
        self.scopes_of[held.id] = {limit.scope for limit in limits} - {CALL}
        self.counted.update(dict.fromkeys(self.scopes_of[held.id], held.micros))
        return held

    @rule(held=consumes(held), share=st.integers(0, 100))
    def settle(self, held: Reservation | None, share: int) -> None:
        if held:
            cost = held.micros * share // 100
            assert self.ledger.settle(held, cost) is None
            self.counted.subtract(dict.fromkeys(self.scopes_of[held.id], held.micros - cost))

    @rule(held=consumes(held))
    def release(self, held: Reservation | None) -> None:
        if held:
            self.ledger.release(held)
            self.counted.subtract(dict.fromkeys(self.scopes_of[held.id], held.micros))

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(Path(self.folder.name) / "ledger.db")

    @invariant()
    def no_scope_is_over_its_limit_and_every_sum_is_right(self) -> None:
        for limit in self.limits:
            total = self.ledger.spent(limit.scope).total_micros
            assert total == self.counted[limit.scope] <= limit.micros

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_what_broke_its_assumption_stays_on_record_with_what_to_do(tmp_path: Path) -> None:
    with closing(Ledger.open(tmp_path / "ledger.db")) as ledger:
        ledger.settle(ledger.reserve(20_000, [], model="m"), 35_000)

        assert [str(broken) for broken in ledger.broken_assumptions()] == [
            (
                "A call cost $0.035, more than the $0.02 reserved as its worst case: the price table or the bound on the "
                "input is wrong. Nothing more is called until you have looked: compare the model's price with `[prices]` "
                "in config.toml, then run `ralph costs reconcile 1 --accept`."
            )
        ]


def test_a_refusal_says_which_limit_what_is_left_and_what_to_do() -> None:
    assert str(OverBudgetError(Limit("run:7", 5_000_000), 12_345, 93_800)) == (
        "The run limit of $5.00 has $0.012345 left and the next call needs $0.0938. Raise the limit to go on."
    )


def test_a_day_is_named_by_its_date() -> None:
    assert day_scope(date(2026, 11, 21)) == "day:2026-11-21"
