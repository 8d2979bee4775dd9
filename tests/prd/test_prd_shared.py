"""PRDs that people really wrote, when the folder with them is beside the clone: each is read, or refused for a good reason."""

import json
from pathlib import Path

import pytest

from prd.errors import PrdError
from prd.read import parse_prd, read_document
from prd.story import Prd, Story
from prd.writeback import append_story, mark

FOLDER = Path(__file__).parents[2].parent / "shared" / "prds" / "json"
FILES = sorted(FOLDER.glob("*.json"))
DOCS = Path(__file__).parents[2] / "docs" / "prd-formats.md"
LEFT_OUT = "which is no story of this PRD"
"""Excerpts keep some stories only, so that one may depend on a story that was left out."""
REFUSED = {
    "agenticloops-ai__ralph-loop__1.json": 'there is no story in "phases"',
    "allierays__ethos__1.json": LEFT_OUT,
    "edgecdec__MinecraftFamilyFeud__1.json": LEFT_OUT,
    "FloGerber__Ralph-TF-Test__1.json": LEFT_OUT,
}
READ = {  # file -> the list, number of stories, number of done ones, first id
    "0livare__fastify-file-routes__1.json": ("", 4, 2, "setup-vitest-and-testing-environment"),
    "1rrock__optisearch__1.json": ("stories", 3, 3, "US-001"),
    "AGI-Corporation__RalphMeter__1.json": ("userStories", 4, 0, "US-000"),
    "B4san__Ralph-test__1.json": ("user_stories", 3, 0, "US-001"),
    "BloopAI__vibe-kanban__1.json": ("userStories", 4, 0, "US-001"),
    "CCExtractor__ccextractor__1.json": ("", 8, 2, "DVB-001"),
    "DevJonny__TurdTracker__1.json": ("userStories", 3, 3, "US-054"),
    "LVP-JS-Dev__dummy-products-ai__1.json": ("stories", 2, 1, "TASK-001"),
    "MiniCodeMonkey__chief__2.json": ("userStories", 10, 3, "US-001"),
    "MiniCodeMonkey__chief__4.json": ("userStories", 5, 5, "US-001"),
    "MiniCodeMonkey__chief__6.json": ("userStories", 22, 13, "US-001"),
    "SDiamante13__clean-evals__1.json": ("userStories", 3, 0, "US-001"),
    "Snellingen__posh-ralph__1.json": ("", 8, 2, "user-can-send-a-message-and-see"),
    "aodhgan__eth-rpc-proxy__1.json": ("userStories", 4, 4, "US-001"),
    "chr1sbest__wiggum__1.json": ("tasks", 5, 2, "T101"),
    "ethanwheatthin__ralphster__1.json": ("features", 3, 0, "F001"),
    "jscraik__ralph-gold__1.json": ("stories", 2, 0, "1"),
    "kucharskimaciej__steps-thing__1.json": ("stories", 3, 3, "S01-01-initialize-next-js-and-convex-app"),
    "maciejka__100pushups__1.json": ("requirements", 4, 1, "LANG-001"),
    "mattpocock__ai-hero-cli__1.json": ("", 5, 2, "user-interactively-selects-and-cherry"),
    "snarktank__ralph__15.json": ("userStories", 3, 2, "TEST-001"),
    "snarktank__ralph__2.json": ("userStories", 4, 0, "US-001"),
    "snarktank__ralph__4.json": ("userStories", 20, 20, "US-001"),
    "snarktank__ralph__6.json": ("userStories", 26, 26, "US-001"),
    "subsy__ralph-tui__2.json": ("userStories", 16, 16, "US-001"),
    "subsy__ralph-tui__4.json": ("userStories", 4, 0, "CONFLICT-001"),
    "subsy__ralph-tui__6.json": ("userStories", 2, 0, "US-001"),
}
GOOD = [path for path in FILES if path.name in READ]
BOOLEAN = ("passes", "complete", "completed", "done", "tested")

pytestmark = pytest.mark.skipif(not FILES, reason="no collection of PRDs beside the clone")


def raw_stories(data: bytes, key: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(data)[key] if key else json.loads(data)
    return found


def test_every_file_is_in_one_of_the_tables() -> None:
    assert {path.name for path in FILES} == {*READ, *REFUSED}


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_one_is_read(path: Path) -> None:
    key, count, done, first = READ[path.name]
    _, document = read_document(path.read_bytes(), path.name)
    stories = document.prd.stories
    assert document.problems == ()
    assert (len(stories), sum(story.passes for story in stories), stories[0].id) == (count, done, first)
    assert document.dialect == (f"JSON, stories under {key}" if key else "JSON, a list of stories")
    criteria = {"acceptanceCriteria", "acceptance_criteria", "acceptance", "steps", "steps_to_verify", "tests"}
    for story, raw in zip(stories, raw_stories(path.read_bytes(), key), strict=True):
        assert bool(story.acceptance_criteria) is any(raw.get(name) for name in criteria)
        assert (story.priority is None) is ("priority" not in raw)


@pytest.mark.parametrize("path", [path for path in FILES if path.name in REFUSED], ids=lambda path: path.stem)
def test_a_bad_one_is_refused_with_a_place_and_a_reason(path: Path) -> None:
    with pytest.raises(PrdError) as refused:
        parse_prd(path.read_bytes(), path.name)
    lines = str(refused.value).splitlines()
    assert all(line.startswith(f"{path.name}:") and REFUSED[path.name] in line for line in lines)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_marking_any_story_changes_that_story_alone_and_marking_it_back_restores_the_bytes(path: Path) -> None:
    data = path.read_bytes()
    before = parse_prd(data, path.name)
    key = READ[path.name][0]
    for story, raw in zip(before.stories, raw_stories(data, key), strict=True):
        after = mark(data, story.id, passes=not story.passes)
        assert parse_prd(after, path.name) == with_flag(before, story.id, passes=not story.passes)
        assert mark(after, story.id, passes=not story.passes) == after
        assert bytes_of_one_place(data, after) <= len(b"in_progress")
        back = mark(after, story.id, passes=story.passes)
        assert parse_prd(back, path.name) == before
        assert back == data or not any(flag in raw for flag in BOOLEAN)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_story_is_added_behind_the_others_and_they_stay(path: Path) -> None:
    data = path.read_bytes()
    new = Story(id="NEW-1", title='Say: "hi"', description="D", acceptance_criteria=("one", "two"))
    after = append_story(data, new, name=path.name)
    assert parse_prd(after, path.name).stories == (*parse_prd(data, path.name).stories, new)
    assert bytes_of_one_place(data, after) == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_docs_say_of_each_whether_it_is_read(path: Path) -> None:
    owner, repo, _ = path.stem.split("__")
    read, _, refused = DOCS.read_text(encoding="utf-8").partition("Refused, with the reason")
    assert f"{owner}/{repo}" in (refused if path.name in REFUSED else read)


def with_flag(prd: Prd, story_id: str, *, passes: bool) -> Prd:
    stories = (s.model_copy(update={"passes": passes}) if s.id == story_id else s for s in prd.stories)
    return prd.model_copy(update={"stories": tuple(stories)})


def bytes_of_one_place(before: bytes, after: bytes) -> int:
    """How many bytes of the shorter one are left when the same beginning and the same end are taken away."""
    taken = same_start(before, after) + same_start(before[::-1], after[::-1])
    return max(0, min(len(before), len(after)) - taken)


def same_start(one: bytes, other: bytes) -> int:
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)
