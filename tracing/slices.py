"""Long work on a database in short transactions, with a breath after each, so that whoever writes beside it hardly waits.

The work is an iterator; each step of it takes a millisecond or two and leaves the file whole. Knows nothing about what it does.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tracing.sqlite import transaction

SLICE_S = 0.01
LEAST_BREATH_S = 0.005


@dataclass
class Slices:
    """`longest_s` is the longest transaction so far; `stop` is asked before each."""

    connection: sqlite3.Connection
    slice_s: float = SLICE_S
    breathe: Callable[[float], object] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    stop: Callable[[], bool] = lambda: False
    longest_s: float = 0.0

    def carry_out(self, work: Iterator[object], what: str) -> bool:
        """All of the work; False where it was stopped before the end."""
        goes_on = True
        while goes_on:
            if self.stop():
                return False
            began = self.monotonic()
            with transaction(self.connection, what):
                locked = self.monotonic()
                goes_on = self._some(work, locked + self.slice_s)
            self.longest_s = max(self.longest_s, self.monotonic() - locked)
            if goes_on:
                self.breathe(max(self.monotonic() - began, LEAST_BREATH_S))
        return True

    def _some(self, work: Iterator[object], until: float) -> bool:
        """Steps until the time is up; False when there is nothing left to do."""
        return any(self.monotonic() >= until for _ in work)
