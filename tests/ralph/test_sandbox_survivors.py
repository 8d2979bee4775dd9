"""No process of a command outlives it, at any level and at none: not when Ralph is killed, not when only the supervisor is."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.sandbox.base import Sandbox
from ralph.sandbox.landlock import launcher

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the levels and the launcher are Linux's")
RALPH = """
import os, sys
from pathlib import Path
from ralph.home import Home
from ralph.process import clean_env, run_process
from ralph.sandbox.bubblewrap import bubblewrap
from ralph.sandbox.choose import choose_sandbox
from ralph.sandbox.landlock import landlock
level, state, marker = sys.argv[1:4]
tree = Path(state) / "tree"
if level == "none":
    sandbox, _ = choose_sandbox("none", Home(Path(state)))
else:
    sandbox = landlock(Path(state)) if level == "landlock" else bubblewrap(level, Path(state))
script = f'''
nohup sleep {marker} > /dev/null 2>&1 &
setsid sleep {marker} &
(env -i setsid setsid sleep {marker} &)
(setsid bash -c "trap '' HUP TERM; (env -i setsid sleep {marker} &)" &)
echo up > up
exec sleep {marker}
'''
argv = sandbox.wrap(["bash", "-c", script], cwd=tree, writable=[tree])
done = run_process(argv, cwd=tree, env=clean_env(), timeout_s=60, output=Path(state) / "out")
"""
STARTED = 5


@pytest.fixture(params=["bwrap", "landlock", "none"])
def ralph(
    request: pytest.FixtureRequest, tmp_path: Path, proven: Callable[[str, Home], Sandbox]
) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    home = Home(tmp_path / "state")
    home.folder("tree")
    if request.param == "none" and not launcher():
        pytest.skip("the launcher does not run here")
    proven(request.param, home)
    level = str(shutil.which("bwrap")) if request.param == "bwrap" else request.param
    marker = f"314.{os.getpid()}{len(request.node.name)}"
    process = subprocess.Popen([sys.executable, "-c", RALPH, level, str(home.root), marker])
    wait_until(lambda: len(sleepers(marker)) == STARTED)
    yield process, marker
    process.kill()
    process.wait()
    for pid in sleepers(marker):
        os.kill(pid, signal.SIGKILL)


def sleepers(marker: str) -> list[int]:
    """Alive: one whose parent is gone and whom nobody buries is not."""
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if words(pid) == f"sleep {marker}"]  # noqa: PTH208


def words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(is_true: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


def test_nothing_outlives_a_ralph_that_is_killed(ralph: tuple["subprocess.Popen[bytes]", str]) -> None:
    process, marker = ralph
    process.kill()
    process.wait()
    wait_until(lambda: not sleepers(marker))


@pytest.mark.parametrize("depth", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_nothing_outlives_a_supervisor_that_is_killed(ralph: tuple["subprocess.Popen[bytes]", str], depth: int) -> None:
    """bwrap has one outside and one inside, Landlock one below the other, and so it is without a sandbox."""
    process, marker = ralph
    [supervisor] = children(process.pid)
    if depth == 2:
        supervisor = min(children(supervisor))
    os.kill(supervisor, signal.SIGKILL)
    process.wait(timeout=20)
    wait_until(lambda: not sleepers(marker))
