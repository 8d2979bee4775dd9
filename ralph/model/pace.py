"""How long to wait between attempts, and when to stop trying. The clock, the sleep and the dice are arguments.

A wait is a guess that doubles, unless the service says when to come back: then it is that long. A run with a deadline has
patience until then, as long as the attempts cost nothing; one without has a quarter of an hour.
"""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from ralph.model.failures import CallCancelledError, Charge, DeadlineError, Failure, Verdict
from ralph.model.trouble import FAILED, Halt, ServiceError, Trouble, moment

FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 60.0
PATIENCE_S = 900.0
MOST_ATTEMPTS = 60  # more than fit into that patience with ordinary luck
MOST_CHARGED_ATTEMPTS = 10  # broken off after they were sent, so they may have been billed
CALM_WAIT_S = 120.0  # at most, once patience is over and only the deadline ends it
LEAST_TOLD_WAIT_S = 1.0
LONGEST_TOLD_WAIT_S = 6 * 3_600.0  # over one call, for a run that has no deadline
IDLE_S = 300.0  # no event for so long: the stream is dead
CONNECT_S = 10.0


class Wakes(Protocol):
    """What ends a wait early: an event, or something that looks like one."""

    def is_set(self) -> bool: ...
    def wait(self, timeout: float) -> bool: ...


def wait_for(seconds: float, cancel: Wakes) -> None:
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
    sleep: Callable[[float, Wakes], None] = wait_for
    dice: Callable[[], float] = random.random  # [0, 1)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait_for_reset: bool = True  # False: what the service says is waited for only as long as there is patience

    def read_timeout_s(self, left_s: float) -> float:
        """The longest silence to bear: the idle limit, or what is left until the deadline."""
        return max(1.0, min(IDLE_S, left_s))

    def check(self, left_s: float) -> None:
        """Raises DeadlineError once the deadline has passed."""
        if left_s <= 0:
            raise DeadlineError("the run's time is over")

    def check_wanted(self, left_s: float, cancel: "Wakes") -> None:
        """As `check`; also raises CallCancelledError once the run was asked to stop."""
        self.check(left_s)
        if cancel.is_set():
            raise CallCancelledError("stopped before the model was called")

    def gives_up(self, failure: Failure, left_s: float) -> bool:
        """Whether no wait helps. An empty allowance that begins anew before a run's deadline is worth one."""
        begins_anew = failure.trouble is Trouble.SPENT and self.wait_for_reset and math.isfinite(left_s)
        return failure.verdict is Verdict.GIVE_UP and not (begins_anew and (failure.retry_after_s or left_s) < left_s)

    def wait_s(self, failure: Failure, streak: "Streak", left_s: float) -> float:
        """How long to wait after `failure`, which `streak` counts already. `left_s`: until the deadline.

        Raises:
            ServiceError: the service stays away longer than there is patience or time for.
            DeadlineError: the deadline comes before the next attempt would.
        """
        now_s = self.clock()
        if streak.is_dear:
            raise self._stayed_away(failure, streak, f", {streak.charged} of them perhaps billed")
        if failure.retry_after_s is not None:
            wait_s = self._as_told(failure, max(LEAST_TOLD_WAIT_S, failure.retry_after_s), now_s, streak, left_s)
            streak.told_to_wait(now_s, wait_s)
            return wait_s
        if math.isinf(left_s) and (streak.is_long or streak.lasts_s(now_s) >= PATIENCE_S):
            raise self._stayed_away(failure, streak)
        wait_s = self._guess_s(streak, now_s)
        if wait_s >= left_s:
            raise self.out_of_time(streak)
        return wait_s

    def refused(self, failure: Failure) -> ServiceError:
        """That no wait helps, and when the service says that it takes calls again."""
        again_at = None if failure.retry_after_s is None else self.now() + timedelta(seconds=failure.retry_after_s)
        what = f"The model service refused: {failure.text.rstrip('.')}"
        return ServiceError(what, Halt(failure.trouble, again_at, failure.remedy))

    def out_of_time(self, streak: "Streak") -> Exception:
        """The deadline is there: the service's fault where it was away for long, else the run's time is over."""
        if streak.last is None:
            return DeadlineError("the run's time is over")
        if streak.lasts_s(self.clock()) >= PATIENCE_S:
            return self._stayed_away(streak.last, streak, " until the run's time was over")
        return DeadlineError(f"the run's time is over; the service last answered: {streak.last.text}")

    def pause(self, seconds: float, cancel: "Wakes") -> None:
        """Raises CallCancelledError when the run was asked to stop meanwhile."""
        self.sleep(seconds, cancel)
        if cancel.is_set():
            raise CallCancelledError("stopped while waiting for the model service")

    def _guess_s(self, streak: "Streak", now_s: float) -> float:
        if streak.lasts_s(now_s) >= PATIENCE_S:
            return CALM_WAIT_S * (1 + self.dice()) / 2
        return self.dice() * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(streak.failures - 1, 10))

    def _stayed_away(self, failure: Failure, streak: "Streak", until: str = "") -> ServiceError:
        did, took = FAILED[failure.trouble], in_words(streak.lasts_s(self.clock()))
        times = f"{streak.failures} times in a row" if streak.failures > 1 else "once"
        what = f"The model service {did} {times} in {took}{until}, last with: {failure.text.rstrip('.')}"
        return ServiceError(what, Halt(failure.trouble))

    def _as_told(self, failure: Failure, told_s: float, now_s: float, streak: "Streak", left_s: float) -> float:
        out_of_patience = math.isinf(left_s) and told_s < LONGEST_WAIT_S and streak.lasts_s(now_s) >= PATIENCE_S
        if told_s < self._longest_s(now_s, streak, left_s) and not out_of_patience:
            return told_s
        until = self.now() + timedelta(seconds=min(told_s, 10**9))
        what = f"rate limited until {moment(until)} (in {in_words(told_s)}), {self._why_not(now_s, streak, left_s)}"
        raise ServiceError(what, Halt(failure.trouble, until))

    def _longest_s(self, now_s: float, streak: "Streak", left_s: float) -> float:
        """The longest that may be waited from now on."""
        longest_s = LONGEST_TOLD_WAIT_S if self.wait_for_reset else PATIENCE_S
        if math.isfinite(left_s) and self.wait_for_reset:
            return left_s
        return min(left_s, streak.began_s + longest_s - now_s)

    def _why_not(self, now_s: float, streak: "Streak", left_s: float) -> str:
        if math.isinf(left_s) and streak.lasts_s(now_s) >= PATIENCE_S:
            return "as it has been saying for a while"
        if not self.wait_for_reset:
            return "and run.wait_for_reset is off"
        if math.isinf(left_s):
            return f"longer than a run without --until or --max-duration waits ({LONGEST_TOLD_WAIT_S / 3600:.0f} h)"
        return "which is past the run's time"


@dataclass
class Streak:
    """The failures of one call since it began, or since the service last said when to come back."""

    began_s: float
    failures: int = 0
    charged: int = 0  # over the whole call
    since_s: float = 0.0
    last: Failure | None = None

    def __post_init__(self) -> None:
        self.since_s = self.began_s

    @property
    def is_long(self) -> bool:
        return self.failures >= MOST_ATTEMPTS

    @property
    def is_dear(self) -> bool:
        """Enough attempts that may have been billed for nothing."""
        return self.charged >= MOST_CHARGED_ATTEMPTS

    def lasts_s(self, now_s: float) -> float:
        return now_s - self.since_s

    def add(self, failure: Failure) -> None:
        self.failures += 1
        self.charged += failure.charge is Charge.WORST
        self.last = failure

    def told_to_wait(self, now_s: float, wait_s: float) -> None:
        self.failures = 0
        if wait_s >= LONGEST_WAIT_S:  # after shorter ones, again and again, patience ends all the same
            self.since_s = now_s + wait_s


def in_words(seconds: float) -> str:
    """For example "1 h 05 min" or "40 s"."""
    if seconds < 120:  # then minutes say too little
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
