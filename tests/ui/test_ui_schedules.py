"""The pages of schedules: next firing, nights at a glance and one by one, what to type; looking changes nothing."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ralph.errors import ExitCode
from ralph.home import find_home
from ralph.schedule.nights import MARKS, Mark, logs_of
from ralph.schedule.reading import read_plans
from ralph.ui.notices import notices
from ralph.ui.schedules import schedule_view, schedules_view
from tests.browser.nights import a_fortnight
from tracing import TraceStore
from tracing.web.page import NotFoundError, Query


def query(store: TraceStore, **path: str) -> Query:
    return Query(store, path=path, now_ns=time.time_ns())


@pytest.fixture
def fortnight(store: TraceStore, tmp_path: Path) -> TraceStore:
    (tmp_path / "kitty").mkdir()
    a_fortnight(find_home(), tmp_path / "kitty", time.time_ns())
    return store


def test_every_exit_code_has_a_mark() -> None:
    assert set(MARKS) == set(ExitCode)


def test_looking_creates_no_ledger_and_says_how_to_add_a_schedule(
    store: TraceStore, browse: Callable[[str], str]
) -> None:
    assert "ralph schedule add nightly" in browse("/schedules")
    assert not find_home().ledger_db.exists()


def test_nights_are_told_at_a_glance_with_mark_word_and_cost(
    fortnight: TraceStore, browse: Callable[[str], str]
) -> None:
    view = schedules_view(query(fortnight), find_home())
    nightly = next(card for card in view.schedules if card.name == "nightly")
    marks = [cell.mark for cell in nightly.strip]
    assert len(marks) == 14
    assert {Mark.DONE, Mark.WENT_ON, Mark.SKIPPED, Mark.CUT_SHORT} <= set(marks)
    assert nightly.last is not None
    assert nightly.last.mark is Mark.DONE
    assert nightly.cost_micros > 10_000_000
    page = browse("/schedules")
    assert page.count('class="word"') >= 28
    assert "Nothing carries schedules out now." in page
    docs = next(card for card in view.schedules if card.name == "docs")
    assert (docs.paused, docs.strip, docs.next_at_ns) == (True, (), None)


def test_the_next_firing_is_told_by_its_own_clock_and_by_this_machines(fortnight: TraceStore) -> None:
    [shop] = [card for card in schedules_view(query(fortnight), find_home()).schedules if card.name == "shop"]
    assert shop.next.endswith("01:30 (America/New_York)")
    assert shop.next_here
    assert shop.last is not None
    assert (shop.last.mark, shop.last.said[:28]) == (Mark.FAILED, "ANTHROPIC_API_KEY is not set")


def test_a_schedules_own_page_has_each_night_with_its_traces_its_log_and_what_to_type(
    fortnight: TraceStore, browse: Callable[[str], str]
) -> None:
    view = schedule_view(query(fortnight, schedule="nightly"), find_home())
    went_on = next(night for night in view.nights if night.mark is Mark.WENT_ON)
    assert (went_on.parts, len(went_on.runs), went_on.cost_micros) == (2, 2, 1_430_000)
    assert "stories remain" in went_on.words
    page = browse("/schedules/nightly")
    assert f'href="/sessions/{went_on.runs[0]}"' in page
    commands = [one.command for one in view.commands]
    assert "ralph schedule run-now nightly" in commands
    assert "ralph schedule edit nightly --cron '0 2 * * *' --until 07:00" in commands
    assert json.loads(browse("/schedules/nightly.json"))["nights"][0]["due"]


def test_a_log_is_text_on_the_page(fortnight: TraceStore, browse: Callable[[str], str]) -> None:
    plan = next(plan for plan in read_plans(find_home(), time.time_ns()) if plan.name == "nightly")
    [log] = logs_of(find_home(), plan.outcomes[0])
    log.write_text("<script>alert(1)</script>\x1b[2J\x1b]0;owned\x07 done\n")
    page = browse("/schedules/nightly")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; done" in page
    assert "\x1b" not in page


def test_a_schedule_that_is_not_there_is_said_with_those_that_are(fortnight: TraceStore) -> None:
    with pytest.raises(NotFoundError, match="There are: docs, nightly, shop"):
        schedule_view(query(fortnight, schedule="weekly"), find_home())


def test_a_night_that_has_not_begun_is_on_the_first_page_too(
    fortnight: TraceStore, browse: Callable[[str], str]
) -> None:
    """Two days later, and no daemon has looked."""
    later = Query(fortnight, now_ns=time.time_ns() + 2 * 86_400 * 10**9)
    late = [card.name for card in schedules_view(later, find_home()).schedules if card.overdue]
    assert sorted(late) == ["nightly", "shop"]
    lines = [(one.page, one.text[-13:]) for one in notices(find_home(), later.now_ns)]
    assert lines[:2] == [("schedules", "has not begun")] * 2
    assert "An alert fires: The day" in browse("/")
