"""What becomes of due times that nobody saw, of windows that close, and of schedules that are paused or edited."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest

from ralph.home import Home
from ralph.schedule.cron import ScheduleError
from ralph.schedule.rows import DueRun, Outcome, State
from ralph.schedule.store import Schedules
from ralph.schedule.window import closes_ns, iso_until
from ralph.schedule.words import when
from tracing.span import Owner

S_NS = 10**9
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEAD = Owner(pid=2**22 - 3, started="1", boot_id="another boot")


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> int:
        return ns(self.now)

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * S_NS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Schedules]:
    with closing(Schedules(Home(tmp_path / "home"), clock=clock)) as store:
        yield store


@pytest.fixture
def quick_store(clock: Clock) -> Iterator[Schedules]:
    """In memory where the system offers that: a year is thousands of commits."""
    memory = Path("/dev/shm")
    with (
        TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        closing(Schedules(Home(Path(folder)), clock=clock)) as store,
    ):
        yield store


def nightly(store: Schedules, folder: Path, *, until: str | None = None, missed: str | None = None) -> None:
    """Due at 02:00, seen by a daemon at noon."""
    store.add("nightly", folder, "0 2 * * *", ("--json",), "UTC", until=until, missed=missed)
    store.materialise()


def looked(store: Schedules, clock: Clock, **span: float) -> DueRun | None:
    """What a daemon begins that looks again after so long."""
    clock.advance(**span)
    store.materialise()
    return store.claim()


def newest(store: Schedules) -> Outcome:
    return store.history("nightly", 1)[0]


def test_a_night_that_was_missed_is_run_when_the_machine_wakes(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    assert looked(store, clock, hours=20) is not None
    assert newest(store).note.startswith("late: the machine or the daemon was off from ")


def test_a_late_run_is_begun_only_while_its_window_is_open(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path, until="07:00")
    run = looked(store, clock, hours=18)  # 06:00
    assert run is not None
    assert run.until_ns == ns(NOON + timedelta(hours=19))
    store.finish(run, 0)
    assert looked(store, clock, hours=26) is None  # 08:00
    skipped = newest(store)
    assert (skipped.state, skipped.exit_code) == (State.SKIPPED, None)
    assert skipped.note.startswith("missed: the machine or the daemon was off from ")
    assert "; its window closed at " in skipped.note


@pytest.mark.parametrize(("own", "setting"), [(None, "skip"), ("skip", "run")])
def test_a_missed_night_is_skipped_where_that_is_set(
    store: Schedules, clock: Clock, tmp_path: Path, own: str | None, setting: str
) -> None:
    nightly(store, tmp_path, missed=own)
    clock.advance(hours=20)
    [skipped] = store.materialise(setting)
    assert store.claim() is None
    assert (skipped.state, skipped.schedule) == (State.SKIPPED, "nightly")
    assert skipped.note.endswith("; a missed run of this schedule is skipped")


def test_a_daemon_that_is_a_little_late_missed_nothing(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path, missed="skip")
    assert looked(store, clock, hours=14, minutes=4) is not None
    assert newest(store).note == ""


def test_several_missed_nights_are_one_run_that_says_how_many(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    assert looked(store, clock, days=3) is not None
    assert newest(store).missed == 2
    assert newest(store).note.endswith("2 earlier runs of it were missed too")


def test_what_becomes_due_while_one_waits_is_counted_with_it(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    for _ in range(3):
        clock.advance(days=1)
        store.materialise()
    [only] = store.history("nightly")
    assert (only.state, only.missed) == (State.PENDING, 2)


def test_a_run_that_waits_until_its_window_closes_is_skipped_and_says_so(
    store: Schedules, clock: Clock, tmp_path: Path
) -> None:
    nightly(store, tmp_path, until="07:00")
    clock.advance(hours=14)
    store.materialise()
    assert looked(store, clock, hours=6) is None
    assert newest(store).state is State.SKIPPED
    assert newest(store).note.endswith(" before it could begin")


def test_a_run_goes_on_at_its_time_under_the_same_row(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path, until="07:00")
    first = looked(store, clock, hours=14)
    assert first is not None
    assert store.again(first, clock() + 3600 * S_NS, 4, "goes on at 03:00: rate limited")
    [row] = store.list()
    assert (row.waiting, row.goes_on_at) == (False, clock.now + timedelta(hours=1))
    assert looked(store, clock, minutes=59) is None
    second = looked(store, clock, minutes=1)
    assert second is not None
    assert (second.id, second.fence, second.leg, second.taken_over) == (first.id, 2, 2, False)
    assert not store.finish(first, 0)
    assert store.finish(second, 0)
    assert (newest(store).owners, newest(store).legs, newest(store).exit_code) == (2, 2, 0)


def test_a_run_that_cannot_go_on_in_its_window_keeps_how_it_ended(
    store: Schedules, clock: Clock, tmp_path: Path
) -> None:
    nightly(store, tmp_path, until="07:00")
    run = looked(store, clock, hours=14)
    assert run is not None
    store.again(run, clock() + 3600 * S_NS, 4, "goes on")
    assert looked(store, clock, hours=8) is None
    assert (newest(store).state, newest(store).exit_code) == (State.DONE, 4)
    assert newest(store).note.endswith(" before it could go on")


def test_one_whose_next_time_is_due_goes_on_with_that_one(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    run = looked(store, clock, hours=14)
    assert run is not None
    clock.advance(days=1)
    store.materialise()
    store.again(run, clock() + 600 * S_NS, 4, "goes on at 02:10")
    assert store.claim() is None
    heir = looked(store, clock, minutes=10)
    assert heir is not None
    assert heir.id != run.id


def test_deaths_of_owners_are_counted_apart_from_what_is_planned(
    store: Schedules, clock: Clock, tmp_path: Path
) -> None:
    nightly(store, tmp_path)
    run = looked(store, clock, hours=14)
    for _ in range(20):
        assert run is not None
        store.again(run, clock(), 5, "goes on")
        run = looked(store, clock, minutes=1)
    assert run is not None
    assert run.fence == 21


def test_a_run_that_outlives_its_daemons_is_never_given_up(clock: Clock, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with closing(Schedules(home, clock=clock, owner=DEAD, outlives=lambda _: True)) as store:
        nightly(store, tmp_path)
        store.enqueue("nightly")
        for owner in range(1, 20):
            run = store.claim()
            assert run is not None
            assert (run.fence, run.taken_over) == (owner, owner > 1)
            clock.advance(minutes=1)


def test_a_run_cut_short_by_a_power_off_is_not_resumed_after_its_window(clock: Clock, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with closing(Schedules(home, clock=clock, owner=DEAD)) as store:
        nightly(store, tmp_path, until="07:00")
        assert looked(store, clock, hours=14) is not None
        assert looked(store, clock, hours=1) is not None
        assert looked(store, clock, hours=10) is None
        assert newest(store).state is State.DONE
        assert newest(store).ended_at == NOON + timedelta(hours=15)
        assert newest(store).note.startswith("cut short when its owner died; its window closed at ")


def test_two_schedules_of_one_repository_take_turns(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    store.add("other", tmp_path, "0 2 * * *", (), "UTC")
    first = looked(store, clock, hours=14)
    assert first is not None
    assert store.claim() is None
    store.finish(first, 0)
    second = store.claim()
    assert second is not None
    assert {first.schedule, second.schedule} == {"nightly", "other"}


def test_a_paused_schedule_begins_nothing_and_makes_nothing_up(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    clock.advance(hours=14)
    store.materialise()
    store.pause("nightly")
    assert newest(store).note == "the schedule was paused"
    assert looked(store, clock, days=2) is None
    assert store.list()[0].next_due is None
    assert store.overdue(60) == []
    store.resume("nightly")
    assert looked(store, clock, hours=1) is None
    assert looked(store, clock, hours=23) is not None
    assert newest(store).missed == 0


def test_a_due_time_that_nobody_saw_before_a_pause_is_skipped(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    clock.advance(days=2)
    store.pause("nightly")
    [skipped] = store.history("nightly")
    assert (skipped.state, skipped.missed, skipped.note) == (State.SKIPPED, 1, "the schedule was paused")


def test_an_edited_cron_line_counts_from_now(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    clock.advance(hours=15)  # 03:00; nobody has seen 02:00
    edited = store.edit("nightly", cron="0 1 * * *")
    assert edited.cron.line == "0 1 * * *"
    assert looked(store, clock, hours=1) is None
    assert newest(store).note == "not begun before the schedule's times were changed"
    assert looked(store, clock, hours=21) is not None


def test_an_edit_reaches_what_is_due_and_has_not_begun(store: Schedules, clock: Clock, tmp_path: Path) -> None:
    nightly(store, tmp_path)
    clock.advance(hours=14)
    store.materialise()
    (tmp_path / "new").mkdir()
    store.edit("nightly", run_args=("--plain",), repo=tmp_path / "new", until="05:00", missed="skip")
    run = store.claim()
    assert run is not None
    assert (run.run_args, run.repo) == (("--plain",), tmp_path / "new")
    assert run.until_ns == ns(NOON + timedelta(hours=17))
    assert store.edit("nightly", until="5:30").until == "05:30"
    assert store.edit("nightly", until="", missed="").until is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"until": "7"}, 'until "7" is not a time of day. Write for example "07:00".', id="until"),
        pytest.param({"until": "25:00"}, 'until "25:00" is not a time of day. Write for example "07:00".', id="hour"),
        pytest.param({"until": "0\u0667:00"}, 'until "0\u0667:00" is not a time of day', id="foreign-digit"),
        pytest.param({"missed": "never"}, 'missed "never" is not known. Write "run" or "skip".', id="missed"),
        pytest.param({"cron": "x"}, 'cron "x" has 1 field instead of 5', id="cron"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_and_changes_nothing(
    store: Schedules, tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    nightly(store, tmp_path)
    before = store.list()
    with pytest.raises(ScheduleError) as refused:
        store.edit("nightly", **changes)  # type: ignore[arg-type]  # the names are data here
    assert str(refused.value).startswith(message)
    assert store.list() == before


def test_overdue_is_what_has_not_begun_whether_or_not_a_daemon_has_seen_it(
    store: Schedules, clock: Clock, tmp_path: Path
) -> None:
    nightly(store, tmp_path)
    clock.advance(hours=14, minutes=29)
    assert store.overdue(1800) == []
    clock.advance(minutes=1)
    [unseen] = store.overdue(1800)
    assert (unseen.schedule.name, unseen.due_at, unseen.is_written_down) == (
        "nightly",
        NOON + timedelta(hours=14),
        False,
    )
    store.materialise()
    assert [one.is_written_down for one in store.overdue(1800)] == [True]
    run = store.claim()
    assert run is not None
    assert store.overdue(1800) == []


def test_pruning_keeps_the_last_one_of_each_schedule_and_what_is_open(
    store: Schedules, clock: Clock, tmp_path: Path
) -> None:
    nightly(store, tmp_path)
    for _ in range(3):
        run = looked(store, clock, days=1)
        assert run is not None
        store.finish(run, 0)
    assert looked(store, clock, days=1) is not None
    assert store.prune(clock() + S_NS) == 2
    assert [one.state for one in store.history("nightly")] == [State.RUNNING, State.DONE]


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("due", "until", "zone", "closes"),
    [
        pytest.param("2026-11-21T02:00+00:00", "07:00", "UTC", "2026-11-21T07:00+00:00", id="the-same-morning"),
        pytest.param("2026-11-21T22:00+00:00", "07:00", "UTC", "2026-11-22T07:00+00:00", id="over-midnight"),
        pytest.param("2026-11-21T07:00+00:00", "07:00", "UTC", "2026-11-22T07:00+00:00", id="a-whole-day"),
        pytest.param("2026-03-29T00:00+01:00", "07:00", BERLIN, "2026-03-29T07:00+02:00", id="a-short-night"),
        pytest.param("2026-10-25T00:00+02:00", "07:00", BERLIN, "2026-10-25T07:00+01:00", id="a-long-night"),
        pytest.param("2026-03-29T00:00+01:00", "02:30", BERLIN, "2026-03-29T03:30+02:00", id="a-time-that-is-skipped"),
        pytest.param("2026-10-25T00:00+02:00", "02:30", BERLIN, "2026-10-25T02:30+02:00", id="the-first-of-two"),
        pytest.param("2026-10-25T02:45+02:00", "02:30", BERLIN, "2026-10-25T02:30+01:00", id="the-second-of-two"),
    ],
)
def test_a_window_closes_at_the_first_such_time_after_it_was_due(due: str, until: str, zone: str, closes: str) -> None:
    assert closes_ns(ns(datetime.fromisoformat(due)), until, zone) == ns(datetime.fromisoformat(closes))


def test_a_run_is_told_its_window_with_an_offset() -> None:
    told = datetime.fromisoformat(iso_until(ns(NOON)))
    assert (told, told.tzinfo is not None) == (NOON, True)


TOKYO = "Asia/Tokyo"


@pytest.fixture
def machine_in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", BERLIN)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("machine_in_berlin")
@pytest.mark.parametrize(
    ("zone", "closed"),
    [
        pytest.param(BERLIN, "Sun 07:00", id="this-machines"),
        pytest.param("Europe/Madrid", "Sun 07:00", id="the-same-time"),
        pytest.param(TOKYO, "Sun 07:00 (Asia/Tokyo)", id="another"),
    ],
)
def test_a_note_tells_times_by_the_schedules_clock_and_names_another_zone(
    store: Schedules, clock: Clock, tmp_path: Path, zone: str, closed: str
) -> None:
    store.add("nightly", tmp_path, "0 2 * * *", (), zone, until="07:00")
    clock.now = datetime(2026, 11, 22, 2, 1, tzinfo=ZoneInfo(zone))
    store.materialise()
    clock.advance(hours=6)
    store.materialise()
    assert newest(store).note == f"its window closed at {closed} before it could begin"
    assert when(newest(store).until, zone).endswith(closed.partition(" ")[2])


DAYS = 370
JUMPS = [
    pytest.param([(30, 365 * 24)], id="a-year-ahead-and-back"),
    pytest.param([(6, 365 * 24)], id="a-year-ahead-in-the-evening"),
    pytest.param([(30, 72)], id="three-days-ahead-and-back"),
    pytest.param([(30, -365 * 24)], id="a-year-back-and-ahead"),
    pytest.param([(42, -1), (84, 3), (138, -20), (240, 3)], id="small-ones"),
]


@pytest.mark.parametrize("jumps", JUMPS)
def test_a_clock_that_jumps_for_an_hour_costs_no_night_and_doubles_none(
    quick_store: Schedules, clock: Clock, tmp_path: Path, jumps: list[tuple[int, int]]
) -> None:
    store = quick_store
    nightly(store, tmp_path)
    wrong = dict(jumps)
    rightly: list[datetime] = []
    for hour in range(0, 24 * DAYS, 6):
        clock.now = NOON + timedelta(hours=hour + wrong.get(hour, 0))
        run = looked(store, clock)
        if run is not None:
            store.finish(run, 0)
            if abs(wrong.get(hour, 0)) < 24:
                rightly.append(clock.now)
    days = [moment.date() for moment in rightly]
    assert len(days) == len(set(days))
    assert set(days) >= {(NOON + timedelta(days=day)).date() for day in range(1, DAYS)}
