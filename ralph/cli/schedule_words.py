"""What every screen about schedules says alike."""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ralph.home import Home
    from ralph.schedule.store import Schedule

AT_ONCE = "nothing carries schedules out now. From boot on: ralph schedule install; in this terminal: ralph daemon"


def when(moment: datetime | None, timezone: str) -> str:
    """By the schedule's own clock, which its cron line speaks of."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    return "never again" if moment is None else moment.astimezone(ZoneInfo(timezone)).strftime("%a %Y-%m-%d %H:%M")


def window_words(schedule: "Schedule") -> str:
    """As in ", until 07:00"; or ""."""
    return f", until {schedule.until}" if schedule.until else ""


def is_served(home: "Home") -> bool:
    """Whether a daemon serves this state folder."""
    from ralph.history.event_log import is_locked  # noqa: PLC0415  # heavy, and --help must be fast

    return is_locked(home.root / "schedule" / "daemon.lock")


def serving_words(home: "Home") -> list[str]:
    """What to do where nothing carries schedules out."""
    return [] if is_served(home) else [AT_ONCE]
