from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from ralph.schedule.cron import Cron, ScheduleError, local_timezone, parse_cron

BERLIN = "Europe/Berlin"


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


def times(line: str, start: datetime, count: int, timezone: str = "UTC") -> list[datetime]:
    cron, after, found = parse_cron(line, timezone), ns(start), []
    for _ in range(count):
        due = cron.next_due_ns(after)
        assert due is not None
        found.append(datetime.fromtimestamp(due / 10**9, ZoneInfo(timezone)))
        after = due
    return found


@pytest.mark.parametrize(
    ("weekday", "names"),
    [
        pytest.param("0", "Sun", id="0-is-sunday"),
        pytest.param("7", "Sun", id="7-is-sunday-too"),
        pytest.param("1-5", "Mon Tue Wed Thu Fri", id="working-days"),
        pytest.param("5-7", "Sun Fri Sat", id="over-the-weekend"),
        pytest.param("fri-sun", "Sun Fri Sat", id="names-over-the-weekend"),
        pytest.param("SUN,wed", "Sun Wed", id="names"),
        pytest.param("*/2", "Sun Tue Thu Sat", id="steps"),
        pytest.param("1/2", "Mon Wed Fri", id="steps-from-monday"),
        pytest.param("1-5/2", "Mon Wed Fri", id="steps-in-a-range"),
    ],
)
def test_days_of_the_week_mean_what_cron_means(weekday: str, names: str) -> None:
    week = times(f"0 2 * * {weekday}", datetime(2026, 11, 21, 23, tzinfo=UTC), len(names.split()))

    assert " ".join(due.strftime("%a") for due in week) == names


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("* * *", "has 3 fields instead of 5 (minute, hour,", id="too-few"),
        pytest.param("61 * * * *", 'minute "61" is not valid. It takes 0-59, lists', id="minute"),
        pytest.param("0 25 * * *", 'hour "25" is not valid. It takes 0-23,', id="hour"),
        pytest.param("0 0 0 * *", 'day of month "0" is not valid. It takes 1-31,', id="day"),
        pytest.param("0 0 * foo *", 'month "foo" is not valid. It takes 1-12 or jan-dec,', id="month"),
        pytest.param("0 0 * * 8", 'day of week "8" is not valid. It takes 0-7 or sun-sat,', id="weekday"),
        pytest.param("0 0 * * fri-mon", 'day of week "fri-mon" is not valid.', id="weekday-backwards"),
        pytest.param("0 0 * * */0", 'day of week "*/0" is not valid.', id="weekday-no-step"),
        pytest.param("*/0 * * * *", 'minute "*/0" is not valid.', id="no-step"),
        pytest.param("0 0 31 2 *", "is never due. Choose a day that its month has.", id="never"),
        pytest.param("0 0 13 * 5", "names both a day of month and a day of week", id="both-days"),
        pytest.param("", "has 0 fields instead of 5", id="empty"),
    ],
)
def test_a_wrong_cron_line_is_refused_with_the_field_that_is_wrong(line: str, message: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse_cron(line, "UTC")

    assert str(refused.value).startswith(f'cron "{line}"')
    assert message in str(refused.value)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", ""])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleError, match=r"is not known\. Write a name such as"):
        parse_cron("0 2 * * *", zone)


def test_a_nightly_run_happens_once_in_the_night_when_the_clocks_go_back() -> None:
    nights = times("30 2 * * *", datetime(2026, 10, 24, 12, tzinfo=UTC), 3, BERLIN)

    assert [night.day for night in nights] == [25, 26, 27]


def test_a_nightly_run_happens_in_the_night_when_its_hour_is_skipped() -> None:
    nights = times("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=UTC), 2, BERLIN)

    assert [(night.day, night.hour) for night in nights] == [(29, 3), (30, 2)]


def test_a_half_hourly_run_keeps_its_rhythm_when_the_clocks_go_back() -> None:
    due = times("*/30 * * * *", datetime(2026, 10, 24, 23, tzinfo=UTC), 8, BERLIN)

    assert {later.astimezone(UTC) - earlier.astimezone(UTC) for earlier, later in pairwise(due)} == {
        timedelta(minutes=30)
    }


@pytest.mark.parametrize(
    ("line", "gap", "latest"),
    [
        pytest.param("* * * * *", timedelta(days=400), datetime(2026, 11, 21, 12, 0, tzinfo=UTC), id="each-minute"),
        pytest.param("0 2 * * *", timedelta(days=400), datetime(2026, 11, 21, 2, 0, tzinfo=UTC), id="nightly"),
        pytest.param("0 0 1 1 *", timedelta(days=400), datetime(2026, 1, 1, tzinfo=UTC), id="yearly"),
        pytest.param("0 0 29 2 *", timedelta(days=1200), datetime(2024, 2, 29, tzinfo=UTC), id="leap-days"),
        pytest.param("0 13 * * *", timedelta(hours=3), None, id="not-yet"),
        pytest.param("0 12 * * *", timedelta(0), None, id="nothing-passed"),
    ],
)
def test_the_latest_due_time_is_found_however_long_nobody_looked(
    line: str, gap: timedelta, latest: datetime | None
) -> None:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    assert Cron(line, "UTC").latest_due_ns(ns(now - gap), ns(now)) == (latest and ns(latest))


def test_this_machine_has_a_time_zone() -> None:
    assert ZoneInfo(local_timezone())
