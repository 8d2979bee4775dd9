"""The first page and the board: what ran, what needs a look first, and for each story why it is or is not next."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from prd.pick import Verdict
from ralph.history.board import LANES, Lane
from ralph.home import find_home
from ralph.replay.scripted import finish_blocked, finish_done
from ralph.ui.compared import compared
from ralph.ui.overview import DAY_NS, overview
from ralph.ui.stories import stories_view
from tracing import Tracer, TraceStore
from tracing.budget import Ledger, Limit, day_scope
from tracing.finding import Finding, Severity, Waste
from tracing.span import TraceStatus
from tracing.store.writes import PutFindings
from tracing.web.page import Query

World = Any
CHECKS = (
    '[agent]\nattempts = 2\nrepairs = 0\n[[checks]]\nname = "sound"\ncommand = "! grep -rn broken src"\n'
    '[[checks]]\nname = "old"\ncommand = "grep -rn never src"\n'
)


def query(store: TraceStore, now_ns: int | None = None, **args: str) -> Query:
    return Query(store, args=args, now_ns=now_ns or time.time_ns())


def a_trace(
    store: TraceStore, status: TraceStatus, *, story: str = "", at_ns: int | None = None, repo: str = "/gone/x"
) -> str:
    clock: Iterator[int] | None = iter(range(at_ns, at_ns + 10**9, 10**6)) if at_ns else None
    tracer = Tracer(store, clock=lambda: next(clock)) if clock else Tracer(store)
    trace = tracer.start_trace(
        "invoke_agent ralph", agent_id="ralph", metadata={"ralph.story.id": story, "ralph.repo": repo}
    )
    trace.end(status, error=None if status is TraceStatus.SUCCESS else "why it failed")
    return trace.trace_id


def test_every_verdict_has_a_lane() -> None:
    assert set(LANES) == set(Verdict)


def test_a_store_without_traces_is_calm(store: TraceStore, browse: Any) -> None:
    view = overview(query(store), find_home())
    assert (view.sessions, view.looks, view.repos) == ((), (), ())
    assert "No agent has run yet." in browse("/")
    assert "No run has worked on a story yet." in browse("/stories")
    assert "There is no trace to compare." in browse("/compare")


def test_looks_are_ranked_by_severity_then_cost_and_lead_to_the_guilty_span(store: TraceStore) -> None:
    fine, bad = a_trace(store, TraceStatus.SUCCESS, story="US-1"), a_trace(store, TraceStatus.ERROR, story="US-2")
    findings = (
        Finding("loop", Severity.CRITICAL, "Repeats itself", "9 times", "Stop it", ("span-a", "span-b")),
        Finding("drift", Severity.WARNING, "Dear", "4 times the usual", "Look", ("span-c",), Waste(0, 5_000_000, 0)),
        Finding("note", Severity.NOTE, "Only a note", "", "", ()),
    )
    store.write([PutFindings(fine, findings, 1, time.time_ns())])
    looks = overview(query(store), find_home()).looks
    assert [(look.kind, look.title, look.span_id) for look in looks[:2]] == [
        ("finding", "Repeats itself", "span-a"),
        ("finding", "Dear", "span-c"),
    ]
    assert (looks[2].kind, looks[2].trace_id, looks[2].why) == ("failed", bad, "why it failed")
    assert len(looks) == 3


def test_a_story_that_was_done_later_needs_no_look(store: TraceStore) -> None:
    a_trace(store, TraceStatus.ERROR, story="US-1")
    a_trace(store, TraceStatus.SUCCESS, story="US-1")
    assert overview(query(store), find_home()).looks == ()


@pytest.mark.parametrize(("days", "words"), [(0, "since 18:00 yesterday"), (9, "the last that ran")])
def test_a_night_without_runs_shows_the_last_that_ran(store: TraceStore, days: int, words: str) -> None:
    now_ns = time.time_ns()
    a_trace(store, TraceStatus.SUCCESS, story="US-1", at_ns=now_ns - days * DAY_NS - 10**9)
    view = overview(query(store, now_ns), find_home())
    assert view.words == words
    assert [line.name for session in view.sessions for line in session.lines] == ["US-1"]


def test_money_that_nobody_can_account_for_is_told_with_the_command(store: TraceStore) -> None:
    ledger = Ledger.open(find_home().ledger_db)
    held = ledger.reserve(2_000_000, [Limit(day_scope(datetime.now(UTC).date()), 9_000_000)], model="m")
    ledger.settle(held, 2_000_000, seen=False)
    ledger.close()
    view = overview(query(store), find_home())
    assert (view.money.unknown_micros, view.money.today_micros) == (2_000_000, 0)
    assert [(look.kind, look.severity, look.command) for look in view.looks] == [
        ("unknown cost", Severity.NOTE, "ralph costs reconcile")
    ]


def test_the_board_and_the_overview_tell_a_real_run(
    world: World, play: Any, tools: Any, store: TraceStore, browse: Any
) -> None:
    stories = [tools.a_story(1), tools.a_story(2), tools.a_story(3), tools.a_story(4, 3)]
    world.start_repo(*stories, checks=CHECKS)
    broken = [tools.writes(2, "broken"), finish_done("Sure.")]
    play([*tools.solves(1), *broken, *broken, finish_blocked("There is no key.")])
    board = stories_view(query(store), find_home()).board
    assert board is not None
    told = {card.id: (column.lane, card.words) for column in board.columns for card in column.cards}
    assert told["US-001"][0] is Lane.DONE
    assert told["US-002"] == (
        Lane.PARKED,
        "2 attempts failed, the last one: failed: sound. Edit the story, or run: ralph unblock US-002",
    )
    assert told["US-004"] == (Lane.WAITING, "waits for US-003 (parked)")
    parked = next(card for column in board.columns for card in column.cards if card.id == "US-002")
    assert ([one.counts for one in parked.tries], parked.attempts) == ([True, True], 2)
    view = overview(query(store), find_home())
    assert [(repo.done, repo.parked, repo.left) for repo in view.repos] == [(1, 2, 1)]
    assert {look.kind for look in view.looks} >= {"parked", "red before"}
    second, first = (one.trace_id for one in parked.tries)
    look = next(look for look in view.looks if look.story == "US-002" and look.kind == "parked")
    assert (look.trace_id, look.span_id) == (second, "")  # the outcome says why
    page = browse("/")
    assert f'href="/traces/{second}"' in page
    assert f"/compare?a={first}&amp;b={second}" in browse("/stories")
    found = compared(store, find_home(), store.trace(first), store.trace(second))
    assert found is not None
    assert found.diff is not None
    assert (found.diff.count, found.note) == (0, "")
    assert "They left the very same files." in browse(f"/compare?a={first}&b={second}")
    assert (
        json.loads(browse(f"/compare.json?a={first}&b={second}"))["extra"]["a"]["headline"]
        == "Not committed (attempt 1)"
    )


def test_a_prd_that_nobody_ran_is_not_read(store: TraceStore, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    a_trace(store, TraceStatus.SUCCESS, story="US-1", repo=str(tmp_path))
    board = stories_view(query(store, repo=str(tmp_path), prd="secret.json"), find_home()).board
    assert board is not None
    assert board.problem == f"No run in {tmp_path} worked on secret.json. Choose one of its PRDs above."


def test_a_folder_that_no_trace_names_is_not_looked_into(store: TraceStore, tmp_path: Path) -> None:
    a_trace(store, TraceStatus.SUCCESS, story="US-1")
    board = stories_view(query(store, repo=str(tmp_path)), find_home()).board
    assert board is not None
    assert "No trace is of" in board.problem
