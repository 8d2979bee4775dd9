"""The report in the viewer: the words of `ralph report` in its order, with the way to each trace."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ralph.home import find_home
from ralph.replay.scripted import finish_blocked, finish_done
from ralph.report.gather import gather
from ralph.report.told import told
from tracing import TraceStore

World = Any


def test_before_anything_ran_it_says_so_and_creates_no_ledger(store: TraceStore, browse: Callable[[str], str]) -> None:
    page = browse("/report")
    assert "<h1>Nothing ran</h1>" in page
    assert "ralph schedule add nightly" in page
    assert not find_home().ledger_db.exists()


def test_it_is_the_report_of_the_terminal_with_links(
    world: World, tools: Any, store: TraceStore, browse: Callable[[str], str]
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    world.ralph(
        "--max-iterations", "2", "--plain",
        script=[tools.writes(1, "good"), finish_done("Wrote it."), finish_blocked("Which colour?"), finish_blocked("Which colour?")],
    )  # fmt: skip
    outline = told(gather(find_home()))
    page = browse("/report")
    places = [page.index(f">{section.title}</h2>") for section in outline.sections]
    assert places == sorted(places)
    assert f"<h1>{outline.title}</h1>" in page
    done = next(row.trace_id for row in store.traces() if row.story == "US-001")
    assert f'href="/traces/{done}"' in page
    assert json.loads(browse("/report.json"))["report"]["works"][0]["done"][0]["story"] == "US-001"


@pytest.mark.parametrize("since", ["24h", "7d", "2026-11-20"])
def test_since_when_is_a_choice_of_the_address(store: TraceStore, browse: Callable[[str], str], since: str) -> None:
    assert f'href="/report?since={since}" aria-current="true"' in browse(f"/report?since={since}")
    assert "as asked" in browse(f"/report?since={since}")
