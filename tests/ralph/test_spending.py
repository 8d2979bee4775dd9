"""What is told of money: what was spent, and apart from it what only counts against the limits."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ralph.spending import Spending, apart
from tracing.budget import Ledger, Limit, Spend

RUN = Limit("run:1", 5_000_000)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(tmp_path / "ledger.db")) as ledger:
        yield ledger


def test_a_turn_tells_what_was_spent_and_what_another_call_holds_apart(ledger: Ledger) -> None:
    spending = Spending(ledger, lambda: [RUN])
    ledger.settle(ledger.reserve(900_000, [RUN], model="m"), 30_000)
    assert spending.text() == "$0.03 of $5.00"
    held = ledger.reserve(1_310_000, [RUN], model="m")
    assert spending.text() == "$0.03 of $5.00, + up to $1.31 for the call under way"
    assert spending.fields() == {"spent_usd": 0.03, "held_usd": 1.31, "limit_usd": 5.0}
    ledger.settle(held, 1_310_000, seen=False)
    assert spending.text() == "$0.03 of $5.00, + $1.31 reserved by a call whose end was never seen"
    assert ledger.left([RUN]) == 5_000_000 - 1_340_000


def test_of_a_dead_run_everything_that_is_held_is_of_calls_whose_end_was_never_seen() -> None:
    assert apart(Spend(30_000, 1_310_000), going=False) == ", + $1.31 reserved by a call whose end was never seen"
    assert apart(Spend(530_000, 0, 500_000), going=False) == ", + $0.50 reserved by a call whose end was never seen"
    assert apart(Spend(30_000, 0), going=True) == ""


def test_the_agent_is_warned_by_what_counts_against_the_limit(ledger: Ledger) -> None:
    spending = Spending(ledger, lambda: [RUN])
    ledger.reserve(4_400_000, [RUN], model="m")
    assert "budget" in spending.warning()
    assert spending.warning() == ""
