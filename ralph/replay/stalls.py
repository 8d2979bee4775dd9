"""Who is waiting in a stalled stream, and how to let them go. Knows nothing about what they wait for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock

Wait = Callable[[Event, float | None], bool]
"""(what to wait for, time-out in seconds or None) -> whether it happened. `Event.wait` is the real one."""


def wait_for(event: Event, timeout_s: float | None) -> bool:
    return event.wait(timeout_s)


class Stalls:
    """The stalled streams of one model. `wait` is the seam by which a test makes time pass at once."""

    def __init__(self, wait: Wait = wait_for) -> None:
        self.wait = wait
        self._lock = Lock()
        self._waiting: set[Event] = set()

    @contextmanager
    def entered(self, event: Event) -> Iterator[None]:
        with self._lock:
            self._waiting.add(event)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.discard(event)

    @property
    def count(self) -> int:
        """How many streams stand still now."""
        return len(self._waiting)

    def release(self) -> None:
        """Every stream that stands still goes on with the rest of its answer."""
        with self._lock:
            for event in self._waiting:
                event.set()
