"""What was spent: against the limits of the day, and night by night; and how many of the tried stories were committed."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from statistics import median

from ralph.errors import RalphError
from ralph.home import Home
from ralph.limits import run_scope
from ralph.report.facts import Change, Cost, Day, Night
from ralph.report.logs import RunLog
from ralph.report.window import DAY_NS, evenings
from ralph.report.work import cost_of, is_try
from ralph.settings.load import load_settings
from tracing.budget import Ledger, Spend, day_scope
from tracing.span import TraceStatus
from tracing.sqlite import StateError
from tracing.store import TraceRow

NIGHTS = 7
FEWEST = 3  # nights that a median is taken of
MOST_DAYS = 2  # of the ledger, which has days of UTC: a night touches two
NOTHING = Spend(0, 0)


class Purse:
    """The ledger, read once; nothing where it is not there or cannot be read, which is told as something that needs a person."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def of_runs(self, logs: Iterable[RunLog]) -> dict[str, Spend]:
        scopes = {log.head.run: run_scope(log.head.run) for log in logs}
        found = self._spent(list(scopes.values()))
        return {run: found.get(scope, NOTHING) for run, scope in scopes.items()}

    def days(self, since_ns: int, now_ns: int) -> tuple[Day, ...]:
        """The last days (UTC) that the time touches, and on which anything counts."""
        first, last = (datetime.fromtimestamp(at_ns / 1e9, UTC).date() for at_ns in (since_ns, now_ns))
        count = min((last - first).days + 1, MOST_DAYS)
        days = [last - timedelta(days=back) for back in range(count - 1, -1, -1)]
        found = self._spent([day_scope(day) for day in days])
        limit_micros = _day_limit(self._home)
        rows = ((day.isoformat(), found.get(day_scope(day), NOTHING)) for day in days)
        return tuple(
            Day(day, spend.known_micros, spend.total_micros, limit_micros) for day, spend in rows if spend.total_micros
        )

    def _spent(self, scopes: Sequence[str]) -> dict[str, Spend]:
        if not scopes or not self._home.ledger_db.is_file():
            return {}
        try:
            with closing(Ledger.open(self._home.ledger_db)) as ledger:
                return {scope: ledger.spent(scope) for scope in scopes}
        except (StateError, sqlite3.Error):
            return {}


def nights(rows: Sequence[TraceRow], now_ns: int, count: int = NIGHTS) -> tuple[Night, ...]:
    """The last ones, the oldest first; those before anything ever ran are left out."""
    began = evenings(now_ns, count)
    found = [_night(rows, start, end) for start, end in zip(began, [*began[1:], now_ns + 1], strict=True)]
    first = next((number for number, night in enumerate(found) if night.tried or night.cost.known_micros), len(found))
    return tuple(found[first:])


def change(rows: Sequence[TraceRow], since_ns: int) -> Change:
    """What was tried since then, beside the seven days before."""
    now = [row for row in rows if row.started_at_ns >= since_ns]
    before = [row for row in rows if since_ns - NIGHTS * DAY_NS <= row.started_at_ns < since_ns]
    done, tried = _stories(now)
    nights_before = [night for night in _each_day(before, since_ns) if night]
    counted = [_stories(night) for night in nights_before]
    done_before, tried_before = (sum(column) for column in zip(*counted, strict=True)) if counted else (0, 0)
    return Change(
        done=done,
        tried=tried,
        per_story_micros=_per_story(now, done),
        nights=len(nights_before),
        done_before=done_before,
        tried_before=tried_before,
        per_story_before_micros=_per_story(before, done_before),
    )


def usual_micros(found: Sequence[Night]) -> int | None:
    """What a night costs in the median of those before the newest that cost anything; None with fewer than three."""
    costs = [night.cost.known_micros for night in found[:-1] if night.cost.known_micros]
    return round(median(costs)) if len(costs) >= FEWEST else None


def _each_day(rows: Sequence[TraceRow], before_ns: int) -> Iterable[list[TraceRow]]:
    for back in range(1, NIGHTS + 1):
        start_ns = before_ns - back * DAY_NS
        yield [row for row in rows if start_ns <= row.started_at_ns < start_ns + DAY_NS]


def _night(rows: Sequence[TraceRow], start_ns: int, end_ns: int) -> Night:
    tonight = [row for row in rows if start_ns <= row.started_at_ns < end_ns]
    done, tried = _stories(tonight)
    return Night(start_ns, done, tried, cost_of(tonight))


def _stories(rows: Iterable[TraceRow]) -> tuple[int, int]:
    """How many were committed, of how many that were tried and are not being tried any more."""
    ended = [row for row in rows if is_try(row) and row.status is not TraceStatus.RUNNING]
    done = {(row.repo, row.story) for row in ended if row.status is TraceStatus.SUCCESS}
    return len(done), len({(row.repo, row.story) for row in ended})


def _per_story(rows: Iterable[TraceRow], done: int) -> int | None:
    """None where calls were made at a price that nobody knows, too."""
    cost: Cost = cost_of(rows)
    return round(cost.known_micros / done) if done and not cost.unknown_micros else None


def _day_limit(home: Home) -> int | None:
    """The user's own: a repo may tighten it for itself."""
    try:
        return load_settings(home.root, home).settings.limits.micros("per_day_usd")
    except RalphError:
        return None
