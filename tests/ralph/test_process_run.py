"""Commands that hung, flooded or outlived other harnesses; each was measured there."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ralph.process import Completed, clean_env, run_process

Run = Callable[..., Completed]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def start(command: str, timeout_s: float = 10, cap_bytes: int = 100_000_000, **more: object) -> Completed:
        return run_process(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=clean_env(),
            timeout_s=timeout_s,
            output=tmp_path / "out",
            max_output_bytes=cap_bytes,
            **more,  # type: ignore[arg-type]
        )

    return start


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("sleep 20 & echo $!", id="background"),
        pytest.param("setsid sleep 20 & echo $!", id="own-session"),
        pytest.param("(setsid bash -c 'sleep 20 & echo $!; wait' &) ; sleep 0.1", id="orphan-in-its-own-session"),
        pytest.param("nohup sleep 20 >/dev/null 2>&1 & echo $!", id="nohup"),
    ],
)
def test_a_child_left_behind_neither_delays_the_result_nor_survives_it(run: Run, tmp_path: Path, command: str) -> None:
    done = run(command)
    assert (done.exit_code, done.timed_out) == (0, False)
    assert done.duration_s < 3
    assert done.survivors >= 1
    assert not is_alive(int((tmp_path / "out").read_text()))


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("sleep 20 & echo $! ; wait", id="children"),
        pytest.param("setsid sleep 20 & echo $!; wait", id="setsid-children"),
        pytest.param("setsid env -i sleep 20 & echo $!; wait", id="setsid-children-without-the-mark"),
    ],
)
def test_a_timeout_kills_the_command_with_all_its_children(run: Run, tmp_path: Path, command: str) -> None:
    done = run(command, timeout_s=0.2)
    assert done.timed_out
    assert done.exit_code == 128 + signal.SIGTERM
    assert done.duration_s < 2
    assert not is_alive(int((tmp_path / "out").read_text()))


def test_a_command_that_ignores_sigterm_is_killed_two_seconds_later(run: Run) -> None:
    done = run("trap '' TERM; while :; do sleep 0.05; done", timeout_s=0.1)
    assert done.timed_out
    assert done.exit_code == 128 + signal.SIGKILL
    assert 2 <= done.duration_s < 4


def test_a_command_may_clean_up_when_its_time_is_up(run: Run, tmp_path: Path) -> None:
    done = run("trap 'echo tidy; exit 7' TERM; while :; do sleep 0.02; done", timeout_s=0.2)
    assert (done.timed_out, done.exit_code) == (True, 7)
    assert (tmp_path / "out").read_text().endswith("tidy\n")


def test_output_beyond_the_cap_ends_the_command_and_the_file_is_cut_there(run: Run, tmp_path: Path) -> None:
    done = run("yes", cap_bytes=1_000_000)
    assert done.output_capped
    assert done.output_bytes == (tmp_path / "out").stat().st_size == 1_000_000
    assert done.duration_s < 5


def test_three_hundred_megabytes_of_output_cost_no_memory_and_little_time(run: Run) -> None:
    done = run("head -c 300000000 /dev/zero")
    assert done.duration_s < 5
    assert done.output_bytes <= 100_000_000


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        pytest.param("exit 3", 3, id="exit"),
        pytest.param("set -e; false", 1, id="set-e"),
        pytest.param("exec 1>/dev/null; echo x", 0, id="stdout-replaced"),
        pytest.param('echo "unclosed', 2, id="unclosed-quote"),
        pytest.param("cat <<EOT", 0, id="open-heredoc"),
        pytest.param("kill -9 $$", 137, id="signal"),
        pytest.param("read line", 1, id="waits-for-input"),
        pytest.param("no_such_command_here", 127, id="not-found"),
    ],
)
def test_the_exit_code_is_the_commands_own_and_comes_at_once(run: Run, command: str, exit_code: int) -> None:
    done = run(command)
    assert done.exit_code == exit_code
    assert done.duration_s < 3


def test_cancelling_stops_the_command(run: Run) -> None:
    cancel = threading.Event()
    threading.Timer(0.1, cancel.set).start()
    done = run("sleep 20", cancel=cancel)
    assert (done.cancelled, done.timed_out) == (True, False)
    assert done.duration_s < 2


def test_a_program_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_process(["/no/such"], cwd=tmp_path, env={}, timeout_s=1, output=tmp_path / "out")


def test_the_environment_is_an_allow_list(tmp_path: Path) -> None:
    given = {
        "PATH": os.environ["PATH"],
        "HOME": "/home/somebody",
        "LC_ALL": "C.UTF-8",
        "ANTHROPIC_API_KEY": "k",
        "RALPH_HOME": "/x",
        "AWS_SECRET_ACCESS_KEY": "s",
        "VIRTUAL_ENV": "/v",
        "PYTHONPATH": "/p",
        "WANTED": "yes",
    }
    env = clean_env({"EXTRA": "1"}, home=tmp_path, pass_through=["WANTED", "ANTHROPIC_API_KEY"], environ=given)
    assert env["HOME"] == str(tmp_path)
    assert (env["LC_ALL"], env["WANTED"], env["EXTRA"], env["PAGER"], env["TERM"]) == (
        "C.UTF-8",
        "yes",
        "1",
        "cat",
        "dumb",
    )
    assert not env.keys() & {"ANTHROPIC_API_KEY", "RALPH_HOME", "AWS_SECRET_ACCESS_KEY", "VIRTUAL_ENV", "PYTHONPATH"}


def test_a_short_command_costs_a_few_milliseconds(run: Run) -> None:
    run("true")
    started = time.monotonic()
    for _ in range(5):
        run("true")
    assert (time.monotonic() - started) / 5 < 0.25  # about 5 ms on a quiet machine
