"""What `ralph explain` says of a story after real runs: every try, why it failed, where its work is, what to do."""

import json
import re
from typing import Any

import pytest

from prd.pick import Verdict
from ralph.cli.explain import lines
from ralph.doctor import examine
from ralph.errors import RalphError
from ralph.history.explain import ENDED, Explanation, explain
from ralph.history.next_steps import STEPS
from ralph.history.story_status import unblock
from ralph.history.trace_reading import failing_lines
from ralph.home import find_home
from ralph.replay.scripted import finish_blocked, finish_done, stalls
from ralph.steer.control import Control
from ralph.workspace.repo import Repo
from tracing.span import TraceStatus

World = Any
CHECKS = (
    '[agent]\nattempts = 2\nrepairs = 1\n[[checks]]\nname = "sound"\n'
    "command = \"if grep -rn broken src; then for n in 1 2 3 4 5 6 7 8 9; do echo noise $n; done; echo 'FAILED t::one - no'; exit 1; fi\"\n"
)


def told(explanation: Explanation) -> str:
    return "\n".join(lines(explanation))


def fails(tools: Any, said: str = "Should work.") -> list[Any]:
    return [tools.writes(1, "broken"), finish_done("First go."), tools.writes(1, "broken again"), finish_done(said)]


def test_a_parked_story_is_explained_over_all_its_attempts(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), checks=CHECKS)
    play([*fails(tools), *fails(tools, "I am sure now.")])
    found = explain(world.root, "US-001")
    assert (found.verdict, [one.attempt for one in found.tries]) == (Verdict.PARKED, [1, 2])
    text = told(found)
    assert text.startswith("US-001 Story 1\n  now      parked: 2 attempts failed, the last one: failed: sound.")
    assert re.search(r"\n  PRD      prd\.json:\d+:\d+, worked on in the branch ralph/work\n  tried    2 times, ", text)
    assert re.search(
        r"\nTry 1: .*, 4 turns, \$0\.\d+; attempt 1 of 2\n  ended    not committed: failed: sound, after 1 repair\n",
        text,
    )
    assert "  failed   sound: if grep -rn broken src;" in text
    assert "           │ FAILED t::one - no\n" in text
    assert "noise 1\n" not in text
    assert "  agent    “I am sure now.”\n" in text
    trace_id = found.tries[1].trace_id
    assert f"  kept     git show refs/ralph/attempts/{trace_id}\n" in text
    assert f"  trace    ralph trace {trace_id[:8]}\n" in text
    assert "\n      ralph unblock US-001\n" in text
    assert world.git("diff", "--name-only", f"{found.tries[1].kept}^", found.tries[1].kept) == "src/1.txt"
    assert json.loads(world.command("explain", "US-001", "--json").out)["tries"][1]["checks"][0]["name"] == "sound"


@pytest.mark.slow
def test_tries_from_before_an_unblock_or_an_edit_are_told_too(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), checks=CHECKS)
    play([*fails(tools), *fails(tools)])
    unblock(world.root, "US-001", None)
    play(tools.solves(1))
    found = explain(world.root, "US-001")
    assert [(one.attempt, one.known) for one in found.tries] == [(None, False), (None, False), (None, True)]
    text = told(found)
    assert text.count("; counts no more: from before an edit or unblock") == 2
    assert found.commit is not None
    assert found.commit.sha == world.git("rev-parse", "ralph/work")
    assert f"  done     {found.commit.sha[:10]} of " in text
    assert f"every check passed; committed as {found.commit.sha[:10]}" in text
    assert "  - take the branch over:\n      git merge ralph/work" in text
    world.git("merge", "-q", "ralph/work")
    assert "git merge" not in told(explain(world.root, "US-001"))
    world.git("branch", "-qd", "ralph/work")
    text = told(explain(world.root, "us-001"))
    assert "now      done: the PRD says so" in text
    assert re.search(r"done     \w{10} of .*, in your checkout\n", text)


def test_a_blocked_story_says_what_the_agent_said_and_counts_no_attempt(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2, 1))
    play([finish_blocked("There is no key for the bank.")])
    text = told(explain(world.root, "US-001"))
    assert "now      parked: the agent says it is blocked: There is no key for the bank." in text
    assert "; counts as no attempt\n  ended    the agent said that it cannot be done: There is no key" in text
    waiting = told(explain(world.root, "US-002"))
    assert "now      waits for: waits for US-001 (parked)" in waiting
    assert "tried    never, so far" in waiting
    assert "\n      ralph status" in waiting


def test_a_call_that_no_limit_paid_for_is_no_turn_and_its_try_no_attempt(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    assert play([], limits__per_run_usd="0.01").outcome.exit_code == 3
    text = told(explain(world.root, "US-001"))
    assert re.search(r"tried    once, which counts as no attempt, .* in all, \$0\.0000", text)
    assert re.search(r"\nTry 1: .*, no call was made, \$0\.0000.*; counts as no attempt\n", text)
    [line] = [line for line in world.command("traces").out.splitlines() if "US-001" in line]
    assert re.search(r" Story 1\s+0 ", line)
    assert play(tools.solves(1)).outcome.exit_code == 0
    assert "tried    2 times, 1 of which counts as no attempt, " in told(explain(world.root, "US-001"))


def test_a_killed_try_is_told_with_where_its_work_is_kept(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    with world.started(script=[tools.writes(1, "half"), stalls()]) as run:
        run.wait_until(lambda: run.model.stalls.count > 0)
        assert "a run is going, at work on US-001" in world.command("status").out
        assert re.search(r", \+ up to \$\d\.\d\d for the call under way \(", world.command("status").out)
        run.kill()
    assert "last run: an error or a kill ended it" in world.command("status").out
    [left] = [finding.what for finding in examine(world.root) if finding.area == "leftovers"]
    assert left.startswith("a killed run left 1 worktree in ")
    assert "ended    cut short, nothing was committed" in told(explain(world.root, "US-001"))
    assert re.search(
        r"2 turns, \$0\.\d+, \+ \$\d\.\d\d reserved by a call whose end was never seen; counts as no attempt",
        told(explain(world.root, "US-001")),
    )
    assert world.ralph(script=tools.solves(1)).exit_code == 0
    killed, done = explain(world.root, "US-001").tries
    assert (killed.status, killed.attempt, done.status) == ("interrupted", None, "success")
    assert world.show(f"{killed.kept}:src/1.txt") == b"half\n"


def test_another_story_with_the_same_id_is_counted_apart(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    play(tools.solves(1))
    world.write("prd.json", tools.a_prd({**tools.a_story(1), "title": "Something new"}, branch="ralph/next"))
    world.commit()
    words = " ".join(told(explain(world.root, "US-001")).split())
    assert "tried never, so far; 1 more of another story with this id: ralph traces --story US-001" in words


def test_a_story_at_work_is_said_to_be_running(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    control = Control.open(find_home(), Repo.open(world.root).id)
    with control.attend("20261121-160520-abcdef", "ralph/work") as attendance, attendance.story("US-001"):
        assert explain(world.root, "US-001").verdict is Verdict.RUNNING
    assert explain(world.root, "US-001").verdict is Verdict.NEXT


def test_a_story_that_is_not_there_is_refused_with_those_that_are(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    with pytest.raises(RalphError, match=r'prd\.json has no story "US-9"\. Its stories are US-001\.'):
        explain(world.root, "US-9")


def test_every_verdict_has_a_next_step_and_every_status_its_words() -> None:
    assert set(STEPS) == set(Verdict)
    assert set(ENDED) == set(TraceStatus)


@pytest.mark.parametrize(
    ("output", "first"),
    [
        pytest.param("ok\nE       assert 4 == 2\nFAILED tests/test_sub.py", "E       assert 4 == 2", id="pytest"),
        pytest.param("a.ts(3,1): error TS2304: no\nmore", "a.ts(3,1): error TS2304: no", id="tsc"),
        pytest.param("=== RUN TestA\n--- FAIL: TestA (0.00s)", "--- FAIL: TestA (0.00s)", id="go"),
        pytest.param("warning: x\nerror[E0382]: borrow", "error[E0382]: borrow", id="rust"),
        pytest.param("main.c:3:1: fatal error: no.h\nrest", "main.c:3:1: fatal error: no.h", id="c"),
        pytest.param("  ✕ adds (3 ms)\n", "  ✕ adds (3 ms)", id="jest"),
    ],
)
def test_the_first_failing_line_is_found(output: str, first: str) -> None:
    assert failing_lines(output, 8)[0] == first


def test_output_without_a_word_of_failure_shows_its_end() -> None:
    assert failing_lines("\n".join(f"line {number}" for number in range(20)), 8)[-1] == "line 19"


def test_what_was_said_too_late_is_told_at_the_end_of_the_run_with_who_will_hear_it(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1))
    control = Control.open(find_home(), Repo.open(world.root).id)
    turns = iter(tools.solves(1))

    def answer(request: Any) -> Any:
        if len(request.messages) > 1:  # the finishing turn is out
            control.say("use the helper")
        return next(turns)

    played = play(answer)
    (message,) = control.pending()
    assert played.events[-2].text == (
        'no agent has heard: "use the helper" (the next run gets it at its first turn; '
        f"to take it back: ralph say --withdraw {message.id})"
    )


def test_an_optional_story_that_is_left_out_is_not_counted_as_missing(world: World, play: Any, tools: Any) -> None:
    world.start_repo({**tools.a_story(1), "optional": True}, tools.a_story(2))
    ended = play(tools.solves(2)).events[-2].text
    assert ended.startswith("every story passes: 1 of 1 story done (1 optional left out), $0.")
