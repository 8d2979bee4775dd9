"""The report in the viewer: the words of `ralph report` in its order, with the way to each trace."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from ralph.home import find_home
from ralph.replay.scripted import finish_blocked, finish_done
from ralph.report.gather import gather
from ralph.report.told import told
from tracing import Tracer, TraceStatus, TraceStore

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


def test_of_several_repos_one_can_be_chosen_and_stays_chosen(
    world: World, tools: Any, store: TraceStore, browse: Callable[[str], str]
) -> None:
    world.start_repo(tools.a_story(1))
    world.ralph("--max-iterations", "1", "--plain", script=[tools.writes(1, "good"), finish_done("Wrote it.")])
    repo = next(row.repo for row in store.traces())
    assert "<select" not in browse("/report")
    other = Tracer(store).start_trace("invoke_agent ralph", agent_id="ralph", metadata={"ralph.repo": "/gone/shop"})
    other.end(TraceStatus.SUCCESS)
    everything, one, none = (
        browse("/report"),
        browse(f"/report?repo={repo}&since=7d"),
        browse("/report?repo=/gone/shop"),
    )
    assert '<option value="">all</option>' in everything
    assert f'<option value="{repo}" selected>' in one
    assert '<input type="hidden" name="since" value="7d">' in one
    assert f"ralph report --since 7d --repo {repo}" in one
    assert f"/report?since=24h&amp;repo={quote(repo, safe='')}" in one or f"since=24h&amp;repo={quote(repo)}" in one
    assert "US-001" in one
    assert "US-001" not in none
