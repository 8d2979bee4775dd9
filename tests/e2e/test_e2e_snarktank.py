"""A cloned snarktank-style repository: `scripts/ralph/` is ignored, and the PRD's branch is the one checked out."""

import json
from typing import Any

import pytest

from ralph.replay.scripted import calls, finish_done

World = Any


@pytest.fixture
def cloned(world: World, tools: Any) -> World:
    world.start_repo(tools.a_story(1), prd="other.json")
    world.git("rm", "-q", "--cached", "other.json")
    world.prd.unlink()
    world.write(".gitignore", "scripts/ralph/prd.json\nscripts/ralph/progress.txt\n")
    world.write("scripts/ralph/prompt.md", "# theirs\n")
    world.commit()
    world.prd = world.write("scripts/ralph/prd.json", tools.a_prd(tools.a_story(1), tools.a_story(2), branch="ralph/x"))
    world.write("scripts/ralph/progress.txt", "## Codebase Patterns\n")
    world.git("switch", "-qc", "ralph/x")
    return world


def test_its_branch_is_left_alone_and_its_ignored_prd_is_flagged_in_place(cloned: World, tools: Any) -> None:
    tip, notes = cloned.git("rev-parse", "ralph/x"), (cloned.root / "scripts/ralph/progress.txt").read_bytes()
    data = cloned.prd.read_bytes()
    done = cloned.ralph(script=tools.solves(1, 2))
    assert done.exit_code == 0, done.out + done.err
    assert cloned.git("rev-parse", "ralph/x") == tip
    assert cloned.stories_on("ralph/x-ralph") == ["US-001", "US-002"]
    assert "git merge ralph/x-ralph" in done.out
    assert cloned.prd.read_bytes() == data.replace(b'"passes": false', b'"passes": true')
    assert (cloned.root / "scripts/ralph/progress.txt").read_bytes() == notes
    assert cloned.git("status", "--porcelain") == ""
    changed = cloned.git("diff", "--name-only", "ralph/x", "ralph/x-ralph").split()
    assert changed == ["src/1.txt", "src/2.txt"]
    again = cloned.ralph()
    assert (again.exit_code, again.model.requests) == (0, [])
    cloned.git(*done.out[done.out.rindex("git merge") :].split()[1:3])
    assert (cloned.root / "src/2.txt").read_text() == "good\n"
    merged = cloned.ralph()
    assert (merged.exit_code, merged.model.requests) == (0, [])


def test_a_flag_that_the_user_sets_back_is_worked_on_again_and_a_new_story_is_picked_up(
    cloned: World, play: Any, tools: Any
) -> None:
    assert play(tools.solves(1, 2)).outcome.exit_code == 0
    cloned.set_flag(1, passes=False)
    again = play([calls("bash", {"command": "echo better > src/1.txt"}), finish_done("Better.")])
    assert again.outcome.exit_code == 0, again.events
    assert cloned.stories_on("ralph/x-ralph") == ["US-001", "US-002", "US-001"]
    assert cloned.flags() == {"US-001": True, "US-002": True}
    prd = json.loads(cloned.prd.read_bytes())
    prd["userStories"].append(tools.a_story(3))
    cloned.prd.write_text(json.dumps(prd))
    third = play(tools.solves(3))
    assert third.outcome.exit_code == 0
    assert cloned.stories_on("ralph/x-ralph")[3:] == ["US-003"]


@pytest.mark.slow
def test_a_tracked_prds_flag_that_the_user_sets_back_after_merging_is_worked_on_again(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1))
    assert play(tools.solves(1)).outcome.exit_code == 0
    world.git("merge", "-q", "ralph/work")
    world.set_flag(1, passes=False)
    again = play([calls("bash", {"command": "echo better > src/1.txt"}), finish_done("Better.")])
    assert again.outcome.exit_code == 0, again.events
    assert world.stories_on() == ["US-001", "US-001"]
    assert world.flags() == {"US-001": False}


def test_stories_that_the_user_added_to_a_tracked_prd_without_committing_are_worked_on_once(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1, passes=True))
    world.prd.write_text(tools.a_prd(tools.a_story(1, passes=True), tools.a_story(2)), newline="")
    before = world.prd.read_bytes()
    assert play(tools.solves(2)).outcome.exit_code == 0
    assert world.prd.read_bytes() == before
    assert world.stories_on() == ["US-002"]
    again = play([])
    assert (again.outcome.exit_code, again.model.requests) == (0, [])


@pytest.mark.slow
def test_a_flag_whose_commit_is_on_no_branch_any_more_is_told_and_still_wins(cloned: World, tools: Any) -> None:
    first = cloned.ralph("--story", "US-001", script=tools.solves(1))
    assert first.exit_code == 0, first.out
    sha = cloned.git("rev-parse", "ralph/x-ralph")[:10]
    cloned.git("branch", "-qD", "ralph/x-ralph")
    told = f"its commit {sha} is on no branch"
    assert f"done: the PRD says so, but {told}" in cloned.command("status").out
    assert f"the PRD says so, but {told}" in " ".join(cloned.command("explain", "US-001").out.split())
    again = cloned.ralph(script=tools.solves(2))
    assert again.exit_code == 0, again.out
    assert f"US-001 is done in the PRD, but {told}: what builds on it begins without it" in again.out
    assert cloned.stories_on("ralph/x-ralph") == ["US-002"]


@pytest.mark.slow
@pytest.mark.parametrize("squashed", ["feat: [US-001] - Story 1 (#12)", "Carts (#12)\n\n* feat: [US-001] - Story 1"])
def test_a_commit_that_was_squashed_into_the_branch_is_not_missed(cloned: World, tools: Any, squashed: str) -> None:
    assert cloned.ralph("--story", "US-001", script=tools.solves(1)).exit_code == 0
    cloned.git("merge", "-q", "--squash", "ralph/x-ralph")
    cloned.git("commit", "-qm", squashed)
    cloned.git("branch", "-qD", "ralph/x-ralph")
    assert "    done: the PRD says so\n" in cloned.command("status").out


@pytest.mark.slow
def test_a_flag_whose_commit_is_on_another_branch_is_told(cloned: World, tools: Any) -> None:
    assert cloned.ralph("--story", "US-001", script=tools.solves(1)).exit_code == 0
    cloned.git("branch", "-qm", "ralph/x-ralph", "kept")
    assert "is not on ralph/x-ralph" in cloned.command("status").out
