"""The outcome beside a trace, after real runs of every ending: what became of the work, and where one sees why."""

import json
import shutil
from typing import Any

import pytest
from markupsafe import escape

from ralph.history.looks import guilty_span
from ralph.history.told import Criterion, matched
from ralph.home import find_home
from ralph.integrity.finding import HARD
from ralph.replay.scripted import calls, finish_blocked, finish_done
from ralph.survey import RunRequest
from ralph.ui.outcome import Outcome, outcome
from ralph.verification import Question, verify_commit
from tracing import Tracer
from tracing.span import SpanKind, TraceStatus
from tracing.store import TraceStore

World = Any
CHECKS = (
    '[agent]\nattempts = 2\nrepairs = 1\n[[checks]]\nname = "sound"\n'
    "command = \"if grep -rn broken src; then echo noise; echo 'FAILED t::one - no'; exit 1; fi\"\n"
    '[[checks]]\nname = "old"\ncommand = "grep -rn never src"\n'
)


def outcomes(store: TraceStore) -> list[Outcome]:
    """Of all traces, oldest first."""
    found = [outcome(store, find_home(), store.trace(row.trace_id)) for row in reversed(store.traces())]
    return [one for one in found if one]


def repaired(tools: Any, number: int) -> list[Any]:
    return [tools.writes(number, "broken"), finish_done("First go."), tools.writes(number), finish_done("All good.")]


def broken(tools: Any, number: int) -> list[Any]:
    return [
        tools.writes(number, "broken"),
        finish_done("First."),
        tools.writes(number, "broken too"),
        finish_done("Sure."),
    ]


def test_a_commit_after_a_repair_shows_each_verification_its_diff_and_how_to_take_it_over(
    world: World, play: Any, tools: Any, store: TraceStore
) -> None:
    world.start_repo(tools.a_story(1), checks=CHECKS)
    play(repaired(tools, 1))
    (one,) = outcomes(store)
    sha = world.git("rev-parse", "ralph/work")
    assert one.headline == f"Committed as {sha[:10]} on ralph/work after 1 repair"
    assert [(verdict.title, verdict.passed) for verdict in one.checked.verifications] == [
        ("first try", False),
        ("after repair 1", True),
    ]
    sound, old = one.checked.rows
    assert sound.before is not None
    assert (sound.before.passed, [run and run.word for run in sound.after]) == (True, ["failed", "passed"])
    assert [run and run.word for run in old.after] == ["failed as before", "failed as before"]
    ((title, run),) = one.checked.failed
    assert (title, run.failing, run.exit_code) == ("first try", ("t::one",), 1) or run.lines[0].startswith("FAILED")
    assert one.checked.before is not None
    assert one.checked.before.red == ("old",)
    (repair,) = one.repairs
    assert (repair.number, repair.verify_span_id) == (1, one.checked.verifications[1].span_id)
    assert [(edit.file.path, edit.file.added, edit.file.removed, edit.is_whole) for edit in repair.edits] == [
        ("src/1.txt", 1, 1, False)
    ]
    assert store.trace(one.trace_id).span(repair.edits[0].span_id).name == "execute_tool write"
    assert one.work.diff is not None
    assert [(file.path, file.added) for file in one.work.diff.files] == [("src/1.txt", 1), ("prd.json", 1)]
    assert "git merge ralph/work" in [command.command for command in one.commands]
    kinds = {span.span_id: span for span in store.trace(one.trace_id).spans}
    assert kinds[one.spans.verify].name == "verify"
    assert kinds[one.spans.commit].name == "commit"
    assert kinds[one.spans.finish].kind is SpanKind.LLM
    world.git("merge", "-q", "ralph/work")
    (merged,) = outcomes(store)
    assert merged.work.is_merged
    assert "git merge ralph/work" not in [command.command for command in merged.commands]


def test_failed_blocked_and_interrupted_tries_say_why_and_where_the_work_is(
    world: World, play: Any, tools: Any, store: TraceStore
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2), tools.a_story(3), checks=CHECKS)
    play([*broken(tools, 1), *broken(tools, 1), finish_blocked("There is no key."), tools.writes(3)])
    first, second, blocked, cut = outcomes(store)
    assert (first.headline, first.reason) == ("Not committed after 1 repair (attempt 1)", "failed: sound")
    assert second.parked == "2 attempts failed, the last one: failed: sound"
    assert f"git show refs/ralph/attempts/{second.trace_id}" in [command.command for command in second.commands]
    assert "ralph unblock US-001" in [command.command for command in second.commands]
    assert second.work.diff is not None
    assert [file.path for file in second.work.diff.files] == ["src/1.txt"]
    assert second.checked.before is not None
    assert (second.checked.before.cached, second.checked.before.known_from) == (True, first.trace_id)
    assert [run.name for run in second.checked.before.runs] == ["sound", "old"]
    assert store.trace(second.trace_id).span(guilty_span(store.trace(second.trace_id))).name == "check old"
    assert (blocked.headline, blocked.reason, blocked.parked) == (
        "Parked: the agent says that it cannot be done",
        "There is no key.",
        "",
    )
    assert blocked.work.note == "No work was left to keep."
    assert cut.headline == "Not committed"
    assert "the script has" in cut.reason


@pytest.mark.slow
def test_a_refusal_of_the_guard_is_shown_with_its_findings(
    world: World, play: Any, tools: Any, store: TraceStore
) -> None:
    world.start_repo(tools.a_story(1), checks='[agent]\nattempts = 1\n[[checks]]\nname = "tests"\ncommand = "true"\n')
    world.write("tests/test_a.py", "def test_one():\n    assert 1 == 1\n\n\ndef test_two():\n    assert 2 == 2\n")
    world.commit()
    cheat = [calls("bash", {"command": "rm tests/test_a.py && echo x > src/1.txt"}), finish_done("Done.")]
    play([*cheat, finish_done("Still done."), finish_done("Yes.")])
    one = outcomes(store)[0]
    assert one.headline.startswith("Refused by the integrity guard")
    assert one.checked.guard is not None
    assert (one.checked.guard.refused, one.checked.guard.word) == (True, "refused")
    assert any(finding.weight >= HARD and finding.place == "tests/test_a.py" for finding in one.checked.guard.findings)


@pytest.mark.slow
def test_ralphs_verdict_on_a_commit_has_an_outcome_too(world: World, play: Any, tools: Any, store: TraceStore) -> None:
    world.start_repo(tools.a_story(1), checks=CHECKS)
    play(tools.solves(1))
    verify_commit(RunRequest(repo=world.root), Question("ralph/work"), lambda _event: None)
    one = outcomes(store)[-1]
    sha = world.git("rev-parse", "ralph/work")
    assert (one.kind, one.headline) == ("verify", f"{sha[:10]} holds")
    assert one.work.diff is not None
    assert [file.path for file in one.work.diff.files] == ["src/1.txt", "prd.json"]


def test_a_repo_that_is_gone_and_a_commit_that_is_gone_are_said(
    world: World, play: Any, tools: Any, store: TraceStore, browse: Any
) -> None:
    world.start_repo(tools.a_story(1), checks=CHECKS)
    play(tools.solves(1))
    (whole,) = outcomes(store)
    world.git("update-ref", "refs/heads/ralph/work", "main")
    assert outcomes(store)[0].work.note.endswith(
        "is not on ralph/work any more: the branch was moved or removed since."
    )
    world.git("reflog", "expire", "--expire=now", "--all")
    world.git("gc", "-q", "--prune=now")
    (lost,) = outcomes(store)
    assert (
        lost.work.note == f"{whole.work.commit[:10]} is not in {world.root} any more: it was rebased or removed since."
    )
    assert (lost.work.diff, lost.work.files) == (None, ("src/1.txt",))
    shutil.rmtree(world.root)
    (gone,) = outcomes(store)
    assert gone.headline == whole.headline
    assert gone.work.note == f"{world.root} is not there any more, so this is all that the trace itself knows."
    assert gone.story is not None
    assert (gone.story.id, gone.story.title) == ("US-001", "Story 1")
    for page in (f"/traces/{gone.trace_id}/outcome", "/", "/stories"):
        assert "not there any more" in browse(page)


def test_looking_changes_nothing_and_the_page_says_what_its_twin_says(
    world: World, play: Any, tools: Any, store: TraceStore, browse: Any
) -> None:
    world.start_repo(tools.a_story(1), checks=CHECKS)
    world.write("src/app.txt", "<script>alert(1)</script>\n")
    world.commit()
    play([tools.writes(1, "<img src=x onerror=alert(1)>"), finish_done("<b>bold</b>")])
    (one,) = outcomes(store)
    before = world.checkout_hash(), world.git("for-each-ref"), world.charged_micros(), len(store.traces())
    page = browse(f"/traces/{one.trace_id}/outcome")
    twin = json.loads(browse(f"/traces/{one.trace_id}/outcome.json"))
    for other in ("/", "/stories", "/index.json", "/stories.json"):
        browse(other)
    assert (world.checkout_hash(), world.git("for-each-ref"), world.charged_micros(), len(store.traces())) == before
    assert twin["headline"] in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img" not in page
    assert "<b>" not in page
    assert twin["work"]["diff"]["files"][0]["hunks"][0]["lines"][0] == {
        "kind": "added",
        "old": None,
        "new": 1,
        "text": "<img src=x onerror=alert(1)>",
        "ends": True,
    }


@pytest.mark.parametrize(
    ("status", "error", "headline", "reason"),
    [
        pytest.param(TraceStatus.RUNNING, None, "Still at work", "", id="running"),
        pytest.param(TraceStatus.TIMEOUT, "2 h", "Stopped: the run's time was over", "2 h", id="timeout"),
        pytest.param(TraceStatus.OVER_BUDGET, "$5", "Stopped: a money limit was reached", "$5", id="over-budget"),
        pytest.param(TraceStatus.INTERRUPTED, "Process 7 ended without closing this; found later.", "Cut short before it was done", "Process 7 ended without closing this; found later.", id="interrupted"),
        pytest.param(TraceStatus.INTERRUPTED, "the run was stopped", "Stopped before it was done", "the run was stopped", id="stopped"),
        pytest.param(TraceStatus.BLOCKED, None, "Parked: the agent says that it cannot be done", "The agent said that it cannot be done.", id="blocked"),
        pytest.param(TraceStatus.ERROR, "stuck", "Not committed", "stuck", id="error"),
    ],
)  # fmt: skip
def test_every_ending_has_its_headline_and_its_page(
    store: TraceStore, browse: Any, status: TraceStatus, error: str | None, headline: str, reason: str
) -> None:
    facts = {"ralph.story.id": "US-1", "ralph.story.title": "One", "ralph.repo": "/gone/x", "ralph.branch": "b"}
    trace = Tracer(store).start_trace("invoke_agent ralph", agent_id="ralph", metadata=facts)
    trace.add_span("chat", kind=SpanKind.LLM, output=[{"type": "text", "text": "hm"}])
    if status is not TraceStatus.RUNNING:
        trace.end(status, error=error)
    found = outcome(store, find_home(), store.trace(trace.trace_id))
    assert found is not None
    assert (found.headline, found.reason) == (headline, reason)
    assert str(escape(headline)) in browse(f"/traces/{trace.trace_id}/outcome")


def test_a_refusal_that_was_not_the_end_is_no_headline(store: TraceStore) -> None:
    facts = {"ralph.story.id": "US-1", "ralph.repo": "/gone/x"}
    trace = Tracer(store).start_trace("invoke_agent ralph", agent_id="ralph", metadata=facts)
    for texts in (("the integrity guard refuses: x", True), ("failed: tests", False)):
        with trace.span("verify", kind=SpanKind.CHAIN) as verify:
            if texts[1]:
                trace.add_span("integrity", kind=SpanKind.GUARDRAIL, output={"refused": True, "findings": []})
            verify.set_output({"passed": False, "text": texts[0]})
    trace.end(TraceStatus.ERROR, error="failed: tests")
    found = outcome(store, find_home(), store.trace(trace.trace_id))
    assert found is not None
    assert (found.headline, found.reason) == ("Not committed after 1 repair", "failed: tests")
    assert found.checked.verifications[0].guard is not None


def test_a_trace_of_another_agent_has_no_outcome(store: TraceStore) -> None:
    with Tracer(store).start_trace("run", agent_id="somebody") as trace:
        pass
    assert outcome(store, find_home(), store.trace(trace.trace_id)) is None


GIVEN = (Criterion("adds  numbers", "a.py"), Criterion("It subtracts whole numbers", "s.py"))


@pytest.mark.parametrize(
    ("wanted", "found", "left"),
    [
        pytest.param(("Adds numbers.", "It subtracts"), ["a.py", "s.py"], 0, id="by words, then by order"),
        pytest.param(("It subtracts whole numbers!",), ["s.py"], 1, id="like words"),
        pytest.param(("Multiplies", "Divides", "Adds numbers"), ["", "", "a.py"], 1, id="unanswered"),
        pytest.param((), [], 2, id="no criteria"),
    ],
)
def test_evidence_is_matched_to_the_criterion_that_it_is_for(
    wanted: tuple[str, ...], found: list[str], left: int
) -> None:
    criteria, others = matched(wanted, GIVEN)
    assert ([one.evidence for one in criteria], len(others)) == (found, left)
