"""Many schedules that nobody looked after for long: written down in slices, each a short transaction."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import Connection
from tempfile import TemporaryDirectory

import pytest

from ralph.home import Home
from ralph.schedule.due import SLICE
from ralph.schedule.rows import Missed, State
from ralph.schedule.slices import look_at_all
from ralph.schedule.store import Schedules
from tracing.sqlite import connect, transaction

START = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
LATER = START + timedelta(days=3)
MANY = 2 * SLICE + 10
LOOK = """
import sys
from pathlib import Path
from ralph.home import Home
from ralph.schedule.store import Schedules
Schedules(Home(Path(sys.argv[1])), clock=lambda: int(sys.argv[2])).materialise()
"""


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


@pytest.fixture
def home() -> Iterator[Home]:
    """In memory where the system offers that."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Home(Path(folder))


def add(home: Home, count: int, cron: str) -> None:
    with closing(Schedules(home, clock=lambda: ns(START))) as store:
        for number in range(count):
            store.add(f"n{number}", home.root, f"{number % 20} {cron}", (), "UTC")
        store.materialise()


@pytest.mark.parametrize(
    ("place", "kept"),
    [pytest.param("inside", 100, marks=pytest.mark.slow), pytest.param("after", 200, id="after")],
)
def test_a_death_between_two_slices_loses_nothing_and_doubles_nothing(home: Home, place: str, kept: int) -> None:
    add(home, MANY, "*/6 * * *")
    arm = os.environ | {"RALPH_FAILPOINT": f"exit:{place} schedule materialise#2"}
    command = [sys.executable, "-c", LOOK, str(home.root), str(ns(LATER))]
    assert subprocess.run(command, env=arm, check=False).returncode == 137
    with closing(Schedules(home, clock=lambda: ns(LATER + timedelta(seconds=5)))) as store:
        assert sum(row.waiting for row in store.list()) == kept
        store.materialise()
        store.materialise()
        nights = [store.history(f"n{number}") for number in range(MANY)]
    assert {len(rows) for rows in nights} == {1}
    assert {(rows[0].state, rows[0].missed) for rows in nights} == {(State.PENDING, 11)}
    assert all(rows[0].note.startswith("late: the machine or the daemon was off from ") for rows in nights)


def test_the_ledger_is_locked_for_a_small_part_of_the_work_and_by_no_more_than_a_slice(home: Home) -> None:
    add(home, SLICE + 10, "* * * *")
    locked_s, rows = 0.0, []

    with closing(connect(home.ledger_db, synchronous="NORMAL")) as connection:

        @contextmanager
        def change(what: str) -> Iterator[Connection]:
            nonlocal locked_s
            before = connection.total_changes
            with transaction(connection, what) as db:
                began_s = time.process_time()
                yield db
                locked_s += time.process_time() - began_s
            rows.append(connection.total_changes - before)

        began_s = time.process_time()
        look_at_all(change, ns(LATER), Missed.RUN)
        took_s = time.process_time() - began_s

    assert rows == [0, 2 * SLICE, 2 * 10 + 1]  # each schedule and its run; at the end, that somebody looked
    assert locked_s < took_s / 4
