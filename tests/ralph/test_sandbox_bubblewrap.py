"""What a command in bubblewrap can and cannot do; each attack is tried for real. Skipped where there is no bwrap."""

import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.process import clean_env, run_process
from ralph.sandbox import Sandbox, choose_sandbox
from ralph.sandbox.bubblewrap import Bubblewrap, bubblewrap
from ralph.sandbox.seccomp import DENIED, MACHINES
from ralph.tools.gitdir import git_folders

Do = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "state")
    home.folder()
    return home


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> bool:
    """Asked once: each examination takes half a second."""
    return choose_sandbox("auto", Home(tmp_path_factory.mktemp("state")))[0].level == "bwrap"


@pytest.fixture
def sandbox(home: Home, works: bool) -> Bubblewrap:
    if not works:
        pytest.skip("bubblewrap does not work here")
    return bubblewrap(shutil.which("bwrap") or "", home.root)


@pytest.fixture
def repo(tmp_path: Path, home: Home) -> Path:
    """A worktree in Ralph's state folder, of a repository elsewhere."""
    main, tree = tmp_path / "repo", home.folder("worktrees") / "one"
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (
        ["init", "-q", str(main)],
        ["-C", str(main), *who, "commit", "-q", "--allow-empty", "-m", "base"],
        ["-C", str(main), "worktree", "add", "-q", str(tree)],
    ):
        subprocess.run(["git", *words], check=True)
    return tree


@pytest.fixture
def do(sandbox: Sandbox, repo: Path, tmp_path: Path) -> Do:
    def run(script: str, **more: object) -> tuple[int, str]:
        words = ["bash", "-c", script]
        argv = sandbox.wrap(words, cwd=repo, writable=[repo], read_only=git_folders(repo), **more)  # type: ignore[arg-type]
        out = tmp_path / "out"
        done = run_process(argv, cwd=repo, env=clean_env(home=repo), timeout_s=20, output=out)
        return done.exit_code, out.read_text()

    return run


def test_what_is_shown_as_tmp_cannot_be_replaced_by_a_link_to_elsewhere(do: Do, repo: Path, tmp_path: Path) -> None:
    tmp, outside = repo / "tmp", tmp_path / "outside"
    tmp.mkdir()
    outside.mkdir()
    assert do(f"mv tmp old || rmdir tmp; ln -sfn {os.path.relpath(outside, repo)} tmp", tmp=tmp)[0] == 0
    assert do("echo here > /tmp/file", tmp=tmp)[0] == 0
    assert list(outside.iterdir()) == []
    assert (tmp / "file").read_text() == "here\n"


def test_it_writes_in_the_worktree(do: Do, repo: Path) -> None:
    assert do("echo hi > new")[0] == 0
    assert (repo / "new").read_text() == "hi\n"


@pytest.mark.parametrize("target", ["/etc/ralph-x", "/usr/ralph-x", "/ralph-x"])
def test_it_cannot_write_elsewhere(do: Do, target: str) -> None:
    code, said = do(f"touch {target}")
    assert code != 0
    assert "Read-only file system" in said
    assert not Path(target).exists()


def test_the_home_is_hidden_but_toolchains_on_path_work(do: Do) -> None:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111
    visible = do(f"ls -A {home}")[1].split()
    assert not {".ssh", ".aws", ".gitconfig", ".netrc", ".bash_history"} & set(visible)
    assert do(f"{Path(sys.executable)} -c 'import pytest; print(1)'") == (0, "1\n")


def test_ralphs_own_state_is_hidden_except_the_worktree(do: Do, home: Home) -> None:
    home.ledger_db.write_text("x")
    assert do(f"ls {home.root}") == (0, "worktrees\n")


def test_files_in_tmp_are_private_and_last_only_in_a_given_folder(do: Do, tmp_path: Path) -> None:
    tmp = tmp_path / "shown-as-tmp"
    tmp.mkdir()
    do("echo kept > /tmp/ralph-kept", tmp=tmp)
    assert do("cat /tmp/ralph-kept", tmp=tmp) == (0, "kept\n")
    assert not Path("/tmp/ralph-kept").exists()
    assert do("cat /tmp/ralph-kept")[0] != 0


def test_git_can_look_but_not_touch(do: Do) -> None:
    code, said = do("git status --short && git log --oneline && git diff")
    assert (code, said.split()[1:]) == (0, ["base"])
    for attack in ("git commit --allow-empty -m x", "git branch x", "echo x > .git", "rm .git", "git config a.b c"):
        assert do(attack)[0] != 0, attack


def test_a_path_named_read_only_inside_the_worktree_is(sandbox: Sandbox, repo: Path) -> None:
    (repo / "prd.json").write_text("{}")
    script = "echo x > prd.json; rm -f prd.json; mv prd.json y; sed -i s/{/x/ prd.json"
    argv = sandbox.wrap(["bash", "-c", script], cwd=repo, writable=[repo], read_only=[repo / "prd.json"])
    assert subprocess.run(argv, capture_output=True, check=False).returncode != 0
    assert (repo / "prd.json").read_text() == "{}"


def test_the_network_is_off_unless_asked_for(do: Do) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connect = f"exec 3<>/dev/tcp/127.0.0.1/{listener.getsockname()[1]}"
        assert do(connect)[0] != 0
        assert do(connect, network=True)[0] == 0


def test_it_sees_and_signals_no_process_outside(do: Do) -> None:
    assert do(f"kill -0 {os.getpid()}")[0] != 0
    assert int(do("ls /proc | grep -c '^[0-9]'")[1]) < 10


def test_nothing_outlives_the_command(do: Do) -> None:
    marker = "299.125"
    do(f"setsid env -i sleep {marker} & sleep 0.05")
    time.sleep(0.05)
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"sleep {marker}" not in running


def test_a_command_in_the_sandbox_may_clean_up_when_its_time_is_up(
    sandbox: Sandbox, repo: Path, tmp_path: Path
) -> None:
    script = "trap 'echo tidy; exit 7' TERM; while :; do sleep 0.02; done"
    argv = sandbox.wrap(["bash", "-c", script], cwd=repo, writable=[repo])
    done = run_process(argv, cwd=repo, env=clean_env(), timeout_s=0.3, output=tmp_path / "out")
    assert (done.timed_out, done.exit_code) == (True, 7)


CALLS = """
import ctypes, errno, os, socket, sys
call = ctypes.CDLL(None, use_errno=True).syscall
def answer(number, *words):
    done = call(ctypes.c_long(number), *map(ctypes.c_long, words))
    return "allowed" if done >= 0 else errno.errorcode[ctypes.get_errno()]
def made(family, kind):
    try:
        socket.socket(family, kind).close()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "allowed"
print(*(answer(int(number), 0, -4, 1, 0, 0) for number in sys.argv[1:]))
print(made(40, 1), made(38, 5), made(socket.AF_UNIX, 1), made(socket.AF_INET, 2))
"""


def test_system_calls_that_no_namespace_divides_are_refused(do: Do) -> None:
    cpu = MACHINES.get(platform.machine())
    if cpu is None:
        pytest.skip("there is no filter for this processor")
    names = ("keyctl", "add_key", "request_key", "io_uring_setup", "bpf", "userfaultfd", "perf_event_open", "mount")
    numbers = " ".join(str(DENIED[name][cpu.column]) for name in (*names, "semget"))
    code, said = do(f"{sys.executable} -I -S -c '{CALLS}' {numbers}")
    assert code == 0, said
    assert said.splitlines() == [" ".join(["EPERM"] * len(names) + ["EINVAL"]), "EPERM EPERM allowed allowed"]


def test_a_command_can_be_traced_and_share_memory_with_its_own_kind(do: Do) -> None:
    traced = "import ctypes; print(ctypes.CDLL(None).ptrace(0, 0, 0, 0))"
    locked = "import multiprocessing as m; lock = m.Lock(); print(lock.acquire())"
    assert do(f'{sys.executable} -S -c "{traced}"') == (0, "0\n")
    assert do(f'{sys.executable} -S -c "{locked}"') == (0, "True\n")


def test_nobody_makes_a_namespace_of_his_own(do: Do) -> None:
    assert do("unshare -Ur true")[0] != 0


def test_without_its_filter_no_command_runs(sandbox: Bubblewrap, repo: Path, home: Home) -> None:
    argv = sandbox.wrap(["echo", "ran"], cwd=repo, writable=[repo])
    [path] = home.folder("run").glob("system-calls-*.bpf")
    path.unlink()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (126, "")
    assert done.stderr.endswith("ralph: the filter of system calls cannot be read, so the command was not run\n")
    again = sandbox.wrap(["echo", "ran"], cwd=repo, writable=[repo])
    assert subprocess.run(again, capture_output=True, text=True, check=False).stdout == "ran\n"


def test_it_adds_a_few_milliseconds(sandbox: Sandbox, repo: Path) -> None:
    def median_s(argv: list[str]) -> float:
        times = []
        for _ in range(7):
            started = time.perf_counter()
            subprocess.run(argv, check=True)
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    added_s = median_s(sandbox.wrap(["true"], cwd=repo, writable=[repo])) - median_s(["true"])
    assert added_s < 0.1  # about 6 ms on a quiet machine
