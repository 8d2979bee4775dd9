"""What a daemon does beside its schedules (alerts, the report, housekeeping): in one thread, so that none holds up a tick.

Knows nothing about what a chore is.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ralph.errors import RalphError

EVERY_S = 15.0
LEAVE_S = 10.0

log = logging.getLogger("ralph.schedule")
Chore = Callable[[], object]


@contextmanager
def doing(chores: Sequence[Chore], every_s: float = EVERY_S) -> Iterator[None]:
    """Do them all now and then while the block runs. One that hangs is left behind at the end."""
    over = threading.Event()
    thread = threading.Thread(target=_work, args=(chores, every_s, over), name="chores", daemon=True)
    if chores:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if chores:
            thread.join(LEAVE_S)


def _work(chores: Sequence[Chore], every_s: float, over: threading.Event) -> None:
    told: dict[int, str] = {}
    while True:
        for number, chore in enumerate(chores):
            do(chore, number, told)
        if over.wait(every_s):
            return


def do(chore: Chore, number: int, told: dict[int, str]) -> None:
    """One after the other; an error is told once, also one that several have, until it is another or has gone."""
    try:
        chore()
        told.pop(number, None)
    except Exception as error:  # noqa: BLE001  # the one boundary: no chore may end the others or the daemon
        words = str(error) if isinstance(error, RalphError) else f"{type(error).__name__}: {error}"
        if words not in told.values():
            log.warning(
                "beside the schedules (alerts, the report, housekeeping) this failed, and is tried again: %s", words
            )
        told[number] = words
