"""How long to wait between attempts, and when to stop trying. The clock, the sleep and the dice are arguments."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ralph.errors import ServiceError
from ralph.model.failures import CallCancelledError, DeadlineError, Failure

FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 60.0
MOST_ATTEMPTS = 10
PATIENCE_S = 900.0
IDLE_S = 300.0  # no event for so long: the stream is dead
CONNECT_S = 10.0


def wait_for(seconds: float, cancel: threading.Event) -> None:
    """Sleep, but wake at once when the run is asked to stop."""
    cancel.wait(seconds)


@dataclass(frozen=True)
class Pace:
    """Seams of time and chance; tests count instead of waiting."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float, threading.Event], None] = wait_for
    dice: Callable[[], float] = random.random  # [0, 1)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def read_timeout_s(self, deadline_s: float | None) -> float:
        """The longest silence to bear: the idle limit, or what is left until the deadline."""
        return IDLE_S if deadline_s is None else max(1.0, min(IDLE_S, deadline_s - self.clock()))

    def check(self, deadline_s: float | None) -> None:
        """Raises DeadlineError once the deadline has passed."""
        if deadline_s is not None and self.clock() >= deadline_s:
            raise DeadlineError("the run's time is over")

    def wait_s(self, failure: Failure, attempt: int, started_s: float, deadline_s: float | None) -> float:
        """How long to wait before the attempt after number `attempt` [1..].

        Raises:
            ServiceError: the service stays away longer than there is patience or time for.
            DeadlineError: the deadline comes before the next attempt would.
        """
        now_s = self.clock()
        if failure.retry_after_s is not None:
            return self._as_told(failure.retry_after_s, now_s, started_s, deadline_s)
        if attempt >= MOST_ATTEMPTS or now_s - started_s >= PATIENCE_S:
            raise ServiceError(
                f"The model service failed {attempt} times in a row, last with: {failure.text}. Run again later; the work is kept."
            )
        wait_s = self.dice() * min(LONGEST_WAIT_S, FIRST_WAIT_S * float(2 ** (attempt - 1)))
        if deadline_s is not None and now_s + wait_s >= deadline_s:
            raise DeadlineError(f"the run's time is over; the service last answered: {failure.text}")
        return wait_s

    def pause(self, seconds: float, cancel: threading.Event) -> None:
        """Raises CallCancelledError when the run was asked to stop meanwhile."""
        self.sleep(seconds, cancel)
        if cancel.is_set():
            raise CallCancelledError("stopped while waiting for the model service")

    def _as_told(self, told_s: float, now_s: float, started_s: float, deadline_s: float | None) -> float:
        last_s = started_s + PATIENCE_S if deadline_s is None else deadline_s
        if now_s + told_s < last_s:
            return told_s
        until = self.now() + timedelta(seconds=min(told_s, 10**9))
        raise ServiceError(
            f"rate limited until {until:%Y-%m-%d %H:%M:%S %Z} (retry-after {told_s:.0f} s), which is past the run's time. "
            "Run again after that; the work is kept."
        )
