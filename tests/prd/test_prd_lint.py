"""Stories that an agent will find hard, by fixed rules."""

from pathlib import Path

import pytest

from prd.errors import PrdError
from prd.lint import Finding, lint
from prd.read import read_document
from prd.story import Prd, Story

GOOD = Story(id="A", title="Print the list", acceptance_criteria=("`kitty list` prints one line for each item",))
SHARED = Path(__file__).parents[2].parent / "shared" / "prds"
FILES = [path for path in sorted(SHARED.glob("*/*")) if path.suffix in {".json", ".md"}]


def found(*stories: Story, checks: tuple[str, ...] = ()) -> list[Finding]:
    return lint(Prd(stories=stories), checks)


def words(criterion: str, *checks: str) -> list[str]:
    return [one.what for one in found(GOOD.model_copy(update={"acceptance_criteria": (criterion,)}), checks=checks)]


def test_a_good_story_has_no_findings() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("criterion", "what"),
    [
        pytest.param("The export works properly", '"works properly" can be read in many ways.', id="properly"),
        pytest.param("The page is user-friendly", '"user-friendly" can be read in many ways.', id="user-friendly"),
        pytest.param("It works well on phones", '"works well" can be read in many ways.', id="works-well"),
        pytest.param("Errors are handled gracefully", '"gracefully" can be read in many ways.', id="gracefully"),
        pytest.param("Saves name, date, etc.", '"etc." can be read in many ways.', id="etc"),
        pytest.param("Looks good on mobile", '"Looks good" can be read in many ways.', id="looks-good"),
        pytest.param("Retries if needed", '"if needed" can be read in many ways.', id="if-needed"),
        pytest.param("Timeout: TBD", "it is not decided yet.", id="tbd"),
        pytest.param("Should it be sorted?", "it is not decided yet.", id="question"),
        pytest.param("Consider rate limits", '"Consider" leaves nothing to check.', id="consider"),
        pytest.param("Investigate why it is slow", '"Investigate" leaves nothing to check.', id="investigate"),
        pytest.param("Verify in browser using dev-browser skill", "no check of Ralph's can look.", id="browser"),
        pytest.param("Manually test the form", "no check of Ralph's can look.", id="manually"),
        pytest.param("Reads a and b and c and d and e", "it asks for many things at once.", id="chain"),
        pytest.param("x" * 401, "it asks for many things at once.", id="long"),
    ],
)
def test_a_criterion_that_nobody_can_check_is_named(criterion: str, what: str) -> None:
    (told,) = words(criterion)
    assert told.startswith('"')
    assert told.endswith(what)


@pytest.mark.parametrize(
    "criterion",
    [
        "Prints `works properly` and exits with 0",
        'The button says "Looks good"',
        "Detects TODO comments in the sources",
        "GET /items?page=2 answers with the second page",
        "tests/test_csv.py shows that an empty list prints the header alone",
        "Retries three times, 100 ms apart, then raises TimeoutError",
        "The browser test in e2e/login.spec.ts passes",
        "Typecheck passes",
    ],
)
def test_a_criterion_that_says_what_can_be_seen_passes(criterion: str) -> None:
    assert words(criterion) == []


@pytest.mark.parametrize(
    ("title", "what"),
    [
        pytest.param("Build the entire dashboard", '"entire dashboard"', id="whole"),
        pytest.param("Add login and signup and password reset", "strings several things together", id="ands"),
        pytest.param(
            "Add a table, an endpoint and a page for tags", "It goes through the database, the server", id="layers"
        ),
        pytest.param("Make the list user-friendly", 'The title says "user-friendly"', id="vague"),
    ],
)
def test_a_title_that_is_too_much_for_one_session_or_vague_is_named(title: str, what: str) -> None:
    assert any(what in one.what for one in found(GOOD.model_copy(update={"title": title})))


def test_too_many_criteria_are_too_big() -> None:
    many = GOOD.model_copy(update={"acceptance_criteria": tuple(f"prints {number}" for number in range(11))})
    assert [one.what for one in found(many)] == ["It has 11 acceptance criteria, more than 10."]


def test_a_story_without_criteria_is_named_and_a_list_of_bare_tasks_only_once() -> None:
    bare = [GOOD.model_copy(update={"id": name, "title": name, "acceptance_criteria": ()}) for name in "BCD"]
    assert [(one.story_id, one.what) for one in found(GOOD, bare[0])] == [("B", "It has no acceptance criteria.")]
    assert [(one.story_id, one.what) for one in found(*bare)] == [
        ("B", "None of the 3 open stories has acceptance criteria.")
    ]


def test_stories_of_the_same_title_are_both_named() -> None:
    twin = GOOD.model_copy(update={"id": "B", "title": "print  the LIST"})
    assert [one.story_id for one in found(GOOD, twin)] == ["A", "B"]


@pytest.mark.parametrize(
    ("own", "others", "named"),
    [
        pytest.param(1, 2, True, id="later"),
        pytest.param(1, None, True, id="none"),
        pytest.param(2, 2, False, id="same"),
        pytest.param(2, 1, False, id="earlier"),
        pytest.param(None, 1, False, id="both-open-to-order"),
    ],
)
def test_a_dependency_on_something_of_later_priority_is_named(own: int | None, others: int | None, named: bool) -> None:
    needs = GOOD.model_copy(update={"priority": own, "depends_on": ("B",)})
    other = GOOD.model_copy(update={"id": "B", "title": "Read the list", "priority": others})
    assert any("depends on B" in one.what for one in found(needs, other)) is named
    assert found(needs, other.model_copy(update={"passes": True})) == []


@pytest.mark.parametrize(
    ("criterion", "checks", "named"),
    [
        pytest.param("Typecheck passes", ("pytest python -m pytest",), True, id="no-typecheck"),
        pytest.param("Typecheck passes", ("types mypy src",), False, id="mypy"),
        pytest.param("`npm run lint` passes", ("jest npx jest",), True, id="npm-run"),
        pytest.param("Lint passes", ("eslint npx eslint .",), False, id="eslint"),
        pytest.param("All tests pass", ("unit cargo test",), False, id="cargo"),
        pytest.param("Build succeeds", ("pytest python -m pytest",), True, id="no-build"),
    ],
)
def test_a_criterion_that_asks_for_a_check_which_the_repo_has_not_is_named(
    criterion: str, checks: tuple[str, ...], named: bool
) -> None:
    assert bool(words(criterion, *checks)) is named
    assert words(criterion) == []


def test_stories_that_are_done_are_not_looked_at() -> None:
    assert found(Story(id="A", title="Everything from scratch", passes=True)) == []


@pytest.mark.skipif(not FILES, reason="no collection of PRDs beside the clone")
def test_the_prds_of_people_bring_findings_for_few_of_their_stories() -> None:
    stories = findings = 0
    for path in FILES:
        try:
            _, document = read_document(path.read_bytes(), path.name)
        except PrdError:
            continue
        opened = tuple(story.model_copy(update={"passes": False}) for story in document.prd.stories)
        some = lint(document.prd.model_copy(update={"stories": opened}), ("pytest",))
        assert all(one.what.endswith(".") and one.remedy.endswith(".") for one in some)
        stories += len(opened)
        findings += len({one.story_id for one in some})
    assert 0 < findings < 0.5 * stories
