"""What a daemon does beside its schedules (alerts, the report, housekeeping): in one thread, so that none holds up a tick.

Knows nothing about what a chore is.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

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
    """One after the other; the error of one is told once, until it is another or has gone."""
    try:
        chore()
        told.pop(number, None)
    except Exception as error:  # noqa: BLE001  # the one boundary: no chore may end the others or the daemon
        words = f"{type(error).__name__}: {error}"
        if told.get(number) != words:
            told[number] = words
            log.warning("a chore of the daemon failed and is tried again: %s", words)
