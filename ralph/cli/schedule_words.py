"""What every screen about schedules says alike."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ralph.home import Home
    from ralph.schedule.store import Schedule

AT_ONCE = "nothing carries schedules out now. From boot on: ralph schedule install; in this terminal: ralph daemon"


def window_words(schedule: "Schedule") -> str:
    """As in ", until 07:00"; or ""."""
    return f", until {schedule.until}" if schedule.until else ""


def serving_words(home: "Home") -> list[str]:
    """What to do where nothing carries schedules out."""
    from ralph.schedule.serving import is_served  # noqa: PLC0415  # heavy, and --help must be fast

    return [] if is_served(home) else [AT_ONCE]
