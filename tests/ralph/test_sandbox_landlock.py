"""What a command confined by Landlock can and cannot do; each attack is tried for real. Skipped where there is none."""

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.process import Completed, clean_env, run_process
from ralph.sandbox.landlock import Landlock, governed, landlock, why_no_landlock
from ralph.sandbox.probes import run_probes
from ralph.sandbox.resources import Resources
from ralph.tools.gitdir import git_folders

MIB = 2**20
NOBODY = 65534
needs_landlock = pytest.mark.skipif(bool(why_no_landlock()), reason=f"no Landlock here: {why_no_landlock()}")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

Do = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "state")
    home.folder()
    return home


@pytest.fixture
def sandbox(home: Home) -> Landlock:
    if trouble := why_no_landlock():
        pytest.skip(trouble)
    return landlock(home.root)


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
def run(sandbox: Landlock, repo: Path, tmp_path: Path) -> Callable[..., Completed]:
    def run(words: list[str], cancel: threading.Event | None = None, **more: object) -> Completed:
        arguments = {"writable": [repo], "read_only": git_folders(repo), **more}
        argv = sandbox.wrap(words, cwd=repo, **arguments)  # type: ignore[arg-type]
        out = tmp_path / "out"
        return run_process(argv, cwd=repo, env=clean_env(home=repo), timeout_s=60, output=out, cancel=cancel)

    return run


@pytest.fixture
def cancel(repo: Path) -> Iterator[threading.Event]:
    """Set as soon as the command has made the file `up`."""
    event = threading.Event()

    def watch() -> None:
        if wait_until((repo / "up").exists):
            event.set()

    thread = threading.Thread(target=watch)
    thread.start()
    yield event
    thread.join()


@pytest.fixture
def do(run: Callable[..., Completed], tmp_path: Path) -> Do:
    def do(script: str, **more: object) -> tuple[int, str]:
        code = run(["bash", "-c", script], **more).exit_code
        return code, (tmp_path / "out").read_text()

    return do


@pytest.fixture
def python(run: Callable[..., Completed], tmp_path: Path) -> Do:
    """A script for our own Python, with the kernel's errors named."""

    def do(script: str, **more: object) -> tuple[int, str]:
        code = run([sys.executable, "-I", "-c", script], **more).exit_code
        return code, (tmp_path / "out").read_text()

    return do


def running(words: str) -> bool:
    return words in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_it_keeps_every_promise_that_the_probes_can_test(sandbox: Landlock, home: Home) -> None:
    results = run_probes(sandbox, home)
    assert [result.name for result in results if result.is_broken] == []
    assert {result.name for result in results if result.promised} == {"write-inside", *sandbox.promises}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_keeps_its_promises_for_an_ordinary_user_too(tmp_path: Path) -> None:
    program = "/usr/bin/python3"
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path; from ralph.home import Home\n"
        "from ralph.sandbox.landlock import landlock; from ralph.sandbox.probes import run_probes\n"
        "home = Home(Path(sys.argv[1])); home.folder(); sandbox = landlock(home.root)\n"
        "print(*[f'{result.name}: {result.detail}' for result in run_probes(sandbox, home) if result.is_broken])\n"
        "print(*sorted({'forks', 'memory', 'file-size'} - sandbox.promises))\n"
    )
    paths = [str(Path(__file__).parents[2]), *(path for path in sys.path if path.endswith("site-packages"))]
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, NOBODY, NOBODY)
        done = subprocess.run(
            [program, "-c", script, f"{folder}/state", *paths],
            cwd=folder,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            env={"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if "ModuleNotFoundError" in done.stderr or "No such file" in done.stderr:
        pytest.skip("an ordinary user cannot read this checkout")
    assert (done.stdout, done.stderr) == ("\n\n", "")


def test_it_writes_in_the_worktree(do: Do, repo: Path) -> None:
    script = "mkdir -p a/b && echo hi > a/b/new && mv a/b/new b && ln b c && ln -s b d && chmod 755 b && rm -r a"
    assert do(script) == (0, "")
    assert (repo / "b").read_text() == "hi\n"


@pytest.mark.parametrize("target", ["/etc/ralph-x", "/usr/ralph-x", "/ralph-x", "/dev/shm/x", "/tmp/ralph-x", "../x"])
def test_it_cannot_write_elsewhere(do: Do, repo: Path, target: str) -> None:
    code, said = do(f"touch {target}")
    assert code != 0
    assert "Permission denied" in said
    assert not (repo / target).exists()


def test_the_home_is_hidden_but_toolchains_on_path_work(do: Do) -> None:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111
    for name in ("", "/.ssh", "/.aws", "/.gitconfig", "/.bash_history"):
        if Path(f"{home}{name}").exists():
            assert "Permission denied" in do(f"ls {home}{name}/. || cat {home}{name}")[1], name
    assert do(f"{Path(sys.executable)} -c 'import pytest; print(1)'") == (0, "1\n")


def test_ralphs_own_state_is_hidden_except_the_worktree(do: Do, home: Home) -> None:
    home.ledger_db.write_text("x")
    assert "Permission denied" in do(f"ls {home.root}")[1]
    assert "Permission denied" in do(f"cat {home.ledger_db}")[1]


def test_temporary_files_have_a_folder_that_is_gone_with_the_command(do: Do) -> None:
    code, said = do('mktemp; mkdir -p "$TMPDIR/a/b"; touch "$TMPDIR/a/b/c"; chmod 0 "$TMPDIR/a"; ls -d "$TMPDIR"')
    assert code == 0
    assert [Path(line).exists() for line in said.split()] == [False, False]


@pytest.mark.slow
def test_what_cannot_be_removed_does_not_change_how_the_command_ended(python: Do) -> None:
    deep = "for _ in range(1500): os.mkdir('x'); os.chdir('x')"
    code, said = python(f"import os, sys\nos.chdir(os.environ['TMPDIR'])\nprint(os.getcwd())\n{deep}\nsys.exit(3)")
    subprocess.run(["rm", "-rf", said.strip()], check=True)
    assert code == 3
    assert len(said.splitlines()) == 1


def test_temporary_files_last_in_a_given_folder(do: Do, tmp_path: Path) -> None:
    tmp = tmp_path / "kept"
    tmp.mkdir()
    do('echo kept > "$TMPDIR/x"', tmp=tmp)
    assert do('cat "$TMPDIR/x"', tmp=tmp) == (0, "kept\n")


def test_a_script_may_open_its_own_output_by_name(do: Do) -> None:
    assert do("echo one >> /dev/stderr; echo two >> /dev/stdout; cat < /dev/null > /dev/null") == (0, "one\ntwo\n")


def test_git_can_look_but_not_touch(do: Do, repo: Path) -> None:
    code, said = do("git status --short && git log --oneline && git diff")
    assert (code, said.split()[1:]) == (0, ["base"])
    main = git_folders(repo)[1]
    for attack in ("git commit --allow-empty -m x", "git branch x", "git config a.b c", f"touch {main}/hooks/x"):
        assert do(attack)[0] != 0, attack


@pytest.mark.parametrize(
    "attack",
    [
        "echo x > .git",
        "rm .git",
        "mv .git moved",
        "rm .git; mkdir .git; touch .git/HEAD",
        "rm .git; ln -s /etc/passwd .git",
        "cp .git x; mv x .git",
        "chmod 777 .git",
        "rm .git; mkfifo .git",
        "truncate -s 1T .git",
        "echo x > .git; kill -9 $$",
    ],
)
def test_a_read_only_file_is_as_it_was_when_the_command_has_ended(do: Do, repo: Path, attack: str) -> None:
    file = repo / ".git"
    before = file.read_text(), file.stat().st_mode
    do(attack)
    assert (file.read_text(), file.stat().st_mode) == before
    assert {path.name for path in repo.iterdir()} <= {".git"}


def test_a_read_only_file_is_put_back_too_when_the_command_is_stopped(
    run: Callable[..., Completed], repo: Path, cancel: threading.Event
) -> None:
    before = (repo / ".git").read_text()
    done = run(["bash", "-c", "trap '' TERM; echo x > .git; touch up; while :; do sleep 0.02; done"], cancel=cancel)
    assert done.cancelled
    assert (repo / ".git").read_text() == before


def test_putting_back_follows_no_link_out_of_the_worktree(do: Do, repo: Path, tmp_path: Path) -> None:
    (repo / "sub").mkdir()
    (repo / "sub" / "prd.json").write_text("{}")
    outside = tmp_path / "outside"
    outside.mkdir()
    _, said = do(f"rm -r sub; ln -s {outside} sub", read_only=[repo / "sub" / "prd.json"])
    assert list(outside.iterdir()) == []
    assert "could not be put back" in said


def test_a_read_only_folder_in_the_worktree_cannot_be_changed(do: Do, repo: Path) -> None:
    for name in ("locked/deep", "open"):
        (repo / name).mkdir(parents=True)
    (repo / "locked" / "deep" / "file").write_text("as it was")
    for attack in (
        *("echo x > locked/deep/file", "rm locked/deep/file", "touch locked/new", "touch locked/deep/new"),
        *("mv locked unlocked", "mv locked/deep x", "ln locked/deep/file open/link && echo x > open/link"),
    ):
        assert do(attack, read_only=[repo / "locked" / "deep"])[0] != 0, attack
    assert (repo / "locked" / "deep" / "file").read_text() == "as it was"
    assert do("touch open/new && cat locked/deep/file", read_only=[repo / "locked"]) == (0, "as it was")


def test_a_folder_that_the_agent_made_a_link_opens_nothing(do: Do, repo: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (repo / "cache").symlink_to(outside)
    assert do("touch cache/x", writable=[repo, repo / "cache"])[0] != 0
    assert list(outside.iterdir()) == []


SOCKETS = """
import errno, socket
def kind(family, *more):
    try:
        socket.socket(family, *more).close()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "made"
S, D = socket.SOCK_STREAM, socket.SOCK_DGRAM
for family in (socket.AF_INET, socket.AF_INET6):
    print(kind(family, S), kind(family, D), end=" ")
print(kind(socket.AF_UNIX, S), kind(socket.AF_UNIX, D), kind(socket.AF_NETLINK, socket.SOCK_RAW, 0), end=" ")
print(kind(socket.AF_PACKET, socket.SOCK_RAW), kind(40, S), kind(38, socket.SOCK_SEQPACKET))
a, b = socket.socketpair()
a.send(b"x")
print(b.recv(1))
try:
    socket.socketpair(type=D)
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def test_without_a_network_the_only_sockets_are_connected_pairs(python: Do) -> None:
    assert python(SOCKETS) == (0, " ".join(["EPERM"] * 10) + "\nb'x'\nEPERM\n")


def test_with_a_network_there_are_internet_sockets_and_still_no_unix_ones(python: Do, do: Do) -> None:
    words = python(SOCKETS, network=True)[1].split()
    assert set(words[:4]) <= {"made", "EAFNOSUPPORT"}
    assert words[4:10] == ["EPERM", "EPERM", "made", "EPERM", "EPERM", "EPERM"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connect = f"exec 3<>/dev/tcp/127.0.0.1/{listener.getsockname()[1]}"
        assert do(connect)[0] != 0
        assert (do(connect, network=True))[0] == 0


CALLS = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
for word in sys.argv[1:] or WORDS:
    result = libc.syscall(*(ctypes.c_long(int(part, 0)) for part in word.split(",")))
    print(errno.errorcode[ctypes.get_errno()] if result < 0 else "done")
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system calls are numbered otherwise")
@pytest.mark.parametrize(
    ("call", "answer"),
    [
        pytest.param("101,16,1", "EPERM", id="ptrace"),
        pytest.param("310,1,0,0,0,0,0", "EPERM", id="process_vm_readv"),
        pytest.param("165,0,0,0,0,0", "EPERM", id="mount"),
        pytest.param("272,0x10000000", "EPERM", id="unshare-user"),
        pytest.param("272,0x80", "EPERM", id="unshare-time"),
        pytest.param("272,0x400", "done", id="unshare-files"),
        pytest.param("56,0x10000011,0,0,0,0", "EPERM", id="clone-user"),
        pytest.param("435,0,0", "ENOSYS", id="clone3"),
        pytest.param("250,0,0,0,0,0", "EPERM", id="keyctl"),
        pytest.param("321,0,0,0", "EPERM", id="bpf"),
        pytest.param("323,0", "EPERM", id="userfaultfd"),
        pytest.param("425,1,0", "EPERM", id="io_uring"),
        pytest.param("246,0,0,0,0", "EPERM", id="kexec"),
        pytest.param("0x40000027", "EPERM", id="x32"),
        pytest.param("16,0,0x5412,0", "EPERM", id="type-into-the-terminal"),
        pytest.param("302,1,7,0,0", "EPERM", id="limits-of-another-process"),
        pytest.param("302,0,7,0,0", "done", id="own-limits"),
        pytest.param("39", "done", id="getpid"),
    ],
)
def test_system_calls_that_reach_out_are_refused(python: Do, call: str, answer: str) -> None:
    assert python(CALLS.replace("WORDS", repr([call]))) == (0, f"{answer}\n")


def test_root_in_it_has_no_capability(do: Do) -> None:
    assert do("grep CapEff /proc/self/status") == (0, "CapEff:\t0000000000000000\n")
    assert do("grep NoNewPrivs /proc/self/status") == (0, "NoNewPrivs:\t1\n")


def test_it_neither_signals_nor_reads_a_process_outside(do: Do) -> None:
    assert "Operation not permitted" in do(f"kill -0 {os.getpid()}")[1]
    for file in ("environ", "mem", "maps", "fd/0", "root/etc/passwd", "cwd/pyproject.toml"):
        assert do(f"cat /proc/{os.getpid()}/{file}")[0] != 0, file
    assert "Operation not permitted" in do("kill -9 $PPID")[1]


def test_it_knows_no_file_of_ralph_but_its_output(do: Do) -> None:
    assert do("ls /proc/self/fd | wc -l") == (0, "4\n")  # three, and the folder that is listed


def test_limits_hold(sandbox: Landlock, repo: Path) -> None:
    tight = replace(sandbox, resources=Resources(memory_bytes=64 * MIB, processes=0, file_size_bytes=MIB))
    hungry = f"{sys.executable} -I -S -c 'x = bytearray(200 * 2**20); print(len(x))'"
    for script in (hungry, "head -c 2000000 /dev/zero > big"):
        argv = tight.wrap(["bash", "-c", script], cwd=repo, writable=[repo])
        assert subprocess.run(argv, cwd=repo, capture_output=True, check=False).returncode != 0, script
    assert (repo / "big").stat().st_size <= MIB


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param("exit 0", 0, id="well"),
        pytest.param("exit 7", 7, id="badly"),
        pytest.param("kill -TERM $$", 128 + 15, id="by-a-signal"),
        pytest.param("kill -KILL $$", 128 + 9, id="killed"),
        pytest.param("kill -SEGV $$", 128 + 11, id="crashed"),
        pytest.param("yes | head -1 > /dev/null; exit ${PIPESTATUS[0]}", 128 + 13, id="by-a-broken-pipe-within"),
    ],
)
def test_how_the_command_ends_is_passed_on(do: Do, script: str, code: int) -> None:
    assert do(script) == (code, "")


def test_a_program_that_is_not_there_is_said_like_a_shell_says_it(
    run: Callable[..., Completed], tmp_path: Path
) -> None:
    assert run(["no-such-program"]).exit_code == 127
    assert (tmp_path / "out").read_text() == "ralph: no-such-program: no such program\n"
    assert run(["/etc/passwd"]).exit_code == 126
    assert (tmp_path / "out").read_text() == "ralph: /etc/passwd: Permission denied\n"


def test_a_command_that_cannot_be_confined_is_not_run(sandbox: Landlock, repo: Path) -> None:
    argv = sandbox.wrap(["touch", "ran"], cwd=repo, writable=[repo])
    argv[argv.index("--filter") + 1] = "06" * 8
    done = subprocess.run(argv, cwd=repo, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        126,
        "ralph: the sandbox could not be set up, so the command was not run: the system-call filter: Invalid argument\n",
    )
    assert not (repo / "ran").exists()


def test_nothing_outlives_the_command(do: Do) -> None:
    do("setsid env -i sleep 299.225 & (trap '' TERM HUP; setsid sleep 299.226 &) & sleep 0.05")
    assert not running("sleep 299.22")


def test_not_even_processes_that_start_each_other_without_end_outlive_the_command(do: Do, repo: Path) -> None:
    (repo / "again.sh").write_text("sleep 0.02; setsid bash again.sh 299.125 & disown; exit\n")
    do("for number in 1 2 3 4; do setsid bash again.sh 299.125 & done; sleep 0.1")
    assert not running("again.sh 299.125")


def test_a_lower_limit_that_stands_already_is_left_as_it_is(sandbox: Landlock, repo: Path) -> None:
    argv = sandbox.wrap(["bash", "-c", "ulimit -f"], cwd=repo, writable=[repo])
    lower = ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash", *argv]
    done = subprocess.run(lower, cwd=repo, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("100\n", "")


def test_a_command_has_no_terminal_to_type_into(sandbox: Landlock, repo: Path) -> None:
    argv = sandbox.wrap(["bash", "-c", "ps -o sid= -p $$; : < /dev/tty"], cwd=repo, writable=[repo])
    done = subprocess.run(argv, cwd=repo, capture_output=True, text=True, check=False)
    assert int(done.stdout) != os.getsid(0)
    assert "No such device or address" in done.stderr


def test_the_terminals_of_others_are_shut(do: Do) -> None:
    ours, theirs = os.openpty()
    name = os.ttyname(theirs)
    assert do(f"echo x > {name}")[0] != 0
    assert do(f"cat < {name}")[0] != 0
    os.close(ours)
    os.close(theirs)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no /dev/shm")
def test_locks_between_processes_work_once_the_user_opens_the_shared_memory(sandbox: Landlock, repo: Path) -> None:
    script = "import multiprocessing; print(multiprocessing.Lock().acquire())"
    words = [sys.executable, "-I", "-c", script]
    for opened, code in (((), 1), ((Path("/dev/shm"),), 0)):
        argv = replace(sandbox, caches=opened).wrap(words, cwd=repo, writable=[repo])
        assert subprocess.run(argv, cwd=repo, capture_output=True, check=False).returncode == code


def test_nothing_outlives_ralph_when_it_is_killed(sandbox: Landlock, repo: Path) -> None:
    script = "setsid env -i setsid sleep 299.325 & (setsid bash -c 'sleep 299.326; true' &) ; sleep 299.327"
    argv = sandbox.wrap(["bash", "-c", script], cwd=repo, writable=[repo])
    ralph_pid = argv.index("--ralph") + 1
    starter = (
        "import os, subprocess, sys, time; words = sys.argv[1:]; words[words.index('--ralph') + 1] = str(os.getpid())\n"
        "subprocess.Popen(words, start_new_session=True); time.sleep(60)"
    )
    assert argv[ralph_pid].isdigit()
    with subprocess.Popen([sys.executable, "-c", starter, *argv], cwd=repo) as ralph:
        assert wait_until(lambda: all(running(f"sleep 299.32{number}") for number in (5, 6, 7)))
        ralph.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not running("sleep 299.32"))


def test_nothing_is_run_for_a_ralph_that_is_dead_already(sandbox: Landlock, repo: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    argv = sandbox.wrap(["touch", "ran"], cwd=repo, writable=[repo])
    argv[argv.index("--ralph") + 1] = str(gone.pid)
    assert subprocess.run(argv, cwd=repo, check=False).returncode == 126
    assert not (repo / "ran").exists()


def test_a_command_in_the_sandbox_may_clean_up_when_it_is_stopped(
    run: Callable[..., Completed], tmp_path: Path, cancel: threading.Event
) -> None:
    script = "trap 'echo tidy; exit 7' TERM; touch up; while :; do sleep 0.02; done"
    done = run(["bash", "-c", script], cancel=cancel)
    assert (done.cancelled, done.exit_code) == (True, 7)
    assert (tmp_path / "out").read_text().count("tidy") == 1


def test_ending_the_supervisor_ends_the_command(sandbox: Landlock, repo: Path) -> None:
    argv = sandbox.wrap(["bash", "-c", "trap '' TERM; echo up; sleep 299.425"], cwd=repo, writable=[repo])
    with subprocess.Popen(argv, cwd=repo, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.terminate()
        assert process.wait(10) == -signal.SIGKILL
    assert not running("sleep 299.425")


def test_it_adds_a_few_milliseconds(sandbox: Landlock, repo: Path) -> None:
    def median_s(argv: list[str]) -> float:
        times = []
        for _ in range(7):
            started = time.perf_counter()
            subprocess.run(argv, check=True)
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    added_s = median_s(sandbox.wrap(["true"], cwd=repo, writable=[repo])) - median_s(["true"])
    assert added_s < 0.3  # about 10 ms on a quiet machine, most of it Python's own start


@pytest.mark.parametrize(
    ("system", "machine", "abi", "said"),
    [
        pytest.param("Linux", "x86_64", 7, "", id="fine"),
        pytest.param("Darwin", "arm64", 0, "Landlock is a part of Linux, and this is Darwin.", id="macos"),
        pytest.param(
            "Linux",
            "riscv64",
            7,
            "the system-call filter is written for x86_64 and aarch64, and this is riscv64.",
            id="processor",
        ),
        pytest.param(
            "Linux",
            "aarch64",
            0,
            "this kernel has no Landlock, its boot parameter lsm= leaves it out, or this container forbids it.",
            id="none",
        ),
        pytest.param(
            "Linux",
            "x86_64",
            1,
            "this kernel's Landlock is too old (ABI 1). Ralph needs ABI 3: Linux 6.2 or later.",
            id="old",
        ),
    ],
)
def test_it_says_why_it_cannot_be_used(system: str, machine: str, abi: int, said: str) -> None:
    assert why_no_landlock(system, machine, abi) == said


def test_an_older_kernel_governs_and_promises_less(tmp_path: Path) -> None:
    assert governed(3) == (0x7FFF, 0, 0)
    assert governed(4) == (0x7FFF, 3, 0)
    assert governed(5) == (0xFFFF, 3, 0)
    assert governed(6) == governed(9) == (0xFFFF, 3, 3)
    assert "signal-outside" not in Landlock(5, tmp_path, ()).promises
    assert "signal-outside" in Landlock(6, tmp_path, ()).promises


@needs_landlock
@pytest.mark.parametrize("abi", [3, 4, 5])
def test_the_rules_for_an_older_kernel_are_rules_that_the_kernel_takes(sandbox: Landlock, repo: Path, abi: int) -> None:
    argv = replace(sandbox, abi=abi).wrap(["bash", "-c", "touch x; touch ../x"], cwd=repo, writable=[repo])
    done = subprocess.run(argv, cwd=repo, capture_output=True, text=True, check=False)
    assert done.stderr == "touch: cannot touch '../x': Permission denied\n"
    assert (repo / "x").exists()


# --- toolchains


def test_python_runs_its_own_tests_and_subprocesses(do: Do, repo: Path) -> None:
    (repo / "test_it.py").write_text(
        "import subprocess, sys, asyncio, threading\n"
        "async def echo():\n"
        "    child = await asyncio.create_subprocess_exec('echo', 'hi', stdout=asyncio.subprocess.PIPE)\n"
        "    return (await child.communicate())[0]\n"
        "def test_it(tmp_path):\n"
        "    (tmp_path / 'x').write_text('x')\n"
        "    assert asyncio.run(echo()) == b'hi\\n'\n"
        "    thread = threading.Thread(target=print); thread.start(); thread.join()\n"
    )
    code, said = do(f"{sys.executable} -m pytest -q -p no:cacheprovider")
    assert (code, "1 passed" in said) == (0, True), said


@needs_node
def test_node_starts_children_and_workers(do: Do, repo: Path) -> None:
    (repo / "x.mjs").write_text(
        "import { execSync } from 'node:child_process'; import { Worker } from 'node:worker_threads';\n"
        "import fs from 'node:fs/promises';\n"
        "await fs.writeFile('made', execSync('echo hi'));\n"
        "new Worker('console.log(1)', { eval: true });\n"
    )
    assert do("node x.mjs && cat made") == (0, "1\nhi\n")


@pytest.mark.skipif(shutil.which("java") is None, reason="java is not installed")
def test_java_starts(do: Do) -> None:
    code, said = do("java -version")
    assert (code, "version" in said) == (0, True), said


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")
def test_go_builds_and_tests(do: Do, repo: Path) -> None:
    (repo / "go.mod").write_text("module example.org/x\n\ngo 1.18\n")
    (repo / "x.go").write_text("package main\n\nfunc Two() int { return 2 }\n\nfunc main() { println(Two()) }\n")
    (repo / "x_test.go").write_text(
        'package main\n\nimport "testing"\n\nfunc TestTwo(t *testing.T) { t.TempDir(); if Two() != 2 { t.Fail() } }\n'
    )
    code, said = do("go build -o x . && ./x && go test ./...")
    assert (code, said.splitlines()[0], "ok" in said) == (0, "2", True), said


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
def test_cargo_builds_and_tests(do: Do, repo: Path) -> None:
    (repo / "src").mkdir()
    (repo / "Cargo.toml").write_text('[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n')
    (repo / "src" / "lib.rs").write_text("#[test]\nfn two() { assert_eq!(1 + 1, 2); }\n")
    code, said = do("cargo test --offline")
    assert (code, "1 passed" in said) == (0, True), said
