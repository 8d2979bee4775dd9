import random
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tracing.budget import Ledger, Limit, OverBudgetError, Spend, UnreconciledError
from tracing.meter import Grant, Meter
from tracing.prices import PriceBook, TokenUsage, UnknownPriceError

OPUS = "claude-opus-5-5"  # in 4, 1h write 8, out 20 micro-dollars a token


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(tmp_path / "ledger.db")) as ledger:
        yield ledger


@pytest.fixture
def meter(ledger: Ledger) -> Meter:
    return Meter(ledger, PriceBook(), clock=lambda: datetime(2026, 11, 21, tzinfo=UTC))


def admit(meter: Meter, *, run_micros: int = 10_000_000, input_bound: int = 1_000, max_tokens: int = 32_000) -> Grant:
    limits = [Limit("run:1", run_micros)]
    return meter.admit(OPUS, input_bound_tokens=input_bound, max_tokens=max_tokens, limits=limits, trace_id="t")


def test_a_call_that_fits_is_granted_as_wished_with_its_worst_case_held(meter: Meter, ledger: Ledger) -> None:
    assert admit(meter).max_tokens == 32_000
    assert ledger.spent("run:1") == Spend(0, 1_000 * 8 + 32_000 * 20)


def test_the_answer_is_shrunk_to_what_is_left(meter: Meter, ledger: Ledger) -> None:
    grant = admit(meter, run_micros=108_019)

    assert grant.max_tokens == 5_000
    assert ledger.left([Limit("run:1", 108_019)]) == 0


@pytest.mark.parametrize(
    ("run_micros", "max_tokens"),
    [pytest.param(8_000 + 4_096 * 20, 32_000, id="floor"), pytest.param(8_000 + 500 * 20, 500, id="a-wish-below-it")],
)
def test_below_the_floor_the_call_is_refused(meter: Meter, ledger: Ledger, run_micros: int, max_tokens: int) -> None:
    with pytest.raises(OverBudgetError):
        admit(meter, run_micros=run_micros - 1, max_tokens=max_tokens)
    assert ledger.spent("run:1") == Spend(0, 0)

    assert admit(meter, run_micros=run_micros, max_tokens=max_tokens).max_tokens == min(4_096, max_tokens)


def test_a_model_without_a_price_is_refused(meter: Meter) -> None:
    with pytest.raises(UnknownPriceError):
        meter.admit("nobody", input_bound_tokens=1, max_tokens=1, limits=[])


def test_reported_usage_is_settled_exactly(meter: Meter, ledger: Ledger) -> None:
    usage = TokenUsage(100, cache_read_tokens=1_000, cache_write_5m_tokens=10, output_tokens=200)

    assert meter.settle_exact(admit(meter, input_bound=2_000), usage) == 400 + 200 + 50 + 4_000
    assert ledger.spent("run:1") == Spend(4_650, 0)


def test_a_broken_stream_is_charged_its_reported_input_and_the_worst_output(meter: Meter, ledger: Ledger) -> None:
    seen = TokenUsage(100, cache_read_tokens=500, output_tokens=3)

    assert meter.settle_broken(admit(meter), usage_seen=seen) == 400 + 100 + 32_000 * 20
    assert ledger.spent("run:1").held_micros == 0


def test_a_broken_stream_that_reported_only_a_total_is_charged_at_the_dearest_rate(meter: Meter) -> None:
    assert meter.settle_broken(admit(meter), 600) == 600 * 8 + 32_000 * 20


def test_all_stays_when_the_call_was_sent_and_nothing_was_seen(meter: Meter, ledger: Ledger) -> None:
    grant = admit(meter)

    assert meter.settle_broken(grant) == grant.reservation.micros
    assert ledger.spent("run:1") == Spend(grant.reservation.micros, 0, unseen_micros=grant.reservation.micros)


def test_what_ended_without_counts_is_no_call_whose_end_was_not_seen(meter: Meter, ledger: Ledger) -> None:
    meter.settle_broken(admit(meter), ended=True)

    assert ledger.spent("run:1").unseen_micros == 0


def test_a_call_that_was_never_sent_costs_nothing(meter: Meter, ledger: Ledger) -> None:
    meter.release(admit(meter))

    assert ledger.spent("run:1") == Spend(0, 0)


def test_usage_beyond_the_worst_case_is_kept_as_a_broken_assumption(meter: Meter) -> None:
    grant = admit(meter, max_tokens=10)

    assert meter.settle_exact(grant, TokenUsage(1_000, output_tokens=1_000)) == 24_000
    assert [broken.charged_micros for broken in meter.broken_assumptions] == [24_000]


def test_prices_are_those_of_the_moment_the_call_was_admitted(ledger: Ledger) -> None:
    times = iter([datetime(2026, 3, 12, 23, 59, tzinfo=UTC), datetime(2026, 3, 13, tzinfo=UTC)])
    meter = Meter(ledger, PriceBook(), clock=lambda: next(times))
    grant = meter.admit("claude-opus-4-6", input_bound_tokens=300_000, max_tokens=1, limits=[])

    assert meter.settle_exact(grant, TokenUsage(300_000)) == 3_000_000
    assert meter.broken_assumptions == ()


def test_the_price_version_is_that_of_the_book(meter: Meter) -> None:
    assert meter.price_version == PriceBook().version


def test_a_call_that_does_not_fit_beside_another_waits_until_that_one_is_settled(meter: Meter, ledger: Ledger) -> None:
    run_micros = 1_000_000  # one worst case is 648,000
    first = admit(meter, run_micros=run_micros)
    waiting: list[Grant] = []
    thread = threading.Thread(target=lambda: waiting.append(admit(meter, run_micros=run_micros)))
    thread.start()
    thread.join(0.2)
    assert not waiting, "it neither fails nor is cut short"
    meter.settle_exact(first, TokenUsage(uncached_input_tokens=1_000, output_tokens=100))
    thread.join(5)
    assert [grant.max_tokens for grant in waiting] == [32_000]


def test_a_call_that_is_not_wanted_any_more_does_not_wait_for_room(meter: Meter, ledger: Ledger) -> None:
    first = admit(meter, run_micros=1_000_000)

    def stopped() -> None:
        raise InterruptedError

    limits = [Limit("run:1", 1_000_000)]
    with pytest.raises(InterruptedError):
        meter.admit(OPUS, input_bound_tokens=1_000, max_tokens=32_000, limits=limits, still_wanted=stopped)
    assert ledger.spent("run:1").total_micros == first.reservation.micros


def test_a_call_that_fits_nowhere_is_refused_although_others_are_open(meter: Meter) -> None:
    admit(meter, run_micros=10_000_000)
    with pytest.raises(OverBudgetError):
        meter.admit(OPUS, input_bound_tokens=1_000, max_tokens=32_000, limits=[Limit("story:a", 50_000)])


def test_a_call_beside_others_is_shrunk_to_a_limit_that_only_it_has(meter: Meter) -> None:
    admit(meter, run_micros=10_000_000)
    grant = meter.admit(OPUS, input_bound_tokens=1_000, max_tokens=32_000, limits=[Limit("story:a", 108_000)])
    assert grant.max_tokens == 5_000


def test_a_ledger_that_fails_to_settle_leaves_nobody_waiting(meter: Meter, ledger: Ledger) -> None:
    first = admit(meter, run_micros=1_000_000)
    refused: list[Exception] = []

    def wait_for_room() -> None:
        try:
            meter.settle_exact(admit(meter, run_micros=1_000_000), TokenUsage(1))
        except (OverBudgetError, UnreconciledError) as error:
            refused.append(error)

    thread = threading.Thread(target=wait_for_room, daemon=True)
    thread.start()
    thread.join(0.2)
    ledger.settle(first.reservation, 950_000)  # so the meter's own settlement fails, as it does on a full disk
    with pytest.raises(ValueError, match="not held any more"):
        meter.settle_exact(first, TokenUsage(1))
    thread.join(5)
    assert not thread.is_alive()
    assert len(refused) == 1


def test_what_somebody_else_holds_under_a_limit_is_not_waited_for_beside_calls_that_do_not_count_there(
    meter: Meter, ledger: Ledger
) -> None:
    """A killed run's reservation stays for good: waiting for it would last as long as other stories make calls."""
    ledger.reserve(50_000, [Limit("story:a", 100_000)], model=OPUS)
    admit(meter, run_micros=10_000_000)
    refused: list[OverBudgetError] = []

    def one_more() -> None:
        try:
            meter.admit(OPUS, input_bound_tokens=1_000, max_tokens=32_000, limits=[Limit("story:a", 100_000)])
        except OverBudgetError as error:
            refused.append(error)

    thread = threading.Thread(target=one_more, daemon=True)
    thread.start()
    thread.join(5)
    assert len(refused) == 1


def test_eight_threads_over_one_ledger_never_pass_a_limit_and_all_come_to_an_end(meter: Meter, ledger: Ledger) -> None:
    run_micros, day_micros = 3_000_000, 2_500_000
    ends, overspent = [0] * 8, list[int]()

    def works(number: int) -> None:
        dice = random.Random(number)
        limits = [Limit("run:1", run_micros), Limit("day:1", day_micros), Limit(f"story:{number}", 600_000)]
        while True:
            try:
                grant = meter.admit(OPUS, input_bound_tokens=1_000, max_tokens=16_000, limits=limits)
            except OverBudgetError:
                ends[number] += 1
                return
            if ledger.spent("day:1").total_micros > day_micros or ledger.spent("run:1").total_micros > run_micros:
                overspent.append(number)
            outcome = dice.randrange(4)
            if outcome == 0:
                meter.release(grant) if dice.random() < 0.5 else meter.settle_broken(grant)
            else:
                meter.settle_exact(
                    grant, TokenUsage(dice.randrange(1_000), output_tokens=dice.randrange(min(grant.max_tokens, 3_000)))
                )

    threads = [threading.Thread(target=works, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert ends == [1] * 8
    assert overspent == []
    assert ledger.spent("day:1").held_micros == 0
    assert 0 < ledger.spent("day:1").settled_micros <= day_micros
    assert meter.broken_assumptions == ()
