"""When a run has to end: after a length of time, at a moment, or at the earlier of the two.

A length is counted while the machine is awake. A moment is the wall clock's, so a machine that slept past it is out of
time when it wakes, and one whose clock is set right ends at the right time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from time import monotonic

from ralph.durations import next_time_of_day, time_of_day
from ralph.errors import RalphError
from tracing.words import length, local_time

Left = Callable[[], float]
"""Seconds until a run has to end: 0 or less when it is over, infinity where nothing ends it."""

LONGEST_UNTIL = timedelta(days=366)
DAY = timedelta(days=1)
GARBAGE = (
    '--until cannot be "{text}". Write a time of day such as 07:00 (the next one, in this machine\'s time), '
    "or a moment with its offset such as 2026-11-22T07:00:00+01:00."
)


def forever() -> float:
    """The time that is left of what no deadline ends."""
    return math.inf


@dataclass(frozen=True)
class Deadline:
    """The end of one run. Neither of the two given: there is none."""

    until: datetime | None = None
    ends_s: float | None = None  # on `clock`
    clock: Callable[[], float] = monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def left_s(self) -> float:
        """See `Left`."""
        of_length = math.inf if self.ends_s is None else self.ends_s - self.clock()
        return of_length if self.until is None else min(of_length, (self.until - self.now()).total_seconds())


def read_until(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment that `--until` names, in UTC. A time of day is the next one in `zone`, by default the machine's own.

    Raises:
        RalphError: it is no time, has no offset, is past, or is more than a year ahead.
    """
    if wanted := time_of_day(text):
        return next_time_of_day(wanted, now, zone)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RalphError(GARBAGE.format(text=text)) from None
    if moment.tzinfo is None:
        example = moment.replace(tzinfo=zone).astimezone(zone).isoformat(timespec="seconds")
        raise RalphError(f"--until {text}: a date needs the offset of its time zone, for example {example}.")
    if moment <= now:
        ago = length(round((now - moment).total_seconds() * 1e9))
        raise RalphError(f"--until {text} is past ({ago} ago). Give a later moment, or a time of day such as 07:00.")
    if moment - now > LONGEST_UNTIL:
        raise RalphError(f"--until {text} is more than a year ahead. Give an earlier moment, or leave it out.")
    return moment.astimezone(UTC)


def until_words(until: datetime, now: datetime) -> str:
    """As in "until 07:00"; with the date where the time of day alone says too little."""
    form = "%H:%M" if until - now <= DAY else "%Y-%m-%d %H:%M"
    return f"until {local_time(round(until.timestamp() * 1e9), form)}"
