"""One line each on the first page for what has pages of its own: alerts that fire, schedules that did not begin."""

from collections.abc import Iterator
from dataclasses import dataclass

from ralph.alerts.overview import read_kept
from ralph.history.looks import UNREADABLE
from ralph.home import Home
from ralph.schedule.reading import read_plans
from ralph.schedule.words import when

TOLD_BY_PLANS = "schedule_missed"


@dataclass(frozen=True)
class Notice:
    text: str
    page: str  # the name of the page that tells more


def notices(home: Home, now_ns: int) -> tuple[Notice, ...]:
    """None where the ledger cannot be read: that is told as what needs a look first."""
    try:
        return tuple(_notices(home, now_ns))
    except UNREADABLE:
        return ()


def _notices(home: Home, now_ns: int) -> Iterator[Notice]:
    for plan in read_plans(home, now_ns):
        if plan.overdue:
            due = when(plan.overdue.due_at, plan.row.schedule.cron.timezone)
            yield Notice(f"{plan.name} was due {due} and has not begun", "schedules")
    firing = [one.alert.title for one in read_kept(home, now_ns).firing if one.alert.rule != TOLD_BY_PLANS]
    if firing:
        others = f" and {len(firing) - 1} more" if len(firing) > 1 else ""
        yield Notice(f"An alert fires: {firing[0]}{others}", "alerts")
