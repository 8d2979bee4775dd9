"""`--jobs N`: stories side by side, each landing on what the others left, one ledger, nothing lost."""

import threading
from typing import Any

import pytest

from ralph.errors import RalphError
from ralph.replay.scripted import Request, Turn, calls, finish_done, says
from tracing.span import TraceStatus

World = Any


def appends(text: str, path: str = "src/app.txt") -> Turn:
    return calls("bash", {"command": f"echo {text} >> {path}"})


def test_independent_stories_are_worked_on_at_once_and_land_one_after_the_other(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(*(tools.a_story(number) for number in (1, 2, 3)))
    script = tools.each_story({f"US-00{number}": tools.solves(number) for number in (1, 2, 3)}, together=3)
    played = play(script, run__jobs=3)
    assert played.outcome.exit_code == 0
    assert sorted(world.stories_on()) == ["US-001", "US-002", "US-003"]
    assert world.git("rev-list", "--count", "--max-parents=1", "ralph/work") == "4"
    assert [world.show(f"ralph/work:src/{number}.txt") for number in (1, 2, 3)] == [b"good\n"] * 3
    assert world.show("ralph/work:prd.json").count(b'"passes": true') == 3
    rebased = [detail for detail in world.traces() if any(span.name == "rebase" for span in detail.spans)]
    assert len(rebased) == 2, "the second and the third landed on what came before"
    for detail in rebased:
        names = [span.name for span in detail.spans]
        assert names.index("check sound", names.index("rebase")) > 0, "checked again on the new base"
    world.assert_clean()


def test_each_event_of_a_parallel_run_says_which_story_it_is_about(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    played = play(tools.each_story({f"US-00{n}": tools.solves(n) for n in (1, 2)}, together=2), run__jobs=2)
    for event in played.events:
        if event.kind not in {"run_started", "run_ended", "note", "warning", "stories"}:
            assert event.fields["story"] in {"US-001", "US-002"}, event


def test_work_that_does_not_go_together_with_what_landed_is_kept_and_done_again_at_no_attempt(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    solved = {f"US-00{n}": [appends(f"number{n}"), finish_done(f"Did {n}.")] for n in (1, 2)}
    again = {story_id: turns * 2 for story_id, turns in solved.items()}
    script = tools.each_story(again, together=2)
    played = play(script, run__jobs=2)
    assert played.outcome.exit_code == 0
    lost = [result for result in played.outcome.results if result.status is TraceStatus.ERROR]
    assert len(lost) == 1, "one landed, the other was sent back once"
    assert "src/app.txt" in lost[0].reason
    assert len(world.attempts()) == 1
    text = world.show("ralph/work:src/app.txt").decode()
    assert sorted(text.split()) == ["hello", "number1", "number2"]
    told_again = [request for request in played.model.requests if "landed first" in str(request["messages"][0])]
    assert told_again, "the next attempt hears why the first one did not land"
    efforts = {str(request["output_config"]) for request in played.model.requests}
    assert len(efforts) == 1, "it cost no attempt, so it is no retry"
    world.assert_clean()


def test_work_that_fails_the_checks_only_beside_what_landed_is_sent_back(world: World, play: Any, tools: Any) -> None:
    at_most_one = '[[checks]]\nname = "one"\ncommand = "test $(ls src/only-* 2>/dev/null | wc -l) -le 1"\n'
    world.start_repo(tools.a_story(1), tools.a_story(2), checks=at_most_one)
    first = {
        f"US-00{n}": [calls("write", {"file_path": f"src/only-{n}", "content": "x\n"}), finish_done("Done.")]
        for n in (1, 2)
    }
    second = [calls("write", {"file_path": "src/other", "content": "x\n"}), finish_done("Otherwise.")]
    script = tools.each_story({story_id: [*turns, *second] for story_id, turns in first.items()}, together=2)
    played = play(script, run__jobs=2)
    assert played.outcome.exit_code == 0
    assert [result.status for result in played.outcome.results].count(TraceStatus.ERROR) == 1
    assert world.git("ls-tree", "--name-only", "ralph/work", "src/").count("only-") == 1


def test_a_story_waits_until_what_it_depends_on_has_landed(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2, 1))
    script = tools.each_story({f"US-00{n}": tools.solves(n) for n in (1, 2)})
    assert play(script, run__jobs=2).outcome.exit_code == 0
    assert script.asked == ["US-001", "US-001", "US-002", "US-002"]


def test_stories_that_name_the_same_file_are_not_worked_on_at_once(world: World, play: Any, tools: Any) -> None:
    stories = [tools.a_story(n) | {"acceptanceCriteria": ["src/app.txt says so"]} for n in (1, 2)]
    world.start_repo(*stories)
    turns = {f"US-00{n}": [appends(f"number{n}"), finish_done("Done.")] for n in (1, 2)}
    script = tools.each_story(turns)
    played = play(script, run__jobs=2)
    assert played.outcome.exit_code == 0
    assert script.asked == ["US-001", "US-001", "US-002", "US-002"]
    assert world.attempts() == []


def test_one_ledger_holds_the_limit_over_all_of_them(world: World, play: Any, tools: Any) -> None:
    """Two worst cases do not fit side by side, so the calls take turns; none is cut short and nothing goes over."""
    world.start_repo(tools.a_story(1), tools.a_story(2))
    script = tools.each_story({f"US-00{n}": tools.solves(n) for n in (1, 2)})
    played = play(script, run__jobs=2, limits__per_run_usd=1.6)
    assert played.outcome.exit_code == 0
    assert {request["max_tokens"] for request in played.model.requests} == {64_000}
    assert world.charged_micros() <= 1_600_000


def test_an_error_in_one_story_stops_the_others_and_keeps_their_work(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    moved = threading.Event()

    def meddle(request: Request) -> Turn:
        turn: Turn = script(request)
        if script.asked.count("US-001") == 2 and not moved.is_set():
            world.git("branch", "-f", "ralph/work", world.git("commit-tree", "HEAD^{tree}", "-m", "by somebody else"))
            moved.set()
        return turn

    slow = [calls("bash", {"command": "echo half > src/half.txt"}), *[says("Hm.")] * 4]
    script = tools.each_story({"US-001": tools.solves(1), "US-002": slow}, together=2)
    with pytest.raises(RalphError, match=r"is now at|was deleted"):
        play(meddle, run__jobs=2)
    assert world.stories_on("main") == []
    world.assert_clean()
