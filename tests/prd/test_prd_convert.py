"""A PRD of any format as a prd.json, and what that keeps."""

import json
from pathlib import Path

import pytest

from prd.convert import OPTIONAL_NOTE, to_snarktank
from prd.errors import PrdError
from prd.read import parse_prd
from prd.story import Prd, Story

FOLDER = Path(__file__).parents[2].parent / "shared" / "prds"
FILES = sorted([*FOLDER.glob("json/*.json"), *FOLDER.glob("markdown/*.md")])


def back(prd: Prd) -> Prd:
    return parse_prd(to_snarktank(prd).encode(), "prd.json")


def alone(**fields: object) -> Prd:
    return Prd(stories=(Story.model_validate({"id": "A", "title": "T", **fields}),))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_prd_of_the_collection_reads_the_same_after_it(path: Path) -> None:
    try:
        prd = parse_prd(path.read_bytes(), path.name)
    except PrdError:
        return  # why it is refused is told elsewhere
    assert back(prd) == prd


def test_a_story_of_each_kind_is_kept() -> None:
    prd = Prd(
        project="Shop é",
        branch_name="ralph/shop",
        description="About\nthe shop",
        stories=(
            Story(id="1", title='Say "hi"', acceptance_criteria=("one", "two"), priority=0, passes=True),
            Story(id="b", title="T", description="D\n\n- x", notes="N", depends_on=("1",)),
            Story(id="c", title="T", more=("technicalNotes: use the helper", "files: a; b")),
        ),
    )
    assert back(prd) == prd


def test_the_keys_are_those_of_snarktank_and_nothing_is_written_that_a_story_does_not_say() -> None:
    written = json.loads(to_snarktank(alone(priority=2)))
    assert list(written) == ["project", "description", "userStories"]
    assert written["userStories"] == [
        {
            "id": "A",
            "title": "T",
            "description": "",
            "acceptanceCriteria": [],
            "priority": 2,
            "passes": False,
            "notes": "",
        }
    ]


@pytest.mark.parametrize(
    ("held", "optional", "read"),
    [
        ("deferred", False, "deferred"),
        ("cancelled", True, "cancelled"),
        ("cancelled", False, "blocked: cancelled"),
        ("blocked: waits for Sam", False, "blocked: waits for Sam"),
        ("[-]", False, "blocked: [-]"),
        ("", True, ""),
    ],
)
def test_held_and_optional_stories_stay_so_and_say_it_in_their_notes(held: str, *, optional: bool, read: str) -> None:
    prd = alone(held=held, optional=optional, notes="N")
    (story,) = back(prd).stories
    assert (story.held, story.optional) == (read, optional)
    assert story.notes.splitlines()[0] == "N"
    assert (OPTIONAL_NOTE in story.notes) is optional
    assert (f'Not to be worked on: "{held}".' in story.notes) is bool(held)
    assert back(back(prd)).stories[0].notes.count(OPTIONAL_NOTE) == int(optional)


def test_what_a_prd_json_cannot_say_is_refused_by_name() -> None:
    with pytest.raises(
        PrdError, match=r'story "A" cannot be kept as it is in a prd.json: its acceptance criteria would be'
    ):
        to_snarktank(alone(acceptance_criteria=("same", "same")))
