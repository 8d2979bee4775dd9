"""Where a draft goes: a new file, or behind the stories that are there; and what a person may make of its text."""

import json
from contextlib import suppress
from pathlib import Path

import pytest

from prd.convert import snarktank_text
from prd.errors import PrdError
from prd.read import parse_prd
from prd.story import Prd, Story
from ralph.drafting.proposal import draft_of, edited
from ralph.drafting.target import find_target
from ralph.errors import RalphError

STORY: dict[str, object] = {
    "title": "Add csv",
    "description": "",
    "acceptanceCriteria": ["`kitty csv` prints `who`"],
    "dependsOn": [],
}
GIVEN: dict[str, object] = {
    "project": "Kitty",
    "branch": "ralph/csv",
    "description": "A list.",
    "stories": [STORY, STORY | {"title": "Sort it", "dependsOn": ["#1"]}],
}
SNARKTANK = {
    "project": "Kitty",
    "branchName": "ralph/one",
    "description": "",
    "userStories": [
        {"id": "US-007", "title": "List", "acceptanceCriteria": ["x"], "priority": 3, "passes": True, "notes": ""},
        {"id": "US-009", "title": "Add", "acceptanceCriteria": ["x"], "priority": 4, "passes": False, "notes": ""},
    ],
}
TITLES = ("Print the list", "Print it twice", "Print it backwards")
FIX_PLAN = "# Fix plan\n\n## High priority\n- [x] Parse amounts\n- [ ] Print the list\n"
CHIEF = "# Kitty\n\n## User Stories\n\n### US-001: List\n**Status:** done\n\n- [x] prints\n\n### US-002: Add\n\n- [ ] adds\n"


def test_a_new_prd_is_written_in_the_words_of_snarktank(tmp_path: Path) -> None:
    target = find_target(tmp_path, None)
    draft = draft_of(GIVEN, target)
    target.write(draft, snarktank_text(draft))
    assert json.loads((tmp_path / "prd.json").read_text()) == {
        "project": "Kitty",
        "branchName": "ralph/csv",
        "description": "A list.",
        "userStories": [
            {
                "id": "US-001",
                "title": "Add csv",
                "description": "",
                "acceptanceCriteria": ["`kitty csv` prints `who`"],
                "priority": 1,
                "passes": False,
                "notes": "",
            },
            {
                "id": "US-002",
                "title": "Sort it",
                "description": "",
                "acceptanceCriteria": ["`kitty csv` prints `who`"],
                "priority": 2,
                "passes": False,
                "notes": "",
                "dependsOn": ["US-001"],
            },
        ],
    }
    assert parse_prd((tmp_path / "prd.json").read_bytes(), "prd.json") == draft


def test_a_new_prd_may_lie_in_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    target = find_target(tmp_path, tmp_path / "tasks" / "csv.json")
    target.write(draft_of(GIVEN, target), "{}")
    assert (tmp_path / "tasks" / "csv.json").read_text() == "{}"
    assert target.run_command(tmp_path) == "ralph run tasks/csv.json"


def test_a_new_prd_that_is_no_json_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    with pytest.raises(RalphError, match=r"plan.md: a new PRD is written as JSON"):
        find_target(tmp_path, tmp_path / "plan.md")


def test_a_prd_that_cannot_be_read_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    (tmp_path / "prd.json").write_text('{"userStories": [{"id": 1,}]}')
    with pytest.raises(PrdError, match=r"prd.json:1:26: there is a comma"):
        find_target(tmp_path, None)


def test_stories_are_added_behind_those_of_a_json_prd_with_ids_and_priorities_going_on(tmp_path: Path) -> None:
    before = json.dumps(SNARKTANK, indent=4)
    (tmp_path / "prd.json").write_text(before)
    target = find_target(tmp_path, None)
    draft = draft_of(GIVEN, target)
    target.write(draft, snarktank_text(draft))
    after = (tmp_path / "prd.json").read_text()
    assert after.startswith(before[: before.rindex("}\n    ]")])
    found = parse_prd(after.encode(), "prd.json")
    assert found.branch_name == "ralph/one"
    assert [(one.id, one.priority, one.depends_on) for one in found.stories[2:]] == [
        ("US-010", 5, ()),
        ("US-011", 6, ("US-010",)),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [pytest.param("fix_plan.md", FIX_PLAN, id="task-list"), pytest.param("prd.md", CHIEF, id="chief")],
)
def test_stories_are_added_to_a_markdown_prd(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    target = find_target(tmp_path, tmp_path / name)
    draft = draft_of(GIVEN | {"stories": [STORY]}, target)
    target.write(draft, snarktank_text(draft))
    after = (tmp_path / name).read_text()
    found = parse_prd(after.encode(), name)
    assert [one.title for one in found.stories][2:] == ["Add csv"]
    assert all(line in after for line in text.splitlines())


def test_a_prd_that_others_have_added_to_meanwhile_keeps_both(tmp_path: Path) -> None:
    path = tmp_path / "prd.json"
    path.write_text(json.dumps(SNARKTANK))
    target = find_target(tmp_path, None)
    draft = draft_of(GIVEN, target)
    path.write_text(json.dumps(SNARKTANK).replace('"List"', '"List all"'))
    target.write(draft, snarktank_text(draft))
    assert '"List all"' in path.read_text()
    with pytest.raises(PrdError, match='there already is a story "US-010"'):
        target.write(draft, snarktank_text(draft))


def test_a_file_that_was_made_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = find_target(tmp_path, None)
    (tmp_path / "prd.json").write_text("mine")
    with pytest.raises(RalphError, match="somebody has made this file meanwhile"):
        target.write(draft_of(GIVEN, target), "{}")
    assert (tmp_path / "prd.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        pytest.param((), ["US-001", "US-002"], id="none"),
        pytest.param(("T9", "T10"), ["T11", "T12"], id="own-prefix"),
        pytest.param(("1", "2"), ["3", "4"], id="numbers"),
        pytest.param(("US-002", "US-003", "US-001"), ["US-004", "US-005"], id="taken"),
        pytest.param(("print-the-list",), ["add-csv", "sort-it"], id="from-titles"),
    ],
)
def test_new_ids_go_on_in_the_way_of_those_that_are_there(
    tmp_path: Path, ids: tuple[str, ...], expected: list[str]
) -> None:
    target = find_target(tmp_path, None)
    there = Prd(stories=tuple(Story(id=one, title=title) for one, title in zip(ids, TITLES, strict=False)))
    named = type(target)(target.path, target.name, there if ids else None)
    assert named.ids(["Add csv", "Sort it"]) == expected


def test_an_edited_draft_may_need_stories_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "prd.json").write_text(json.dumps(SNARKTANK))
    target = find_target(tmp_path, None)
    text = snarktank_text(draft_of(GIVEN, target)).replace(
        '"dependsOn": [\n        "US-010"', '"dependsOn": [\n        "US-009"'
    )
    assert [one.depends_on for one in edited(text, target).stories] == [(), ("US-009",)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(("{", "[", 1), r"draft.json:2:\d+", id="syntax"),
        pytest.param(('"US-010"', '"US-009"', -1), "US-009", id="taken-id"),
        pytest.param(('"title"', '"titel"', 1), r'draft.json:8:\d+: .*"titel"', id="near-miss"),
    ],
)
def test_an_edited_draft_that_makes_no_prd_is_refused_with_the_place(
    tmp_path: Path, change: tuple[str, str, int], words: str
) -> None:
    (tmp_path / "prd.json").write_text(json.dumps(SNARKTANK))
    target = find_target(tmp_path, None)
    with pytest.raises(PrdError, match=words):
        edited(snarktank_text(draft_of(GIVEN, target)).replace(*change), target)


def test_an_edited_draft_without_stories_is_refused(tmp_path: Path) -> None:
    target = find_target(tmp_path, None)
    with pytest.raises(PrdError, match="story"):
        edited('{"project": "Kitty", "userStories": []}', target)


def _can_be_read(path: Path) -> bool:
    with suppress(PrdError):
        parse_prd(path.read_bytes(), path.name)
        return True
    return False


@pytest.mark.slow
def test_stories_can_be_added_to_every_prd_of_other_people_and_edited_before(shared: Path) -> None:
    files = [path for path in (shared / "prds").glob("*/*.*") if path.suffix in {".json", ".md"} and _can_be_read(path)]
    assert len(files) > 30
    for path in files:
        target = find_target(path.parent, path)
        draft = draft_of(GIVEN, target)
        assert edited(snarktank_text(draft), target).stories == draft.stories, path.name
