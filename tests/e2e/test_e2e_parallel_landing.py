"""`--jobs N`: what is said of work that lands on other work, where the PRD and the log are kept, and edits meanwhile."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from prd.errors import PrdError
from ralph.errors import RalphError
from ralph.replay.scripted import Request, Turn, calls, finish_blocked, finish_done, says, stalls
from tracing.span import TraceStatus

World = Any
pytestmark = pytest.mark.slow
LONGEST_S = 20.0
NO_BUGS = """
[[checks]]
name = "bugs"
command = "! grep -rn bug src"
[[checks]]
name = "there"
command = "test -d src"
"""


def after(world: World, story_id: str, script: Any, *, at: tuple[str, int], asked: list[str] | None = None) -> Any:
    """The script; the answer to that request of that story comes when `story_id` is on the branch."""
    so_far = script.asked if asked is None else asked

    def answer(request: Request) -> Turn:
        turn: Turn = script(request)
        if so_far[-1] == at[0] and so_far.count(at[0]) == at[1]:
            give_up_s = time.monotonic() + LONGEST_S
            while "ralph/work" not in world.branches() or story_id not in world.stories_on():
                assert time.monotonic() < give_up_s
                time.sleep(0.02)
        return turn

    return answer


def test_a_check_that_another_story_mended_meanwhile_may_not_be_broken_again(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2), checks=NO_BUGS)
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
    world.start_repo(tools.a_story(1), tools.a_story(2), checks=NO_BUGS)
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


def test_in_place_the_checkout_follows_each_of_several_landings(world: World, play: Any, tools: Any) -> None:
    numbers = (1, 2, 3)
    world.start_repo(*(tools.a_story(number) for number in numbers))
    script = tools.each_story({f"US-00{n}": tools.solves(n) for n in numbers}, together=3)
    played = play(script, in_place=True, run__jobs=3)
    assert played.outcome.exit_code == 0
    branch = world.git("symbolic-ref", "--short", "HEAD")
    assert sorted(world.stories_on(branch)) == ["US-001", "US-002", "US-003"]
    assert world.git("status", "--porcelain") == ""
    assert world.flags() == {"US-001": True, "US-002": True, "US-003": True}
    assert [world.root.joinpath(f"src/{n}.txt").read_text() for n in numbers] == ["good\n"] * 3


def test_the_flags_of_an_untracked_prd_follow_each_landing_and_a_tracked_log_gets_each_entry(
    world: World, play: Any, tools: Any
) -> None:
    numbers = (1, 2, 3, 4)
    world.start_repo(*(tools.a_story(number) for number in numbers))
    world.git("rm", "-q", "--cached", "prd.json")
    world.write(".gitignore", "prd.json\n")
    world.write("progress.txt", "# Ralph Progress Log\n")
    world.commit()
    script = tools.each_story({f"US-00{n}": tools.solves(n) for n in numbers}, together=3)
    played = play(script, run__jobs=4)
    assert played.outcome.exit_code == 0
    assert len(played.outcome.results) == 4, "nobody's log entry crossed another's"
    assert world.flags() == dict.fromkeys((f"US-00{n}" for n in numbers), True)
    log = world.show("ralph/work:progress.txt").decode()
    assert [log.count(f"Wrote number {n}.") for n in numbers] == [1] * 4
    world.set_flag(2, passes=False)
    again = play([calls("bash", {"command": "echo better > src/2.txt"}), finish_done("Better.")])
    assert [result.story_id for result in again.outcome.results] == ["US-002"], "the user's word about it counts"


def test_one_story_that_was_asked_for_is_the_only_one_with_several_jobs_too(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    script = tools.each_story({"US-002": [tools.writes(2, "broken"), *[finish_done("Done.")] * 4, *tools.solves(2)]})
    played = play(script, story="US-002", run__jobs=3)
    assert played.outcome.exit_code == 0
    assert world.stories_on() == ["US-002"]
    assert len(played.outcome.results) == 2


def test_a_story_that_leaves_the_prd_while_it_is_worked_on_lands_and_the_others_go_on(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(*(tools.a_story(number) for number in (1, 2, 3)))
    script = tools.each_story({f"US-00{n}": tools.solves(n) for n in (1, 2, 3)}, together=2)

    def edited(request: Request) -> Turn:
        turn: Turn = script(request)
        if script.asked.count("US-001") == 2:
            world.write("prd.json", tools.a_prd(tools.a_story(2), tools.a_story(3)))
        return turn

    played = play(edited, run__jobs=2)
    assert played.outcome.exit_code == 0
    assert sorted(world.stories_on()) == ["US-001", "US-002", "US-003"]
    world.assert_clean()


def test_a_prd_that_breaks_while_two_are_worked_on_costs_neither_its_work(world: World, play: Any, tools: Any) -> None:
    world.start_repo(*(tools.a_story(number) for number in (1, 2, 3)))
    whole = world.prd.read_bytes()
    script = tools.each_story({f"US-00{n}": tools.solves(n) for n in (1, 2, 3)}, together=2)

    def half_an_edit(request: Request) -> Turn:
        turn: Turn = script(request)
        if len(script.asked) == 2:
            world.prd.write_bytes(whole[:200])
        return turn

    with pytest.raises(PrdError):
        play(after(world, "US-001", half_an_edit, at=("US-002", 2), asked=script.asked), run__jobs=2)
    assert world.stories_on() == ["US-001", "US-002"]
    assert world.attempts() == []


@pytest.mark.parametrize("tracked", [True, False])
def test_a_story_that_is_given_another_title_while_it_is_worked_on_stays_open(
    world: World, play: Any, tools: Any, *, tracked: bool
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    if not tracked:
        world.git("rm", "-q", "--cached", "prd.json")
        world.write(".gitignore", "prd.json\n")
        world.commit()
    script = tools.each_story(
        {
            "US-001": [*tools.solves(1), calls("bash", {"command": "echo better > src/1.txt"}), finish_done("Better.")],
            "US-002": tools.solves(2),
        }
    )

    def renamed(request: Request) -> Turn:
        turn: Turn = script(request)
        if script.asked == ["US-001"]:
            world.prd.write_bytes(world.prd.read_bytes().replace(b'"Story 1"', b'"Story 1, better"'))
        return turn

    played = play(renamed)
    assert [result.story_id for result in played.outcome.results] == ["US-001", "US-001", "US-002"]


def test_work_that_cannot_be_put_aside_stays_in_its_folder_until_a_run_can(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    in_the_way = world.write(".git/refs/ralph/attempts", "")
    script = tools.each_story(
        {f"US-00{n}": [tools.writes(n), finish_blocked("There is no key.")] for n in (1, 2)}, together=2
    )
    with pytest.raises(RalphError, match="update-ref"):
        play(script, run__jobs=2)
    in_the_way.unlink()
    assert play([*tools.solves(1), *tools.solves(2)]).outcome.exit_code == 0
    kept = {path for ref in world.attempts() for path in world.git("diff", "--name-only", f"{ref}^", ref).split()}
    assert kept == {"src/1.txt", "src/2.txt"}
    world.assert_clean()


def test_a_flag_that_is_written_later_is_the_users_to_set_back(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    world.git("rm", "-q", "--cached", "prd.json")
    world.write(".gitignore", "prd.json\n")
    world.commit()
    whole = world.prd.read_bytes()
    script = tools.each_story({f"US-00{n}": tools.solves(n) for n in (1, 2)}, together=2)

    def without_them(request: Request) -> Turn:
        turn: Turn = script(request)
        if len(script.asked) == 3:
            world.write("prd.json", tools.a_prd(tools.a_story(3, passes=True)))
        return turn

    assert play(without_them, run__jobs=2).outcome.exit_code == 0
    world.prd.write_bytes(whole)
    assert play([]).outcome.exit_code == 0
    assert world.flags() == {"US-001": True, "US-002": True}
    first = world.stories_on()[0]
    world.set_flag(int(first[-1]), passes=False)
    again = play([calls("bash", {"command": "echo better > src/more.txt"}), finish_done("Better.")])
    assert [result.story_id for result in again.outcome.results] == [first]


def test_the_runs_time_ends_all_stories_and_their_work_is_kept(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2), tools.a_story(3))
    slow = calls("bash", {"command": "sleep 30"})
    script = tools.each_story({f"US-00{n}": [tools.writes(n), slow, says("Hm.")] for n in (1, 2, 3)}, together=2)
    played = play(script, run__jobs=2, run__max_duration="3s")
    assert played.outcome.exit_code == 3
    assert [result.status for result in played.outcome.results] == [TraceStatus.TIMEOUT] * 2
    assert len(world.attempts()) == 2
    world.assert_clean()


def test_two_runs_in_one_repository_work_on_their_own_branches_at_once(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    world.write("other.json", tools.a_prd(tools.a_story(2), tools.a_story(3), branch="ralph/other"))
    world.commit()
    with world.started(script=[tools.writes(1), stalls(), finish_done("Wrote it.")]) as first:
        first.wait_until(lambda: first.model.stalls.count == 1)
        second = world.ralph("other.json", script=tools.solves(2, 3))
        assert second.exit_code == 0, second.out + second.err
        assert "killed run" not in second.out
        assert len(world.git("worktree", "list").splitlines()) == 2, "the first one's is left alone"
        first.model.release()
        code, out = first.end()
    assert code == 0, out
    assert (world.stories_on("ralph/work"), world.stories_on("ralph/other")) == (["US-001"], ["US-002", "US-003"])
    world.assert_clean()


def test_a_prd_that_is_deleted_while_a_run_goes_on_is_named(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    script = tools.each_story({"US-001": tools.solves(1)})

    def deletes(request: Request) -> Turn:
        turn: Turn = script(request)
        world.prd.unlink(missing_ok=True)
        return turn

    with pytest.raises(PrdError, match=r"prd\.json"):
        play(deletes)
    assert world.stories_on() == ["US-001"]


def test_a_git_that_cannot_land_parallel_stories_is_refused_before_anything_is_spent(
    world: World, play: Any, tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    old = tmp_path / "bin/git"
    old.parent.mkdir()
    words = 'case "$*" in *merge-tree*) echo "usage: git merge-tree <base> <a> <b>" >&2; exit 129;; esac'
    old.write_text(f'#!/bin/sh\n{words}\nexec {shutil.which("git")} "$@"\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    script = tools.each_story({f"US-00{n}": tools.solves(n) for n in (1, 2)})
    with pytest.raises(RalphError, match=r"needs git 2\.38"):
        play(script, run__jobs=2)
    assert script.asked == []
