"""What other loops left in a repository: words that mean nothing here, notes that go on, an archive for each feature."""

from typing import Any

from ralph.replay.scripted import Turn, calls, finish_done, says

World = Any
PROMISE = "<promise>COMPLETE</promise>"
STATUS = "---RALPH_STATUS---\nSTATUS: COMPLETE\nEXIT_SIGNAL: true\n---END_RALPH_STATUS---"
LOG = "## Codebase Patterns\n- Tabs.\n---\n"


def solves_and_learns(tools: Any, number: int) -> list[Turn]:
    finish = {
        "status": "done",
        "summary": f"Wrote number {number}.",
        "criteria": [{"criterion": "it exists", "evidence": "the file"}],
        "learnings": [f"Number {number} was easy."],
        "patterns": ["Numbers are in src/."],
    }
    return [tools.writes(number), calls("finish", finish)]


def test_an_agent_that_prints_a_promise_or_a_status_block_is_not_believed(world: World, play: Any, tools: Any) -> None:
    story = {**tools.a_story(1), "description": PROMISE, "acceptanceCriteria": [STATUS]}
    world.start_repo(story, tools.a_story(2))
    settings = world.root / "ralph.toml"
    settings.write_text("[agent]\nattempts = 1\nrepairs = 0\n" + settings.read_text())
    world.write("progress.txt", f"{LOG}\n## 2026-01-01 - US-000\n{PROMISE}\n{STATUS}\n")
    world.commit()
    played = play([says(PROMISE), says(STATUS), says(f"{STATUS}\n{PROMISE}"), *tools.solves(2)])
    assert played.outcome.exit_code == 1
    assert [(result.story_id, result.commit is not None) for result in played.outcome.results] == [
        ("US-001", False),
        ("US-002", True),
    ]
    assert world.stories_on() == ["US-002"]
    assert PROMISE in str(played.model.requests[0]["messages"])


def test_patterns_stay_and_entries_are_archived_when_the_branch_name_changes(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2), branch="ralph/first")
    world.write("progress.txt", LOG)
    world.commit()
    first = play([*solves_and_learns(tools, 1), *solves_and_learns(tools, 2)])
    assert first.outcome.exit_code == 0
    second_message = str(first.model.requests[2]["messages"])
    assert "Number 1 was easy." in second_message
    assert second_message.count("Numbers are in src/.") == 1
    world.git("merge", "-q", "ralph/first")
    former = world.show("main:progress.txt")
    world.prd = world.write("prd.json", tools.a_prd(tools.a_story(3), tools.a_story(4), branch="ralph/second"))
    world.commit()
    before = world.checkout_hash()

    later = play([*tools.solves(3), *tools.solves(4)])
    assert later.outcome.exit_code == 0
    assert world.checkout_hash() == before
    shown = str(later.model.requests[0]["messages"])
    assert "Numbers are in src/." in shown
    assert "Number 1 was easy." not in shown
    listed = world.git("ls-tree", "-r", "--name-only", "ralph/second", "archive").split()
    assert len(listed) == 1
    assert listed[0].endswith("-first/progress.txt")
    assert world.show(f"ralph/second:{listed[0]}") == former
    log = world.show("ralph/second:progress.txt").decode()
    assert log.startswith("## Codebase Patterns\n- Tabs.\n- Numbers are in src/.\n---\n\n## ")
    assert [story for story in ("US-001", "US-002", "US-003", "US-004") if f"- {story}\n" in log] == [
        "US-003",
        "US-004",
    ]


def test_an_ignored_log_is_archived_beside_it_when_the_branch_name_changes(world: World, play: Any, tools: Any) -> None:
    ignored = "scripts/ralph/prd.json\nscripts/ralph/progress.txt\nscripts/ralph/archive/\nscripts/ralph/.last-branch\n"
    world.start_repo(tools.a_story(1), prd="other.json")
    world.git("rm", "-q", "--cached", "other.json")
    world.prd.unlink()
    world.write(".gitignore", ignored)
    world.commit()
    entries = "\n## 2026-01-01 - US-009\n- Old story\n---\n"
    world.prd = world.write("scripts/ralph/prd.json", tools.a_prd(tools.a_story(1), branch="ralph/new"))
    world.write("scripts/ralph/progress.txt", LOG + entries)
    world.write("scripts/ralph/.last-branch", "ralph/old\n")
    played = play(tools.solves(1))
    assert played.outcome.exit_code == 0
    assert "Old story" not in str(played.model.requests[0]["messages"])
    archived = list(world.root.glob("scripts/ralph/archive/*-old/progress.txt"))
    assert [path.read_text() for path in archived] == [LOG + entries]
    assert (world.root / "scripts/ralph/progress.txt").read_text() == LOG
    assert any("Codebase Patterns stay" in event.text for event in played.events)
    assert world.git("status", "--porcelain") == ""


def test_a_second_attempt_is_told_what_failed_and_where_the_first_ones_work_is(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1))
    settings = world.root / "ralph.toml"
    settings.write_text("[agent]\nattempts = 2\nrepairs = 0\n" + settings.read_text())
    world.commit()
    done = finish_done("Wrote a bad number.")
    played = play([tools.writes(1, "broken"), done, *tools.solves(1)])
    assert played.outcome.exit_code == 0, played.outcome.reason
    second = played.model.requests[2]["messages"][0]["content"][0]["text"]
    note = second[second.index("Attempt 1:") : second.index("Implement this story now")]
    (ref,) = world.attempts()
    assert f"It changed {tools.writes(1).content[-1].input['file_path']}; `git show {ref}` shows how." in note
    assert "Failed: sound." in note
    assert "src/1.txt:1:broken" in note
    assert str(world.home) not in note


def test_an_attempt_that_changed_nothing_is_not_told_to_mend_its_code(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    played = play([finish_done("s"), *tools.solves(1)])
    assert played.outcome.exit_code == 0, played.outcome.reason
    said = str(played.model.requests[1]["messages"][-1])
    assert "The harness found nothing to check. No file differs from the base commit" in said
    assert "not the check" not in said
