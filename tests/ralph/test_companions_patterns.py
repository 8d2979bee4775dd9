"""The text of a progress log: patterns at the top, each once; entries below; every other byte as it was."""

import pytest

from ralph.notes.patterns import MOST_LINES, in_short, split_entries, with_entry, with_patterns

SNARKTANK = "## Codebase Patterns\n- Use `sql<number>`.\n---\n# Ralph Progress Log\nStarted: today\n---\n"
ENTRY = "\n## 2026-11-21 10:00 - US-001\n- Add a button\n---\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", "## Codebase Patterns\n- new\n---\n", id="no-log-yet"),
        pytest.param("# Log\nhello", "# Log\n## Codebase Patterns\n- new\n---\nhello", id="no-section-yet"),
        pytest.param("## Codebase Patterns\n- a", "## Codebase Patterns\n- a\n- new", id="no-final-newline"),
        pytest.param(
            "## Codebase Patterns\r\n- a\r\n\r\n# Log\r\n",
            "## Codebase Patterns\r\n- a\r\n- new\r\n\r\n# Log\r\n",
            id="crlf",
        ),
        pytest.param("## codebase patterns\n---\nx", "## codebase patterns\n- new\n---\nx", id="empty-section"),
        pytest.param("## Codebase Patterns\n* NEW.\n", "## Codebase Patterns\n* NEW.\n", id="known"),
    ],
)
def test_a_pattern_goes_to_the_end_of_its_section_once(before: str, after: str) -> None:
    assert with_patterns(before, ["new", "new"]) == after


def test_the_section_is_bounded_and_the_oldest_patterns_go() -> None:
    text = with_patterns(SNARKTANK, [f"pattern {number}" for number in range(MOST_LINES)])
    assert "sql<number>" not in text
    assert text.startswith("## Codebase Patterns\n- pattern 0\n")
    assert text.endswith(f"- pattern {MOST_LINES - 1}\n---\n# Ralph Progress Log\nStarted: today\n---\n")


def test_a_pattern_of_two_lines_goes_as_a_whole() -> None:
    text = with_patterns("## Codebase Patterns\n- a\n  more of a\n", [f"p{number}" for number in range(MOST_LINES - 1)])
    assert text.startswith("## Codebase Patterns\n- p0\n")


@pytest.mark.parametrize(
    "heading",
    ["2026-11-21 10:00 - US-001", "[2026-11-21] - US-001", "Iteration 3", "Nov 21 - STORY-7", "task 4: a button"],
)
def test_entries_begin_at_the_first_heading_of_a_story(heading: str) -> None:
    entries = f"## {heading}\n- did it\n"
    assert split_entries(SNARKTANK + entries) == (SNARKTANK, entries)


def test_other_headings_are_standing_notes() -> None:
    text = SNARKTANK + "## Conventions\n- tabs\n"
    assert split_entries(text) == (text, "")


def test_an_entry_takes_the_line_ends_of_the_log() -> None:
    assert with_entry("a\r\nb", "\n## x\n") == "a\r\nb\r\n\r\n## x\r\n"
    assert with_entry("", ENTRY) == ENTRY


def test_in_short_the_patterns_stay_and_the_newest_entries() -> None:
    text = SNARKTANK + "".join(ENTRY.replace("US-001", f"US-{number:03}") for number in range(500))
    short = in_short(text)
    assert short.startswith(SNARKTANK.strip() + "\n\n[... earlier entries left out ...]\n## 2026-11-21 10:00 - US-")
    assert short.endswith("- US-499\n- Add a button\n---")
    assert len(short) < 8_200
    assert in_short(SNARKTANK + ENTRY) == SNARKTANK + "\n" + ENTRY.strip()
