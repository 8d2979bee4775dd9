"""The daemon: APScheduler ticks, each tick writes down what is due and claims it, a thread per claimed run executes it.

All state is in the store, so a killed daemon loses nothing. Knows nothing about what a run does.
"""

import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from apscheduler.schedulers.background import BackgroundScheduler

from ralph.errors import ExitCode, RalphError
from ralph.home import Home
from ralph.schedule.chores import Chore, doing
from ralph.schedule.cron import ScheduleError
from ralph.schedule.execute import outlives, read_end, run_files, run_in_subprocess
from ralph.schedule.keeper import ask_to_stop
from ralph.schedule.outcome import CUT_SHORT, End, Follow, what_follows
from ralph.schedule.own_settings import own_settings
from ralph.schedule.rows import Outcome
from ralph.schedule.serving import serving_alone
from ralph.schedule.store import LEASE_S, DueRun, DueRuns, Schedules
from ralph.schedule.words import day_and_time, meaning
from ralph.settings.unwatched import Schedules as ScheduleSettings
from ralph.signals import StopSignal, listen

if TYPE_CHECKING:
    from ralph.settings.last import LastSettings

TICK_S = 5.0
POLL_S = 0.2

Execute = Callable[[DueRun], int]
Read = Callable[[DueRun, int], End]
log = logging.getLogger("ralph.schedule")


@dataclass
class Job:
    """A run that was claimed, and how it ended once it has."""

    run: DueRun
    end: End | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    is_told: bool = False  # that it is to stop
    is_lost: bool = False  # to another daemon

    def work(self, execute: Execute, read: Read) -> None:
        """Never raises; in a thread of its own."""
        try:
            self.end = read(self.run, execute(self.run))
        except RalphError as error:
            self.end = End(ExitCode.USAGE, str(error))
        except Exception as error:  # the one boundary: a bug in one run must not end the daemon; it is recorded
            log.exception("run %d of schedule %s failed", self.run.id, self.run.schedule)
            self.end = End(ExitCode.BUG, f"{type(error).__name__}: {error}")
        finally:
            self.ended.set()

    def ask_to_stop(self) -> None:
        """Once it has been heard, once is enough: twice would mean to leave at once."""
        if not self.is_told and self.end is None:
            self.is_told = ask_to_stop(run_files(self.run))


class Daemon:
    """Claims and executes due runs; `tick` is called by a clock, or by a test, from one thread at a time.

    Whoever ticks does all that is recorded: what cannot be written now is written at the next tick.
    """

    def __init__(
        self,
        schedules: DueRuns,
        execute: Execute,
        *,
        settings: Callable[[], ScheduleSettings] = ScheduleSettings,
        read: Read = read_end,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._schedules = schedules
        self._execute = execute
        self._settings = settings
        self._read = read
        self._clock = clock
        self._jobs: dict[int, Job] = {}
        self._stopping = threading.Event()
        self._troubled = ""

    def tick(self) -> None:
        """Record what has ended, keep the leases, write down what is due, begin what is free."""
        with self._patiently():
            settings = self._settings()
            self.look_after()
            for outcome in self._schedules.materialise(settings.missed):
                log.info("%s, due %s: %s", outcome.schedule, _when(outcome), outcome.note)
            while len(self._jobs) < settings.at_once and (run := self._schedules.claim()):
                self.begin(run)

    @property
    def is_busy(self) -> bool:
        return bool(self._jobs)

    def begin(self, run: DueRun) -> None:
        job = self._jobs[run.id] = Job(run)
        how = "is taken up again" if run.taken_over else "goes on" if run.leg > 1 else "begins"
        log.info("%s: %s in %s; its output: %s", run.schedule, how, run.repo, run_files(run).with_suffix(".log"))
        arguments = (self._execute, self._read)
        threading.Thread(target=job.work, args=arguments, name=f"due-run-{run.id}", daemon=True).start()

    def look_after(self) -> None:
        """Record what has ended, and keep the leases of what has not."""
        for job in list(self._jobs.values()):
            if job.end is not None:
                self._settle(job.run, job.end)
                del self._jobs[job.run.id]
            elif not self._schedules.heartbeat(job.run) and not job.is_lost:
                job.is_lost = True
                log.warning("%s: another daemon has taken run %d over", job.run.schedule, job.run.id)

    def stop(self) -> None:
        """Have the runs finish their step; what they leave undone goes on with the next daemon."""
        self._stopping.set()
        for job in self._jobs.values():
            job.ask_to_stop()

    def wait(self, heartbeat_s: float = TICK_S) -> None:
        """Until all that runs has ended and is recorded; claims nothing new."""
        while self.is_busy:
            self.pause(heartbeat_s if not self._stopping.is_set() else min(heartbeat_s, POLL_S))
            with self._patiently():
                self.look_after()
            if self._stopping.is_set():
                self.stop()

    def pause(self, longest_s: float) -> None:
        """Until one of the runs has ended, or so long."""
        for job in list(self._jobs.values()):
            job.ended.wait(longest_s / len(self._jobs))

    def _settle(self, run: DueRun, end: End) -> None:
        stopped = self._stopping.is_set() or run.taken_over
        follow = what_follows(run, end, self._clock(), stopped=stopped)
        if record(self._schedules, run, end, follow):
            log.info("%s: ended, %s%s", run.schedule, meaning(end.exit_code), f"; {follow.note}" if follow.note else "")
        else:
            log.warning("%s: run %d ended, and is another daemon's to record", run.schedule, run.id)

    @contextmanager
    def _patiently(self) -> Iterator[None]:
        """A database that cannot be used now is told once, and tried again at the next tick."""
        try:
            yield
            self._troubled = ""
        except (sqlite3.Error, OSError) as error:
            if str(error) != self._troubled:
                log.warning("the schedules cannot be read or written now, tried again in a moment: %s", error)
            self._troubled = str(error)


def record(schedules: DueRuns, run: DueRun, end: End, follow: Follow) -> bool:
    if follow.at_ns is None:
        return schedules.finish(run, end.exit_code, follow.note)
    return schedules.again(run, follow.at_ns, end.exit_code, follow.note)


def daemon(
    home: Home,
    execute: "Execute | None" = None,
    clock: Callable[[], int] = time.time_ns,
    *,
    settings: "LastSettings | None" = None,
    chores: Sequence[Chore] = (),
    tick_s: float = TICK_S,
    lease_s: float = LEASE_S,
) -> ExitCode:
    """Serve the schedules of `home` until SIGTERM or Ctrl-C; then what runs finishes its step, and goes on with the next daemon.
    A second signal leaves at once: the runs finish by themselves, and the next daemon records how they ended.

    Raises:
        DaemonBusyError: another daemon serves this state folder.
    """
    with _serving(home, settings, execute, clock, lease_s) as (serving, stop), doing(chores):
        with _ticking(serving.tick, tick_s):
            stop.event.wait()
        _wind_up(serving, tick_s)
    return stop.exit_code


def once(
    home: Home,
    execute: "Execute | None" = None,
    clock: Callable[[], int] = time.time_ns,
    *,
    settings: "LastSettings | None" = None,
    chores: Sequence[Chore] = (),
    tick_s: float = TICK_S,
    lease_s: float = LEASE_S,
) -> ExitCode:
    """Carry out all that is due now, for a timer of the user's own; what goes on later is left to the next time.

    Raises:
        DaemonBusyError: a daemon serves this state folder already.
    """
    with _serving(home, settings, execute, clock, lease_s) as (serving, stop), doing(chores):
        return serve_once(serving, stop, tick_s)


def serve_once(serving: Daemon, stop: StopSignal, tick_s: float = TICK_S) -> ExitCode:
    """Carry out what is due, and what becomes due meanwhile; a signal lets it finish its step."""
    serving.tick()
    while serving.is_busy and not stop.event.is_set():
        serving.pause(tick_s)
        serving.tick()
    if not stop.event.is_set():
        return ExitCode.ALL_DONE
    _wind_up(serving, tick_s)
    return stop.exit_code


def run_now(home: Home, name: str, execute: "Execute | None" = None, clock: Callable[[], int] = time.time_ns) -> int:
    """Run a schedule now, and wait for it; returns the exit code. Killed in the middle, the daemon takes the run over.

    Raises:
        ScheduleError: there is no such schedule, or it or another one in its repository runs already.
    """
    with closing(Schedules(home, clock=clock)) as schedules, listen() as stop:
        run = schedules.claim(schedules.enqueue(name))
        if run is None:
            raise ScheduleError(f'schedule "{name}" runs already. It will run again as soon as that has ended.')
        job = Job(run)
        thread = threading.Thread(target=job.work, args=(execute or run_in_subprocess, read_end), daemon=True)
        thread.start()
        while not job.ended.wait(TICK_S if not stop.event.is_set() else POLL_S):
            schedules.heartbeat(run)
            if stop.event.is_set():
                job.ask_to_stop()
        end = job.end or End(ExitCode.BUG)
        schedules.finish(run, end.exit_code, end.note)
    return stop.exit_code if stop.signum and end.exit_code in CUT_SHORT else end.exit_code


def show_log() -> None:
    """One line for each thing that happens, with its time, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def _when(outcome: Outcome) -> str:
    return day_and_time(int(outcome.due_at.timestamp()) * 10**9, outcome.timezone)


def _wind_up(serving: Daemon, tick_s: float) -> None:
    if serving.is_busy:
        log.info("stopping: what runs finishes its step; once more leaves at once, and nothing is lost either")
    serving.stop()
    serving.wait(tick_s)


@contextmanager
def _serving(
    home: Home,
    settings: "LastSettings | None",
    execute: Execute | None,
    clock: Callable[[], int],
    lease_s: float,
) -> Iterator[tuple[Daemon, StopSignal]]:
    last = settings or own_settings(home)
    with (
        listen() as stop,  # first: whoever holds the lock can be asked to stop
        serving_alone(home),
        closing(Schedules(home, clock=clock, lease_s=lease_s, outlives=outlives)) as schedules,
    ):
        yield Daemon(schedules, execute or run_in_subprocess, settings=lambda: last().schedules, clock=clock), stop


@contextmanager
def _ticking(tick: Callable[[], object], tick_s: float) -> Iterator[None]:
    scheduler = BackgroundScheduler(timezone="UTC")
    tick()
    scheduler.add_job(tick, "interval", seconds=tick_s, coalesce=True, max_instances=1, misfire_grace_time=None)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=True)
