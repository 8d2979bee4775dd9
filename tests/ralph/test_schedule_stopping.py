"""Daemons that are stopped and killed, with real processes: their runs finish a step, go on, and are taken up again."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from ralph.errors import ExitCode
from ralph.home import Home
from ralph.schedule.rows import State
from ralph.schedule.store import Schedules

PATIENCE_S = 30.0

# a run that says when it begins, finishes its "step" on SIGHUP, and ends when a file is there
RUN = """
import pathlib, signal, sys, time
root = pathlib.Path(sys.argv[1])
def stop(*_):
    with (root / "finished").open("a") as file: file.write("x")
    sys.exit(129)
signal.signal(signal.SIGHUP, stop)
with (root / "begun").open("a") as file: file.write("x")
while not (root / "go").exists(): time.sleep(0.01)
"""
DAEMON = """
import subprocess, sys
from pathlib import Path
from ralph.home import Home
from ralph.schedule.daemon import daemon
from ralph.schedule.execute import run_files
home = Home(Path(sys.argv[1]))
def execute(run):
    words = [sys.executable, "-m", "ralph.schedule.keeper", str(run_files(run)), str(run.repo)]
    return subprocess.run([*words, sys.executable, "-c", RUN, str(run.repo)], start_new_session=True).returncode
sys.exit(daemon(home, execute, tick_s=0.05, lease_s=0.1))
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Schedules]:
    with closing(Schedules(Home(tmp_path / "home"))) as store:
        store.add("nightly", tmp_path, "0 2 * * *", (), "UTC")
        store.enqueue("nightly")
        yield store


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    code = f"RUN = {RUN!r}\n{DAEMON}"

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "home")]))
        return started[-1]

    yield start
    (tmp_path / "go").touch()
    for process in started:
        process.kill()
        process.wait()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        threading.Event().wait(0.02)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_daemon_that_is_stopped_has_its_run_finish_the_step_and_the_next_one_carries_it_on(
    store: Schedules, tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]], number: signal.Signals
) -> None:
    first = start()
    until((tmp_path / "begun").exists)
    first.send_signal(number)
    assert first.wait(PATIENCE_S) == {signal.SIGTERM: ExitCode.TERMINATED, signal.SIGINT: ExitCode.INTERRUPTED}[number]
    assert size(tmp_path / "finished") == 1
    [row] = store.history("nightly")
    assert (row.state, row.legs) == (State.PENDING, 2)
    assert row.note == "the daemon was stopped; the next one carries it on"
    (tmp_path / "go").touch()
    start()
    until(lambda: store.history("nightly")[0].state is State.DONE)
    assert (size(tmp_path / "begun"), store.history("nightly")[0].exit_code) == (2, 0)


def test_a_run_goes_on_without_its_killed_daemon_and_the_next_one_records_how_it_ended(
    store: Schedules, tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    first = start()
    until((tmp_path / "begun").exists)
    first.kill()
    start()
    until(lambda: store.history("nightly")[0].owners == 2)
    (tmp_path / "go").touch()
    until(lambda: store.history("nightly")[0].state is State.DONE)
    assert (size(tmp_path / "begun"), store.history("nightly")[0].exit_code) == (1, 0)


@pytest.mark.slow
def test_a_run_that_was_taken_over_is_stopped_by_the_daemon_that_has_it_now(
    store: Schedules, tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    start_and_kill = start()
    until((tmp_path / "begun").exists)
    start_and_kill.kill()
    second = start()
    until(lambda: store.history("nightly")[0].owners == 2)
    second.terminate()
    assert second.wait(PATIENCE_S) == ExitCode.TERMINATED
    assert (size(tmp_path / "begun"), size(tmp_path / "finished")) == (1, 1)
    assert store.history("nightly")[0].state is State.PENDING


def test_a_run_that_is_killed_with_its_keeper_is_resumed(
    store: Schedules, tmp_path: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    first = start()
    until((tmp_path / "begun").exists)
    first.kill()
    [lock] = (tmp_path / "home/schedule").glob("nightly-*.lock")
    with suppress(ProcessLookupError):
        os.killpg(int(lock.read_text().split()[0]), signal.SIGKILL)
    (tmp_path / "go").touch()
    start()
    until(lambda: store.history("nightly")[0].state is State.DONE)
    assert size(tmp_path / "begun") == 2


POINTS = ["claim", "finish", "windows", "materialise", "heartbeat", "again", "enqueue", "add"]
VISITOR = """
import sys
from pathlib import Path
from ralph.home import Home
from ralph.schedule.store import Schedules
root = Path(sys.argv[1])
store = Schedules(Home(root / "home"), lease_s=0.0)
if not store.list():
    store.add("nightly", root, "0 2 * * *", (), "UTC")
if not store.history("nightly"):
    store.enqueue("nightly")
store.materialise()
while run := store.claim():
    store.heartbeat(run)
    if run.leg == 1: store.again(run, 0, 5)
    else: store.finish(run, 0)
"""


@pytest.mark.parametrize("place", ["before", "inside", "after"])
@pytest.mark.parametrize("point", [pytest.param(p, marks=[] if p in POINTS[:2] else pytest.mark.slow) for p in POINTS])
def test_a_death_at_any_transaction_neither_loses_the_run_nor_doubles_it(
    tmp_path: Path, point: str, place: str
) -> None:
    arms = [f"exit:{place} schedule {point}#1", ""]
    codes = [
        subprocess.run(
            [sys.executable, "-c", VISITOR, str(tmp_path)], env=os.environ | {"RALPH_FAILPOINT": arm}, check=False
        ).returncode
        for arm in arms
    ]
    assert codes == [137, 0]
    with closing(Schedules(Home(tmp_path / "home"))) as store:
        [row] = store.history("nightly")
    assert (row.state, row.exit_code, row.legs) == (State.DONE, 0, 2)
