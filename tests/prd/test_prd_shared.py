"""PRDs that people really wrote, when the folder with them is beside the clone."""

import json
from pathlib import Path

import pytest

from prd.errors import PrdError
from prd.read import parse_prd
from prd.writeback import mark

FOLDER = Path(__file__).parents[2].parent / "shared" / "prds" / "json"
FILES = sorted(FOLDER.glob("*.json"))
CUT = "which is no story of this PRD"
"""Excerpts keep some stories only, so that one may depend on a story that was left out."""


def is_snarktank(data: bytes) -> bool:
    root = json.loads(data)
    return isinstance(root, dict) and "userStories" in root


SNARKTANK = [path for path in FILES if is_snarktank(path.read_bytes())]

pytestmark = pytest.mark.skipif(not FILES, reason="no collection of PRDs beside the clone")


def flags(data: bytes) -> dict[str, bool]:
    return {story["id"]: story.get("passes", False) for story in json.loads(data)["userStories"]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_snarktank_prd_is_read_and_any_other_is_refused_with_a_place(path: Path) -> None:
    data = path.read_bytes()
    try:
        stories = parse_prd(data, path.name).stories
    except PrdError as refused:
        lines = str(refused).splitlines()
        assert all(line.startswith(f"{path.name}:") for line in lines)
        assert not is_snarktank(data) or all(CUT in line for line in lines)
    else:
        assert is_snarktank(data)
        assert [story.id for story in stories] == [story["id"] for story in json.loads(data)["userStories"]]


@pytest.mark.parametrize("path", SNARKTANK, ids=lambda path: path.stem)
def test_marking_any_story_of_it_changes_exactly_that_flag(path: Path) -> None:
    data = path.read_bytes()
    before = flags(data)
    for story_id, passes in before.items():
        after = mark(data, story_id, passes=not passes)
        assert flags(after) == {**before, story_id: not passes}
        assert bytes_of_one_place(data, after) <= len("tru")


def bytes_of_one_place(before: bytes, after: bytes) -> int:
    """How many bytes of the shorter one are left when the same beginning and the same end are taken away."""
    taken = same_start(before, after) + same_start(before[::-1], after[::-1])
    return max(0, min(len(before), len(after)) - taken)


def same_start(one: bytes, other: bytes) -> int:
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)
