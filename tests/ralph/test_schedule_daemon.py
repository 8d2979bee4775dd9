import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ralph.errors import ExitCode
from ralph.history.event_log import is_locked
from ralph.home import Home
from ralph.schedule.cron import ScheduleError
from ralph.schedule.daemon import Daemon, daemon, run_now
from ralph.schedule.execute import confinement, run_files, run_in_subprocess
from ralph.schedule.keeper import ask_to_stop
from ralph.schedule.serving import DaemonBusyError
from ralph.schedule.store import DueRun, Schedules
from ralph.settings.unwatched import Schedules as ScheduleSettings
from ralph.trust import trust_file

PATIENCE_S = 20.0

DAEMON = """
import os, sys, time
from pathlib import Path
from ralph.home import Home
from ralph.schedule.daemon import Daemon, daemon
from ralph.schedule.store import Schedules
home, work_s, guarded = Home(Path(sys.argv[1])), float(sys.argv[2]), sys.argv[3] == "guarded"
def execute(run):
    with (home.root / "begun").open("a") as file: file.write(f"{run.id}\\n")
    time.sleep(work_s)
    with (home.root / "ended").open("a") as file: file.write(f"{run.id}\\n")
    return 0
if guarded:
    sys.exit(daemon(home, execute, tick_s=float(sys.argv[4]), lease_s=0.1))
serving = Daemon(Schedules(home, lease_s=0.1), execute)
while True:
    serving.tick()
    time.sleep(0.01)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def store(home: Home) -> Iterator[Schedules]:
    with closing(Schedules(home)) as store:
        yield store


@pytest.fixture
def start(home: Home) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts daemons in processes of their own, and ends them with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(work_s: float = 0.0, *, guarded: bool = True, tick_s: float = 0.05) -> subprocess.Popen[str]:
        kind = "guarded" if guarded else "bare"
        command = [sys.executable, "-c", DAEMON, str(home.root), str(work_s), kind, str(tick_s)]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        threading.Event().wait(0.01)


def lines(home: Home, name: str) -> list[str]:
    path = home.root / name
    return path.read_text().split() if path.exists() else []


def due(store: Schedules, folder: Path, name: str = "nightly", *args: str) -> int:
    """Due now, in a repo of its own."""
    folder = folder if name == "nightly" else folder / name
    folder.mkdir(exist_ok=True)
    store.add(name, folder, "0 2 * * *", args, "UTC")
    return store.enqueue(name)


def ended_with(store: Schedules) -> list[int | None]:
    return [row.last.exit_code for row in store.list() if row.last]


def test_a_tick_runs_what_is_due_at_the_time_of_its_clock(home: Home, tmp_path: Path) -> None:
    now = datetime(2026, 11, 21, 1, 59, tzinfo=UTC)
    ran: list[DueRun] = []
    with closing(Schedules(home, clock=lambda: int(now.timestamp()) * 10**9)) as store:
        store.add("nightly", tmp_path, "0 2 * * *", ["--json"], "UTC")

        def execute(run: DueRun) -> int:
            ran.append(run)
            return 3

        serving = Daemon(store, execute)
        serving.tick()
        assert ran == []
        now += timedelta(minutes=2)
        for _ in range(2):
            serving.tick()
            serving.wait(0.1)
        assert [(run.schedule, run.run_args) for run in ran] == [("nightly", ("--json",))]
        assert ended_with(store) == [3]


def test_a_bug_in_one_run_is_recorded_and_the_daemon_goes_on(
    store: Schedules, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def execute(run: DueRun) -> int:
        if run.schedule == "bad":
            raise RuntimeError("no luck")
        return 0

    due(store, tmp_path, "bad")
    due(store, tmp_path, "good")
    serving = Daemon(store, execute, settings=lambda: ScheduleSettings(at_once=2))
    with caplog.at_level(logging.CRITICAL, "ralph.schedule"):
        serving.tick()
        serving.wait(0.1)

    outcomes = {row.schedule.name: (row.last.exit_code, row.last.note) for row in store.list() if row.last}
    assert outcomes == {"bad": (ExitCode.BUG, "RuntimeError: no luck"), "good": (0, "")}


def test_no_more_runs_go_at_once_than_allowed(store: Schedules, tmp_path: Path) -> None:
    gate = threading.Event()
    for name in ("a", "b", "c"):
        due(store, tmp_path, name)
    serving = Daemon(store, lambda _: int(not gate.wait(PATIENCE_S)), settings=lambda: ScheduleSettings(at_once=2))
    serving.tick()
    assert sum(row.running_since is not None for row in store.list()) == 2
    gate.set()
    serving.wait(0.1)
    serving.tick()
    serving.wait(0.1)

    assert ended_with(store) == [0, 0, 0]


def test_two_daemons_on_one_store_execute_each_run_once(
    home: Home, store: Schedules, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    for number in range(20):
        due(store, tmp_path, f"n{number}")
    start(0.02, guarded=False)
    start(0.02, guarded=False)
    until(lambda: len(ended_with(store)) == 20)

    assert Counter(lines(home, "begun")) == {str(number): 1 for number in range(1, 21)}


def test_a_run_whose_daemon_is_killed_is_resumed_by_the_other_and_recorded_once(
    home: Home, store: Schedules, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    run_id = str(due(store, tmp_path))
    first = start(600, guarded=False)
    until(lambda: lines(home, "begun"))
    start(0, guarded=False)
    start(0, guarded=False)
    first.kill()
    until(lambda: ended_with(store) == [0])

    assert lines(home, "begun") == [run_id, run_id]
    assert lines(home, "ended") == [run_id]


def test_a_second_daemon_of_a_state_folder_is_refused_with_the_first_ones_pid(
    home: Home, store: Schedules, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    due(store, tmp_path)
    first = start()
    until(lambda: ended_with(store) == [0])

    with pytest.raises(DaemonBusyError) as refused:
        daemon(home, lambda _: 0)
    assert refused.value.exit_code == ExitCode.BUSY
    assert str(refused.value) == (
        f"another ralph daemon (pid {first.pid}) serves {home.root}. "
        "Stop it first, or set RALPH_HOME to another folder."
    )


def test_sigterm_finishes_what_runs_and_begins_nothing_new(
    home: Home, store: Schedules, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    due(store, tmp_path, "a")
    serving = start(0.4, tick_s=600)  # its first tick claims; it must not claim again when it stops
    until(lambda: lines(home, "begun"))
    serving.terminate()
    due(store, tmp_path, "b")

    assert serving.wait(PATIENCE_S) == ExitCode.TERMINATED
    assert lines(home, "ended") == ["1"]
    assert {row.schedule.name: row.waiting for row in store.list()} == {"a": False, "b": True}


def test_a_second_signal_leaves_at_once_and_the_next_daemon_takes_the_run_up(
    home: Home, store: Schedules, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    due(store, tmp_path)
    hasty = start(600)
    until(lambda: lines(home, "begun"))

    def ended_by_another_signal() -> bool:
        hasty.terminate()
        return hasty.poll() is not None

    until(ended_by_another_signal)
    start()

    until(lambda: ended_with(store) == [0])
    assert hasty.returncode != 0


def test_a_daemon_takes_up_what_becomes_due_while_it_serves(
    store: Schedules, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    due(store, tmp_path, "a")
    start()
    until(lambda: ended_with(store) == [0])
    due(store, tmp_path, "b")

    until(lambda: ended_with(store) == [0, 0])


def test_run_now_needs_no_daemon_and_returns_the_exit_code(home: Home, store: Schedules, tmp_path: Path) -> None:
    store.add("nightly", tmp_path, "0 2 * * *", (), "UTC")

    assert run_now(home, "nightly", lambda _: 5) == 5
    assert ended_with(store) == [5]


def test_run_now_beside_a_running_one_is_refused(home: Home, store: Schedules, tmp_path: Path) -> None:
    due(store, tmp_path)
    assert store.claim() is not None

    with pytest.raises(ScheduleError, match='schedule "nightly" runs already'):
        run_now(home, "nightly", lambda _: 0)


def claimed(store: Schedules, repo: Path, *args: str) -> DueRun:
    due(store, repo, "nightly", *args)
    run = store.claim()
    assert run is not None
    return run


def test_a_run_is_ralph_run_in_its_repo_with_its_words_as_they_are(store: Schedules, tmp_path: Path) -> None:
    (tmp_path / "ralph").mkdir()
    (tmp_path / "ralph" / "__init__.py").write_text("raise SystemExit('the repo is not to be imported')\n")
    run = claimed(store, tmp_path, "--no-such-option; touch pwned")

    assert run_in_subprocess(run) == ExitCode.USAGE
    assert "--no-such-option; touch pwned" in run_files(run).with_suffix(".log").read_text()
    assert not (tmp_path / "pwned").exists()


def test_a_repo_that_is_gone_is_told_in_the_log(store: Schedules, tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    run = claimed(store, tmp_path / "repo")
    (tmp_path / "repo").rmdir()

    assert run_in_subprocess(run) == ExitCode.USAGE
    assert f"The run could not be started in {run.repo}." in run_files(run).with_suffix(".log").read_text()


def keeper(base: Path, *code: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ralph.schedule.keeper", str(base), str(base.parent)]
    return subprocess.Popen([*command, sys.executable, "-c", *code], start_new_session=True)


def test_a_run_that_outlives_its_daemon_is_not_repeated_and_its_outcome_is_taken_over(tmp_path: Path) -> None:
    script = "import pathlib, sys; open('ran', 'a').write('x'); [None for _ in iter(pathlib.Path('go').exists, True)]; sys.exit(3)"
    orphaned = keeper(tmp_path / "run-1", script)
    until((tmp_path / "ran").exists)
    successor = keeper(tmp_path / "run-1", script)
    (tmp_path / "go").touch()

    assert (orphaned.wait(PATIENCE_S), successor.wait(PATIENCE_S)) == (3, 3)
    assert (tmp_path / "ran").read_text() == "x"


A_RUN = """
import os, pathlib, sys
from contextlib import closing
from ralph.events import Event, EventKind
from ralph.history.event_log import EventLog, RunHead
from ralph.home import Home
head = RunHead("20300101-000000-x", "id", "/repo", "main", "prd.json", os.getpid(), due="nightly/1")
with closing(EventLog(Home(pathlib.Path(os.environ["RALPH_HOME"])), head)) as log:
    open("ran", "a").write("x")
    while not pathlib.Path("go").exists(): pass
    if ENDS: log(Event(EventKind.RUN_ENDED, "over", {"exit_code": 3}))
os._exit(9)
"""


@pytest.mark.parametrize(("ends", "code", "times"), [(True, 3, "x"), (False, 9, "xx")])
def test_a_run_whose_keeper_and_daemon_were_killed_is_waited_for_and_its_own_log_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, ends: bool, code: int, times: str
) -> None:
    monkeypatch.setenv("RALPH_HOME", str(tmp_path))
    monkeypatch.setenv("RALPH_DUE_RUN", "nightly/1")
    script = A_RUN.replace("ENDS", str(ends))
    killed = keeper(tmp_path / "run-1", script)
    until(lambda: (tmp_path / "ran").exists() and len((tmp_path / "run-1.lock").read_text().split()) == 2)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    successor = keeper(tmp_path / "run-1", script)
    assert is_locked(tmp_path / "run-1.lock")
    (tmp_path / "go").touch()

    assert successor.wait(PATIENCE_S) == code
    assert (tmp_path / "ran").read_text() == times
    assert (tmp_path / "run-1.exit").read_text() == str(code)


def test_a_run_whose_keeper_was_killed_can_be_asked_to_stop(tmp_path: Path) -> None:
    killed = keeper(tmp_path / "run-1", "import time; open('ran', 'w').close(); time.sleep(600)")
    until(lambda: (tmp_path / "ran").exists() and len((tmp_path / "run-1.lock").read_text().split()) == 2)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert ask_to_stop(tmp_path / "run-1")
    until(lambda: not is_locked(tmp_path / "run-1.lock"))
    assert not ask_to_stop(tmp_path / "run-1")


def test_a_signal_to_the_run_is_recorded_as_its_exit_code(tmp_path: Path) -> None:
    stopped = keeper(tmp_path / "run-1", "import time; open('ran', 'w').close(); time.sleep(600)")
    until((tmp_path / "ran").exists)
    with suppress(ProcessLookupError):
        os.killpg(stopped.pid, signal.SIGTERM)

    assert stopped.wait(PATIENCE_S) == ExitCode.TERMINATED
    assert (tmp_path / "run-1.exit").read_text() == "143"


@pytest.mark.parametrize(
    ("words", "config", "repo_file", "is_trusted", "added"),
    [
        pytest.param([], "", "", False, ["--sandbox", "required"], id="nothing-said"),
        pytest.param(["--sandbox", "none"], "", "", False, [], id="the-schedule-says"),
        pytest.param(["--sandbox=auto"], "", "", False, [], id="in-one-word"),
        pytest.param(["--set", "sandbox=auto"], "", "", False, [], id="by-set"),
        pytest.param([], 'sandbox = "auto"', "", False, [], id="the-user-says"),
        pytest.param([], "", 'sandbox = "auto"', False, ["--sandbox", "required"], id="the-repo-says"),
        pytest.param([], "", 'sandbox = "auto"', True, [], id="a-trusted-repo-says"),
        pytest.param([], "", 'sandbox = "bwrap"', False, [], id="the-repo-is-stricter"),
        pytest.param([], "", 'sandbox = "none"', False, ["--sandbox", "required"], id="the-repo-is-refused-anyway"),
        pytest.param(["--model", "sandbox-1"], "", "", False, ["--sandbox", "required"], id="another-option"),
    ],
)
def test_a_scheduled_run_requires_a_proved_sandbox_unless_the_user_says_otherwise(
    store: Schedules,
    home: Home,
    tmp_path: Path,
    words: list[str],
    config: str,
    repo_file: str,
    added: list[str],
    *,
    is_trusted: bool,
) -> None:
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "base"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    home.config.write_text(config)
    if repo_file:
        (tmp_path / "ralph.toml").write_text(repo_file)
    if is_trusted:
        trust_file(home, tmp_path / "ralph.toml")
    assert confinement(claimed(store, tmp_path, *words)) == added
