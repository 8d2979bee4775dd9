"""When a cron line is due, by APScheduler's trigger, with cron's own meaning where the two differ.

Measured on APScheduler 3.11: it takes day-of-week 0 for Monday (cron: Sunday, and 7 too), and it fires a nightly
02:30 twice when the clocks go back. Where both days are named, cron means either and APScheduler both: refused here. Knows nothing about schedules or runs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from ralph.errors import RalphError

FIELDS = ("minute", "hour", "day of month", "month", "day of week")
TRIGGER_NAMES = ("minute", "hour", "day", "month", "day_of_week")
RANGES = ("0-59", "0-23", "1-31", "1-12 or jan-dec", "0-7 or sun-sat, 0 and 7 being Sunday")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_BACK = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=366))


class ScheduleError(RalphError):
    """A schedule cannot be stored or run as asked; the message says which and what to write instead."""


@dataclass(frozen=True)
class Cron:
    """A validated cron line in a time zone; times in and out are Unix nanoseconds."""

    line: str
    timezone: str

    @property
    def _zone(self) -> tzinfo:
        return ZoneInfo(self.timezone)

    @property
    def _trigger(self) -> CronTrigger:
        return _trigger(self.line, self.timezone)

    def next_due_ns(self, after_ns: int) -> int | None:
        """The first time after `after_ns`; None when there is none any more."""
        return next(self._due_after(after_ns), None)

    def latest_due_ns(self, after_ns: int, until_ns: int) -> int | None:
        """The last time in (after_ns, until_ns]; None when nothing was due. Looks at few times however long the gap."""
        starts = [until_ns - int(back.total_seconds()) * 10**9 for back in LOOK_BACK]
        for start in [*(start for start in starts if start > after_ns), after_ns]:
            latest = None
            for due in self._due_after(start):
                if due > until_ns:
                    break
                latest = due
            if latest is not None:
                return latest
        return None

    def count_due(self, after_ns: int, until_ns: int, most: int) -> int:
        """How often it was due in (after_ns, until_ns]; `most` where it was oftener."""
        times = takewhile(lambda due_ns: due_ns <= until_ns, self._due_after(after_ns))
        return sum(1 for _ in islice(times, most))

    def _due_after(self, after_ns: int) -> Iterator[int]:
        second, trigger = after_ns // 10**9, self._trigger
        while due := trigger.get_next_fire_time(None, datetime.fromtimestamp(second + 1, self._zone)):
            second = int(due.timestamp())
            if not self._repeated_by_the_clock(due):
                yield second * 10**9

    def _repeated_by_the_clock(self, due: datetime) -> bool:
        """The second 02:30 of the night when the clocks go back is no new day's 02:30."""
        return bool(due.fold) and not self.line.split()[1].startswith("*")


def parse_cron(line: str, timezone: str) -> Cron:
    """A cron line that will be due some day.

    Raises:
        ScheduleError: names the field that is wrong, or the time zone.
    """
    _check_zone(timezone)
    fields = line.split()
    if len(fields) != len(FIELDS):
        raise ScheduleError(
            f'cron "{line}" has {len(fields)} field{"s" * (len(fields) != 1)} instead of 5 (minute, hour, day of month, month, day of week). '
            'Write for example "0 2 * * *" for 02:00 every night.'
        )
    for position, field in enumerate(_in_trigger_words(line).split()):
        _check_field(line, position, field)
    if fields[2] != "*" and fields[4] != "*":
        raise ScheduleError(
            f'cron "{line}" names both a day of month and a day of week, which schedulers read in two ways. '
            'Make one of them "*", and add a second schedule for the other.'
        )
    cron = Cron(" ".join(fields), timezone)
    if cron.next_due_ns(int(datetime.now().astimezone().timestamp()) * 10**9) is None:
        raise ScheduleError(f'cron "{line}" is never due. Choose a day that its month has.')
    return cron


def local_timezone() -> str:
    """The name of this machine's time zone, `UTC` where it has none."""
    from tzlocal import get_localzone_name  # noqa: PLC0415 (looks through /etc; only wanted here)

    return str(get_localzone_name() or "UTC")


def _check_zone(timezone: str) -> None:
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise ScheduleError(
            f'timezone "{timezone}" is not known. Write a name such as "Europe/Berlin" or "UTC".'
        ) from error


def _check_field(line: str, position: int, field: str) -> None:
    try:
        CronTrigger(**{TRIGGER_NAMES[position]: field})
    except ValueError as error:
        wrong = line.split()[position]
        raise ScheduleError(
            f'cron "{line}": {FIELDS[position]} "{wrong}" is not valid. '
            f"It takes {RANGES[position]}, lists (1,2), ranges (1-5), steps (*/2) or *."
        ) from error


@lru_cache(maxsize=256)
def _trigger(line: str, timezone: str) -> CronTrigger:
    """Made once: a daemon asks at every tick."""
    return CronTrigger.from_crontab(_in_trigger_words(line), timezone=ZoneInfo(timezone))


def _in_trigger_words(line: str) -> str:
    *others, weekday = line.split()
    return " ".join([*others, ",".join(_weekdays(part) for part in weekday.lower().split(","))])


def _weekdays(part: str) -> str:
    """One item of cron's day-of-week list as a list of names, which mean the same to cron and to APScheduler."""
    match = re.fullmatch(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
    if match is None or part == "*":
        return part
    first, last, step = _day_number(match[1] or "0"), _day_number(match[2] or match[1] or "6"), int(match[3] or 1)
    if match[3] and not match[2]:
        last = 6
    if first is None or last is None or not step:
        return part if not part.isdigit() else "out-of-range"
    if match[2] in {"sun", "0"} and first:
        last = 7
    days = range(first, last + 1, step)
    return ",".join(DAYS[day] for day in days) if days else "backwards"


def _day_number(word: str) -> int | None:
    if word.isdigit():
        return int(word) if int(word) < len(DAYS) else None
    return DAYS.index(word) if word in DAYS else None
