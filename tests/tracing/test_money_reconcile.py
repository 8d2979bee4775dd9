"""What the ledger cannot know is put right by hand: once, by somebody, for good, and never while its process lives."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracing.budget import Ledger, Limit, OverBudgetError, Spend, UnreconciledError
from tracing.reconcile import Books, ReconcileError

RUN, DAY = Limit("run:1", 10_000), Limit("day:2026-11-21", 10_000)
KILLED = """
import os, sys
from pathlib import Path
from tracing.budget import Ledger, Limit
ledger = Ledger.open(Path(sys.argv[1]))
ledger.reserve(9_000, [Limit("run:1", 10_000), Limit("day:2026-11-21", 10_000)], model="m", trace_id="t")
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(path)) as ledger:
        yield ledger


@pytest.fixture
def books(path: Path) -> Iterator[Books]:
    with closing(Books.open(path, clock=lambda: 7)) as books:
        yield books


def a_killed_call(path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == -9


def test_what_a_killed_call_had_reserved_is_open_and_can_be_settled(path: Path, ledger: Ledger, books: Books) -> None:
    a_killed_call(path)
    (found,) = books.open_reservations()
    assert (found.id, found.model, found.trace_id, found.counted_micros, found.known_micros) == (1, "m", "t", 9_000, 0)
    assert not found.is_under_way
    with pytest.raises(OverBudgetError):
        ledger.reserve(2_000, [DAY], model="m")

    books.settle(1, 300, made_by="ann", note="invoice 12")

    assert ledger.spent("run:1") == ledger.spent("day:2026-11-21") == Spend(300, 0)
    ledger.reserve(2_000, [DAY], model="m")
    assert [one.id for one in books.open_reservations()] == [2]


def test_a_call_whose_end_nobody_saw_is_open_until_it_is_settled(ledger: Ledger, books: Books) -> None:
    ledger.settle(ledger.reserve(9_000, [RUN], model="m"), 8_000, seen=False)
    assert [(one.counted_micros, one.known_micros) for one in books.open_reservations()] == [(8_000, 0)]

    books.settle(1, 0, made_by="ann")

    assert ledger.spent("run:1") == Spend(0, 0, 0)
    assert books.open_reservations() == ()


def test_what_counts_now_can_be_accepted_as_spent(ledger: Ledger, books: Books) -> None:
    ledger.settle(ledger.reserve(9_000, [RUN], model="m"), 8_000, seen=False)
    books.settle(1, None, made_by="ann")
    assert ledger.spent("run:1") == Spend(8_000, 0, 0)


def test_a_call_of_a_process_that_lives_is_left_to_it(ledger: Ledger, books: Books) -> None:
    held = ledger.reserve(9_000, [RUN], model="m")
    assert [one.is_under_way for one in books.open_reservations()] == [True]
    with pytest.raises(ReconcileError, match="1 is under way"):
        books.settle(1, 0, made_by="ann")
    ledger.settle(held, 100)
    assert ledger.spent("run:1") == Spend(100, 0)


def test_more_than_the_worst_case_needs_a_word(path: Path, ledger: Ledger, books: Books) -> None:
    a_killed_call(path)
    with pytest.raises(ReconcileError, match=r"\$0\.0312 is more than the \$0\.009 that 1 counts with at most"):
        books.settle(1, 31_200, made_by="ann")
    assert ledger.spent("run:1") == Spend(0, 9_000)
    books.settle(1, 31_200, made_by="ann", above=True)
    assert ledger.spent("run:1") == Spend(31_200, 0)
    assert ledger.left([RUN]) == 0


def test_an_amount_that_is_no_whole_number_is_refused(path: Path, books: Books) -> None:
    a_killed_call(path)
    with pytest.raises(TypeError, match="whole micro-dollars"):
        books.settle(1, 0.5, made_by="ann")  # type: ignore[arg-type]


def test_nothing_is_reserved_by_anybody_until_a_broken_worst_case_is_accepted(ledger: Ledger, books: Books) -> None:
    ledger.settle(ledger.reserve(1_000, [RUN], model="m"), 1_500)
    (found,) = books.open_reservations()
    assert (found.is_broken, found.counted_micros, found.known_micros) == (True, 1_500, 1_500)
    with pytest.raises(UnreconciledError, match="ralph costs reconcile 1 --accept"):
        ledger.reserve(1, [Limit("run:2", 10_000)], model="another")

    books.settle(1, None, made_by="ann")

    assert ledger.spent("run:1") == Spend(1_500, 0)
    assert ledger.unaccepted() is None
    ledger.reserve(1, [RUN], model="m")
    assert [str(one.charged_micros) for one in ledger.broken_assumptions()] == ["1500"]  # on record all the same


def test_a_broken_worst_case_whose_end_nobody_saw_leaves_no_doubt_behind(ledger: Ledger, books: Books) -> None:
    ledger.settle(ledger.reserve(1_000, [RUN], model="m"), 1_500, seen=False)
    books.settle(1, 1_200, made_by="ann")
    assert ledger.spent("run:1") == Spend(1_200, 0, 0)


def test_each_correction_stays_with_who_when_and_what(path: Path, ledger: Ledger, books: Books) -> None:
    a_killed_call(path)
    made = books.settle(1, 300, made_by="ann", note="invoice 12")
    (kept,) = books.corrections()
    assert kept == made
    assert (kept.known_before_micros, kept.micros, kept.made_by, kept.note, kept.made_at_ns) == (
        0, 300, "ann", "invoice 12", 7,
    )  # fmt: skip
    with closing(sqlite3.connect(path)) as raw:
        for change in ("UPDATE corrections SET micros = 0", "DELETE FROM corrections"):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                raw.execute(change)


@pytest.mark.parametrize("reservation_id", [1, 99])
def test_what_is_not_open_is_not_corrected(ledger: Ledger, books: Books, reservation_id: int) -> None:
    ledger.settle(ledger.reserve(1_000, [RUN], model="m"), 500)
    with pytest.raises(ReconcileError, match=f"{reservation_id} is not open. `ralph costs reconcile` lists the ids"):
        books.settle(reservation_id, 0, made_by="ann")


def test_a_clock_that_is_set_back_opens_no_day_again(ledger: Ledger) -> None:
    today, yesterday = Limit("day:2026-11-21", 1_000), Limit("day:2026-11-20", 1_000)
    ledger.settle(ledger.reserve(1_000, [today], model="m"), 1_000)
    for early in (yesterday, Limit("day:1970-01-01", 1_000)):
        assert ledger.left([early]) == 0
        with pytest.raises(OverBudgetError):
            ledger.reserve(1, [early], model="m")
    assert ledger.spent("day:2026-11-20") == Spend(0, 0)


def test_a_clock_that_was_ahead_for_a_while_holds_nothing_back_once_a_person_says_so(
    ledger: Ledger, books: Books
) -> None:
    ahead, today = Limit("day:2030-01-01", 1_000), Limit("day:2026-11-21", 1_000)
    ledger.reserve(1_000, [ahead], model="m")
    assert books.day_ahead("2026-11-21") == "2030-01-01"
    with pytest.raises(OverBudgetError) as over:
        ledger.reserve(1, [today], model="m")
    assert str(over.value).endswith(
        "It counts under 2030-01-01, though the clock says 2026-11-21: if the clock was wrong then, "
        "run `ralph costs reconcile --clock`."
    )
    assert books.call_day_wrong("2026-11-21") == ("2030-01-01",)
    assert books.day_ahead("2026-11-21") == ""
    ledger.reserve(1_000, [today], model="m")
    with pytest.raises(OverBudgetError):  # what was spent under it stays spent
        ledger.reserve(1, [ahead], model="m")


@pytest.mark.parametrize("micros", [0.5, 1.0, True, "1", None, float("nan")])
def test_no_float_enters_the_ledger(ledger: Ledger, micros: object) -> None:
    held = ledger.reserve(1_000, [RUN], model="m")
    with pytest.raises(TypeError):
        ledger.reserve(micros, [RUN], model="m")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ledger.settle(held, micros)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ledger.reserve(1_000, [Limit("run:1", 1e6)], model="m")  # type: ignore[arg-type]
    assert ledger.spent("run:1") == Spend(0, 1_000)


def test_every_amount_in_the_file_is_an_integer(path: Path, ledger: Ledger, books: Books) -> None:
    ledger.settle(ledger.reserve(1_000, [RUN, DAY], model="m"), 1_500)
    books.settle(1, 1_200, made_by=str(os.getpid()))
    ledger.settle(ledger.reserve(1_000, [RUN, DAY], model="m"), 900, seen=False)
    with closing(sqlite3.connect(path)) as raw:
        tables = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for column in [row[1] for row in raw.execute(f"PRAGMA table_info({table})") if "micros" in row[1]]:
                kinds = {kind for (kind,) in raw.execute(f"SELECT DISTINCT typeof({column}) FROM {table}")}
                assert kinds <= {"integer", "null"}, f"{table}.{column}"
