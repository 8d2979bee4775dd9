"""One at a time tends the stores: a sweep beside an import could take texts whose spans are not written yet."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ralph.errors import BranchBusyError, RalphError
from ralph.home import Home
from ralph.workspace.lock import Held, try_hold

PATIENCE_S = 15.0  # the daemon's portions take 5
LOOK_S = 0.1


class TendedError(RalphError):
    """Another process tends the stores."""

    exit_code = BranchBusyError.exit_code


def try_alone(home: Home) -> Held | None:
    """The lock, or None when another process tends the stores."""
    return try_hold(home.folder("locks") / "housekeeping.lock")


@contextmanager
def alone(home: Home, sleep: Callable[[float], object] = time.sleep, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Waits for whoever is at it.

    Raises:
        TendedError: it takes too long.
    """
    until_s = time.monotonic() + patience_s
    while (held := try_alone(home)) is None:
        if time.monotonic() >= until_s:
            raise TendedError(
                f"another `ralph gc` or `ralph import` is at work in {home.root}. Nothing was done; try again when it has ended."
            )
        sleep(LOOK_S)
    try:
        yield
    finally:
        held.release()
