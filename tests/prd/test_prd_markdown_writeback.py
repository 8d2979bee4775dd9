"""Marking and adding stories in Markdown changes what it has to and no other byte."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prd.document import apply_edits
from prd.errors import PrdError
from prd.read import parse_prd, read_document
from prd.source import BOM
from prd.story import Story
from prd.writeback import mark

LIST = """\
# Plan

## High Priority
- [ ] One
\t- criterion
* [X] Two \t

1. [~] Three
   - [ ] nested

## Completed
- [x] Four"""

NEW = Story(id="add-a-page", title="Add a page", acceptance_criteria=("It shows",))


def marked(text: str, story_id: str, *, passes: bool = True) -> str:
    return mark(text.encode(), story_id, passes=passes, name="plan.md").decode()


def with_new(text: str, story: Story = NEW) -> str:
    source, document = read_document(text.encode(), "plan.md")
    return apply_edits(source.text, document.append(story))


@pytest.mark.parametrize("bom", ["", BOM], ids=["plain", "bom"])
@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize(
    ("story_id", "before", "after"),
    [
        ("one", "- [ ] One", "- [x] One"),
        ("two", "* [X] Two \t", "* [ ] Two \t"),
        ("three", "1. [~] Three", "1. [x] Three"),
        ("four", "- [x] Four", "- [ ] Four"),
    ],
)
def test_one_character_changes_whatever_the_line_ends_and_the_byte_order_mark(
    story_id: str, before: str, after: str, eol: str, bom: str
) -> None:
    text = bom + LIST.replace("\n", eol)
    assert marked(text, story_id, passes="x" in after) == text.replace(before, after)


@pytest.mark.parametrize(
    ("before", "passes", "after"),
    [
        pytest.param("**Status:** todo", True, "**Status:** done", id="chief"),
        pytest.param("**Status:** done", False, "**Status:** todo", id="chief-back"),
        pytest.param("**Status:** in-progress", True, "**Status:** done", id="in-progress"),
        pytest.param("**Status**: Not Started", True, "**Status**: Completed", id="stage"),
        pytest.param("**Status**: Complete", False, "**Status**: Not Started", id="stage-back"),
        pytest.param("- status: pending", True, "- status: complete", id="bullet"),
        pytest.param("- status: `pending`  (soon)", True, "- status: `complete`  (soon)", id="quoted-with-remark"),
        pytest.param("**Status:**", True, "**Status:** done", id="empty"),
        pytest.param("**Status:** blocked", True, "**Status:** done", id="held"),
        pytest.param("- [ ] a\n- [x] b\n  - [ ] c", True, "- [x] a\n- [x] b\n  - [x] c", id="boxes"),
        pytest.param("- [x] a\n- [X] b", False, "- [ ] a\n- [ ] b", id="boxes-back"),
        pytest.param("- [-] a\n- [ ] b", True, "- [-] a\n- [x] b", id="held-box-stays"),
        pytest.param("Text.", True, "**Status:** done\n\nText.", id="no-flag"),
        pytest.param("\nText.", True, "**Status:** done\n\nText.", id="no-flag-before-a-blank-line"),
    ],
)
def test_a_story_with_a_heading_changes_where_its_state_stands(before: str, passes: bool, after: str) -> None:
    text = "# Plan\n\n### US-001: Page\n%s\n\n## Notes\n- [ ] Untouched\n"
    assert marked(text % before, "US-001", passes=passes) == text % after
    assert marked(text % after, "US-001", passes=passes) == text % after


def test_a_new_status_is_spelt_as_the_file_spells_it() -> None:
    text = "### US-001: A\n**Status:** \u2705 Shipped\n### US-002: B\n**Status:** \u23f3 Queued\n"
    assert marked(text, "US-002") == text.replace("\u23f3 Queued", "\u2705 Shipped")
    assert marked(text, "US-001", passes=False) == text.replace("\u2705 Shipped", "\u23f3 Queued")


def test_a_story_that_is_not_there_is_not_marked() -> None:
    document = read_document(b"- [ ] One\n", "plan.md")[1]
    with pytest.raises(
        PrdError, match=r'plan\.md:1:1: there is no story "two"\. Put the story back, or start the run again\.'
    ):
        document.set_done("two", True)


def test_of_two_stories_with_one_id_none_is_marked() -> None:
    with pytest.raises(PrdError, match=r'plan\.md:2:4: the id "US-001" is used by 2 stories'):
        marked("- [ ] US-001: One\n- [ ] US-001: Two\n", "US-001")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "## Now\n* [ ] One\n\t+ detail\n* [x] Two\n\n## Completed\n* [x] Old\n",
            "## Now\n* [ ] One\n\t+ detail\n* [x] Two\n* [ ] Add a page\n\t- It shows\n\n## Completed\n* [x] Old\n",
            id="list-before-what-is-completed",
        ),
        pytest.param("- [ ] One", "- [ ] One\n- [ ] Add a page\n  - It shows", id="no-final-newline"),
        pytest.param(
            "1. [ ] One\r\n\r\n2. [ ] Two\r\n",
            "1. [ ] One\r\n\r\n2. [ ] Two\r\n\r\n3. [ ] Add a page\r\n   - It shows\r\n",
            id="loose",
        ),
        pytest.param(
            "## High Priority\n<!-- here -->\n\n## Completed\n- [x] Old\n",
            "## High Priority\n<!-- here -->\n- [ ] Add a page\n  - It shows\n\n## Completed\n- [x] Old\n",
            id="empty-section",
        ),
        pytest.param("## Done\n- [x] Old\n", "- [ ] Add a page\n  - It shows\n\n## Done\n- [x] Old\n", id="only-done"),
        pytest.param(
            "## Goals\nMany.\n\n## Done\n- [x] Old\n",
            "## Goals\nMany.\n\n## Tasks\n- [ ] Add a page\n  - It shows\n\n## Done\n- [x] Old\n",
            id="only-done-behind-another-section",
        ),
        pytest.param(
            "### US-007: A\n**Status:** todo\n\n- [ ] a\n\n## Notes\n",
            "### US-007: A\n**Status:** todo\n\n- [ ] a\n\n### US-008: Add a page\n**Status:** todo\n\n- [ ] It shows\n\n## Notes\n",
            id="chief",
        ),
        pytest.param(
            "### US-007: A\n**Acceptance Criteria:**\n- [ ] a\n",
            "### US-007: A\n**Acceptance Criteria:**\n- [ ] a\n\n### US-008: Add a page\n**Acceptance Criteria:**\n- [ ] It shows\n",
            id="snarktank",
        ),
        pytest.param(
            "### [x] One\n- a\n- [ ] b\n",
            "### [x] One\n- a\n- [ ] b\n\n### [ ] Add a page\n- [ ] It shows\n",
            id="boxes-in-headings",
        ),
        pytest.param(
            "### Story 1: One\n- [ ] a\n",
            "### Story 1: One\n- [ ] a\n\n### Story 2: Add a page\n- [ ] It shows\n",
            id="numbered-stories",
        ),
        pytest.param(
            "### Task 1: A\n\n- [x] a\n\n## End\n",
            "### Task 1: A\n\n- [x] a\n\n### Task 2: Add a page\n\n- [ ] It shows\n\n## End\n",
            id="ralphex",
        ),
        pytest.param(
            "### one\n- content: One\n- status: complete\n",
            "### one\n- content: One\n- status: complete\n\n### add-a-page\n- content: Add a page\n- acceptance criteria:\n"
            "  - It shows\n- status: pending\n- dependencies: none\n",
            id="bullets",
        ),
        pytest.param(
            "## Stage 1: A\n**Goal**: a\n**Status**: Complete\n",
            "## Stage 1: A\n**Goal**: a\n**Status**: Complete\n\n## Stage 2: Add a page\n**Goal**: Add a page\n"
            "**Success Criteria**:\n- It shows\n\n**Status**: Not Started\n",
            id="stages",
        ),
    ],
)
def test_a_story_is_added_as_its_neighbours_are_written(before: str, after: str) -> None:
    assert with_new(before) == after
    stories = {story.id: story for story in parse_prd(after.encode(), "plan.md").stories}
    added = next(story for story in stories.values() if story.title == "Add a page")
    assert added.acceptance_criteria == ("It shows",)
    assert not added.passes
    old = parse_prd(before.encode(), "plan.md").stories
    assert all(stories[story.id] == story for story in old)


def test_an_added_story_goes_to_its_priority_and_keeps_its_id_description_and_dependencies() -> None:
    text = "# Plan\n## High Priority\n- [ ] One\n## Low Priority\n- [ ] Two\n"
    story = Story(id="US-009", title="Three", description="It is it.", priority=1, depends_on=("two",))
    after = with_new(text, story)
    assert after == (
        "# Plan\n## High Priority\n- [ ] One\n- [ ] US-009: Three\n\n  It is it.\n\n  - Depends on: two\n## Low Priority\n- [ ] Two\n"
    )
    assert parse_prd(after.encode(), "plan.md").story("US-009") == story


PIECES = st.sampled_from(
    [
        "# Plan",
        "## High Priority",
        "## Completed",
        "## Optional",
        "### US-001: A",
        "### US-002: B",
        "### ABC-12: C",
        "### Task 1: X",
        "### Task 2",
        "## Stage 1: S",
        "### slug",
        "### [ ] boxed",
        "### Story 1.1: q",
        "**Status:** todo",
        "**Status:** done",
        "**Status**: Not Started",
        "- status: pending",
        "- content: do it",
        "- dependencies: slug, US-001",
        "Status: done",
        "- [ ] one",
        "- [x] two",
        "- [-] held",
        "  - [ ] nested",
        "    - deep",
        "* [ ] star",
        "1. [ ] num",
        "- [ ]",
        "- [] near",
        "-[ ] near",
        "```",
        "~~~",
        "<!--",
        "-->",
        "",
        "",
        "---",
        "===",
        "text",
        "> - [ ] q",
        "\t- [ ] tab",
        "    - [ ] code",
        "- [ ] US-001: id",
        "- [ ] **T3** x",
        "- [ ] (depends on one) y",
        "  - Depends on: 1, 2",
        "**Acceptance Criteria:**",
        "- plain",
        "  - [ ] under plain",
        "Branch: ralph/x",
        "\x0c",
        "- [ ] a\x00b",
        "- [x] \u2028z",
        "- - [ ] double",
        "- [ ] [x](y)",
        "<details>",
        "**P1** x",
        "- [ ] HIGH: z",
        "[x]: http://a",
        "**Status:** ✅ Done",
        "**Status:**",
    ]
)
PAGES = st.builds(
    lambda bom, lines, eol, end: bom + eol.join(lines) + end,
    st.sampled_from(["", BOM]),
    st.lists(PIECES, max_size=14),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "\n", " \t\n"]),
)
RANDOM = st.text(st.sampled_from(list("-*+[]x #`<!>|:_\\\r\n\t 1.aUS\x00\ufeff\u2028")), max_size=60)


@settings(max_examples=150, deadline=None)
@given(st.one_of(PAGES, RANDOM))
@example("- [ ]\x0b")
def test_of_any_markdown_each_story_flips_alone_or_the_file_is_refused(text: str) -> None:
    data = text.encode()
    source, document = read_document(data, "plan.md")
    if document.problems:
        assert str(source.refusal(document.problems)).startswith("plan.md:")
        return
    before = document.prd
    for story in before.stories:
        after = mark(data, story.id, passes=not story.passes, name="plan.md")
        found = {one.id: one.passes for one in parse_prd(after, "plan.md").stories}
        assert found == {one.id: one.passes for one in before.stories} | {story.id: not story.passes}
        assert mark(data, story.id, passes=story.passes, name="plan.md") == data
