"""Long work on a database in short transactions, with a breath after each, so that whoever writes beside it hardly waits.

The work is an iterator; each step of it takes a millisecond or two and leaves the file whole. How much of it a transaction
does follows how long the last ones took with their commits: on a busy machine or a slow disk it is less. What they wrote goes
from the log into the file between them, when nobody waits for it. Knows nothing about what the work does.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tracing.sqlite import transaction

SLICE_S = 0.005
LEAST_WORK_S = 0.001
LEAST_BREATH_S = 0.005


@dataclass
class Slices:
    """A transaction should take `slice_s`; `longest_s` is the longest that one took. `stop` is asked before each.

    The connection makes no checkpoints of its own from then on.
    """

    connection: sqlite3.Connection
    slice_s: float = SLICE_S
    breathe: Callable[[float], object] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    stop: Callable[[], bool] = lambda: False
    longest_s: float = 0.0
    _work_s: float = field(init=False)  # how long the next one works before its commit
    _logged_s: float = field(init=False, default=0.0)  # how long was worked since the log went into the file

    def __post_init__(self) -> None:
        self._work_s = self.slice_s
        self.connection.execute("PRAGMA wal_autocheckpoint=0")

    def carry_out(self, work: Iterator[object], what: str) -> bool:
        """All of the work; False where it was stopped before the end."""
        goes_on = True
        while goes_on:
            if self.stop():
                return False
            with transaction(self.connection, what):
                locked = self.monotonic()
                goes_on = self._some(work, locked + self._work_s)
            took_s = self.monotonic() - locked
            self._adapt(took_s)
            self._empty_log()
            if goes_on:
                self.breathe(max(took_s, LEAST_BREATH_S))
        return True

    def _some(self, work: Iterator[object], until: float) -> bool:
        """Steps until the time is up; False when there is nothing left to do."""
        return any(self.monotonic() >= until for _ in work)

    def _adapt(self, took_s: float) -> None:
        self.longest_s = max(self.longest_s, took_s)
        self._logged_s += self._work_s
        fitting_s = self._work_s * min(self.slice_s / took_s, 2) if took_s else self.slice_s
        self._work_s = min(max(fitting_s, LEAST_WORK_S), self.slice_s)

    def _empty_log(self) -> None:
        """Twice: the second round is short and takes what others wrote during the first, so that the log begins anew.

        Else it would grow until a commit of theirs had to do this, and wait for the disk.
        """
        if self._logged_s >= self.slice_s / 2:
            for _ in range(2):
                self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._logged_s = 0.0
