"""Until when a run may go on: a time of day in a time zone, counted from when the run was due.

Knows nothing about schedules or runs; times are Unix nanoseconds.
"""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from ralph.durations import time_of_day
from ralph.schedule.cron import ScheduleError

S_NS = 10**9


def parse_until(text: str) -> str:
    """As `closes_ns` takes it: "7:00" is "07:00".

    Raises:
        ScheduleError: it is no time of day.
    """
    found = time_of_day(text)
    if found is None:
        raise ScheduleError(f'until "{text}" is not a time of day. Write for example "07:00".')
    return f"{found:%H:%M}"


def closes_ns(due_ns: int, until: str | None, timezone: str) -> int | None:
    """The first time after `due_ns` when the clocks show `until`; None without a window.

    Where clocks show it twice in a night, the first of the two that lies ahead; where they skip it, as long after the
    skip as it would have been.
    """
    if until is None:
        return None
    zone, wanted = ZoneInfo(timezone), time.fromisoformat(until)
    day = datetime.fromtimestamp(due_ns // S_NS, zone).date()
    moments = [datetime.combine(day + timedelta(days=number), wanted, zone) for number in (0, 1)]
    return min(ns for moment in moments for ns in _shown_ns(moment) if ns > due_ns)


def _shown_ns(moment: datetime) -> tuple[int, int]:
    """When clocks show it: once, or twice where they are set back over it."""
    first, second = (int(moment.replace(fold=fold).timestamp()) * S_NS for fold in (0, 1))
    return first, max(first, second)


def iso_until(until_ns: int) -> str:
    """As `ralph run --until` reads it: ISO 8601 with this machine's offset."""
    return datetime.fromtimestamp(until_ns // S_NS).astimezone().isoformat(timespec="seconds")
