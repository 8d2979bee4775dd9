"""Where a PRD is found."""

from pathlib import Path

import pytest

from prd.errors import PrdError
from prd.find import PLACES, find_prd


def put(folder: Path, place: str) -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    return path


@pytest.mark.parametrize("number", range(len(PLACES)), ids=PLACES)
def test_the_first_of_the_known_places_is_taken(tmp_path: Path, number: int) -> None:
    paths = [put(tmp_path, place) for place in PLACES[number:]]
    assert find_prd(tmp_path) == paths[0]


def test_a_named_prd_of_the_repo_is_taken_before_the_known_places(tmp_path: Path) -> None:
    put(tmp_path, "prd.json")
    wanted = put(tmp_path, "docs/login.json")
    assert find_prd(tmp_path, Path("docs/login.json")) == wanted
    assert find_prd(tmp_path, wanted) == wanted


def test_a_name_is_first_read_from_where_the_user_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "todo.json")
    put(tmp_path, "packages/todo.json")
    monkeypatch.chdir(tmp_path / "packages")
    assert find_prd(tmp_path, Path("todo.json")).resolve() == tmp_path / "packages" / "todo.json"


def test_a_named_folder_gives_the_prd_that_it_keeps(tmp_path: Path) -> None:
    wanted = put(tmp_path, "packages/shop/tasks/prd.json")
    put(tmp_path, "prd.json")
    assert find_prd(tmp_path, Path("packages/shop")) == wanted


def test_a_folder_called_prd_json_is_no_prd(tmp_path: Path) -> None:
    (tmp_path / "prd.json").mkdir()
    wanted = put(tmp_path, "plans/prd.json")
    assert find_prd(tmp_path) == wanted


def test_a_name_that_no_file_can_have_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PrdError, match="there is no such PRD"):
        find_prd(tmp_path, Path("x" * 300))
