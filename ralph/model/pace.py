"""How long to wait between attempts, and when to stop trying. The clock, the sleep and the dice are arguments.

A wait is a guess that doubles, unless the service says when to come back: then it is that long.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ralph.errors import ServiceError
from ralph.model.failures import CallCancelledError, Charge, DeadlineError, Failure

FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 60.0
PATIENCE_S = 900.0
MOST_ATTEMPTS = 60  # more than fit into that patience with ordinary luck
MOST_CHARGED_ATTEMPTS = 10  # broken off after they were sent, so they may have been billed
LEAST_TOLD_WAIT_S = 1.0
LONGEST_TOLD_WAIT_S = 6 * 3_600.0  # over one call, for a run that has no deadline
IDLE_S = 300.0  # no event for so long: the stream is dead
CONNECT_S = 10.0


def wait_for(seconds: float, cancel: threading.Event) -> None:
    """Sleep, but wake at once when the run is asked to stop. A machine that was suspended meanwhile does not sleep on, and
    one whose clock was set back does not sleep longer.
    """
    until_s, steady_until_s = time.time() + seconds, time.monotonic() + seconds
    while (left_s := min(until_s - time.time(), steady_until_s - time.monotonic())) > 0:
        if cancel.wait(min(left_s, LONGEST_WAIT_S)):
            return


@dataclass(frozen=True)
class Pace:
    """Seams of time and chance; tests count instead of waiting."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float, threading.Event], None] = wait_for
    dice: Callable[[], float] = random.random  # [0, 1)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait_for_reset: bool = True  # False: what the service says is waited for only as long as there is patience

    def read_timeout_s(self, deadline_s: float | None) -> float:
        """The longest silence to bear: the idle limit, or what is left until the deadline."""
        return IDLE_S if deadline_s is None else max(1.0, min(IDLE_S, deadline_s - self.clock()))

    def check(self, deadline_s: float | None) -> None:
        """Raises DeadlineError once the deadline has passed."""
        if deadline_s is not None and self.clock() >= deadline_s:
            raise DeadlineError("the run's time is over")

    def check_wanted(self, deadline_s: float | None, cancel: threading.Event) -> None:
        """As `check`; also raises CallCancelledError once the run was asked to stop."""
        self.check(deadline_s)
        if cancel.is_set():
            raise CallCancelledError("stopped before the model was called")

    def wait_s(self, failure: Failure, streak: "Streak", deadline_s: float | None) -> float:
        """How long to wait after `failure`, which `streak` counts already.

        Raises:
            ServiceError: the service stays away longer than there is patience or time for.
            DeadlineError: the deadline comes before the next attempt would.
        """
        now_s = self.clock()
        if failure.retry_after_s is not None:
            wait_s = self._as_told(max(LEAST_TOLD_WAIT_S, failure.retry_after_s), now_s, streak, deadline_s)
            streak.told_to_wait(now_s, wait_s)
            return wait_s
        if streak.is_long or now_s - streak.since_s >= PATIENCE_S:
            raise ServiceError(
                f"The model service failed {streak.failures} times in a row, last with: {failure.text.rstrip('.')}. "
                "Run again later; the work is kept."
            )
        wait_s = self.dice() * min(LONGEST_WAIT_S, FIRST_WAIT_S * float(2 ** (streak.failures - 1)))
        if deadline_s is not None and now_s + wait_s >= deadline_s:
            raise DeadlineError(f"the run's time is over; the service last answered: {failure.text}")
        return wait_s

    def pause(self, seconds: float, cancel: threading.Event) -> None:
        """Raises CallCancelledError when the run was asked to stop meanwhile."""
        self.sleep(seconds, cancel)
        if cancel.is_set():
            raise CallCancelledError("stopped while waiting for the model service")

    def _as_told(self, told_s: float, now_s: float, streak: "Streak", deadline_s: float | None) -> float:
        out_of_patience = told_s < LONGEST_WAIT_S and now_s - streak.since_s >= PATIENCE_S
        if now_s + told_s < self._last_s(streak, deadline_s) and not out_of_patience:
            return told_s
        until = self.now() + timedelta(seconds=min(told_s, 10**9))
        raise ServiceError(
            f"rate limited until {until:%Y-%m-%d %H:%M:%S %Z} (in {in_words(told_s)}), {self._why_not(streak, deadline_s)} "
            "Run again after that; the work is kept."
        )

    def _last_s(self, streak: "Streak", deadline_s: float | None) -> float:
        longest_s = LONGEST_TOLD_WAIT_S if self.wait_for_reset else PATIENCE_S
        if deadline_s is None:
            return streak.began_s + longest_s
        return deadline_s if self.wait_for_reset else min(deadline_s, streak.began_s + longest_s)

    def _why_not(self, streak: "Streak", deadline_s: float | None) -> str:
        if self.clock() - streak.since_s >= PATIENCE_S:
            return "as it has been saying for a while."
        if not self.wait_for_reset:
            return "and run.wait_for_reset is off."
        if deadline_s is None:
            return f"longer than a run without --max-duration waits ({LONGEST_TOLD_WAIT_S / 3600:.0f} h)."
        return "which is past the run's time."


@dataclass
class Streak:
    """The failures of one call since it began, or since the service last said when to come back."""

    began_s: float
    failures: int = 0
    charged: int = 0
    since_s: float = 0.0

    def __post_init__(self) -> None:
        self.since_s = self.began_s

    @property
    def is_long(self) -> bool:
        return self.failures >= MOST_ATTEMPTS or self.charged >= MOST_CHARGED_ATTEMPTS

    def add(self, failure: Failure) -> None:
        self.failures += 1
        self.charged += failure.charge is Charge.WORST

    def told_to_wait(self, now_s: float, wait_s: float) -> None:
        self.failures = self.charged = 0
        if wait_s >= LONGEST_WAIT_S:  # after shorter ones, again and again, patience ends all the same
            self.since_s = now_s + wait_s


def in_words(seconds: float) -> str:
    """For example "1 h 05 min" or "40 s"."""
    if seconds < 120:  # then minutes say too little
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
