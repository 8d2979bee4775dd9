"""The first message of a session."""

from pathlib import Path

import pytest

from prd.story import Story
from ralph.briefing import MOST_RULES_CHARS, Brief, first_message
from ralph.checks.check import Check
from ralph.prompts import prompt

STORY = Story(
    id="US-001",
    title="Add a greeting",
    description="As a user I want to be greeted.",
    acceptance_criteria=("says hello", "costs $5"),
)


def a_brief(root: Path, **changes: object) -> Brief:
    known: dict[str, object] = {
        "story": STORY,
        "checks": [Check(name="tests", command="pytest -q")],
        "branch": "ralph/greet",
        "base_sha": "abcdef0123456789",
        "root": root,
    }
    return Brief(**(known | changes))  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "src").mkdir(parents=True)
    (folder / "README.md").write_text("hello", encoding="utf-8")
    return folder


def test_the_message_names_the_story_criteria_checks_and_repo(root: Path) -> None:
    assert first_message(a_brief(root)) == (
        "Story: US-001 - Add a greeting\n\n"
        "As a user I want to be greeted.\n\n"
        "## Acceptance criteria\n- says hello\n- costs $5\n\n"
        "## Checks the harness will run\n- tests: `pytest -q`\n\n"
        "## Repository\nA clean worktree of branch ralph/greet at abcdef012345. At its root: README.md src/\n\n"
        "Implement this story now, then call `finish`."
    )


def test_rules_progress_and_earlier_attempts_have_sections_of_their_own(root: Path) -> None:
    (root / "AGENTS.md").write_text("Use tabs.", encoding="utf-8")
    message = first_message(a_brief(root, progress="US-000: look in src/", previous=["pytest failed: boom"]))
    assert "## The project's own rules\n### AGENTS.md\nUse tabs.\n" in message
    assert "## Notes from earlier stories (their work is in the tree already)\nUS-000: look in src/\n" in message
    assert "## Earlier attempts at this story\n" in message
    assert "Attempt 1:\npytest failed: boom\n" in message


def test_a_check_that_is_red_on_the_base_is_marked(root: Path) -> None:
    assert "- tests: `pytest -q` - red before your change" in first_message(a_brief(root, red_on_base={"tests"}))


def test_a_rules_file_and_its_link_are_given_once_and_shortened(root: Path) -> None:
    (root / "AGENTS.md").write_text("x" * (MOST_RULES_CHARS + 7), encoding="utf-8")
    (root / "CLAUDE.md").symlink_to("AGENTS.md")
    message = first_message(a_brief(root))
    assert "CLAUDE.md\n" not in message.partition("rules")[2]
    assert "[... 7 characters left out ...]" in message


def test_a_rules_file_that_links_out_of_the_repo_is_not_read(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret words", encoding="utf-8")
    (root / "AGENTS.md").symlink_to(tmp_path / "secret")
    assert "secret words" not in first_message(a_brief(root))


def test_the_same_brief_gives_the_same_bytes(root: Path) -> None:
    assert first_message(a_brief(root)) == first_message(a_brief(root))


def test_the_system_text_is_short_and_tells_of_no_story_place_or_budget() -> None:
    words = prompt("system")
    assert len(words) / 4 < 650
    assert not [word for word in ("US-", "$", "/home", "2026") if word in words]


def test_a_placeholder_without_a_value_is_an_error_of_the_programmer() -> None:
    with pytest.raises(KeyError, match="count"):
        prompt("nudge_identical")
