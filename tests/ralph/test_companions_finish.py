"""What an agent's `finish` call says, and the log entry that comes of it."""

from datetime import datetime

from prd.story import Story
from ralph.finish import MOST_CHARS, MOST_LINES, Ending, Finish, finish_of
from ralph.notes.commit_text import progress_entry


def test_a_finish_hands_on_learnings_and_patterns_a_line_each() -> None:
    given = {
        "status": "done",
        "summary": "Did it.",
        "criteria": [{"criterion": "c", "evidence": "e"}],
        "learnings": ["- Mind\nthe gap. ", " "],
        "patterns": ["Tabs."],
    }
    assert finish_of(given) == Finish(
        Ending.DONE, "Did it.", criteria=(("c", "e"),), learnings=("Mind the gap.",), patterns=("Tabs.",)
    )


def test_a_blocked_finish_needs_no_criteria() -> None:
    given = {"status": "blocked", "summary": "Nothing was changed.", "blocked_reason": "No key."}
    assert finish_of(given) == Finish(Ending.BLOCKED, "Nothing was changed.", blocked_reason="No key.")


def test_what_is_handed_on_is_bounded() -> None:
    patterns = finish_of({"status": "done", "summary": "", "patterns": ["x" * 9_999] * 99}).patterns
    assert len(patterns) == MOST_LINES
    assert {len(line) for line in patterns} == {MOST_CHARS + len(" ...")}


def test_the_entry_has_the_learnings_below_the_files() -> None:
    entry = progress_entry(
        Story(id="US-001", title="Greet"),
        "Greets.",
        ["a.py"],
        datetime(2026, 11, 21, 10, 0),  # noqa: DTZ001 - local time
        ["Mind the gap."],
    )
    assert entry == (
        "\n## 2026-11-21 10:00 - US-001\n- Greet\nGreets.\n- Files changed: a.py\n"
        "- **Learnings for future iterations:**\n  - Mind the gap.\n---\n"
    )
