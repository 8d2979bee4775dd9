import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.schedule.cron import ScheduleError
from ralph.schedule.lease import MOST_DEATHS
from ralph.schedule.store import DueRun, Schedules
from tracing.owner import this_process
from tracing.span import Owner

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEAD = Owner(pid=2**22 - 3, started="1", boot_id="another boot")


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> int:
        return int(self.now.timestamp()) * 10**9

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Schedules]:
    with closing(Schedules(Home(tmp_path / "home"), clock=clock)) as store:
        yield store


def a_dead_owners_claim(store: Schedules, clock: Clock, folder: Path) -> DueRun:
    """A run that an owner claimed before it died."""
    with closing(Schedules(Home(folder / "home"), clock=clock, owner=DEAD)) as theirs:
        run = theirs.claim()
    assert run is not None
    return run


def nightly(store: Schedules, folder: Path, *args: str, name: str = "nightly") -> None:
    store.add(name, folder, "0 2 * * *", args, "UTC")


def test_a_schedule_is_listed_with_its_next_time(store: Schedules, tmp_path: Path) -> None:
    nightly(store, tmp_path, "--max-cost", "3; rm -rf /")
    [row] = store.list()

    assert (row.schedule.name, row.schedule.repo) == ("nightly", tmp_path.resolve())
    assert row.schedule.run_args == ("--max-cost", "3; rm -rf /")
    assert row.next_due == datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    assert (row.waiting, row.running_since, row.last) == (False, None, None)


@pytest.mark.parametrize(
    ("name", "repo", "message"),
    [
        pytest.param("a b", ".", 'schedule name "a b" is not valid. Use letters, digits, ".", "_" and "-".', id="name"),
        pytest.param(
            "../x", ".", 'schedule name "../x" is not valid. Use letters, digits, ".", "_" and "-".', id="path"
        ),
        pytest.param("new", "gone", "gone: no such folder. Name the repo that the schedule is to run in.", id="repo"),
        pytest.param(
            "nightly",
            ".",
            'schedule "nightly" exists. Change it: ralph schedule edit nightly. Or remove it first: ralph schedule remove nightly',
            id="taken",
        ),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    store: Schedules, tmp_path: Path, name: str, repo: str, message: str
) -> None:
    nightly(store, tmp_path)

    with pytest.raises(ScheduleError) as refused:
        store.add(name, Path(repo), "0 2 * * *", (), "UTC")
    assert str(refused.value) == message


def test_a_schedule_that_is_not_there_cannot_be_removed_or_run(store: Schedules) -> None:
    for ask in (store.remove, store.enqueue):
        with pytest.raises(ScheduleError, match=r'there is no schedule "x"\. See those there are: ralph schedule list'):
            ask("x")


def test_nothing_is_due_before_its_time(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    clock.advance(hours=13)
    store.materialise()

    assert store.claim() is None


def test_a_due_run_is_written_down_once_however_often_one_looks(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path, "--json")
    clock.advance(hours=14)
    for _ in range(3):
        store.materialise()
    run = store.claim()

    assert run is not None
    assert (run.schedule, run.run_args, run.fence) == ("nightly", ("--json",), 1)
    assert store.finish(run, 0)
    store.materialise()
    assert store.claim() is None


def test_three_missed_nights_give_one_run(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    clock.advance(days=3)
    store.materialise()
    run = store.claim()

    assert run is not None
    assert run.due_at_ns == int(datetime(2026, 11, 24, 2, tzinfo=UTC).timestamp()) * 10**9
    store.finish(run, 0)
    store.materialise()
    assert store.claim() is None


def test_what_waits_already_is_not_queued_again(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    for _ in range(2):
        clock.advance(days=1)
        store.materialise()
    run = store.claim()

    assert run is not None
    store.finish(run, 0)
    assert store.claim() is None


def test_a_schedule_never_overlaps_itself(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    clock.advance(days=1)
    store.materialise()
    long = store.claim()
    clock.advance(days=1)
    store.materialise()

    assert long is not None
    assert store.claim() is None
    store.finish(long, 0)
    assert store.claim() is not None


def test_a_clock_that_goes_back_repeats_nothing(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    clock.advance(days=1)
    store.materialise()
    run = store.claim()
    assert run is not None
    store.finish(run, 0)
    clock.advance(hours=-20)
    store.materialise()
    clock.advance(hours=20)
    store.materialise()

    assert store.claim() is None


def test_the_outcome_is_listed(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    store.enqueue("nightly")
    run = store.claim()
    assert run is not None
    assert store.list()[0].running_since == START
    clock.advance(minutes=5)
    store.finish(run, 3)
    last = store.list()[0].last

    assert last is not None
    assert (last.started_at, last.ended_at, last.exit_code) == (START, START + timedelta(minutes=5), 3)


def test_a_run_of_a_dead_owner_is_claimed_again_once_its_lease_lapsed(
    store: Schedules, clock: Clock, tmp_path: Path
) -> None:
    nightly(store, tmp_path)
    due = store.enqueue("nightly")
    theirs = a_dead_owners_claim(store, clock, tmp_path)
    assert store.claim() is None
    clock.advance(seconds=30)
    ours = store.claim()

    assert ours is not None
    assert (ours.id, ours.fence) == (due, 2)
    assert not store.heartbeat(theirs)
    assert not store.finish(theirs, 0)
    assert store.list()[0].last is None
    assert store.finish(ours, 0)
    assert store.list()[0].last is not None


def test_a_run_of_a_living_owner_is_never_taken_however_old_its_heartbeat(
    store: Schedules, clock: Clock, tmp_path: Path
) -> None:
    nightly(store, tmp_path)
    store.enqueue("nightly")
    assert store.claim() is not None
    clock.advance(days=2)

    assert store.claim() is None


def test_a_heartbeat_keeps_the_lease(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    store.enqueue("nightly")
    theirs = a_dead_owners_claim(store, clock, tmp_path)
    clock.advance(seconds=29)
    assert store.heartbeat(theirs)
    clock.advance(seconds=29)

    assert store.claim() is None


def test_a_pid_that_was_given_to_another_process_does_not_keep_a_lease(
    store: Schedules, clock: Clock, tmp_path: Path
) -> None:
    nightly(store, tmp_path)
    store.enqueue("nightly")
    reused = replace(this_process(), started="long ago")
    with closing(Schedules(Home(tmp_path / "home"), clock=clock, owner=reused)) as theirs:
        assert theirs.claim() is not None
    clock.advance(seconds=30)

    assert store.claim() is not None


def test_a_run_that_kills_every_owner_is_given_up(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    store.enqueue("nightly")
    for _ in range(MOST_DEATHS):
        a_dead_owners_claim(store, clock, tmp_path)
        clock.advance(minutes=1)

    assert store.claim() is None
    last = store.list()[0].last
    assert last is not None
    assert (last.exit_code, last.note) == (None, f"given up: {MOST_DEATHS} owners died while it ran")


def test_removing_forgets_what_has_not_begun_and_lets_the_rest_finish(
    store: Schedules, clock: Clock, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        nightly(store, tmp_path, name=name)
        clock.advance(seconds=1)
        store.enqueue(name)
    begun = store.claim()
    for name in ("a", "b"):
        store.remove(name)

    assert store.list() == []
    assert store.claim() is None
    assert begun is not None
    assert store.finish(begun, 0)


CLAIMER = """
import sys
from pathlib import Path
from ralph.home import Home
from ralph.schedule.store import Schedules
store = Schedules(Home(Path(sys.argv[1])))
while run := store.claim():
    print(run.id, flush=True)
    store.finish(run, 0)
store.close()
"""


def test_processes_that_claim_at_once_get_each_run_once(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with closing(Schedules(home)) as store:
        for number in range(40):
            nightly(store, tmp_path, name=f"n{number}")
            store.enqueue(f"n{number}")
    claimers = [
        subprocess.Popen([sys.executable, "-c", CLAIMER, str(home.root)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    claimed = [line for claimer in claimers for line in claimer.communicate()[0].split()]

    assert sorted(claimed, key=int) == [str(number) for number in range(1, 41)]
