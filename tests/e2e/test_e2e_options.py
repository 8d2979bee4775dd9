"""The command line of a run: in place, dry, as JSON, and what it refuses to start with."""

import json
from typing import Any

from ralph.replay.scripted import fails

World = Any


def test_in_place_commits_to_the_branch_that_is_checked_out(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    done = world.ralph("--in-place", script=tools.solves(1))
    assert done.exit_code == 0, done.out + done.err
    assert world.stories_on("main") == ["US-001"]
    assert world.branches() == ["main"]
    assert (world.root / "src/1.txt").read_text() == "good\n"
    assert world.flags() == {"US-001": True}
    assert world.git("status", "--porcelain") == ""
    world.assert_clean()


def test_in_place_refuses_a_checkout_with_uncommitted_changes(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    world.write("src/app.txt", "mine\n")
    before = world.checkout_hash()
    done = world.ralph("--in-place", script=tools.solves(1))
    assert (done.exit_code, done.model.requests) == (2, [])
    assert "src/app.txt" in done.err
    assert world.checkout_hash() == before


def test_a_dry_run_calls_nothing_and_changes_nothing(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1, 2), tools.a_story(2))
    before = (world.checkout_hash(), world.git("for-each-ref"))
    done = world.ralph("--dry-run")
    assert done.exit_code == 0, done.err
    assert "story:  US-002 Story 2" in done.out
    assert "sound: ! grep -rn broken src" in done.out
    assert "nothing was called and nothing was changed" in done.out
    assert done.model.requests == []
    assert (world.checkout_hash(), world.git("for-each-ref")) == before
    as_json = json.loads(world.ralph("--dry-run", "--json").out)
    assert as_json["story"]["id"] == "US-002"
    assert as_json["prompt_bytes"] > 1_000


def test_json_is_one_event_a_line_from_the_first_to_the_last(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    done = world.ralph("--json", script=[*tools.solves(1)])
    kinds = [event["event"] for event in done.events]
    assert (kinds[0], kinds[-1]) == ("run_started", "note")
    assert set(kinds) > {"story_started", "turn", "tool", "check", "committed", "run_ended"}
    (ended,) = [event for event in done.events if event["event"] == "run_ended"]
    assert ended["exit_code"] == done.exit_code == 0
    assert ended["spent_usd"] * 1e6 == world.charged_micros()


def test_a_wrong_key_exits_4_and_says_what_to_do_where_a_person_and_a_program_see_it(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    done = world.ralph(script=[fails(401)])
    assert done.exit_code == 4
    assert "Set ANTHROPIC_API_KEY to a valid key" in done.out
    assert "Traceback" not in done.out + done.err


def test_no_checks_is_no_run_and_the_remedy_is_said(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1), checks="")
    done = world.ralph(script=tools.solves(1))
    assert (done.exit_code, done.model.requests) == (2, [])
    assert "[[checks]]" in done.err


def test_unchecked_work_is_marked_and_its_story_stays_open(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), checks="")
    played = play(tools.solves(1), run__allow_unchecked="true", run__max_iterations=3)
    assert (played.outcome.exit_code, len(played.outcome.results)) == (1, 1)
    assert "nchecked" in world.git("log", "-1", "--format=%B", "ralph/work")
    assert json.loads(world.show("ralph/work:prd.json"))["userStories"][0]["passes"] is False


def test_no_key_is_no_run_and_the_remedy_is_said(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    done = world.command("run")
    assert done.exit_code == 2
    assert "set ANTHROPIC_API_KEY" in done.err
    assert "ralph demo" in done.err
    assert not world.traces()


def test_a_broken_prd_exits_2_with_its_place_and_is_not_touched(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(1))
    before = world.checkout_hash()
    done = world.ralph(script=tools.solves(1))
    assert (done.exit_code, done.model.requests) == (2, [])
    assert "prd.json:" in done.err
    assert world.checkout_hash() == before


def test_one_story_can_be_named(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    done = world.ralph("--story", "us-002", script=tools.solves(2))
    assert (done.exit_code, world.stories_on()) == (0, ["US-002"]), done.out
