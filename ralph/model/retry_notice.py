"""What a person and a log are told when an attempt failed: words, and the fields of the MODEL_RETRY event."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ralph.deadline import Left
from ralph.model.failures import Failure
from ralph.model.pace import PATIENCE_S, in_words
from ralph.model.trouble import FAILED, Trouble

LONG_WAIT_S = 60.0
LASTS_S = 60.0  # failures for so long are no hiccup

Fields = Mapping[str, str | int | float | list[str]]


@dataclass
class Outage:
    """The failures of one call as a person hears of them.

    A run with a deadline may wait for hours: then each trouble is told once, that it lasts once, and its end once. One
    without gives up soon, and tells every wait.
    """

    clock: Callable[[], float]
    left_s: Left
    failed: Callable[[int, Failure, float], None]  # a wait, and why
    lasted: Callable[[Failure | None, float], None]  # that it lasts, or (None) that it is over, and for how long it did
    _began_s: float | None = None
    _told: set[Trouble] = field(default_factory=set)
    _lasts: bool = False

    def tell(self, number: int, failure: Failure, wait_s: float) -> None:
        """Attempt `number` failed; the next one is in `wait_s`."""
        began_s = self._began_s = self.clock() if self._began_s is None else self._began_s
        away_s = self.clock() - began_s
        if math.isinf(self.left_s()) or failure.dropped or self._is_new(failure, wait_s):
            self._lasts |= wait_s >= LONG_WAIT_S
            self.failed(number, failure, wait_s)
        elif away_s >= LASTS_S and not self._lasts:
            self._lasts = True
            self.lasted(failure, away_s)
        self._told.add(failure.trouble)

    def over(self) -> None:
        """The service has answered."""
        if self._lasts and self._began_s is not None:
            self.lasted(None, self.clock() - self._began_s)

    def _is_new(self, failure: Failure, wait_s: float) -> bool:
        return failure.trouble not in self._told or (failure.retry_after_s is not None and wait_s >= PATIENCE_S)


def retry_notice(attempt: int, failure: Failure, wait_s: float, now: datetime) -> tuple[str, Fields]:
    """The event's text, and its fields. `until` is there where the service said when to come back."""
    fields: dict[str, str | int | float | list[str]] = {"attempt": attempt, "error": failure.text, "wait_s": wait_s}
    if failure.dropped:
        names = ", ".join(failure.dropped)
        return f"the model service does not take {names}; going on without", fields | {"dropped": [*failure.dropped]}
    fields["trouble"] = failure.trouble.value
    if failure.retry_after_s is None:
        did = FAILED[failure.trouble]
        return f"the model service {did} ({failure.text}); trying again in {wait_s:.0f} s", fields
    until = now + timedelta(seconds=wait_s)
    fields["until"] = until.isoformat(timespec="seconds")
    if wait_s < LONG_WAIT_S:
        return f"the model service asked to wait ({failure.text}); trying again in {wait_s:.0f} s", fields
    clock = f"{until.astimezone():%H:%M}" if wait_s < 12 * 3600 else f"{until.astimezone():%Y-%m-%d %H:%M}"
    return f"waiting for the model service until {clock}, in {in_words(wait_s)} ({failure.text}); Ctrl-C stops", fields


def outage_notice(failure: Failure | None, away_s: float) -> tuple[str, Fields]:
    """That an outage lasts, or (None) that it is over."""
    if failure is None:
        return f"the model service answers again, after {in_words(away_s)}", {"away_s": away_s}
    fields = {"error": failure.text, "trouble": failure.trouble.value, "away_s": away_s}
    told = f"the model service {FAILED[failure.trouble]} for {in_words(away_s)} now ({failure.text})"
    return f"{told}; trying again until it answers or the run's time is over; Ctrl-C stops", fields
