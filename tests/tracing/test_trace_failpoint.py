"""Points are nothing unless a test arms them; then they count, end the process, or fail."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ralph.environment import clean_env
from tracing import failpoint as points
from tracing.failpoint import arm, effect, failpoint

PROGRAM = """
from tracing.failpoint import effect, failpoint
failpoint("start")
for _ in range(3):
    with effect("write"):
        print("wrote", flush=True)
"""


@pytest.fixture(autouse=True)
def _unarmed() -> Iterator[None]:
    arm(None)
    yield
    arm(None)


def run(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {points.VARIABLE: text},
        check=False,
        capture_output=True,
        text=True,
        start_new_session=True,
    )


def test_an_unarmed_point_does_nothing() -> None:
    failpoint("anything")
    with effect("anything"):
        pass


def test_points_are_logged_in_the_order_in_which_they_are_reached(tmp_path: Path) -> None:
    log = tmp_path / "points.txt"
    arm(f"log:{log}")
    failpoint("one")
    with effect("two"), effect("one"):
        pass
    assert log.read_text().splitlines() == [
        "1 one#1",
        "2 before two#1",
        "3 before one#1",
        "4 after one#1",
        "5 after two#1",
    ]


def test_an_effect_that_failed_has_no_point_behind_it(tmp_path: Path) -> None:
    arm(f"log:{tmp_path / 'points.txt'}")
    with pytest.raises(KeyError), effect("write"):
        raise KeyError
    assert (tmp_path / "points.txt").read_text() == "1 before write#1\n"


@pytest.mark.parametrize(
    ("text", "code", "wrote"),
    [
        pytest.param("exit:1", 137, 0, id="exit at the first point"),
        pytest.param("exit:3", 137, 1, id="exit at the third"),
        pytest.param("exit:after write#2", 137, 2, id="exit at a name's second"),
        pytest.param("kill:before write#2", -signal.SIGKILL, 1, id="kill at a name's second"),
        pytest.param("exit:99", 0, 3, id="exit at a point that is not reached"),
    ],
)
def test_the_process_ends_at_the_point_that_was_named(text: str, code: int, wrote: int) -> None:
    done = run(text)
    assert (done.returncode, done.stdout.count("wrote")) == (code, wrote)


def test_an_error_comes_once_or_from_there_on() -> None:
    arm("error:before write#2:ENOSPC")
    with effect("write"):
        pass
    with pytest.raises(OSError, match="No space left") as caught, effect("write"):
        pass
    assert caught.value.errno == errno.ENOSPC
    with effect("write"):
        pass
    arm("error:before write#1+:EIO")
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output error"), effect("write"):
            pass


def test_no_command_of_a_repository_is_told_of_it() -> None:
    told = clean_env(pass_through=[points.VARIABLE], environ={points.VARIABLE: "exit:1", "PATH": "/bin"})
    assert points.VARIABLE not in told
