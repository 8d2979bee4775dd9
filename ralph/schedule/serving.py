"""Whether anything carries schedules out in this state folder."""

from ralph.history.event_log import is_locked
from ralph.home import Home


def is_served(home: Home) -> bool:
    """Whether a daemon serves it: the daemon holds a lock as long as it lives."""
    return is_locked(home.root / "schedule" / "daemon.lock")
