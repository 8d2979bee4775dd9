"""Runs one due run's command and writes its exit code down, so that the run outlives a killed daemon and is not repeated.

`python -m ralph.schedule.keeper BASE CWD COMMAND...` holds BASE.lock while it works, and so does the command. A second keeper of
the same run waits for both, and takes over the exit code: the first keeper's, or, where that was killed alone, the one in the run's
own log. Knows nothing about schedules.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TextIO

STOPPED = 143  # before the command was started
KILLED = 137


@dataclass
class Stopping:
    """A signal means: finish the step. It is passed on as SIGHUP, of which a run counts no second one as "leave at once":
    a service manager may have told the run itself already.
    """

    child: subprocess.Popen[bytes] | None = None
    is_asked: bool = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        del signum, frame
        self.is_asked = True
        if self.child is not None:
            self.child.send_signal(signal.SIGHUP)


def keep(base: Path, cwd: Path, command: Sequence[str], stopping: Stopping) -> int:
    """The exit code of `command`, from its own run or from the one that another keeper made."""
    code_file = base.with_suffix(".exit")
    with base.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not code_file.exists():
            code = _ended_alone(lock)
            if code is None and stopping.is_asked:
                return STOPPED
            if code is None:
                code = _run(base.with_suffix(".log"), cwd, command, stopping, lock)
                if code == KILLED:  # perhaps after its last word
                    said = _ended_alone(lock)
                    code = code if said is None else said
            part = base.with_suffix(".part")
            part.write_text(str(code), encoding="ascii")
            part.replace(code_file)
        return int(code_file.read_text(encoding="ascii"))


def ask_to_stop(base: Path) -> bool:
    """Ask whoever keeps this run to let it finish its step; whether somebody was asked."""
    with suppress(OSError, ValueError), base.with_suffix(".lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _told(*map(int, lock.read().split()))
    return False


def _told(keeper: int, child: int | None = None) -> bool:
    """The keeper, or the command where its keeper was killed: it holds the lock, so its pid is its own still."""
    try:
        os.kill(keeper, signal.SIGTERM)
    except ProcessLookupError:
        if child is None:
            raise
        os.kill(child, signal.SIGHUP)
    return True


def _ended_alone(lock: TextIO) -> int | None:
    """How a command ended that nobody could see end; None where there was none, or it said nothing of it."""
    found = os.fstat(lock.fileno())
    if not found.st_size:
        return None
    from ralph.schedule.execute import ended_since  # noqa: PLC0415 - a keeper starts without them

    return ended_since(found.st_mtime)


def _sign(lock: TextIO, *pids: int) -> None:
    lock.truncate(0)
    lock.write(" ".join(map(str, pids)))
    lock.flush()


def _run(log: Path, cwd: Path, command: Sequence[str], stopping: Stopping, lock: TextIO) -> int:
    _sign(lock, os.getpid())
    with log.open("ab") as output:
        try:
            child = subprocess.Popen(
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[lock.fileno()],  # so that it is known to live, though its keeper is killed
            )
            _sign(lock, os.getpid(), child.pid)
        except OSError as error:
            output.write(f"{error}\nThe run could not be started in {cwd}.\n".encode())
            return 2
        stopping.child = child
        if stopping.is_asked:  # between the last look and the start
            child.send_signal(signal.SIGHUP)
        code = child.wait()
    return code if code >= 0 else 128 - code


def main() -> int:
    stopping = Stopping()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stopping)
    base, cwd, *command = sys.argv[1:]
    return keep(Path(base), Path(cwd), command, stopping)


if __name__ == "__main__":
    sys.exit(main())
