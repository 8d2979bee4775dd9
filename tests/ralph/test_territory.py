"""Which stories would touch the same files, as far as their words and their earlier attempts tell."""

import pytest

from prd.story import Story
from ralph.territory import Territory, named_paths


def a_story(story_id: str, words: str) -> Story:
    return Story(id=story_id, title=words)


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        ("Change `src/app.py` and README.md.", {"src/app.py", "README.md"}),
        ("Add web/pages/login to the menu", {"web/pages/login"}),
        ("Upgrade to version 1.2.3 (see https://example.com/a/b.html)", set()),
        ("e.g. nothing, i.e. no path at all", set()),
        ("@scope/pkg and ./lib/x.ts", {"@scope/pkg", "lib/x.ts"}),
    ],
)
def test_paths_are_found_in_a_storys_words(words: str, paths: set[str]) -> None:
    assert named_paths(a_story("A", words)) == paths


@pytest.mark.parametrize(
    ("one", "other", "crosses"),
    [
        ("edit src/app.py", "edit app.py", True),
        ("edit src/app.py", "tidy src/ and src/app.py", True),
        ("edit web/index.ts", "edit api/index.ts", False),
        ("edit src/app.py", "edit src/map.py", False),
        ("no path", "no path either", False),
    ],
)
def test_stories_cross_when_they_name_the_same_file(one: str, other: str, *, crosses: bool) -> None:
    assert Territory().crosses(a_story("A", one), a_story("B", other)) is crosses
    assert Territory().crosses(a_story("B", other), a_story("A", one)) is crosses


def test_what_an_attempt_changed_is_remembered() -> None:
    territory = Territory()
    one, other = a_story("A", "first"), a_story("B", "second")
    territory.learn("A", ["src/app.py"])
    assert not territory.crosses(one, other)
    territory.learn("B", ["src/app.py", "x"])
    assert territory.crosses(one, other)
