"""Where a PRD is found."""

import re
from pathlib import Path

import pytest

from prd.errors import PrdError
from prd.find import MAX_TOLD, PLACES, find, find_prd

OPEN = {".json": '[{"title": "A", "passes": false}]', ".md": "- [ ] A\n", ".yaml": "tasks:\n- title: A\n"}
DONE = {".json": '[{"title": "A", "passes": true}]', ".md": "- [x] A\n"}
PROSE = "# Plan\n\nThis is about login.\n"


def put(folder: Path, place: str, text: str | None = None) -> Path:
    path = folder / place.replace("*", "login")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(OPEN[path.suffix.replace("yml", "yaml")] if text is None else text)
    return path


@pytest.mark.parametrize("number", range(len(PLACES)), ids=PLACES)
def test_the_first_of_the_known_places_is_taken(tmp_path: Path, number: int) -> None:
    paths = [put(tmp_path, place) for place in PLACES[number:]]
    found = find(tmp_path)
    assert found.path == paths[0]
    assert [(note.count(" there too; to use "), "ralph run" in note) for note in found.notes(tmp_path)] in (
        [],
        [(1, True)],
    )


def test_other_prds_of_the_same_kind_that_have_an_open_story_are_told_once(tmp_path: Path) -> None:
    put(tmp_path, "scripts/ralph/prd.json")
    put(tmp_path, "PRD.md")
    put(tmp_path, "tasks/prd-cart.md")
    put(tmp_path, "tasks/prd.json", DONE[".json"])
    (tmp_path / ".ralph").mkdir()
    (tmp_path / ".ralph/prd.json").symlink_to("../scripts/ralph/prd.json")
    assert find(tmp_path).notes(tmp_path) == ()
    put(tmp_path, "prd.json")
    assert find(tmp_path).notes(tmp_path) == ("prd.json is there too; to use it: ralph run prd.json",)
    put(tmp_path, "ralph/prd.json")
    told = ("prd.json, ralph/prd.json are there too; to use one: ralph run prd.json",)
    assert find(tmp_path).notes(tmp_path) == told
    assert find(tmp_path, Path("scripts/ralph")).notes(tmp_path) == ()


def test_a_storys_id_in_the_place_of_a_prd_is_recognised(tmp_path: Path) -> None:
    stories = ", ".join(f'{{"id": "US-00{number}", "title": "T", "passes": false}}' for number in (1, 2))
    put(tmp_path, "prd.json", f"[{stories}]")
    for word, meant in {"US-002": "US-002", "us-002": "US-002", "US": "US"}.items():
        with pytest.raises(PrdError, match=f"^{word}: there is no such PRD. Did you mean --story {meant}\\? "):
            find(tmp_path, Path(word))
    with pytest.raises(PrdError, match=r"^docs/x\.json: there is no such PRD\. Name a file that exists"):
        find(tmp_path, Path("docs/x.json"))


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


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("docs/plans", "docs/plans/a.md"),
        (".chief/prds", ".chief/prds/login/prd.md"),
        (".chief/prds/login", ".chief/prds/login/prd.md"),
        ("tasks", "tasks/prd-login.md"),
        (".agents/tasks", ".agents/tasks/prd-login.json"),
        ("scripts/ralph", "scripts/ralph/prd.json"),
    ],
)
def test_a_named_folder_may_be_one_that_prds_are_usually_kept_in(tmp_path: Path, folder: str, file: str) -> None:
    wanted = put(tmp_path, file)
    put(tmp_path, "prd.json")
    assert find_prd(tmp_path, Path(folder)) == wanted


def test_of_several_plans_the_first_by_name_that_has_an_open_story_is_taken_and_the_others_are_told(
    tmp_path: Path,
) -> None:
    put(tmp_path, "docs/plans/1-cart.md", DONE[".md"])
    put(tmp_path, "docs/plans/2-notes.md", PROSE)
    put(tmp_path, "docs/plans/10-ship.md")
    wanted = put(tmp_path, "docs/plans/9-pay.md")
    put(tmp_path, "docs/plans/completed/0-old.md")
    found = find(tmp_path)
    assert found.path == wanted
    assert [path.name for path in found.also] == ["1-cart.md", "10-ship.md"]
    assert [path.name for path, _ in found.passed_over] == ["2-notes.md"]
    assert found.notes(tmp_path) == (
        "passed over docs/plans/2-notes.md: no story in it",
        (
            "took docs/plans/9-pay.md, one of 3 at its place (the first by name; those that are all done come last). "
            "To take another, name it, for example docs/plans/1-cart.md"
        ),
    )


def test_when_all_plans_are_done_the_first_is_taken(tmp_path: Path) -> None:
    paths = [put(tmp_path, f"docs/plans/{name}.md", DONE[".md"]) for name in "ab"]
    assert (find(tmp_path).path, find(tmp_path).also) == (paths[0], (paths[1],))


@pytest.mark.parametrize(
    ("place", "text", "why"),
    [
        pytest.param("PRD.md", PROSE, "no story in it", id="prose"),
        pytest.param("tasks.yaml", "version: 3\n", 'no story in it (there is no "userStories")', id="other-yaml"),
        pytest.param("tasks.yaml", "a: &b 1\n", "1:4: ", id="yaml-that-is-not-read"),
        pytest.param("features.json", '{"dark": true}', 'no story in it (there is no "userStories")', id="other-json"),
        pytest.param("fix_plan.md", "\ud800", "1:2: ", id="not-utf-8"),
    ],
)
def test_a_file_without_a_story_is_passed_over_with_the_reason(tmp_path: Path, place: str, text: str, why: str) -> None:
    path = put(tmp_path, place, "")
    path.write_bytes(text.encode("utf-16-le", "surrogatepass")) if "\ud800" in text else path.write_text(text)
    wanted = put(tmp_path, "TASKS.md")
    found = find(tmp_path)
    assert found.path == wanted
    assert found.passed_over[0][0] == path
    assert found.passed_over[0][1].startswith(why)


@pytest.mark.parametrize("place", ["prd.json", ".ralph/prd.json", ".agents/tasks/prd-login.json", "features.json"])
def test_broken_json_is_never_passed_over(tmp_path: Path, place: str) -> None:
    broken = put(tmp_path, place, '{"userStories": [,]}')
    put(tmp_path, "TASKS.md")
    assert find_prd(tmp_path) == broken


def test_a_prd_json_without_a_story_is_never_passed_over(tmp_path: Path) -> None:
    broken = put(tmp_path, "prd.json", '{"userStories": []}')
    put(tmp_path, "PRD.md")
    assert find_prd(tmp_path) == broken


def test_when_nothing_is_found_the_files_that_were_passed_over_are_told(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "e"):
        put(tmp_path, f"docs/plans/{name}.md", PROSE)
    with pytest.raises(PrdError) as refused:
        find(tmp_path)
    told = re.findall(r"passed over (.*)", str(refused.value))
    assert told[0] == "docs/plans/a.md: no story in it"
    assert told[MAX_TOLD] == "2 more files without a story"
    with pytest.raises(
        PrdError, match=r"docs/plans: there is no PRD in this folder[^\n]*\n  passed over a.md: no story"
    ):
        find(tmp_path, Path("docs/plans"))


def test_a_folder_called_prd_json_is_no_prd(tmp_path: Path) -> None:
    (tmp_path / "prd.json").mkdir()
    wanted = put(tmp_path, "plans/prd.json")
    assert find_prd(tmp_path) == wanted


def test_a_name_that_no_file_can_have_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PrdError, match="there is no such PRD"):
        find_prd(tmp_path, Path("x" * 300))
