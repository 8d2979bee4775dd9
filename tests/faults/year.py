"""A simulated year of nights on one machine, over all parts: schedules, runs, alerts, the report, housekeeping, money.

One state folder, the production code and an injected clock that jumps to the next moment at which anything happens. What goes
wrong is drawn from a seed: daemons that are killed and stopped, power cuts, holidays, clocks set wrong, settings that cannot be
read, a receiver that is away, a disk that is full, people who put things right in the afternoon.

    python -m tests.faults.year --days 365 --seed 1

plays one and prints its figures; `test_faults_year.py` says what has to be true of it.
"""

import argparse
import logging
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ralph.home import Home
from ralph.nightly import chores
from ralph.schedule.chores import do
from ralph.schedule.daemon import Daemon
from ralph.schedule.execute import outlives, run_files
from ralph.schedule.own_settings import own_settings
from ralph.schedule.rows import DueRun, Missed, Outcome
from ralph.schedule.store import Schedules
from ralph.state import StoryStates
from tests.faults.year_ground import Size, a_place, an_environment, memory, ns
from tests.faults.year_night import HOUR_NS, MINUTE_NS, PER_DAY, S_NS, Night, Place, Told
from tests.tracing.alerts.receivers import Received, Receiver, Reply, http_receiver
from tracing.budget import MICROS_PER_USD
from tracing.failpoint import arm
from tracing.reconcile import Books
from tracing.span import Owner

ZONE = "Europe/Berlin"
NEW_YEAR = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY_NS = 24 * HOUR_NS
SETTLED_NS = 6 * MINUTE_NS  # after it, what has gone is over for the alerts
REPORT_AT = "07:30"
SCHEDULES = ("berlin", "york", "weekly")
CONFIG = """
[limits]
per_day_usd = {day_usd}
[report]
at = "{report_at}"
[retention]
traces = "30d"
texts = "14d"
runs = "14d"
[[channels]]
name = "hook"
kind = "webhook"
address = "{url}/"
private = true
"""
HAPPENINGS: dict[str, int] = {  # how often, beside each other
    "kill_daemon": 5,
    "power_off": 7,
    "restart": 3,
    "clock_ahead": 1,
    "clock_behind": 1,
    "break_settings": 1,
    "receiver_away": 1,
    "full_disk": 1,
    "put_right": 3,
}


@dataclass
class Watched:
    """The store, as the daemon asks it; counts what it is told."""

    store: Schedules
    year: "Year"

    def materialise(self, missed: str = Missed.RUN) -> Sequence[Outcome]:
        return self.store.materialise(missed)

    def claim(self, only: int | None = None) -> DueRun | None:
        run = self.store.claim(only)
        if run:
            self.year.take(run)
        return run

    def heartbeat(self, run: DueRun) -> bool:
        return self.store.heartbeat(run)

    def finish(self, run: DueRun, exit_code: int, note: str = "") -> bool:
        return self._counted(run, is_done=self.store.finish(run, exit_code, note))

    def again(self, run: DueRun, at_ns: int, exit_code: int, note: str = "") -> bool:
        return self._counted(run, is_done=self.store.again(run, at_ns, exit_code, note))

    def _counted(self, run: DueRun, *, is_done: bool) -> bool:
        self.year.recorded[run.id, run.leg] += is_done
        return is_done


@dataclass
class Year:
    """A machine that is on or off, and what was counted about it on the side."""

    home: Home
    places: dict[str, Place]  # by the root of the checkout
    receiver: Receiver
    dice: random.Random
    seed: int
    start: datetime
    now_ns: int = 0
    is_receiving: bool = True
    is_readable: bool = True  # config.toml
    is_full: bool = False  # the disk
    boots: int = 0
    nights: dict[Path, Night] = field(default_factory=dict)  # that go on, by what their files are called
    told: Told = field(default_factory=Told)
    got: list[dict[str, object]] = field(default_factory=list)  # messages that the receiver took
    executed: Counter[tuple[int, int]] = field(default_factory=Counter)  # by due run and leg
    killed: Counter[tuple[int, int]] = field(default_factory=Counter)
    recorded: Counter[tuple[int, int]] = field(default_factory=Counter)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    reports: set[str] = field(default_factory=set)  # days on which one had to be sent
    moments: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    sizes: dict[int, Size] = field(default_factory=dict)  # by day
    _looks: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.now_ns = ns(self.start)
        self.receiver.answer = self._answer
        self.write_config()
        self.boot()

    def clock(self) -> int:
        self.now_ns += 1_000
        return self.now_ns

    def boot(self) -> None:
        """A daemon is started, and nobody it could be mistaken for lives."""
        self.boots += 1
        self.owner = Owner(os.getpid(), str(self.boots), f"boot {self.boots}")
        self.store = Schedules(self.home, clock=self.clock, owner=self.owner, outlives=outlives)
        settings = own_settings(self.home)
        self.daemon = Daemon(
            Watched(self.store, self), self._execute, settings=lambda: settings().schedules, clock=self.clock
        )
        self._chores = chores(self.home, settings, clock=self.clock)
        self._chores_said: dict[int, str] = {}

    # a run's processes

    def take(self, run: DueRun) -> None:
        """Begin it, or find it at its work: it outlives the daemon that began it."""
        base = run_files(run)
        if base not in self.nights and not base.with_suffix(".exit").exists():
            key = run.id, run.leg
            self.executed[key] += 1
            dice = random.Random(f"{self.seed} {key} {self.executed[key]}")
            self.nights[base] = Night(self.home, run, self.places[str(run.repo)], self.clock, dice, self.told)

    def _execute(self, run: DueRun) -> int:
        """In the daemon's thread, as its wait for a keeper is."""
        base = run_files(run)
        night = self.nights.get(base)
        if night is None:
            return int(base.with_suffix(".exit").read_text("ascii"))
        night.over.wait()
        return night.code

    def _reap(self) -> bool:
        """What is over is so for the daemon's threads too; whether anything was."""
        over = {base: night for base, night in self.nights.items() if night.over.is_set()}
        for base, night in over.items():
            join(night.run)
            del self.nights[base]
            self._looks |= {self.now_ns + SETTLED_NS}
        return bool(over)

    # time

    def live(self, until_ns: int) -> None:
        """From moment to moment; nothing is to be seen between them."""
        while self.now_ns < until_ns:
            self.now_ns = min([until_ns, *(at_ns for at_ns in self._wake() if at_ns > self.now_ns)])
            self.moment()

    def moment(self) -> None:
        self.moments += 1
        for night in list(self.nights.values()):
            night.advance(self.now_ns)
        self._reap()
        self.daemon.tick()
        while self._reap():  # those that ended as they began
            self.daemon.tick()
        self._do_chores()
        self._looks = {at_ns for at_ns in self._looks if at_ns > self.now_ns}

    def _wake(self) -> Iterator[int]:
        rows = self.store.list()
        yield from (ns(at) + 3 * S_NS for row in rows for at in (row.next_due, row.goes_on_at) if at)
        yield from (night.steps[0][0] for night in self.nights.values() if night.steps)
        yield from self._looks
        if any(row.waiting or row.running_since for row in rows) or not self.is_receiving:
            yield self.now_ns + 4 * HOUR_NS
        yield self.report_ns()

    def report_ns(self) -> int:
        """When the next report falls due, and a little."""
        local = datetime.fromtimestamp(self.now_ns / S_NS, ZoneInfo(ZONE))
        at = local.replace(hour=7, minute=30, second=5, microsecond=0, fold=0)
        return ns(at if at > local else at + timedelta(days=1))

    def _do_chores(self) -> None:
        for number, chore in enumerate(self._chores):
            do(chore, number, self._chores_said)
        local = datetime.fromtimestamp(self.now_ns / S_NS, ZoneInfo(ZONE))
        if self.is_readable and not self.is_full and f"{local:%H:%M}" >= REPORT_AT:
            self.reports.add(f"report:{local.date()}")
        for name in SCHEDULES:
            self.outcomes |= {one.id: one for one in self.store.history(name, 6)}

    # what happens

    def happen(self, what: str, hours: int) -> None:
        self.happened[what] += 1
        getattr(self, what)(hours * HOUR_NS)

    def kill_daemon(self, off_ns: int) -> None:
        """SIGKILL; its runs go on. It is started again a little later."""
        self.store.close()
        self.now_ns += min(off_ns, 20 * MINUTE_NS)
        self.boot()
        self.moment()

    def power_off(self, off_ns: int) -> None:
        for night in self.nights.values():
            self.killed[night.run.id, night.run.leg] += 1
            night.kill()
            join(night.run)
        self.nights.clear()
        self.store.close()
        self.now_ns += off_ns
        self.boot()
        self.moment()

    def restart(self, _: int) -> None:
        """SIGTERM: the runs finish their step, and are recorded before the daemon leaves."""
        for night in self.nights.values():
            night.stop()
            join(night.run)
        self.nights.clear()
        self.daemon.stop()
        self.daemon.wait()
        self.store.close()
        self.now_ns += MINUTE_NS
        self.boot()
        self.moment()

    def clock_ahead(self, by_ns: int) -> None:
        self._clock_wrong(min(by_ns, 5 * HOUR_NS))

    def clock_behind(self, by_ns: int) -> None:
        self._clock_wrong(-min(by_ns, 5 * HOUR_NS))

    def _clock_wrong(self, by_ns: int) -> None:
        self.now_ns += by_ns
        for _ in range(3):
            self.now_ns += 10 * MINUTE_NS
            self.moment()
        self.now_ns -= by_ns
        self.moment()

    def break_settings(self, for_ns: int) -> None:
        self.home.config.write_text("[limits\nper_day_usd = much\n", encoding="utf-8")
        self.is_readable = False
        self.live(self.now_ns + min(for_ns, 14 * HOUR_NS))
        self.write_config()
        self.is_readable = True
        self.moment()

    def receiver_away(self, _: int) -> None:
        self.is_receiving = False
        self.live(self.now_ns + 2 * DAY_NS)
        self.is_receiving = True
        self._looks |= {self.now_ns + hours * HOUR_NS for hours in (1, 2, 3)}

    def full_disk(self, for_ns: int) -> None:
        """For some hours in which no run goes on: nothing can be written."""
        if self.nights:
            return
        self.is_full = True
        end_ns = self.now_ns + min(for_ns, 6 * HOUR_NS)
        arm("error:1+:ENOSPC")
        try:
            while self.now_ns < end_ns:
                self.now_ns += 30 * MINUTE_NS
                self.moment()
        finally:
            arm(None)
            self.is_full = False
        self.moment()

    def put_right(self, _: int) -> None:
        """A person unblocks what is parked, and says what calls cost whose end nobody saw."""
        with closing(StoryStates.open(self.home.ledger_db, clock_ns=self.clock)) as states:
            for place in self.places.values():
                for story_id in states.parked(place.id, place.stories):
                    states.unblock(place.id, story_id)
        with closing(Books.open(self.home.ledger_db, self.clock)) as books:
            for one in books.open_reservations():
                if one.is_unknown:
                    books.settle(one.id, None, made_by="Sam", note="invoice")
            books.call_day_wrong(datetime.fromtimestamp(self.now_ns / S_NS, UTC).date().isoformat())
        self.moment()

    # what surrounds it

    def write_config(self) -> None:
        text = CONFIG.format(day_usd=PER_DAY / MICROS_PER_USD, report_at=REPORT_AT, url=self.receiver.url)
        self.home.config.write_text(text, encoding="utf-8")

    def _answer(self, received: Received) -> Reply:
        if not self.is_receiving:
            return Reply(503)
        self.got.append(received.json | {"webhook-id": received.headers["webhook-id"]})
        return Reply(204, "")

    def measure(self, day: int) -> None:
        self.sizes[day] = Size.of(self.home)


def join(run: DueRun) -> None:
    """Until the daemon's threads know that this run has ended; those of killed daemons too."""
    for thread in threading.enumerate():
        if thread.name == f"due-run-{run.id}":
            thread.join()


def happenings(dice: random.Random, at_ns: int, end_ns: int) -> Iterator[tuple[int, str, int]]:
    """When, what, and for how many hours."""
    while True:
        at_ns += dice.randrange(5, 60) * HOUR_NS + dice.randrange(3600) * S_NS
        [what] = dice.choices(list(HAPPENINGS), list(HAPPENINGS.values()))
        hours = dice.choice([1, 1, 2, 9, dice.randrange(1, 65)])
        if at_ns + 70 * HOUR_NS >= end_ns:
            return
        yield at_ns, what, hours


@contextmanager
def a_year(folder: Path, seed: int, start: datetime = NEW_YEAR) -> Iterator[Year]:
    """On the clock of Berlin, with two repositories that have a schedule each night, and one a week."""
    random.seed(seed)  # of the waits between two tries to send
    places = [a_place(folder / name) for name in ("shop", "site")]
    home = Home(folder / "home")
    home.root.mkdir(mode=0o700)
    with an_environment(TZ=ZONE, RALPH_HOME=str(home.root)), http_receiver() as receiver:
        by_root = {str(place.root): place for place in places}
        year = Year(home, by_root, receiver, random.Random(seed), seed, start)
        shop, site = (place.root for place in places)
        year.store.add("berlin", shop, "30 2 * * *", (), ZONE, until="07:00")
        year.store.add("york", site, "0 1 * * *", (), "America/New_York", missed="skip")
        year.store.add("weekly", shop, "0 15 * * 0", (), ZONE)
        yield year
        year.store.close()


def play(year: Year, days: int, measured: Sequence[int] = ()) -> None:
    """So many days, and what goes wrong on them."""
    stops = {ns(year.start + timedelta(days=day)): day for day in measured}
    end_ns = ns(year.start + timedelta(days=days))
    for at_ns, what, hours in happenings(year.dice, ns(year.start), end_ns):
        for stop_ns in [stop_ns for stop_ns in stops if stop_ns <= at_ns]:
            year.live(stop_ns)
            year.measure(stops.pop(stop_ns))
        year.live(at_ns)
        year.happen(what, hours)
    year.live(end_ns)
    for day in stops.values():
        year.measure(day)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--days", type=int, default=365)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    logging.basicConfig(level=logging.WARNING)
    began_s = time.monotonic()
    with (
        tempfile.TemporaryDirectory(dir=memory()) as name,
        a_year(Path(name), chosen.seed) as year,
    ):
        play(year, chosen.days, [day for day in (60, 120, 180, 240, 300, 365) if day <= chosen.days])
        sys.stdout.write(f"{time.monotonic() - began_s:.1f} s, {year.moments} moments, {dict(year.happened)}\n")
        sys.stdout.write(f"{len(year.got)} messages, {len(year.reports)} reports, {sum(year.executed.values())} legs\n")
        for day, size in year.sizes.items():
            sys.stdout.write(f"day {day}: {size.bytes} bytes, {size.files} files\n  {size.rows}\n")


if __name__ == "__main__":
    main()
