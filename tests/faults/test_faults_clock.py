"""The system's clock is set forward or back while Ralph works: waits, leases, schedules and spans do not mind."""

import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.model.pace import wait_for
from ralph.schedule.store import Schedules
from tracing.span import Owner
from tracing.steady import SteadyClock

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEAD = Owner(pid=2**22 - 3, started="1", boot_id="another boot")
HOUR_S = 3600.0


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return int(self.now.timestamp()) * 10**9


@pytest.fixture
def schedules(tmp_path: Path) -> tuple[Schedules, Clock]:
    clock = Clock()
    return Schedules(Home(tmp_path / "home"), clock=clock), clock


@pytest.mark.parametrize("jump_s", [-24 * HOUR_S, 24 * HOUR_S])
def test_a_wait_is_not_longer_for_a_clock_that_was_set(monkeypatch: pytest.MonkeyPatch, jump_s: float) -> None:
    real, looks = time.time, iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: real() + (jump_s if next(looks) else 0.0))
    began_s = time.monotonic()
    wait_for(0.05, threading.Event())
    assert time.monotonic() - began_s < 5.0


@pytest.mark.parametrize("jump_ns", [-(10**15), 10**15])
def test_a_span_takes_as_long_as_it_took(monkeypatch: pytest.MonkeyPatch, jump_ns: int) -> None:
    clock, real = SteadyClock(), time.time_ns
    before_ns = clock()
    monkeypatch.setattr(time, "time_ns", lambda: real() + jump_ns)
    assert 0 <= clock() - before_ns < 5 * 10**9


def test_a_dead_owners_run_is_taken_over_though_its_heartbeat_lies_ahead(
    schedules: tuple[Schedules, Clock], tmp_path: Path
) -> None:
    store, clock = schedules
    with closing(store):
        store.add("nightly", tmp_path, "0 2 * * *", [], "UTC")
        store.enqueue("nightly")
        with closing(Schedules(Home(tmp_path / "home"), clock=clock, owner=DEAD)) as theirs:
            assert theirs.claim() is not None
        clock.now -= timedelta(days=2)
        taken = store.claim()
    assert taken is not None
    assert taken.fence == 2


def test_a_clock_that_was_a_year_ahead_does_not_keep_schedules_from_running(
    schedules: tuple[Schedules, Clock], tmp_path: Path
) -> None:
    store, clock = schedules
    with closing(store):
        clock.now += timedelta(days=365)
        store.add("nightly", tmp_path, "0 2 * * *", [], "UTC")
        clock.now = NOON
        store.materialise()
        assert store.claim() is None
        clock.now = NOON + timedelta(hours=15)
        store.materialise()
        run = store.claim()
    assert run is not None
    assert datetime.fromtimestamp(run.due_at_ns / 1e9, UTC) == datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def test_a_run_is_not_repeated_for_a_clock_that_was_set_back_over_its_time(
    schedules: tuple[Schedules, Clock], tmp_path: Path
) -> None:
    store, clock = schedules
    with closing(store):
        store.add("hourly", tmp_path, "0 * * * *", [], "UTC")
        clock.now += timedelta(hours=1)
        store.materialise()
        first = store.claim()
        assert first is not None
        store.finish(first, 0)
        for minutes in (-1, 0):
            clock.now = NOON + timedelta(hours=1, minutes=minutes)
            store.materialise()
            assert store.claim() is None
