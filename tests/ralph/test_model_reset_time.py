"""When a limit ends, as services say it; and what a call does until then."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ralph.model.reset_time import in_words, reset_at

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # a Saturday
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("message", "until"),
    [
        ("5-hour limit reached, resets 7pm", "11-21 19:00"),
        ("resets at 7pm", "11-21 19:00"),
        ("resets at 7 PM.", "11-21 19:00"),
        ("resets at 7:30 p.m.", "11-21 19:30"),
        ("You've hit your limit. It resets at 9:05am", "11-22 09:05"),
        ("resets at 12am", "11-22 00:00"),
        ("resets at 19:30", "11-21 19:30"),
        ("resets at 08:00", "11-22 08:00"),
        ("resets 3am (Europe/Berlin)", "11-22 02:00"),
        ("resets 7pm (America/New_York)", "11-22 00:00"),
        ("resets 6:59am (Asia/Tokyo)", "11-21 21:59"),
        ("resets at 19:30 UTC", "11-21 19:30"),
        ("resets 7pm PST", "11-22 03:00"),
        ("resets tomorrow at 3am", "11-22 03:00"),
        ("weekly limit reached, resets Nov 24 at 5pm", "11-24 17:00"),
        ("resets Nov 24th, 5pm (America/New_York)", "11-24 22:00"),
        ("try again at 2026-11-21T19:00:00Z", "11-21 19:00"),
        ("try again at 2026-11-21T19:00:00.123+01:00", "11-21 18:00"),
        ("Limit resets at: 2026-11-21 19:00:00 UTC", "11-21 19:00"),
        ("Limit resets at: 2026-11-21 19:00", "11-21 19:00"),
        ("You will regain access on 2026-11-25 at 00:00 UTC.", "11-25 00:00"),
        ("usage limit reached|1795276800", "11-21 16:00"),
        ("limit reached, resets at 1795276800000", "11-21 16:00"),
        ("Try again in 2 hours 10 minutes", "11-21 14:10"),
        ("available in about 2 hours, 10 min", "11-21 14:10"),
        ("try again in 2h10m", "11-21 14:10"),
        ("resets in 3 days", "11-24 12:00"),
        ("try again in 6m0s", "11-21 12:06"),
        ("wait 1 minute and 60 seconds", "11-21 12:02"),
        ("Please retry after 120 seconds", "11-21 12:02"),
        ("Please try again in 60000ms", "11-21 12:01"),
    ],
)
def test_a_time_in_words_is_read_as_the_next_such_moment(message: str, until: str) -> None:
    assert in_words(message, NOON, UTC) == datetime.strptime(f"2026-{until}+0000", "%Y-%m-%d %H:%M%z")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("try again later", id="no-time"),
        pytest.param("This request would exceed the rate limit of 30,000 input tokens per minute.", id="other-numbers"),
        pytest.param("Overloaded since 11am", id="no-word-of-coming-back"),
        pytest.param("resets at 25pm", id="no-such-hour"),
        pytest.param("resets at 0pm", id="no-such-hour-either"),
        pytest.param("resets 3am (Mars/Base)", id="no-such-zone"),
        pytest.param("resets Feb 31 at 5pm", id="no-such-day"),
        pytest.param("resets Dec 31 at 5pm", id="more-than-a-week-ahead"),
        pytest.param("try again in 8 days", id="more-than-a-week-in-days"),
        pytest.param("try again in 99999999999999999999 days", id="beyond-the-calendar"),
        pytest.param("try again at 2026-11-21T11:00:00Z", id="past"),
        pytest.param("try again at 2026-13-41T11:00:00Z", id="no-date"),
        pytest.param("resets 11:58am", id="just-now-is-not-tomorrow"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_no_believable_time_is_none(message: str) -> None:
    assert in_words(message, NOON, UTC) is None


def test_a_time_of_day_without_a_zone_is_the_machines_own() -> None:
    assert in_words("resets at 7pm", NOON, BERLIN) == datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
    assert in_words("resets at 7pm", NOON, NEW_YORK) == datetime(2026, 11, 22, 0, 0, tzinfo=UTC)


def test_a_night_on_which_the_clocks_change_counts_its_real_hours() -> None:
    evening = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)  # 22:00 in Berlin, which goes back at 03:00
    assert in_words("resets 6am (Europe/Berlin)", evening) == datetime(2026, 10, 25, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        pytest.param({"retry-after": "30"}, 30, id="seconds"),
        pytest.param({"retry-after": "0"}, 0, id="at-once"),
        pytest.param({"retry-after": "-5"}, 0, id="negative"),
        pytest.param({"retry-after-ms": "1500", "retry-after": "30"}, 1.5, id="milliseconds-come-first"),
        pytest.param({"retry-after": "Sat, 21 Nov 2026 12:01:30 GMT"}, 90, id="a-date"),
        pytest.param({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0, id="a-past-date"),
        pytest.param({"retry-after": "4294967"}, 4_294_967, id="any-distance"),
        pytest.param(
            {"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:40Z"},
            40, id="requests-used-up",
        ),
        pytest.param(
            {
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2026-11-21T12:05:00Z",
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:40Z",
            },
            300, id="the-later-of-two",
        ),
        pytest.param(
            {"anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-reset": "1795276800"},
            4 * 3600, id="an-epoch",
        ),
        pytest.param({"retry-after": "soon"}, 7 * 3600, id="nonsense-leaves-the-words"),
        pytest.param(
            {"anthropic-ratelimit-requests-remaining": "9", "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:40Z"},
            7 * 3600, id="what-is-not-used-up-does-not-count",
        ),
    ],
)  # fmt: skip
def test_headers_come_before_words(headers: Mapping[str, str], wait_s: float) -> None:
    assert reset_at("resets at 7pm", headers, NOON, UTC) == NOON + timedelta(seconds=wait_s)
