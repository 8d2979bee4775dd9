"""A simulated year of nights on one machine: crashes, power-offs, days off, summer time, outages, limits, restarts.

Every due time is done, skipped with a reason, or counted in another one's row; no night is lost, none is done twice, and two
runs of one repository never go at once. The store is the real one, its clock is not.
"""

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest

from ralph.errors import ExitCode
from ralph.home import Home
from ralph.schedule.daemon import record
from ralph.schedule.outcome import End, what_follows
from ralph.schedule.rows import DueRun, Outcome, State
from ralph.schedule.store import Schedules

S_NS = 10**9
MINUTE_NS = 60 * S_NS
HOUR_NS = 60 * MINUTE_NS
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAYS = 365
HOW_ENDED = {"done": 60, "limit": 15, "offline": 8, "rate": 8, "spent": 3, "busy": 6}  # out of a hundred runs


def an_end(now_ns: int, dice: random.Random) -> End:
    [how] = dice.choices(list(HOW_ENDED), list(HOW_ENDED.values()))
    codes = {"done": ExitCode.ALL_DONE, "limit": ExitCode.LIMIT, "busy": ExitCode.BUSY}
    if how in codes:
        return End(codes[how])
    again_ns = now_ns + dice.randrange(9) * HOUR_NS if how == "rate" else None
    return End(ExitCode.SERVICE, trouble=how, again_at_ns=again_ns)


@dataclass
class Work:
    """One execution of a leg of a run, as a process would be."""

    run: DueRun
    ends_ns: int
    end: End


@dataclass
class Machine:
    """One that has a daemon when it is on. `survivors` are runs that outlive the daemon that began them."""

    home: Home
    dice: random.Random
    now_ns: int
    works: dict[int, Work] = field(default_factory=dict)
    survivors: dict[tuple[int, int], Work] = field(default_factory=dict)
    executions: Counter[tuple[int, int]] = field(default_factory=Counter)
    killed: Counter[tuple[int, int]] = field(default_factory=Counter)
    recorded: Counter[tuple[int, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.store = Schedules(self.home, clock=lambda: self.now_ns, outlives=self.outlives)

    def outlives(self, run: DueRun) -> bool:
        return (run.id, run.leg) in self.survivors

    def tick(self) -> None:
        for work in [work for work in self.works.values() if work.ends_ns <= self.now_ns]:
            self._record(work, work.end)
        for work in self.works.values():
            assert self.store.heartbeat(work.run)
        self.store.materialise()
        while run := self.store.claim():
            assert run.repo not in {work.run.repo for work in self.works.values()}, "two runs of one repository at once"
            key = (run.id, run.leg)
            work = self.survivors.pop(key) if key in self.survivors else self._begin(run)
            self.works[run.id] = replace(work, run=run)

    def _begin(self, run: DueRun) -> Work:
        key = (run.id, run.leg)
        self.executions[key] += 1
        ends_ns = self.now_ns + self.dice.randrange(5, 300) * MINUTE_NS
        return Work(run, min(ends_ns, run.until_ns or ends_ns), an_end(ends_ns, self.dice))

    def _record(self, work: Work, end: End, *, stopped: bool = False) -> None:
        run = work.run
        follow = what_follows(run, end, self.now_ns, stopped=stopped or run.taken_over)
        assert record(self.store, run, end, follow)
        self.recorded[run.id, run.leg] += 1
        del self.works[run.id]

    def restart(self) -> None:
        """SIGTERM to the daemon: its runs finish their step."""
        for work in list(self.works.values()):
            self._record(work, End(ExitCode.HUNG_UP), stopped=True)

    def kill_daemon(self) -> None:
        """SIGKILL: the runs go on, and leave their exit codes."""
        self.survivors |= {(work.run.id, work.run.leg): work for work in self.works.values()}
        self._forget_owner()

    def kill_all(self) -> None:
        """The power goes: what has not ended is gone with the boot."""
        self.killed.update((work.run.id, work.run.leg) for work in self.works.values())
        for key in [key for key, work in self.survivors.items() if work.ends_ns > self.now_ns]:
            self.killed[key] += 1
            del self.survivors[key]
        self._forget_owner()

    def _forget_owner(self) -> None:
        self.works.clear()
        with closing(sqlite3.connect(self.home.ledger_db, isolation_level=None)) as db:
            db.execute("UPDATE due_runs SET owner_boot = 'an earlier boot' WHERE state = 'running'")

    def live(self, until_ns: int, step_ns: int = HOUR_NS) -> None:
        """Ticks whenever something is due or ends, and at least so often while something is open."""
        while self.now_ns < until_ns:
            rows = self.store.list()
            wake = [ns(moment) + 3 * S_NS for row in rows for moment in (row.next_due, row.goes_on_at) if moment]
            wake += [work.ends_ns for work in self.works.values()]
            wake = [at_ns for at_ns in wake if at_ns > self.now_ns]
            wake += [self.now_ns + step_ns] * any(row.waiting or row.running_since or row.goes_on_at for row in rows)
            self.now_ns = min([until_ns, *wake])
            self.tick()


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * S_NS


def happenings(dice: random.Random) -> Iterator[tuple[int, str, int]]:
    """When, what, and for how long the machine is then off (nanoseconds)."""
    at_ns = ns(START)
    while True:
        at_ns += dice.randrange(3, 60) * HOUR_NS + dice.randrange(3600) * S_NS
        what = dice.choice(["kill_daemon", "kill_all", "kill_all", "restart"])
        off_ns = dice.choice([2 * MINUTE_NS, 2 * MINUTE_NS, 9 * HOUR_NS, dice.randrange(1, 90) * HOUR_NS])
        if at_ns + off_ns >= ns(START + timedelta(days=DAYS)):
            return
        yield at_ns, what, off_ns
        at_ns += off_ns


def nights(hour: int, minute: int, zone: str) -> set[int]:
    """The due times of a nightly schedule by the calendar; an hour that is skipped comes an hour later."""
    first = START.astimezone(ZoneInfo(zone)).date()
    days = [first + timedelta(days=number) for number in range(DAYS + 2)]
    times = [datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)) for day in days]
    end = START + timedelta(days=DAYS)
    return {ns(moment) for moment in times if START < moment.astimezone(UTC) <= end}


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where the system offers that: a year is thousands of commits."""
    shm = Path("/dev/shm")
    with TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.slow  # tests/faults/test_faults_year.py plays weeks over all parts
@pytest.mark.parametrize("seed", range(6))
def test_a_year_loses_no_night_and_doubles_none(tmp_path: Path, memory: Path, seed: int) -> None:
    dice = random.Random(seed)
    machine = Machine(Home(memory), dice, ns(START))
    repos = [tmp_path / "shop", tmp_path / "site"]
    for repo in repos:
        repo.mkdir()
    due = {
        "berlin": nights(2, 30, "Europe/Berlin"),
        "york": nights(1, 30, "America/New_York"),
        "late": nights(3, 0, "Europe/Berlin"),
    }
    with closing(machine.store) as store:
        store.add("berlin", repos[0], "30 2 * * *", (), "Europe/Berlin", until="07:00")
        store.add("york", repos[1], "30 1 * * *", (), "America/New_York", missed="skip")
        store.add("late", repos[0], "0 3 * * *", (), "Europe/Berlin")
        for at_ns, what, off_ns in happenings(dice):
            machine.live(at_ns)
            getattr(machine, what)()
            machine.now_ns += off_ns
            machine.tick()
        machine.live(ns(START + timedelta(days=DAYS)))
        ran = {name: store.history(name, 1000) for name in due}
        for name in due:
            store.pause(name)
        machine.live(machine.now_ns + 24 * HOUR_NS)
        settled = {name: store.history(name, 1000) for name in due}

    for name, expected in due.items():
        assert accounted(ran[name]) == len(expected) == DAYS
        assert {ns(one.due_at) for one in settled[name]} <= expected
        assert {one.state for one in settled[name]} <= {State.DONE, State.SKIPPED}
        assert all(one.note for one in settled[name] if one.exit_code is None)
        assert sum(one.state is State.DONE for one in settled[name]) > DAYS // 2
    assert set(machine.recorded.values()) == {1}, "an end was recorded twice"
    for leg, count in machine.executions.items():
        assert count <= 1 + machine.killed[leg], "a leg was executed again though nothing had killed it"


def accounted(history: Sequence[Outcome]) -> int:
    return sum(1 + one.missed for one in history)
