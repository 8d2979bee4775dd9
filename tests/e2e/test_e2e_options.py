"""The command line of a run: in place, dry, as JSON, and what it refuses to start with."""

import json
import re
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
    assert re.search(r"^sandbox: (bwrap|landlock|seatbelt|none)$", done.out, re.MULTILINE)
    assert "\nsandbox: none\n" in world.ralph("--dry-run", "--sandbox", "none").out
    assert "nothing was called and nothing was changed" in done.out
    assert done.model.requests == []
    assert (world.checkout_hash(), world.git("for-each-ref")) == before
    as_json = json.loads(world.ralph("--dry-run", "--json").out)
    assert as_json["story"]["id"] == "US-002"
    assert as_json["prompt_bytes"] > 1_000


def test_a_dry_run_says_when_a_limit_allows_no_call_at_all_and_what_it_suggests_is_enough(
    world: World, tools: Any
) -> None:
    world.start_repo(tools.a_story(1))
    tight = world.ralph("--dry-run", "--max-cost", "0.01")
    assert tight.exit_code == 3, tight.out
    found = re.search(r"may need up to \$0\.(\d{4}) at the least, so the limit of \$0\.01 allows none", tight.out)
    assert found, tight.out
    enough = tight.out.partition("give --max-cost ")[2].split()[0]
    assert 0 < float(enough) - int(found[1]) / 10_000 <= 0.0151
    assert world.ralph("--dry-run", "--max-cost", enough).exit_code == 0
    per_call = world.ralph("--dry-run", "--set", "limits.per_call_usd=0.01")
    assert (per_call.exit_code, "--set limits.per_call_usd=" in per_call.out) == (3, True)
    assert world.ralph("--max-cost", "0.01").exit_code == 3
    assert world.ralph("--max-cost", enough, script=tools.solves(1)).model.requests


def test_why_a_named_story_cannot_be_worked_on_is_said_of_that_story(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2, 1), tools.a_story(3, passes=True))
    waits = "US-002 waits for US-001 (not done)"
    assert f"no story can be worked on now: {waits}" in world.ralph("--story", "US-002", "--dry-run").out
    assert "US-003 is done: the PRD says so" in world.ralph("--story", "US-003", "--dry-run").out
    run = world.ralph("--story", "US-002")
    assert (run.exit_code, f"{waits}: 1 of 3 stories done" in run.out) == (1, True)
    assert world.command("skip", "US-001").exit_code == 0
    parked = world.ralph("--story", "US-001")
    assert "US-001 is parked: " in parked.out
    assert "; `ralph explain US-001` says what to do: 1 of 3" in parked.out


def test_what_is_not_committed_is_said_to_be_unseen(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    assert "uncommitted" not in world.ralph("--dry-run").out
    world.write("src/new.txt", "new\n")
    world.prd.write_text(world.prd.read_text() + "\n")
    told = "uncommitted changes in your checkout (1 file: src/new.txt) are not seen by the agent"
    assert told in world.ralph("--dry-run").out
    assert world.ralph(script=tools.solves(1)).out.count(told) == 1


def test_json_is_one_event_a_line_from_the_first_to_the_last(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    done = world.ralph("--json", script=[*tools.solves(1)])
    kinds = [event["event"] for event in done.events if event["event"] != "warning"]  # where there is no sandbox
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
