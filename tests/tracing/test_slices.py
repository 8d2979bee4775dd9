"""Long work in short transactions: how much of it one takes on, and what is left of it in the log."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracing.slices import SLICE_S, Slices
from tracing.sqlite import connect

PAGE_BYTES = 4096
STEP_S = 0.0001


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "some.db", synchronous="NORMAL")) as connection:
        connection.execute("CREATE TABLE page(number INTEGER PRIMARY KEY, data BLOB)")
        yield connection


class Machine:
    """A clock by which a step takes 0.1 ms and a commit as long as the disk is slow; and how many steps each slice had."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self.file, self.now_s, self.commit_s = file, 0.0, 0.0
        self.slices: list[int] = []
        file.set_trace_callback(self.hear)

    def hear(self, statement: str) -> None:
        if statement.startswith("COMMIT"):
            self.now_s += self.commit_s
        elif statement.startswith("BEGIN"):
            self.slices.append(0)

    def steps(self, count: int) -> Iterator[None]:
        for number in range(count):
            self.file.execute("INSERT OR REPLACE INTO page VALUES (?, zeroblob(?))", (number, PAGE_BYTES))
            self.slices[-1] += 1
            self.now_s += STEP_S
            yield


def slices(machine: Machine) -> Slices:
    return Slices(machine.file, breathe=lambda _: None, monotonic=lambda: machine.now_s)


def test_a_slice_becomes_smaller_while_its_commits_are_slow_and_grows_again(file: sqlite3.Connection) -> None:
    machine = Machine(file)
    work, whole = slices(machine), round(SLICE_S / STEP_S)
    work.carry_out(machine.steps(2 * whole), "quick")
    assert machine.slices[0] == pytest.approx(whole, abs=2)
    machine.commit_s, machine.slices = SLICE_S * 0.6, []
    work.carry_out(machine.steps(10 * whole), "slow")
    assert machine.slices[-2] == pytest.approx(whole * 0.4, abs=2)
    assert work.longest_s < SLICE_S * 1.7
    machine.commit_s, machine.slices = 0.0, []
    work.carry_out(machine.steps(5 * whole), "quick again")
    assert machine.slices[-2] == pytest.approx(whole, abs=2)


def test_the_breath_is_as_long_as_the_lock_was_held_and_no_longer_for_waiting(tmp_path: Path) -> None:
    breaths: list[float] = []
    times = iter([100.0, 100.02, 100.02, 200.0, 200.0])
    with closing(connect(tmp_path / "some.db", synchronous="NORMAL")) as file:
        work = Slices(file, breathe=breaths.append, monotonic=lambda: next(times))
        assert work.carry_out(iter([None]), "two slices")
    assert breaths == [pytest.approx(0.02)]
    assert work.longest_s == pytest.approx(0.02)


def test_the_log_goes_into_the_file_between_slices_and_does_not_grow(file: sqlite3.Connection, tmp_path: Path) -> None:
    machine = Machine(file)
    slices(machine).carry_out(machine.steps(3_000), "write much")
    in_a_slice = SLICE_S / STEP_S * PAGE_BYTES
    assert (tmp_path / "some.db-wal").stat().st_size < 10 * in_a_slice < 3_000 * PAGE_BYTES
    assert (tmp_path / "some.db").stat().st_size > 2_900 * PAGE_BYTES


def test_one_who_reads_all_the_while_is_no_obstacle(file: sqlite3.Connection, tmp_path: Path) -> None:
    machine = Machine(file)
    with closing(connect(tmp_path / "some.db", synchronous="NORMAL")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM page").fetchone()
        assert slices(machine).carry_out(machine.steps(200), "write beside a reader")
    assert file.execute("SELECT count(*) FROM page").fetchone()[0] == 200
