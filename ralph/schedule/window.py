"""Until when a run may go on: a time of day in a time zone, counted from when the run was due.

Knows nothing about schedules or runs; times are Unix nanoseconds.
"""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from ralph.durations import next_time_of_day, time_of_day
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
    """The first time after `due_ns` when the clocks show `until`, as `ralph run --until` has it; None without a window."""
    if until is None:
        return None
    due = datetime.fromtimestamp(due_ns // S_NS, UTC)
    return int(next_time_of_day(time.fromisoformat(until), due, ZoneInfo(timezone)).timestamp()) * S_NS


def iso_until(until_ns: int) -> str:
    """As `ralph run --until` reads it: ISO 8601 with this machine's offset."""
    return datetime.fromtimestamp(until_ns // S_NS).astimezone().isoformat(timespec="seconds")
