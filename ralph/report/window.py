"""Since when a report tells, and the nights before. A night lasts from 18:00 to 18:00 on this machine's clock, in summer and winter."""

from dataclasses import dataclass
from datetime import datetime, timedelta

EVENING = 18  # o'clock
DAY_NS = 86_400 * 10**9
MOST_BACK_DAYS = 7


@dataclass(frozen=True)
class Window:
    """`why` is said at the top of the report."""

    since_ns: int
    why: str


def default_window(now_ns: int, last_report_ns: int | None, going_since_ns: int | None = None) -> Window:
    """Since 18:00 yesterday; further back to the last report that was sent, so that nothing falls between two of them, and
    to the beginning of a run that went on through that evening.
    """
    evening_ns = evening_before(now_ns, 1)
    window = Window(evening_ns, "yesterday evening")
    if last_report_ns is not None and last_report_ns < evening_ns:
        window = Window(max(last_report_ns, now_ns - MOST_BACK_DAYS * DAY_NS), "the last report")
    if going_since_ns is not None and going_since_ns < window.since_ns:
        window = Window(going_since_ns, "a run that went on through the evening")
    return window


def evening_before(now_ns: int, days: int) -> int:
    """18:00, so many days before today."""
    now = datetime.fromtimestamp(now_ns / 1e9)  # noqa: DTZ006  # wall clock: an evening is one whatever the offset
    evening = (now - timedelta(days=days)).replace(hour=EVENING, minute=0, second=0, microsecond=0)
    return round(evening.timestamp() * 1e9)


def evenings(now_ns: int, count: int) -> list[int]:
    """When the last `count` nights began, the oldest first; the last one is the night that it is now, or was last."""
    newest = 0 if evening_before(now_ns, 0) <= now_ns else 1
    return [evening_before(now_ns, newest + back) for back in range(count - 1, -1, -1)]
