"""`--jobs N`: what is said of work that lands on other work, where the PRD and the log are kept, and edits meanwhile."""

import time
from typing import Any

from ralph.replay.scripted import Request, Turn, calls, finish_done
from tracing.span import TraceStatus

World = Any
LONGEST_S = 20.0


def after(world: World, story_id: str, script: Any, *, at: tuple[str, int]) -> Any:
    """The script; the answer to that request of that story comes when `story_id` is on the branch."""

    def answer(request: Request) -> Turn:
        turn: Turn = script(request)
        if script.asked[-1] == at[0] and script.asked.count(at[0]) == at[1]:
            give_up_s = time.monotonic() + LONGEST_S
            while "ralph/work" not in world.branches() or story_id not in world.stories_on():
                assert time.monotonic() < give_up_s
                time.sleep(0.02)
        return turn

    return answer


def test_a_check_that_another_story_mended_meanwhile_may_not_be_broken_again(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(
        tools.a_story(1), tools.a_story(2), checks='[[checks]]\nname = "bugs"\ncommand = "! grep -rn bug src"\n'
    )
    world.write("src/old.txt", "bug\n")
    world.commit()
    mends = [calls("bash", {"command": "rm src/old.txt; echo good > src/1.txt"}), finish_done("Mended.")]
    script = tools.each_story(
        {"US-001": mends, "US-002": [tools.writes(2, "bug"), finish_done("Done."), *tools.solves(2)]}, together=2
    )
    played = play(after(world, "US-001", script, at=("US-002", 2)), run__jobs=2)
    assert [result.status for result in played.outcome.results].count(TraceStatus.ERROR) == 1
    assert world.stories_on() == ["US-001", "US-002"]
    assert world.show("ralph/work:src/2.txt") == b"good\n"


def test_a_check_that_is_still_red_on_what_landed_is_still_not_blamed(world: World, play: Any, tools: Any) -> None:
    world.start_repo(
        tools.a_story(1), tools.a_story(2), checks='[[checks]]\nname = "bugs"\ncommand = "! grep -rn bug src"\n'
    )
    world.write("src/old.txt", "bug\n")
    world.commit()
    script = tools.each_story({f"US-00{n}": tools.solves(n) for n in (1, 2)}, together=2)
    played = play(script, run__jobs=2)
    assert played.outcome.exit_code == 0
    assert len(played.outcome.results) == 2


def test_checks_that_the_runs_end_cut_short_are_not_remembered_as_red(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), checks='[[checks]]\nname = "slow"\ncommand = "sleep 1.2"\n')
    assert play([], run__max_duration="1s").outcome.exit_code == 3
    played = play(tools.solves(1))
    assert played.outcome.exit_code == 0
    assert [event.text for event in played.events if event.kind == "baseline"] == []
