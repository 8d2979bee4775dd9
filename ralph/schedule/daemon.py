"""The daemon: APScheduler ticks, each tick writes down what is due and claims it, a thread per claimed run executes it.

All state is in the store, so a killed daemon loses nothing. Knows nothing about what a run does.
"""

import fcntl
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler

from ralph.errors import ExitCode, RalphError
from ralph.home import Home
from ralph.schedule.cron import ScheduleError
from ralph.schedule.store import LEASE_S, DueRun, DueRuns, Schedules
from ralph.signals import listen

TICK_S = 5.0
REQUIRED = ["--sandbox", "required"]
STRICT = ("required", "bwrap")
NAMES_SANDBOX = re.compile(r"--sandbox($|=)|(--set=)?sandbox\s*=")
AT_ONCE = 4  # runs of different schedules; one schedule never overlaps itself

Execute = Callable[[DueRun], int]
log = logging.getLogger("ralph.schedule")


class DaemonBusyError(RalphError):
    """Another daemon serves this state folder."""

    exit_code = ExitCode.BUSY


class Daemon:
    """Claims and executes due runs; `tick` is called by a clock, or by a test."""

    def __init__(self, schedules: DueRuns, execute: Execute, *, at_once: int = AT_ONCE) -> None:
        self._schedules = schedules
        self._execute = execute
        self._at_once = at_once
        self._running: dict[int, tuple[DueRun, threading.Thread]] = {}

    def tick(self) -> None:
        """Keep the leases, write down what is due, begin what is free."""
        self.keep_leases()
        self._schedules.materialise()
        while len(self._running) < self._at_once and (run := self._schedules.claim()):
            thread = threading.Thread(target=self._work, args=(run,), name=f"due-run-{run.id}", daemon=True)
            self._running[run.id] = (run, thread)
            thread.start()

    def keep_leases(self) -> None:
        for run, thread in list(self._running.values()):
            if not thread.is_alive():
                del self._running[run.id]
            elif not self._schedules.heartbeat(run):
                log.warning("due run %d of schedule %s was taken over by another daemon", run.id, run.schedule)

    def wait(self, heartbeat_s: float = TICK_S) -> None:
        """Until all that runs has ended and is recorded; claims nothing new."""
        while self._running:
            for _, thread in list(self._running.values()):
                thread.join(heartbeat_s / len(self._running))
            self.keep_leases()

    def _work(self, run: DueRun) -> None:
        exit_code, note = _executed(self._execute, run)
        self._schedules.finish(run, exit_code, note)


def daemon(
    home: Home,
    execute: "Execute | None" = None,
    clock: Callable[[], int] = time.time_ns,
    *,
    tick_s: float = TICK_S,
    lease_s: float = LEASE_S,
) -> ExitCode:
    """Serve the schedules of `home` until SIGTERM or Ctrl-C, then finish what runs. A second signal leaves at once: the runs
    go on by themselves, and the next daemon records how they ended.

    Raises:
        DaemonBusyError: another daemon serves this state folder.
    """
    with _only_one(home), closing(Schedules(home, clock=clock, lease_s=lease_s)) as schedules, listen() as stop:
        serving = Daemon(schedules, execute or run_in_subprocess)
        with _ticking(serving.tick, tick_s):
            stop.event.wait()
        serving.wait(tick_s)
    return stop.exit_code


def run_now(home: Home, name: str, execute: "Execute | None" = None, clock: Callable[[], int] = time.time_ns) -> int:
    """Run a schedule in this process, now; returns the exit code. Killed in the middle, the daemon takes the run over.

    Raises:
        ScheduleError: there is no such schedule, or it runs already.
    """
    with closing(Schedules(home, clock=clock)) as schedules:
        run = schedules.claim(schedules.enqueue(name))
        if run is None:
            raise ScheduleError(f'schedule "{name}" runs already. It will run again as soon as that has ended.')
        with _ticking(lambda: schedules.heartbeat(run), TICK_S):
            exit_code, note = _executed(execute or run_in_subprocess, run)
        schedules.finish(run, exit_code, note)
        return exit_code


def run_in_subprocess(run: DueRun) -> int:
    """`ralph run` in the schedule's repo, in a process group of its own that outlives this process; output goes to
    `schedule/<name>-<due>-<id>.log` in the state folder.
    """
    base = run_files(run)
    # -P: a folder named ralph in the repo is not imported
    python = [sys.executable, "-P", "-m"]
    words = ["ralph", "run", *confinement(run), *run.run_args]
    command = [*python, "ralph.schedule.keeper", str(base), str(run.repo), *python, *words]
    environment = os.environ | {"RALPH_HOME": str(run.home.root)}
    return subprocess.run(command, env=environment, start_new_session=True, check=False).returncode


def confinement(run: DueRun) -> list[str]:
    """Nobody watches a scheduled run, so it asks for a proved sandbox, unless the user himself has named one: with the
    schedule, in config.toml, or in a ralph.toml that he trusts. What a repo names by itself counts where it is stricter.
    """
    from ralph.settings.layers import Layer  # noqa: PLC0415 - `ralph daemon` starts without them
    from ralph.settings.load import load_settings  # noqa: PLC0415
    from ralph.trust import TrustState  # noqa: PLC0415
    from ralph.workspace.repo import Repo  # noqa: PLC0415

    if any(NAMES_SANDBOX.match(word) for word in run.run_args):
        return []
    try:
        loaded = load_settings(Repo.open(run.repo).root, run.home)
    except RalphError:  # the run will say so itself
        return REQUIRED
    is_own = loaded.origins["sandbox"].layer is Layer.USER
    is_trusted = loaded.origins["sandbox"].layer is Layer.REPO and loaded.trust is TrustState.TRUSTED
    return [] if is_own or is_trusted or loaded.settings.sandbox in STRICT else REQUIRED


def run_files(run: DueRun) -> Path:
    """What the files of a run are called, less their suffix; the time keeps them apart from those of a deleted ledger."""
    due = datetime.fromtimestamp(run.due_at_ns // 10**9, UTC)
    return run.home.folder("schedule") / f"{run.schedule.replace('.', '_')}-{due:%Y%m%dT%H%M%SZ}-{run.id}"


def _executed(execute: Execute, run: DueRun) -> tuple[int, str]:
    try:
        return execute(run), ""
    except Exception as error:  # the one boundary: a bug in one run must not end the daemon; it is recorded
        log.exception("due run %d of schedule %s failed", run.id, run.schedule)
        return ExitCode.BUG, f"{type(error).__name__}: {error}"


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


@contextmanager
def _only_one(home: Home) -> Iterator[None]:
    path = home.folder("schedule") / "daemon.lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise DaemonBusyError(
                f"another ralph daemon (pid {lock.read().strip() or '?'}) serves {home.root}. "
                "Stop it first, or set RALPH_HOME to another folder."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
