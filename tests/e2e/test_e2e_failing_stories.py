"""Work that may not be committed: it is kept aside, the story is tried again or parked, and the branch stays clean."""

from typing import Any

import pytest

from ralph.errors import RalphError
from ralph.replay.scripted import calls, finish_blocked, finish_done
from tracing.span import TraceStatus

World = Any
ONE_TRY = "[agent]\nattempts = 1\nrepairs = 1\n"


def add_settings(world: World, text: str) -> None:
    world.write("ralph.toml", text + (world.root / "ralph.toml").read_text())
    world.commit()


def test_attempts_without_success_are_kept_and_the_story_is_parked_until_it_is_unblocked(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1))
    add_settings(world, "[agent]\nattempts = 2\nrepairs = 1\n")
    broken = [tools.writes(1, "broken"), finish_done("Sure."), tools.writes(1, "broken again"), finish_done("Sure.")]
    failed = play(broken * 2)
    assert failed.outcome.exit_code == 1
    assert len(failed.model.requests) == 8
    assert [result.status for result in failed.outcome.results] == [TraceStatus.ERROR] * 2
    assert world.stories_on("main") == []
    assert "ralph/work" not in world.branches()
    kept = world.attempts()
    assert sorted(kept) == sorted(f"refs/ralph/attempts/{detail.trace.trace_id}" for detail in world.traces())
    assert [world.show(f"{ref}:src/1.txt") for ref in kept] == [b"broken again\n"] * 2
    retry = str(failed.model.requests[4]["messages"])
    assert "broken" in retry
    assert "failed: sound" in retry
    assert failed.model.requests[0]["output_config"] != failed.model.requests[4]["output_config"]
    parked = play([])
    assert (parked.outcome.exit_code, parked.model.requests) == (1, [])
    world.assert_clean()


def test_unblock_lets_a_parked_story_be_worked_on_again(world: World, play: Any, tools: Any) -> None:
    pytest.importorskip("ralph.cli.status")
    world.start_repo(tools.a_story(1))
    assert play([finish_blocked("no key")]).outcome.exit_code == 1
    status = world.command("status")
    assert (status.exit_code, "no key" in status.out) == (1, True)
    unblocked = world.command("unblock", "US-001")
    assert unblocked.exit_code == 0, unblocked.err
    assert play(tools.solves(1)).outcome.exit_code == 0


def test_a_blocked_story_is_parked_at_once_at_no_attempt_and_the_others_go_on(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2, 1), tools.a_story(3))
    played = play([finish_blocked("needs a password"), *tools.solves(3)])
    assert played.outcome.exit_code == 1
    assert [result.status for result in played.outcome.results] == [TraceStatus.BLOCKED, TraceStatus.SUCCESS]
    assert world.stories_on() == ["US-003"]
    assert {detail.trace.story: detail.trace.status for detail in world.traces()} == {
        "US-001": "blocked",
        "US-003": "success",
    }


def test_a_check_that_is_red_before_the_work_is_shown_and_not_blamed_but_may_not_get_company(
    world: World, play: Any, tools: Any
) -> None:
    red = '[[checks]]\nname = "red"\ncommand = "echo E1; exit 1"\n[[checks]]\nname = "sound"\ncommand = "! grep -rn broken src"\n'
    world.start_repo(tools.a_story(1), checks=red)
    played = play([tools.writes(1, "broken"), finish_done("ok"), *tools.solves(1)])
    assert played.outcome.exit_code == 0, played.events
    told = [event.text for event in played.events]
    assert any("red before the work began" in text for text in told)
    assert any("repair 1 of 2: failed: sound" in text for text in told)
    assert "red" in str(played.model.requests[0]["messages"])


def test_a_run_whose_checks_cannot_run_here_ends_at_once_and_costs_nothing(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), checks='[[checks]]\nname = "tests"\ncommand = "no-such-tool --run"\n')
    with pytest.raises(RalphError, match=r"no check can run here(.|\n)*no-such-tool(.|\n)*ralph init"):
        play([])
    assert world.charged_micros() == 0
    world.write("no-such-tool", "#!/bin/sh\nexit 0\n")
    world.write("ralph.toml", '[[checks]]\nname = "tests"\ncommand = "sh no-such-tool"\n')
    world.commit()
    assert play(tools.solves(1)).outcome.exit_code == 0


def test_where_every_check_is_red_only_work_that_turns_one_green_is_believed(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1), checks='[[checks]]\nname = "there"\ncommand = "test -e src/1.txt"\n')
    other = calls("write", {"file_path": "src/other.txt", "content": "x\n"})
    played = play([other, finish_done("Done."), tools.writes(1), finish_done("Done.")])
    assert played.outcome.exit_code == 0
    told = [event.text for event in played.events]
    assert any("every check is red before the work began" in text for text in told)
    assert any("no check passes, so nothing vouches for the work: there" in text for text in told)
    assert "exit code 1" in str(played.model.requests[2]["messages"][-1])


def test_files_that_no_check_looks_at_are_named(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), checks='[[checks]]\nname = "api"\ncommand = "true"\ncwd = "api"\n')
    world.write("api/here.txt", "x\n")
    world.commit()
    played = play(tools.solves(1))
    assert played.outcome.exit_code == 0
    assert any("no check looks at src/1.txt" in event.text for event in played.events)


def test_a_claim_without_a_change_is_not_believed(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    add_settings(world, ONE_TRY)
    played = play([finish_done("All done!"), finish_done("Really!")])
    assert played.outcome.exit_code == 1
    assert "no file was changed" in played.outcome.results[0].reason
    assert world.attempts() == []


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_an_agents_edits_of_the_prd_the_notes_and_the_settings_are_discarded(
    world: World, play: Any, tools: Any, sandbox: str
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2, passes=True))
    world.write("progress.txt", "mine\n")
    world.commit()
    cheat = "echo '{}' > prd.json; echo lies > progress.txt; echo > ralph.toml; cat prd.json progress.txt"
    played = play([calls("bash", {"command": cheat}), *tools.solves(1)], sandbox=sandbox)
    assert played.outcome.exit_code == 0, played.events
    changed = world.git("diff", "--name-only", "main", "ralph/work").split()
    assert changed == ["prd.json", "progress.txt", "src/1.txt"]
    assert world.show("ralph/work:prd.json") == world.prd.read_bytes().replace(b'"passes": false', b'"passes": true', 1)
    notes = world.show("ralph/work:progress.txt")
    assert notes.startswith(b"mine\n")
    assert b"lies" not in notes
    shell_output = str(played.model.requests[1]["messages"])
    assert "Read-only" in shell_output or any("left out" in event.text for event in played.events)


def test_a_file_that_likely_holds_a_secret_is_refused_with_the_reason(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    script = [calls("write", {"file_path": ".env", "content": "A=1\n"}), *tools.solves(1)]
    played = play([*script, calls("bash", {"command": "rm .env"}), finish_done("Removed.")])
    assert played.outcome.exit_code == 0, played.events
    assert any("repair 1 of 2: files that may not be committed: .env" in event.text for event in played.events)
    assert "files named .env usually hold secrets" in str(played.model.requests[-1]["messages"])
    assert world.git("diff", "--name-only", "main", "ralph/work").split() == ["prd.json", "src/1.txt"]
