"""What counts as a story in Markdown, and what a story says."""

import pytest

from prd.dialects.markdown import read_markdown
from prd.document import Document
from prd.errors import PrdError
from prd.read import parse_prd
from prd.source import Source
from prd.story import Prd, Story


def read(text: str) -> Document:
    return read_markdown(Source(text, "plan.md"))


def prd(text: str) -> Prd:
    document = read(text)
    assert document.problems == ()
    return document.prd


def only(text: str) -> Story:
    (story,) = prd(text).stories
    return story


def titles(text: str) -> list[str]:
    return [story.title for story in prd(text).stories]


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param("```\n- [ ] Hidden\n```", id="code-fence"),
        pytest.param("~~~md\n- [ ] Hidden\n### US-001: Hidden\n~~~", id="tilde-fence"),
        pytest.param("    - [ ] Hidden", id="indented-code"),
        pytest.param("<!--\n- [ ] Hidden\n-->", id="comment"),
        pytest.param("> - [ ] Hidden", id="quote"),
        pytest.param("## Acceptance Criteria\n- [ ] Hidden", id="acceptance"),
        pytest.param("## Success Metrics\n- [ ] Hidden", id="success"),
        pytest.param("## Definition of Done\n### Code\n- [ ] Hidden", id="definition-of-done"),
        pytest.param("## Checklist\n- [ ] Hidden", id="checklist"),
        pytest.param("**Exit criteria:**\n- [ ] Hidden", id="label"),
        pytest.param("- Acceptance criteria:\n  - [ ] Hidden", id="item-as-label"),
        pytest.param("## Legend\n- [ ] open\n- [x] done", id="legend"),
        pytest.param("- [2026-01-29] Hidden", id="date"),
        pytest.param("- [x](https://example.org) Hidden", id="link"),
        pytest.param("- Hidden", id="plain-bullet"),
        pytest.param("- []string is nil-safe", id="brackets"),
        pytest.param("## Out of Scope\n- [ ] Hidden", id="out-of-scope"),
        pytest.param("## Notes\n- Hidden\n\n<promise>COMPLETE</promise>", id="promise"),
        pytest.param("- [ ] ", id="empty-checkbox"),
    ],
)
def test_only_checkboxes_that_stand_for_work_are_stories(hidden: str) -> None:
    assert titles(f"- [ ] Shown\n\nThen.\n\n{hidden}\n") == ["Shown"]


@pytest.mark.parametrize(
    ("above", "description"),
    [
        ("# Plan\n**Date:** today\n\nSells\nthings.\n\nMore.", "Sells things."),
        ("# Plan\n## 1. Overview\nSells things.", "Sells things."),
        ("# Plan\nSells things.\n# Other", "Sells things."),
        ("# Plan\n## Completed\nSold things.", ""),
    ],
)
def test_the_first_text_about_the_project_describes_it(above: str, description: str) -> None:
    assert prd(f"{above}\n\n## Tasks\n- [ ] Add a page\n").description == description


@pytest.mark.parametrize(
    ("notes", "description"),
    [
        (
            "## Notes\nUse `-` for stdin.\n\n- No new dependency.\n",
            "Sells things.\n\nNotes:\nUse `-` for stdin.\n\n- No new dependency.",
        ),
        ("## Developer Notes\n### Style\nTabs.\n## Later\nNot this.\n", "Sells things.\n\nNotes:\n### Style\n\nTabs."),
        ("## Notes\n- [ ] A story\n\nThat was one.\n", "Sells things.\n\nNotes:\nThat was one."),
        ("## Notebook\nNot this.\n", "Sells things."),
        (f"## Notes\n{'x' * 5_000}\n", f"Sells things.\n\nNotes:\n{'x' * 4_000} [...]"),
    ],
)
def test_notes_of_the_whole_document_are_a_part_of_its_description(notes: str, description: str) -> None:
    assert prd(f"# Plan\nSells things.\n\n## Tasks\n- [ ] Add a page\n\n{notes}").description == description


def test_notes_of_a_story_are_not_those_of_the_document() -> None:
    assert prd("# Plan\n\n### US-001: One\n#### Notes\nOf the story.\n- [ ] Works\n").description == ""


@pytest.mark.parametrize(
    "text", ["- [ ] **Read** stdin when FILE is `-`", "### US-001: **Read** stdin when FILE is `-`\n- [ ] Works"]
)
def test_code_in_a_title_is_spelt_out_in_the_description(text: str) -> None:
    story = only(text)
    assert (story.title, story.description) == ("Read stdin when FILE is -", "**Read** stdin when FILE is `-`")


def test_front_matter_is_no_heading() -> None:
    document = read("---\ntitle: Other\ntasks:\n- [ ] Hidden\n---\n# Plan\n- [ ] Shown\n")
    assert (document.prd.project, [story.title for story in document.prd.stories]) == ("Plan", ["Shown"])


@pytest.mark.parametrize(
    ("mark", "passes", "held"),
    [(" ", False, ""), ("x", True, ""), ("X", True, ""), ("~", False, ""), ("/", False, ""), ("-", False, "[-]")],
)
def test_the_mark_in_a_box_tells_open_done_and_held(mark: str, passes: bool, held: str) -> None:
    story = only(f"- [{mark}] Add a page\n")
    assert (story.passes, story.held) == (passes, held)


@pytest.mark.parametrize("bullet", ["-", "*", "+", "1.", "2)"])
def test_any_bullet_or_number_may_carry_a_checkbox(bullet: str) -> None:
    assert titles(f"{bullet} [ ] Add a page\n") == ["Add a page"]


@pytest.mark.parametrize(
    ("heading", "priority"),
    [
        ("High Priority", 1),
        ("\U0001f534 High Priority", 1),
        ("Medium Priority", 2),
        ("Low Priority (later)", 3),
        ("Critical", 0),
        ("Priority 3: Polish", 3),
        ("Priority: High", 1),
        ("P0 - Must have", 0),
        ("P2: Should have", 2),
        ("High-level goals", None),
        ("Phase 1: Foundation", None),
    ],
)
def test_a_section_heading_gives_priority(heading: str, priority: int | None) -> None:
    assert only(f"# Plan\n## {heading}\n### Backend\n- [ ] Add a page\n").priority == priority


@pytest.mark.parametrize(
    ("item", "story_id", "title", "priority"),
    [
        ("HIGH: Add a page", "add-a-page", "Add a page", 1),
        ("**P1** Add a page", "add-a-page", "Add a page", 1),
        ("[P2] Add a page", "add-a-page", "Add a page", 2),
        ("(LOW) Add a page", "add-a-page", "Add a page", 3),
        ("US-001: Add a page", "US-001", "Add a page", None),
        ("**US-001**: Add a page", "US-001", "Add a page", None),
        ("**US-001: Add a page**", "US-001", "Add a page", None),
        ("[US-001] Add a page", "US-001", "Add a page", None),
        ("**T3** Add a page", "T3", "Add a page", None),
        ("T1.2 - Add a page", "T1.2", "Add a page", None),
        ("#12 Add a page", "#12", "Add a page", None),
        ("T001 Add a page", "T001", "Add a page", None),
        ("US-001 Add a page", "US-001", "Add a page", None),
        ("\U0001f534 HIGH: Add a page", "add-a-page", "Add a page", 1),
        ("(P2) ~~Add~~ a page", "add-a-page", "Add a page", 2),
        ("[]string in the page", "string-in-the-page", "[]string in the page", None),
        ("P1: POLISH-2: Add a page", "POLISH-2", "Add a page", 1),
        ("POLISH-2: HIGH: Add a page", "POLISH-2", "Add a page", 1),
        ("High contrast mode", "high-contrast-mode", "High contrast mode", None),
        (
            "Add `Vec<String>` to [the page](x.md) <!-- soon -->",
            "add-vec-string-to-the-page",
            "Add Vec<String> to the page",
            None,
        ),
    ],
)
def test_an_id_and_a_priority_are_taken_off_the_front(
    item: str, story_id: str, title: str, priority: int | None
) -> None:
    story = only(f"- [ ] {item}\n")
    assert (story.id, story.title, story.priority) == (story_id, title, priority)


@pytest.mark.parametrize(
    "heading",
    [
        "Optional",
        "Future",
        "Future Enhancements",
        "Nice to Have",
        "Nice-to-have",
        "Backlog",
        "Stretch Goals",
        "P3 (optional)",
    ],
)
def test_what_stands_in_an_optional_section_is_optional(heading: str) -> None:
    stories = prd(f"# Plan\n## Now\n- [ ] Add a page\n## {heading}\n- [ ] Add a moon\n").stories
    assert [story.optional for story in stories] == [False, True]


def test_what_stands_under_a_heading_like_blocked_is_held_until_it_is_done() -> None:
    stories = prd("# Plan\n## Blocked\n- [ ] Add a page\n- [x] Add a moon\n## On hold\n### US-001: Add a sun\n").stories
    assert [(story.title, story.held) for story in stories] == [("Add a sun", "On hold")]
    listed = prd("# Plan\n## Blocked\n- [ ] Add a page\n- [x] Add a moon\n").stories
    assert [(story.title, story.held) for story in listed] == [("Add a page", "Blocked"), ("Add a moon", "")]


def test_the_title_of_the_document_makes_nothing_optional_and_gives_no_priority() -> None:
    story = only("# Future Enhancements, High Priority\n- [ ] Add a page\n")
    assert (story.optional, story.priority) == (False, None)


def test_what_is_nested_under_a_story_are_its_criteria_with_their_own_nested_lines() -> None:
    story = only(
        "- [ ] Add a page\n  - It has `x`\n  - [x] It shows:\n    - a name\n    - a date\n\n  More about it.\n\n  ```sh\n  make\n  ```\n"
    )
    assert story.acceptance_criteria == ("It has `x`", "It shows: a name; a date")
    assert story.description == "More about it.\n\n```sh\nmake\n```"


def test_nested_lines_may_give_the_priority_and_head_the_criteria() -> None:
    story = only("- [ ] Add a page\n  - Priority: High\n  - Acceptance criteria:\n    - It shows\n    - [ ] It hides\n")
    assert (story.priority, story.acceptance_criteria) == (1, ("It shows", "It hides"))


def test_criteria_of_a_story_with_a_heading_are_found_under_a_heading_and_under_bullets() -> None:
    story = only(
        "### Story 1.2: Page\nSee below.\n#### Acceptance Criteria\n- It shows\n#### Tasks\n- Backend\n  - [ ] Add it\n- Frontend\n"
    )
    assert (story.id, story.title) == ("story-1.2", "Page")
    assert story.acceptance_criteria == ("It shows", "Add it")
    assert story.description == "See below.\n\n#### Tasks\n\n- Backend\n- Frontend"


def test_checkboxes_under_a_plain_bullet_are_stories_and_the_bullet_is_their_heading() -> None:
    stories = prd("- **Optional**\n  - [ ] Add a moon\n- P1: now\n  - [ ] Add a page\n").stories
    assert [(story.title, story.optional, story.priority) for story in stories] == [
        ("Add a moon", True, None),
        ("Add a page", False, 1),
    ]


def test_a_long_item_has_its_first_sentence_as_title_and_the_whole_as_description() -> None:
    text = "Add a small page. It shows the `name` of everybody who came" + " and more of it" * 8
    story = only(f"- [ ] US-001: {text}\n")
    assert (story.title, story.description) == ("Add a small page.", text)


def test_a_long_item_of_one_sentence_is_cut_at_a_word() -> None:
    story = only(f"- [ ] {'word ' * 40}\n")
    assert story.title == "word " * 22 + "word..."


def test_stories_of_one_title_get_numbers_and_keep_clear_of_explicit_ids() -> None:
    assert [story.id for story in prd("- [ ] Test\n- [ ] Test\n- [ ] **T-2** Other\n").stories] == [
        "test",
        "test-2",
        "T-2",
    ]


@pytest.mark.parametrize(
    "second",
    [
        "- [ ] US-002: Two (depends on US-001)",
        "- [ ] US-002: Two\n  - Depends on: US-001",
        "- [ ] US-002: Two\n  - **Depends on:** us1",
        "- [ ] US-002: Two\n  - blocked by: One",
        "- [ ] US-002: Two\n  - Depends on: 1",
    ],
)
def test_a_dependency_may_name_an_id_a_title_or_a_number(second: str) -> None:
    stories = prd(f"- [ ] US-001: One\n{second}\n").stories
    assert stories[1].depends_on == ("US-001",)
    assert stories[1].acceptance_criteria == ()


def test_a_dependency_on_something_else_is_prose_in_a_list_and_said_as_a_note() -> None:
    document = read("- [ ] US-001: One (depends on the weather)\n")
    assert document.prd.stories[0].depends_on == ()
    assert document.notes == ('story "US-001" says that it depends on "the weather", which is no story of this file',)


CHIEF = """\
# Shop

**Branch:** `ralph/shop`

Sells things.

### US-001: Schema
**Status:** done
**Priority:** 2
**Description:** As a developer, I want a schema.

- [x] It migrates
- [ ] Typecheck passes

### US-002: Page
**Status:** in-progress
**Depends on:** US-001

As a user, I want a page.

**Acceptance Criteria:**
- It shows
- [ ] It hides

### US-003: Gone
**Status:** blocked (waits for the bank)
"""


def test_the_status_line_of_a_chief_story_decides_and_not_its_checkboxes() -> None:
    document = read(CHIEF)
    first, second, third = document.prd.stories
    assert (document.prd.project, document.prd.branch_name, document.prd.description) == (
        "Shop",
        "ralph/shop",
        "Sells things.",
    )
    assert (first.id, first.passes, first.priority) == ("US-001", True, 2)
    assert first.description == "As a developer, I want a schema."
    assert second.description == "As a user, I want a page."
    assert (second.passes, second.acceptance_criteria, second.depends_on) == (
        False,
        ("It shows", "It hides"),
        ("US-001",),
    )
    assert (third.passes, third.held) == (False, "blocked")


@pytest.mark.parametrize(
    "status",
    ["**Status:** done", "**Status**: Done", "- status: done", "- **Status:** `done`", "Status: \u2705 Complete"],
)
def test_a_status_is_found_however_it_is_set(status: str) -> None:
    assert only(f"### US-001: Page\n\n{status}\n").passes


def test_a_status_right_under_a_list_or_above_a_line_is_a_status() -> None:
    stories = prd(
        "## Stage 1: One\n- a\n**Status**: Complete\n---\n## Stage 2: Two\n**Status**: Not Started\n---\n"
    ).stories
    assert [(story.id, story.passes) for story in stories] == [("stage-1", True), ("stage-2", False)]


def test_a_ralphex_task_is_done_when_all_its_boxes_are_and_boxes_elsewhere_do_not_count() -> None:
    document = read(
        "# Plan\n## Validation Commands\n- `go test ./...`\n- `make lint`\n"
        "### Task 1: One\n- [x] a\n  - [x] b\n### Task 2: Two\n- [x] a\n- [ ] b\n### Iteration 3:\nText\n"
        "## Post-Completion\n- [ ] Look at it\n"
    )
    assert [(story.id, story.title, story.passes, story.priority) for story in document.prd.stories] == [
        ("task-1", "One", True, None),
        ("task-2", "Two", False, None),
        ("iteration-3", "Iteration 3", False, None),
    ]
    assert document.notes == (
        "1 checkbox from line 14 on: outside the stories, and passed over",
        "validation commands, shown and never run: go test ./...; make lint",
    )


def test_requirements_are_no_stories_beside_user_stories() -> None:
    text = "### US-001: Page\n- [ ] It shows\n## Functional Requirements\n### FR-1: Fast\n- [ ] FR-2: Nice\n"
    assert titles(text) == ["Page"]


def test_a_checkbox_in_the_heading_decides() -> None:
    stories = prd("### [x] US-001: One\n- [ ] a\n### [ ] Two\n- [x] b\n").stories
    assert [(story.id, story.passes) for story in stories] == [("US-001", True), ("two", False)]


def test_phases_with_a_status_that_hold_checkboxes_are_sections_of_a_task_list() -> None:
    text = "## Phase 1: Base\n**Status:** Complete\n- [x] One\n## Phase 2: More\n**Status:** Pending\n- [ ] Two\n"
    assert titles(text) == ["One", "Two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "## Success Criteria\n- [ ] It works\n",
            "1:1: there is no story in this file (1 checkbox from line 2 on: criteria, a legend or out of scope, so no stories): "
            'no checkbox in a list, and no heading like "### US-001: Title" or "### Task 1: Title". '
            'Write one line for each story, for example "- [ ] Add a login page".',
            id="criteria-only",
        ),
        pytest.param(
            "- [ ] One\n- [] Two\n",
            '2:3: "[]" is nearly a checkbox. Write "- [ ] " before something to do and "- [x] " before something done.',
            id="no-space-in-the-box",
        ),
        pytest.param(
            "- [ ] One\n\n-[x] Two\n",
            '3:1: "-[x]" is nearly a checkbox. Write "- [ ] " before something to do and "- [x] " before something done.',
            id="no-space-before-the-box",
        ),
        pytest.param(
            "- [ ] US-001: One\n- [ ] US-001: Two\n",
            '2:4: the id "US-001" is used by an earlier story. Give this story an id of its own.',
            id="same-id",
        ),
        pytest.param(
            "### US-001: One\n**Status:** soonish\n",
            '2:13: story "US-001" has the unknown status "soonish". Write todo, in-progress, done or blocked.',
            id="unknown-status",
        ),
        pytest.param(
            "### one\n- content: One\n- status: pending\n- dependencies: login-pgae\n### login-page\n- content: Two\n- status: pending\n",
            '1:1: story "one" depends on "login-pgae", which is no story of this PRD. Write "login-page".',
            id="unknown-dependency",
        ),
        pytest.param(
            "- [ ] US-001: One (depends on US-002)\n- [ ] US-002: Two (depends on US-001)\n",
            '1:4: the stories depend on each other in a circle: "US-001" -> "US-002" -> "US-001". Remove one of these dependencies.',
            id="circle",
        ),
        pytest.param(
            "Branch: a..b\n\n- [ ] One\n",
            '1:9: the branch name "a..b" has ".." in it. Write "a-b".',
            id="branch",
        ),
    ],
)
def test_a_fault_is_told_with_its_place_and_what_to_write(text: str, message: str) -> None:
    with pytest.raises(PrdError) as refused:
        parse_prd(text.encode(), "plan.md")
    assert str(refused.value) == f"plan.md:{message}"
