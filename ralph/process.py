"""Runs one command so that nothing it does can hang, flood or outlive us.

Its output goes to a file, never to a pipe: a pipe stays open as long as any grandchild holds it. We wait for the
process itself, poll the size of the file, and at the end kill every process that it left behind: its group, its
descendants, and (on Linux) whatever carries its mark in the environment, which finds `setsid` children too.
Knows nothing about sandboxes, tools or models.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ralph.environment import clean_env
from ralph.excerpts import excerpt
from tracing.failpoint import failpoint

__all__ = ["Completed", "clean_env", "excerpt", "kill_running", "run_process"]

MAX_OUTPUT_BYTES = 100_000_000
GRACE_S = 2.0
TICK_S = 0.02
MARK = "RALPH_PROC"

_under_way: set[threading.Event] = set()


@dataclass(frozen=True)
class Completed:
    """How a command ended. `exit_code` is 128 + n when signal n ended it, as a shell reports it."""

    exit_code: int
    timed_out: bool
    cancelled: bool
    duration_s: float
    output_bytes: int
    survivors: int = 0
    """Processes that were still alive when the command itself had ended; they have been killed."""
    output_capped: bool = False
    """The command was killed because its output passed `max_output_bytes`; the file is cut there."""


def run_process(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    output: Path,
    max_output_bytes: int = MAX_OUTPUT_BYTES,
    cancel: threading.Event | None = None,
    keep_children: bool = False,
) -> Completed:
    """Run `argv` to its end, its timeout, its output cap or `cancel`, with stdout and stderr in the file `output`.

    `keep_children`: what it leaves behind when it ends by itself lives on, as the daemon does that a service starts.

    Raises:
        OSError: the program cannot be started (not found, arguments too long, no such folder).

    """
    mark = uuid.uuid4().hex
    started = time.monotonic()
    reason = "unfinished"
    with output.open("wb") as sink, _registered(cancel) as cancels:
        failpoint("before command")
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env={**env, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            failpoint("inside command")
            reason = _wait(child, started + timeout_s, sink.fileno(), max_output_bytes, cancels)
            if reason:
                _terminate(child, mark)
        finally:
            survivors = 0 if keep_children and not reason else _kill_family(child.pid, mark)
            child.kill()
            child.wait()
        failpoint("after command")
        size = _cap(sink.fileno(), max_output_bytes)
    code = child.returncode
    if reason and code == 0:  # its child heard our signal first, and it ended in peace
        code = -signal.SIGTERM
    return Completed(
        exit_code=code if code >= 0 else 128 - code,
        timed_out=reason == "timeout",
        cancelled=reason == "cancel",
        duration_s=time.monotonic() - started,
        output_bytes=size,
        survivors=0 if reason else survivors,
        output_capped=reason == "output",
    )


def kill_running() -> None:
    """Cancel every command that is under way in this process, whichever thread waits for it."""
    for abort in tuple(_under_way):
        abort.set()


@contextmanager
def _registered(cancel: threading.Event | None) -> Iterator[list[threading.Event]]:
    """What may cancel this command: the caller's own event and `kill_running`."""
    abort = threading.Event()
    _under_way.add(abort)
    try:
        yield [abort, *([cancel] if cancel else [])]
    finally:
        _under_way.discard(abort)


def _wait(
    child: "subprocess.Popen[bytes]", deadline: float, sink: int, max_bytes: int, cancels: Sequence[threading.Event]
) -> str:
    """Why we must stop the child, or "" when it ended by itself."""
    with _Watch(child) as watch:
        while True:
            left_s = deadline - time.monotonic()
            if watch.ended(max(0.0, min(TICK_S, left_s))):
                return ""
            if any(cancel.is_set() for cancel in cancels):
                return "cancel"
            if left_s <= 0:
                return "timeout"
            if os.fstat(sink).st_size > max_bytes:
                return "output"


class _Watch:
    """Wakes at once when the child ends, by a pidfd where the platform has one."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child
        self._fd = os.pidfd_open(child.pid) if sys.platform == "linux" else -1
        self._poll = select.poll()
        if self._fd >= 0:
            self._poll.register(self._fd, select.POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def ended(self, within_s: float) -> bool:
        if self._fd >= 0:
            return bool(self._poll.poll(within_s * 1000)) and self._child.poll() is not None
        try:
            self._child.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True


def _terminate(child: "subprocess.Popen[bytes]", mark: str) -> None:
    """SIGTERM to the family and two seconds to end in. The sandbox's own processes are left to the SIGKILL after it:
    were they to end first, the kernel would take the command with them at once.
    """
    family = _frozen_family(child.pid, mark)
    told = [pid for pid in family if _name(pid) != "bwrap"]
    for pid in told or [child.pid]:
        _signal(pid, signal.SIGTERM)
    for pid in family:
        _signal(pid, signal.SIGCONT)
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        return


def _frozen_family(leader: int, mark: str) -> set[int]:
    """The family, each stopped: what is looked for while it forks is missed, and cannot be found once its parent is gone."""
    frozen: set[int] = set()
    for _ in range(20):
        new = _family(leader, mark) - frozen
        if not new:
            break
        for pid in new:
            _signal(pid, signal.SIGSTOP)
        frozen |= new
    return frozen


def _kill_family(leader: int, mark: str) -> int:
    """SIGKILL everything that belongs to the command; how many processes there were besides the leader."""
    killed: set[int] = set()
    for _ in range(20):
        family = _family(leader, mark)
        _signal_group(leader)
        for pid in family:
            _signal(pid, signal.SIGKILL)
        killed |= family
        if not family - {leader}:
            break
        time.sleep(0.002)
    return len(killed - {leader})


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _signal_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _family(leader: int, mark: str) -> set[int]:
    """Live processes of the command: in its session, descended from it, or carrying its mark. Linux only; else none."""
    if sys.platform != "linux":
        return set()
    parents: dict[int, int] = {}
    family: set[int] = set()
    for entry in os.listdir("/proc"):  # noqa: PTH208 - a Path for each process would double the cost
        if not entry.isdigit():
            continue
        pid = int(entry)
        state, parent, session = _stat(pid)
        if state in "ZX" or pid == os.getpid():
            continue
        parents[pid] = parent
        if leader in (pid, session) or _is_marked(pid, mark):
            family.add(pid)
    return family | _descendants(family | {leader}, parents)


def _descendants(roots: set[int], parents: Mapping[int, int]) -> set[int]:
    found: set[int] = set()
    while new := {pid for pid, parent in parents.items() if parent in roots | found} - found:
        found |= new
    return found


def _stat(pid: int) -> tuple[str, int, int]:
    """State, parent and session of a process; state X when it is gone. The name may hold spaces and brackets."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0].decode(), int(fields[1]), int(fields[3])
    except (OSError, IndexError):
        return "X", 0, 0


def _is_marked(pid: int, mark: str) -> bool:
    try:
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def _cap(sink: int, max_bytes: int) -> int:
    size = os.fstat(sink).st_size
    if size > max_bytes:
        os.ftruncate(sink, max_bytes)
    return min(size, max_bytes)
