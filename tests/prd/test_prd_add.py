"""A new story in the file's own numbering and layout, or none at all."""

from pathlib import Path

import pytest

from prd.add import Wish, add_story, next_id
from prd.errors import PrdError
from prd.read import parse_prd
from prd.story import Story

FOLDER = Path(__file__).parents[2].parent / "shared" / "prds"
FILES = sorted([*FOLDER.glob("json/*.json"), *FOLDER.glob("markdown/*.md")])
CHIEF = "# Shop\n\n### US-001: Cart\n\n**Status:** todo\n\n- [ ] it adds up\n"


def story_list(*ids: str) -> list[Story]:
    return [Story(id=story_id, title=f"Title of {number}") for number, story_id in enumerate(ids)]


@pytest.mark.parametrize(
    ("ids", "following"),
    [
        (["US-001", "US-006"], "US-007"),
        (["US-009", "US-099"], "US-100"),
        (["7", "3"], "8"),
        (["T9", "X1", "T12"], "T13"),
        (["task-1"], "task-2"),
        (["1.1", "1.2", "2.1"], "2.2"),
        (["title-of-0", "title-of-1"], "pay-by-card"),
        (["cart", "checkout", "step-2"], "pay-by-card"),
        ([], "pay-by-card"),
    ],
)
def test_the_next_id_follows_the_numbering_of_the_file(ids: list[str], following: str) -> None:
    assert next_id(story_list(*ids), "Pay by card") == following


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_story_is_added_to_every_good_prd_of_the_collection(path: Path) -> None:
    data = path.read_bytes()
    try:
        before = parse_prd(data, path.name)
    except PrdError:
        return
    added = add_story(data, Wish("Pay by card", criteria=("a receipt is printed",)), name=path.name)
    after = parse_prd(added.data, path.name)
    assert [story for story in after.stories if story.id != added.story.id] == list(before.stories)
    assert added.story.title == "Pay by card"
    assert added.story.acceptance_criteria[0] == "a receipt is printed"
    line = int(added.place.rsplit(":", 2)[1])
    assert "Pay by card" in "\n".join(added.data.decode().splitlines()[line - 1 : line + 12])


def test_a_file_whose_stories_have_no_ids_gets_none() -> None:
    data = b'[\n  {"title": "Cart", "passes": true},\n  {"title": "Ship", "passes": false}\n]\n'
    added = add_story(data, Wish("Pay"), name="plans.json")
    assert added.data == data.replace(b"\n]", b',\n  {"title": "Pay", "passes": false}\n]')
    assert (added.story.id, added.place) == ("pay", "plans.json:4:3")


def test_where_every_story_has_a_number_of_its_own_the_new_one_gets_the_next() -> None:
    data = b'{"userStories": [{"id": 1, "title": "A", "priority": 4}, {"id": 2, "title": "B", "priority": 2}]}'
    added = add_story(data, Wish("C"), name="prd.json")
    assert added.data.endswith(b', {"id": 3, "title": "C", "priority": 5}]}')


def test_the_first_story_of_an_empty_list_is_added() -> None:
    added = add_story(b'{"userStories": []}', Wish("Pay"), name="prd.json")
    assert [story.title for story in parse_prd(added.data, "prd.json").stories] == ["Pay"]


@pytest.mark.parametrize(
    ("data", "name", "wish", "message"),
    [
        pytest.param(
            CHIEF,
            "prd.md",
            Wish("  "),
            'the title is empty. Say what is to be done, for example: ralph prd add "Add a login page"',
            id="empty-title",
        ),
        pytest.param(
            CHIEF,
            "prd.md",
            Wish("Pay \x1b[2J"),
            'the title "Pay \\x1b[2J" has characters that cannot be seen. Leave them out.',
            id="invisible-characters",
        ),
        pytest.param(
            "- [ ] Cart\n",
            "fix_plan.md",
            Wish("P1: Pay"),
            'fix_plan.md: the title would be read as "Pay". Write it in other words.',
            id="a-title-that-means-something-in-the-format",
        ),
        pytest.param(
            CHIEF,
            "prd.md",
            Wish("Pay", depends_on=("us1",)),
            'prd.md has no story "us1" to depend on. Did you mean "US-001"?',
            id="unknown-dependency-like-one",
        ),
        pytest.param(
            CHIEF,
            "prd.md",
            Wish("Pay", depends_on=("X",)),
            'prd.md has no story "X" to depend on. Its stories are: US-001.',
            id="unknown-dependency",
        ),
        pytest.param(
            CHIEF,
            "prd.md",
            Wish("Pay", depends_on=("US-001",)),
            "prd.md: this format (Markdown, user stories with a status line (chief)) cannot keep the dependencies of a story. Leave it out, "
            "write it in by hand, or move to a prd.json, which can: ralph prd convert --to snarktank",
            id="what-the-format-cannot-keep",
        ),
        pytest.param(
            '{"userStories": [{"id": "A", "title": "T", "passes": 1}]}',
            "prd.json",
            Wish("Pay"),
            'prd.json:1:54: story "A": "passes" is 1. Write true or false, without quotes.',
            id="a-prd-with-problems",
        ),
    ],
)
def test_what_makes_no_story_is_refused(data: str, name: str, wish: Wish, message: str) -> None:
    with pytest.raises(PrdError) as refused:
        add_story(data.encode(), wish, name=name)
    assert str(refused.value) == message
