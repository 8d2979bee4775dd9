"""`--until`: which moment it names, and that it is the wall clock's."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ralph.deadline import Deadline, read_until, until_words
from ralph.errors import ExitCode, RalphError
from ralph.schedule.window import closes_ns

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "now", "moment"),
    [
        pytest.param("07:00", NIGHT, "2026-11-22T07:00:00+01:00", id="this-morning"),
        pytest.param("7:00", NIGHT, "2026-11-22T07:00:00+01:00", id="without-a-zero"),
        pytest.param("01:59", NIGHT, "2026-11-23T01:59:00+01:00", id="tomorrow"),
        pytest.param("02:00", NIGHT, "2026-11-23T02:00:00+01:00", id="just-now-is-tomorrow"),
        pytest.param("2026-11-22T07:00:00+01:00", NIGHT, "2026-11-22T07:00:00+01:00", id="a-moment"),
        pytest.param("2026-11-22T06:00Z", NIGHT, "2026-11-22T07:00:00+01:00", id="in-utc"),
        pytest.param("07:00", datetime(2026, 3, 28, 22, tzinfo=BERLIN), "2026-03-29T07:00:00+02:00", id="spring"),
        pytest.param("07:00", datetime(2026, 10, 24, 22, tzinfo=BERLIN), "2026-10-25T07:00:00+01:00", id="autumn"),
        pytest.param("02:30", datetime(2026, 3, 29, 1, tzinfo=BERLIN), "2026-03-29T03:30:00+02:00", id="skipped"),
        pytest.param("02:30", datetime(2026, 10, 25, 1, tzinfo=BERLIN), "2026-10-25T02:30:00+02:00", id="twice"),
        pytest.param(
            "02:30", datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN), "2026-10-25T02:30:00+01:00", id="second-of-two"
        ),
    ],
)
def test_a_time_of_day_is_the_next_one_and_a_moment_is_itself(text: str, now: datetime, moment: str) -> None:
    assert read_until(text, now.astimezone(UTC), BERLIN) == datetime.fromisoformat(moment)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clock is set to it."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("night", [datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)])
def test_a_run_by_hand_and_a_scheduled_one_end_at_the_same_moment_in_nights_when_the_clocks_change(
    night: datetime,
) -> None:
    for minutes in range(0, 12 * 60, 15):
        now = night + timedelta(minutes=minutes)
        for until in ("01:30", "02:00", "02:30", "02:59", "03:00", "03:30", "07:00"):
            scheduled_ns = closes_ns(int(now.timestamp()) * 10**9, until, "Europe/Berlin")
            assert int(read_until(until, now, BERLIN).timestamp()) * 10**9 == scheduled_ns
            assert int(read_until(until, now).timestamp()) * 10**9 == scheduled_ns


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("24:00", '--until cannot be "24:00". Write a time of day such as 07:00 (the next one', id="hour"),
        pytest.param("soon", "or a moment with its offset such as 2026-11-22T07:00:00+01:00.", id="garbage"),
        pytest.param("", '--until cannot be "".', id="nothing"),
        pytest.param("2026-11-22T07:00", "needs the offset of its time zone, for example 2026-11-22T07:00:00+01:00.", id="naive"),
        pytest.param("2026-11-22T01:00+01:00", "--until 2026-11-22T01:00+01:00 is past (1h00m ago). Give a later moment", id="past"),
        pytest.param("2028-01-01T00:00Z", "is more than a year ahead. Give an earlier moment", id="far"),
    ],
)  # fmt: skip
def test_what_is_no_time_to_come_is_refused_with_what_to_write(text: str, words: str) -> None:
    with pytest.raises(RalphError) as caught:
        read_until(text, NIGHT, BERLIN)
    assert words in str(caught.value)
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("ends_s", "until_s", "left_s"),
    [
        pytest.param(None, None, math.inf, id="none"),
        pytest.param(50.0, None, 50.0, id="a-length"),
        pytest.param(None, 70.0, 70.0, id="a-moment"),
        pytest.param(50.0, 70.0, 50.0, id="the-length-first"),
        pytest.param(90.0, 70.0, 70.0, id="the-moment-first"),
    ],
)
def test_the_earlier_of_a_length_and_a_moment_holds(ends_s: float | None, until_s: float | None, left_s: float) -> None:
    until = None if until_s is None else NIGHT + timedelta(seconds=until_s)
    assert Deadline(until, ends_s, clock=lambda: 0.0, now=lambda: NIGHT).left_s() == left_s


def test_a_machine_that_slept_past_the_moment_is_out_of_time_when_it_wakes() -> None:
    now = NIGHT
    deadline = Deadline(NIGHT + timedelta(hours=5), 8 * 3600.0, clock=lambda: 0.0, now=lambda: now)
    assert deadline.left_s() == 5 * 3600
    now += timedelta(hours=6)
    assert deadline.left_s() == -3600


def test_the_date_is_said_where_the_time_alone_says_too_little() -> None:
    now = datetime.now(UTC)
    assert until_words(now + timedelta(hours=5), now) == f"until {(now + timedelta(hours=5)).astimezone():%H:%M}"
    assert until_words(now + timedelta(days=3), now) == f"until {(now + timedelta(days=3)).astimezone():%Y-%m-%d %H:%M}"
