"""One daemon for each state folder: it holds a lock as long as it lives, so whoever asks knows whether one is there."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ralph.errors import ExitCode, RalphError
from ralph.history.event_log import is_locked
from ralph.home import Home

LOCK = "daemon.lock"


class DaemonBusyError(RalphError):
    """Another daemon serves this state folder."""

    exit_code = ExitCode.BUSY


def lock_of(root: Path) -> Path:
    """Of the state folder `root`; the process id of who holds it stands in it."""
    return root / "schedule" / LOCK


def is_served(home: Home) -> bool:
    return is_locked(lock_of(home.root))


@contextmanager
def serving_alone(home: Home) -> Iterator[None]:
    """Raises: DaemonBusyError: another daemon serves this state folder."""
    home.folder("schedule")
    with lock_of(home.root).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise DaemonBusyError(
                f"another ralph daemon (pid {lock.read().strip() or '?'}) serves {home.root}. "
                "Stop it first, or set RALPH_HOME to another folder."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
