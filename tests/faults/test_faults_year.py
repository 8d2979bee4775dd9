"""A year of nights over all parts: no night is lost or doubled, no money over, everything told once, and the folder stays small.

See `year.py`: the production code on one state folder, with a clock that jumps. The year is slow; some weeks of spring, in which
the clocks change on both sides of the Atlantic, are played each time.
"""

import logging
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ralph.errors import ExitCode
from ralph.schedule.rows import Outcome, State
from tests.faults.year import NEW_YEAR, SCHEDULES, ZONE, Year, a_year, play
from tests.faults.year_ground import due_times, memory, ns
from tests.faults.year_night import HOUR_NS, PER_DAY
from tracing.budget import Ledger
from tracing.sqlite import connect
from tracing.store import TraceFilter, TraceStore
from tracing.store.soundness import unsound

SPRING = datetime(2026, 3, 6, 12, tzinfo=UTC)
SHORT_DAYS = 24
TOLD_OF = {ExitCode.USAGE, ExitCode.SERVICE, ExitCode.BUSY, ExitCode.BUG}  # and what was given up or skipped
BANDS = (95, 80, 50)  # percents of a limit


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=memory()) as name:
        yield Path(name)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_some_weeks_of_nights_come_out_right(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with a_year(folder, 3, SPRING) as year:
        play(year, SHORT_DAYS)
        assert_accounted(year, SHORT_DAYS)
        assert_sound(year)
    assert_calm(caplog)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.soak), pytest.param(3, marks=pytest.mark.soak)])
def test_a_year_of_nights_comes_out_right(folder: Path, caplog: pytest.LogCaptureFixture, seed: int) -> None:
    with a_year(folder, seed, NEW_YEAR) as year:
        play(year, 365, (60, 120, 180, 365))
        assert_accounted(year, 365)
        assert_sound(year)
        assert_small(year)
    assert_calm(caplog)


def assert_accounted(year: Year, days: int) -> None:
    """Each due time of the calendar is one row that is done, or skipped with a reason, or counted in another one's."""
    seen = {name: [one for one in year.outcomes.values() if one.schedule == name] for name in ("berlin", "york")}
    for name, due in (
        ("berlin", due_times(year.start, 2, 30, ZONE, days)),
        ("york", due_times(year.start, 1, 0, "America/New_York", days)),
    ):
        lost = len(due) - sum(1 + one.missed for one in seen[name])
        assert (len(due), lost) == (days, 0), name
        assert {ns(one.due_at) for one in seen[name]} <= due
        assert sum(one.state is State.DONE for one in seen[name]) > days // 2
    settle(year)
    for one in year.outcomes.values():
        assert one.state in {State.DONE, State.SKIPPED}
        assert one.exit_code is not None or one.note, one
    assert set(year.recorded.values()) == {1}, "an end was recorded twice"
    for leg, count in year.executed.items():
        assert count <= 1 + year.killed[leg], "a leg was executed again though nothing had killed it"
    done = {one.id for one in year.outcomes.values() if one.state is State.DONE and one.exit_code is not None}
    assert done <= {run for run, _ in year.executed}


def settle(year: Year) -> None:
    """Nothing more falls due; what is open ends, and what waits is told."""
    for name in SCHEDULES:
        year.store.pause(name)
    year.live(year.now_ns + 48 * HOUR_NS)
    for _ in range(4):
        year.now_ns += HOUR_NS
        year.moment()


def assert_sound(year: Year) -> None:
    assert_within_limits(year)
    assert_told(year)
    for path in (year.home.ledger_db, year.home.traces_db):
        with closing(connect(path, synchronous="FULL")) as db:
            assert [tuple(row) for row in db.execute("PRAGMA integrity_check")] == [("ok",)]
            assert list(db.execute("PRAGMA foreign_key_check")) == []
    with closing(TraceStore.open(year.home.traces_db)) as store:
        rows = store.traces(TraceFilter(limit=10_000))
        assert rows
        assert [row.trace_id for row in rows if row.ended_at_ns is None] == []
        newest = rows[0]
        assert newest.trace_id in {row.trace_id for row in store.traces(TraceFilter(text="cart", limit=10_000))}
    with closing(connect(year.home.traces_db, synchronous="NORMAL")) as db:
        assert unsound(db) == []


def assert_within_limits(year: Year) -> None:
    with closing(Ledger.open(year.home.ledger_db)) as ledger, closing(sqlite3.connect(year.home.ledger_db)) as db:
        days = [scope for (scope,) in db.execute("SELECT scope FROM scope_totals WHERE scope LIKE 'day:%'")]
        used = {scope: ledger.spent(scope).total_micros for scope in days}
    assert max(used.values()) > PER_DAY // 2, "the days were too cheap to say anything"
    assert {scope: micros for scope, micros in used.items() if micros > PER_DAY} == {}
    told = [str(one["key"]) for one in messages(year, "limit_used")]
    for scope, micros in used.items():
        band = next((percent for percent in BANDS if micros * 100 >= percent * PER_DAY), 0)
        assert (told.count(scope) >= 1) == (band > 0), f"{scope}: {band} %"
        assert told.count(scope) <= len(BANDS)


def assert_told(year: Year) -> None:
    """By what was written down beside, not by what Ralph remembers."""
    assert [id_ for id_, count in Counter(one["webhook-id"] for one in year.got).items() if count > 1] == []
    reports = [str(one["webhook-id"]) for one in year.got if str(one["webhook-id"]).startswith("report:")]
    assert sorted(reports) == sorted(f"{day}" for day in year.reports)
    parked = Counter(str(one["key"]) for one in messages(year, "story_parked"))
    assert parked == Counter(f"{repo_id[:16]}/{story_id}" for repo_id, story_id in year.told.parked)
    failed = messages(year, "trace_failed")
    assert {one["trace_id"] for one in failed} <= set(year.told.failed)
    assert len(failed) + sum(int(str(one["more"])) for one in failed) == len(year.told.failed)
    due = Counter(str(one["key"]) for one in messages(year, "schedule_failed"))
    assert due == Counter(one.schedule for one in year.outcomes.values() if was_bad(one))


def was_bad(one: Outcome) -> bool:
    return one.exit_code is None or one.exit_code in TOLD_OF


def messages(year: Year, rule: str) -> list[dict[str, object]]:
    facts = [one["data"]["data"] for one in year.got]  # type: ignore[index]
    return [one for one in facts if one.get("rule") == rule]


def assert_small(year: Year) -> None:
    """The folder of a year is that of four months: what is kept for 30 days at most has come to rest by then."""
    early, late = year.sizes[120], year.sizes[365]
    assert late.bytes <= 1.3 * early.bytes, year.sizes
    assert late.files <= 1.3 * early.files + 10, year.sizes
    before, after = by_kind(early.rows), by_kind(late.rows)
    kept = {table for table in after if after[table] > 1.5 * before[table] + 60}
    assert kept <= FOR_EVER, {table: (before[table], after[table]) for table in kept}


def by_kind(rows: Mapping[str, int]) -> Counter[str]:
    """The volumes of the full-text index together: each is a table of its own."""
    found: Counter[str] = Counter()
    for table, count in rows.items():
        found[re.sub(r"(?<=mention_text)_\d+", "", table)] += count
    return found


FOR_EVER = {f"ledger.{name}" for name in ("reservations", "reservation_scopes", "scope_totals", "corrections")}
FOR_EVER |= {"traces.past_calls"}  # sums of what deleted calls cost, one a day and story


def assert_calm(caplog: pytest.LogCaptureFixture) -> None:
    loud = [record.getMessage() for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]
    assert loud == []
