"""What a command may take, tried for real, and what is left of a killed run: no process, no control group."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ralph.sandbox.bubblewrap import Bubblewrap, bubblewrap
from ralph.sandbox.control_group import CGROUPS, ControlGroup, control_group, remove_groups, shared_group
from ralph.sandbox.resources import GIB, Resources, limits

BWRAP = shutil.which("bwrap") or ""
MIB = 2**20
SMALL = Resources(memory_bytes=256 * MIB, processes=40, file_size_bytes=MIB)
IS_ROOT = os.geteuid() == 0
HOLDER = """
import sys, time
from ralph.sandbox.control_group import control_group
group = control_group(64, 0)
print(group.joins[0].parent if group else "", flush=True)
time.sleep(60)
"""
RUNNER = """
import subprocess, sys
from pathlib import Path
from ralph.sandbox.bubblewrap import bubblewrap
tree = Path(sys.argv[2])
sandbox = bubblewrap(sys.argv[1], tree.parent)
script = f"setsid sleep {sys.argv[3]} & setsid setsid sleep {sys.argv[3]} & echo ready > here; sleep {sys.argv[3]}"
subprocess.run(sandbox.wrap(["bash", "-c", script], cwd=tree, writable=[tree]))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "state" / "tree").mkdir(parents=True)
    return tmp_path / "state" / "tree"


@pytest.fixture
def sandbox(tree: Path) -> Bubblewrap:
    if not BWRAP or subprocess.run([BWRAP, "--ro-bind", "/", "/", "true"], capture_output=True, check=False).returncode:
        pytest.skip("bubblewrap does not work here")
    return replace(bubblewrap(BWRAP, tree.parent), resources=SMALL)


def run(sandbox: Bubblewrap, tree: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    argv = sandbox.wrap(words, cwd=tree, writable=[tree])
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def test_processes_are_limited(sandbox: Bubblewrap, tree: Path) -> None:
    if "forks" not in sandbox.promises:
        pytest.skip("root without a control group of its own")
    script = "import os, time\nfor n in range(200):\n    if os.fork() == 0: time.sleep(30)\nprint('all of them')"
    done = run(sandbox, tree, sys.executable, "-I", "-S", "-c", script)
    assert "all of them" not in done.stdout
    assert "BlockingIOError" in done.stderr


def test_memory_is_limited(sandbox: Bubblewrap, tree: Path) -> None:
    script = "b = bytearray(512 * 2**20); b[::4096] = b'x' * len(b[::4096]); print('had it')"
    done = run(sandbox, tree, sys.executable, "-I", "-S", "-c", script)
    assert done.returncode != 0
    assert "had it" not in done.stdout


def test_the_size_of_a_file_is_limited_and_nobody_dumps_core(sandbox: Bubblewrap, tree: Path) -> None:
    run(sandbox, tree, "bash", "-c", "head -c 3000000 /dev/zero > big; ulimit -c > core; kill -ABRT $$")
    assert (tree / "big").stat().st_size == MIB
    assert (tree / "core").read_text() == "0\n"
    assert sorted(path.name for path in tree.iterdir()) == ["big", "core"]


@pytest.mark.parametrize(
    ("program", "words"),
    [
        pytest.param("node", ["-e", "console.log(new Array(1e6).fill(1).length)"], id="node"),
        pytest.param("java", ["-version"], id="java"),
        pytest.param("go", ["version"], id="go"),
    ],
)
def test_what_reserves_much_address_space_starts_in_little_memory(
    sandbox: Bubblewrap, tree: Path, program: str, words: list[str]
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    little = replace(sandbox, resources=Resources(memory_bytes=GIB, processes=200, file_size_bytes=GIB))
    done = run(little, tree, program, *words)
    assert done.returncode == 0, done.stderr
    by_process = limits(Resources(memory_bytes=GIB, processes=0, file_size_bytes=0))
    assert by_process.outside or by_process.inside
    limited = ["bash", "-c", f'ulimit -d {GIB // 1024}; exec "$@"', "limits", program, *words]
    assert subprocess.run(limited, capture_output=True, check=False).returncode == 0


def test_a_limit_of_0_is_none(sandbox: Bubblewrap, tree: Path) -> None:
    free = replace(sandbox, resources=Resources(0, 0, 0))
    assert not free.promises & {"forks", "memory", "file-size"}
    assert run(free, tree, "bash", "-c", "head -c 3000000 /dev/zero > big").returncode == 0


def test_a_lower_limit_that_stands_already_is_no_obstacle(sandbox: Bubblewrap, tree: Path) -> None:
    argv = sandbox.wrap(["echo", "ran"], cwd=tree, writable=[tree])
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 512; exec "$@"', "limits", *argv], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ran\n"


def test_the_default_is_generous_and_leaves_the_machine_something() -> None:
    given = Resources.default()
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert machine / 2 < given.memory_bytes < machine
    assert given.processes >= 4096
    assert given.file_size_bytes >= 4 * GIB


def test_nothing_outlives_a_ralph_that_is_killed(sandbox: Bubblewrap, tree: Path) -> None:
    marker = f"271.{os.getpid()}"
    ralph = subprocess.Popen([sys.executable, "-c", RUNNER, BWRAP, str(tree), marker])
    wait_until(lambda: (tree / "here").exists() and running(marker) >= 3)
    ralph.send_signal(signal.SIGKILL)
    ralph.wait()
    wait_until(lambda: running(marker) == 0)


def running(marker: str) -> int:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return sum(line == f"sleep {marker}" for line in listed.splitlines())


def wait_until(is_true: "object") -> None:
    give_up_s = time.monotonic() + 20
    while not is_true():  # type: ignore[operator]
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


def test_a_control_group_is_removed_at_the_end_and_that_of_a_killed_run_by_a_later_one() -> None:
    if not IS_ROOT or control_group(64, 0) is None:
        pytest.skip("no control group can be had here")
    remove_groups()
    holders = [subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, living = (Path((holder.stdout.readline() if holder.stdout else "").strip()) for holder in holders)
    try:
        holders[0].kill()
        holders[0].wait()
        assert killed.is_dir()
        control_group(64, 0)
        assert (killed.exists(), living.exists()) == (False, True)
        remove_groups()
        assert not list(living.parent.glob(f"ralph-{os.getpid()}-*"))
    finally:
        holders[1].send_signal(signal.SIGINT)
        holders[1].wait()
        for holder in holders:
            assert holder.stdout
            holder.stdout.close()
    assert not living.exists()


def test_a_control_group_that_somebody_removed_is_made_again(sandbox: Bubblewrap, tree: Path) -> None:
    before, group = limits(SMALL), own_group()
    group.joins[0].parent.rmdir()
    refused = subprocess.run([*before.outside, "echo", "ran"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (126, "")
    assert refused.stderr == (
        "ralph: the control group that limits commands cannot be joined, so the command was not run\n"
    )
    assert run(sandbox, tree, "echo", "ran").stdout == "ran\n"


def own_group(root: Path = CGROUPS) -> ControlGroup:
    group = shared_group(SMALL.processes, SMALL.memory_bytes, root) if IS_ROOT else None
    if group is None:
        pytest.skip("no control group can be had here")
    return group


def test_threads_that_ask_at_once_share_one_control_group_and_every_command_is_limited() -> None:
    own_group()
    sizes = [Resources(GIB + number, 50 + number, 0) for number in range(4)] * 4
    with ThreadPoolExecutor(len(sizes)) as pool:
        groups = list(pool.map(lambda size: shared_group(size.processes, size.memory_bytes), sizes))
    assert all(group and group.is_there for group in groups)
    assert [len(set(groups[start::4])) for start in range(4)] == [1, 1, 1, 1]
    assert len(set(groups)) == 4


def test_a_group_that_is_gone_and_cannot_be_made_again_stops_commands_and_never_the_limits(tmp_path: Path) -> None:
    own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    parent = tmp_path / own.partition("::")[2].strip("/")
    parent.mkdir(parents=True, exist_ok=True)
    (parent / "cgroup.controllers").write_text("pids\n")
    (parent / "cgroup.subtree_control").write_text("pids\n")
    first = shared_group(7, 0, tmp_path)
    assert first
    first.joins[0].parent.joinpath("cgroup.threads").touch()
    assert shared_group(7, 0, tmp_path) == first
    shutil.rmtree(tmp_path)
    assert shared_group(7, 0, tmp_path) == first


def test_on_version_2_a_threaded_group_counts_processes(tmp_path: Path) -> None:
    own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    parent = tmp_path / own.partition("::")[2].strip("/")
    parent.mkdir(parents=True, exist_ok=True)
    (parent / "cgroup.controllers").write_text("cpu memory pids\n")
    (parent / "cgroup.subtree_control").write_text("")
    group = control_group(64, GIB, root=tmp_path)
    assert group is not None
    assert (group.joins[0].name, group.holds_processes, group.holds_memory) == ("cgroup.threads", True, False)
    assert (group.joins[0].parent / "pids.max").read_text() == "64"
    assert (group.joins[0].parent / "cgroup.type").read_text() == "threaded"
    assert (parent / "cgroup.subtree_control").read_text() == "+pids"
    shutil.rmtree(group.joins[0].parent)


def test_where_no_control_group_can_be_had_there_is_none(tmp_path: Path) -> None:
    assert control_group(64, GIB, root=tmp_path) is None
    assert CGROUPS.is_absolute()
