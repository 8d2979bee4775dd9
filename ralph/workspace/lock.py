"""One run per branch: a file lock that the system releases when its owner dies, however it dies."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ralph.errors import BranchBusyError
from ralph.home import Home
from ralph.workspace.repo import Repo
from tracing.failpoint import effect


@dataclass(frozen=True)
class Held:
    """A lock that this process holds until `release`."""

    path: Path
    fd: int
    left_by: int | None  # the process that died with the lock; None after a clean end
    left_at_s: float = 0.0  # when it was taken that nobody gave back since (seconds since 1970)

    def release(self) -> None:
        with effect("release lock"):
            os.ftruncate(self.fd, 0)
            os.close(self.fd)


@contextmanager
def branch_lock(home: Home, repo: Repo, branch: str) -> Iterator[Held]:
    """Hold the branch while the block runs.

    Raises:
        BranchBusyError: another run holds it; the message has its process id.
    """
    name = hashlib.sha256(os.fsencode(f"{repo.id}:{branch}")).hexdigest()[:32]
    path = home.folder("locks") / f"{name}.lock"
    held = try_hold(path)
    if held is None:
        pid = owner(path) or "unknown"
        raise BranchBusyError(
            f"another run (process {pid}) works on the branch {branch} of {repo.root}. "
            f"Wait for it, or stop it (kill -INT {pid}), or give this PRD another branchName."
        )
    try:
        yield held
    finally:
        held.release()


def try_hold(path: Path) -> Held | None:
    """The lock on the file, or None when a living process has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    if not _still_there(path, fd):
        os.close(fd)
        return try_hold(path)
    left_by, left_at_s = _owner_since(path)
    with effect("take lock"):
        _sign(fd, left_at_s if left_by else _now_s(fd))
    return Held(path, fd, left_by, left_at_s if left_by else 0.0)


def owner(path: Path) -> int | None:
    """The process that wrote itself into the lock file last."""
    return _owner_since(path)[0]


def _sign(fd: int, since_s: float) -> None:
    """Write who holds the lock, and since when nobody gave it back. The file is never empty meanwhile: a kill in between
    must not look like a clean end.
    """
    words = f"{os.getpid()} {since_s!r}\n".encode()
    os.pwrite(fd, words, 0)
    os.ftruncate(fd, len(words))


def _now_s(fd: int) -> float:
    """By the file system's clock, which lags the system's by some milliseconds and dates the files that are compared."""
    os.utime(fd)
    return os.fstat(fd).st_mtime


def _owner_since(path: Path) -> tuple[int | None, float]:
    first, *_ = [*path.read_text(errors="replace").splitlines(), ""]
    pid, _, since_s = first.partition(" ")
    return (int(pid), float(since_s or 0)) if pid.isdigit() else (None, 0.0)


def _still_there(path: Path, fd: int) -> bool:
    """False when the file was removed by its last owner between our open and our lock."""
    try:
        return path.stat().st_ino == os.fstat(fd).st_ino
    except FileNotFoundError:
        return False
