"""What a snarktank PRD is read into, and what is tolerated in it."""

import json
from pathlib import Path

import pytest

from prd.dialects.fields import Field
from prd.dialects.keys import PRD_FIELDS, STORIES, STORY_FIELDS
from prd.find import PLACES
from prd.read import parse_prd, read_prd
from prd.story import Prd, Story

DOCS = Path(__file__).parents[2] / "docs" / "prd-formats.md"
WHOLE = {
    "project": "Shop",
    "branchName": "ralph/login",
    "description": "People log in",
    "userStories": [
        {
            "id": "US-001",
            "title": "Add login page",
            "description": "As a user, I want to log in",
            "acceptanceCriteria": ["Page at /login", "Typecheck passes"],
            "priority": 1,
            "passes": True,
            "notes": "see sketch",
        },
        {"id": "US-002", "title": "Log out", "dependsOn": ["US-001"], "priority": -2, "passes": False},
    ],
}


def read(*stories: object, **top: object) -> Prd:
    return parse_prd(json.dumps({**top, "userStories": stories}).encode(), "prd.json")


def test_every_field_of_the_schema_is_read() -> None:
    first = Story(
        id="US-001",
        title="Add login page",
        description="As a user, I want to log in",
        acceptance_criteria=("Page at /login", "Typecheck passes"),
        priority=1,
        passes=True,
        notes="see sketch",
    )
    second = Story(id="US-002", title="Log out", depends_on=("US-001",), priority=-2)
    wanted = Prd(project="Shop", branch_name="ralph/login", description="People log in", stories=(first, second))
    assert parse_prd(json.dumps(WHOLE).encode(), "prd.json") == wanted


def test_the_file_and_its_very_bytes_are_given(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + json.dumps(WHOLE, indent=1).replace("\n", "\r\n").encode()
    (tmp_path / "prd.json").write_bytes(data)
    assert read_prd(tmp_path / "prd.json") == (parse_prd(data, ""), data)


def test_ids_and_titles_are_enough() -> None:
    assert read({"id": "A", "title": "T"}) == Prd(stories=(Story(id="A", title="T"),))


def test_null_stands_for_a_missing_value_where_one_may_be_missing() -> None:
    optional = ["description", "acceptanceCriteria", "priority", "notes", "dependsOn"]
    assert read({"id": "A", "title": "T", **dict.fromkeys(optional)}, branchName=None, project=None) == read(
        {"id": "A", "title": "T"}
    )


def test_name_stands_for_project_as_ralph_tui_writes_it() -> None:
    assert read({"id": "A", "title": "T"}, name="Shop").project == "Shop"


@pytest.mark.parametrize(
    "extra",
    [
        {"labels": ["a"], "metadata": {"passes": "no", "id": 3}, "completionNotes": "x", "inProgress": True},
        {"passes": False, "status": "?", "Passes": "x", "state": 1},
        {"dependsOn": [], "depends_on": {"a": 1}, "tests": {"unit": 3}, "steps": 4},
        {"files": [], "type": "ui", "batch": 1, "retryCount": 0, "startedAt": "now", "techStack": {}, "": 1},
    ],
    ids=["of-other-tools", "beside-the-flag", "beside-the-dependencies", "far-from-any-known-key"],
)
def test_other_peoples_keys_are_left_alone(extra: dict[str, object]) -> None:
    assert read({"id": "A", "title": "T", **extra}, metadata={}, slug="x", version=3).stories[0].title == "T"


def test_the_text_hash_follows_what_is_asked_for_and_nothing_else() -> None:
    story = Story(id="A", title="T", description="D", acceptance_criteria=("one", "two"))
    same = story.model_copy(update={"passes": True, "notes": "n", "priority": 3, "depends_on": ("B",)})
    assert story.text_hash == same.text_hash
    others: list[dict[str, object]] = [
        {"id": "B"},
        {"title": "U"},
        {"description": ""},
        {"acceptance_criteria": ("onetwo",)},
    ]
    assert len({story.text_hash, *(story.model_copy(update=other).text_hash for other in others)}) == 5
    assert len(story.text_hash) == 64


def test_a_story_is_found_by_its_id() -> None:
    prd = read({"id": "A", "title": "T"}, {"id": "B", "title": "U"})
    assert prd.story("B").title == "U"
    with pytest.raises(KeyError):
        prd.story("C")


def test_a_thousand_stories_in_a_chain_are_read() -> None:
    chain = [{"id": f"S{n}", "title": "T", "dependsOn": [f"S{n + 1}"] if n < 999 else []} for n in range(1000)]
    assert len(read(*chain).stories) == 1000


@pytest.mark.parametrize("known", [*PRD_FIELDS.values(), STORIES, *STORY_FIELDS.values()], ids=lambda known: known.key)
def test_the_docs_name_every_key_that_is_read_and_every_other_name_for_it(known: Field) -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in (*known.names, *known.other_names) if f"`{name}`" not in text] == []


def test_the_docs_name_every_place_in_order() -> None:
    text = DOCS.read_text(encoding="utf-8")
    at = [text.index(f"`{place}`") for place in PLACES]
    assert at == sorted(at)


def test_what_stands_under_somebody_elses_keys_reaches_the_agent_and_is_part_of_what_is_asked() -> None:
    def read(**more: object) -> Story:
        story = {"id": "A", "title": "T", "labels": ["ui"], "createdAt": "2026-01-01T00:00:00Z", **more}
        return parse_prd(json.dumps({"userStories": [story]}).encode(), "prd.json").stories[0]

    told = read(technicalNotes="Use the helper", files=["a.py", "b.py"], estimate=3)
    assert told.more == ("technicalNotes: Use the helper", "files: a.py; b.py")
    assert told.text_hash != read().text_hash
    assert read(labels=["other"]).text_hash == read().text_hash
