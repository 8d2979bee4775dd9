"""What the story lists of other loops are read into, in JSON and in YAML alike, and what is written back into them."""

import json
from collections.abc import Callable

import pytest
import yaml

from prd.document import Document, Edit, apply_edits
from prd.naming import derived_id, headline
from prd.read import parse_prd, read_document
from prd.story import Prd, Story
from prd.words import DONE_WORDS, DROPPED_WORDS, HELD_WORDS, OPEN_WORDS, STARTED_WORDS, State, opposite, state_of
from prd.writeback import append_story, mark


def as_json(value: object) -> Document:
    return read_document(json.dumps(value, indent=2).encode(), "prd.json")[1]


def as_yaml(value: object) -> Document:
    return read_document(yaml.safe_dump(value, sort_keys=False).encode(), "tasks.yaml")[1]


both = pytest.mark.parametrize("read", [as_json, as_yaml], ids=["json", "yaml"])
Read = Callable[[object], Document]


def one(read: Read, **keys: object) -> Story:
    document = read({"tasks": [{"title": "T", **keys}, {"id": "B", "title": "U"}]})
    assert document.problems == ()
    return document.prd.stories[0]


@both
@pytest.mark.parametrize(
    "wrap",
    [
        *(lambda s, key=key: {key: s} for key in ("userStories", "stories", "features", "tasks", "phases")),
        *(lambda s, key=key: {key: s} for key in ("requirements", "user_stories", "items")),
        lambda s: s,
        lambda s: {"prd": {"project": "P", "tasks": s}},
        lambda s: {"prd": s},
        lambda s: {"items": [], "prd": {"tasks": s}},
        lambda s: {"phases": [{"name": "One", "tasks": s[:1]}, {"name": "Two", "status": "open", "items": s[1:]}]},
        lambda s: {"phases": [s[0], {"name": "Two", "stories": s[1:]}]},
        lambda s: {"features": ["text only"], "tasks": s},
    ],
)
def test_stories_are_found_wherever_people_keep_them(read: Read, wrap: Callable[[object], object]) -> None:
    document = read(wrap([{"title": "Log in"}, {"title": "Log out"}]))
    assert document.problems == ()
    assert [story.id for story in document.prd.stories] == ["log-in", "log-out"]


@both
def test_of_two_lists_the_usual_one_is_read_and_a_note_says_so(read: Read) -> None:
    document = read({"tasks": [{"title": "A"}], "stories": [{"title": "B"}, {"title": "C"}]})
    assert [story.title for story in document.prd.stories] == ["B", "C"]
    assert document.notes == ('the stories are read from "stories" (2), not from "tasks" (1)',)


@both
@pytest.mark.parametrize(
    ("keys", "field", "value"),
    [
        ({"id": 7}, "id", "7"),
        ({"story_id": "S-1"}, "id", "S-1"),
        ({"key": "S-1"}, "id", "S-1"),
        ({"id": None}, "id", "t"),
        ({}, "id", "t"),
        ({"details": "D"}, "description", "D"),
        ({"priority": 0}, "priority", 0),
        ({"priority": "2"}, "priority", 2),
        ({"priority": "P1"}, "priority", 1),
        ({"priority": "Critical"}, "priority", 0),
        ({"priority": "low"}, "priority", 3),
        ({"priority": None}, "priority", None),
        ({"priority": ""}, "priority", None),
        ({"acceptance_criteria": ["a", "b"]}, "acceptance_criteria", ("a", "b")),
        ({"acceptance": "only one"}, "acceptance_criteria", ("only one",)),
        ({"criteria": [{"text": "a", "done": True}, {"description": "b"}]}, "acceptance_criteria", ("a", "b")),
        ({"acceptance": ["a"], "steps": ["b", "a"], "tests": "c"}, "acceptance_criteria", ("a", "b", "c")),
        ({"steps_to_verify": ["a"], "tests": {"unit": 1}}, "acceptance_criteria", ("a",)),
        ({"depends_on": ["B"]}, "depends_on", ("B",)),
        ({"dependencies": "B"}, "depends_on", ("B",)),
        ({"blockedBy": ["B"], "dependsOn": ["B"]}, "depends_on", ("B",)),
        ({"dependencies": ""}, "depends_on", ()),
        ({"passes": True}, "passes", True),
        ({"complete": True}, "passes", True),
        ({"completed": False}, "passes", False),
        ({"done": True}, "passes", True),
        ({"tested": True}, "passes", True),
        ({"status": "Done"}, "passes", True),
        ({"status": "in-progress"}, "passes", False),
        ({"status": None}, "passes", False),
        ({"completed": None, "status": "done"}, "passes", True),
        ({"passes": False, "status": "done"}, "passes", False),
        ({"status": "blocked"}, "held", "blocked"),
        ({"status": "Won't do"}, "held", "Won't do"),
        ({"blocked": True}, "held", "blocked"),
        ({"blocked": "no key yet"}, "held", "blocked: no key yet"),
        ({"blocked": False}, "held", ""),
        ({"blocked": "No"}, "held", ""),
        ({"steps": True}, "acceptance_criteria", ()),
        ({"blocked": True, "passes": True}, "held", ""),
        ({"optional": True}, "optional", True),
        ({"status": "cancelled"}, "optional", True),
        ({"status": "blocked"}, "optional", False),
    ],
)
def test_each_way_to_say_something_is_understood(
    read: Read, keys: dict[str, object], field: str, value: object
) -> None:
    assert getattr(one(read, **keys), field) == value


@both
@pytest.mark.parametrize(
    ("keys", "title", "description"),
    [
        ({"name": "Log in"}, "Log in", ""),
        ({"name": "Log in", "summary": "S"}, "Log in", ""),
        ({"summary": "Log in"}, "Log in", ""),
        ({"story": "Log in. Then buy."}, "Log in.", "Log in. Then buy."),
        ({"description": "\nLog in\nand buy"}, "Log in", "\nLog in\nand buy"),
        ({"description": "word " * 30}, "word " * 16 + "...", "word " * 30),
    ],
)
def test_a_story_without_a_title_gets_the_first_line_or_sentence(
    read: Read, keys: dict[str, object], title: str, description: str
) -> None:
    story = read([keys]).prd.stories[0]
    assert (story.title, story.description) == (title.replace(" ...", "..."), description)


@both
def test_a_parallel_group_comes_after_all_lower_ones(read: Read) -> None:
    groups = [("A", 1), ("B", 2), ("C", 2), ("D", None), ("E", 3)]
    stories = [{"title": title, "parallel_group": group} for title, group in groups]
    assert {s.title: s.depends_on for s in read({"tasks": stories}).prd.stories} == {
        "A": ("d",),
        "B": ("a", "d"),
        "C": ("a", "d"),
        "D": (),
        "E": ("a", "b", "c", "d"),
    }


@both
def test_a_story_without_an_id_is_named_by_its_title(read: Read) -> None:
    tasks = [{"title": "Log in"}, {"title": "Log out", "depends_on": ["Log in"]}, {"title": "Log in"}]
    stories = read({"tasks": tasks}).prd.stories
    assert [(s.id, s.depends_on) for s in stories] == [("log-in", ()), ("log-out", ("log-in",)), ("log-in-2", ())]


@both
def test_what_a_person_may_want_to_know_is_noted(read: Read) -> None:
    story = {"id": "A", "title": "T", "passes": False, "status": "done", "testSteps": ["npm test"]}
    document = read({"qualityGates": ["npm run lint", "npm test"], "stories": [story]})
    assert document.notes == (
        'story "A": "passes" is false and "status" is "done"; "passes" decides',
        'the PRD names quality commands: "npm run lint", "npm test"; Ralph does not run them, put them into ralph.toml',
    )


@both
def test_what_a_phase_says_of_itself_is_noted_and_does_not_count(read: Read) -> None:
    document = read({"phases": [{"status": "completed", "tasks": [{"title": "A"}]}, {"blocked": True, "tasks": []}]})
    assert [story.passes for story in document.prd.stories] == [False]
    assert document.notes == (
        'phase 1 says "done"; what counts is what its stories say',
        'phase 2 says "blocked"; what counts is what its stories say',
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"id": "A", "passes": false, "status": "open"}', '{"id": "A", "passes": true, "status": "done"}'),
        ('{"id": "A", "status": "pending"}', '{"id": "A", "status": "completed"}'),
        ('{"id": "A", "status": "TODO"}', '{"id": "A", "status": "DONE"}'),
        ('{"id": "A", "status": "In Progress"}', '{"id": "A", "status": "Done"}'),
        ('{"id": "A", "status": null}', '{"id": "A", "status": "done"}'),
        ('{"id": "A", "completed": null}', '{"id": "A", "completed": true}'),
        ('{"id": "A", "passes": false, "status": "?"}', '{"id": "A", "passes": true, "status": "?"}'),
        ('{"id": "A", "tested":false, "blocked": true}', '{"id": "A", "tested":true, "blocked": true}'),
        ('{"id": "A"}, {"id": "B", "done": true}', '{"id": "A", "done": true}, {"id": "B", "done": true}'),
        ('{"id": "A"}, {"id": "B", "status": "todo"}', '{"id": "A", "status": "done"}, {"id": "B", "status": "todo"}'),
        (
            '{"id": "A", "status": "todo"}, {"id": "B", "status": "shipped"}',
            '{"id": "A", "status": "shipped"}, {"id": "B", "status": "shipped"}',
        ),
    ],
)
def test_all_flags_of_a_story_are_set_in_the_words_of_the_file(before: str, after: str) -> None:
    titled = [f'{{"tasks": [{text}]}}'.replace('"id"', '"title": "T", "id"').encode() for text in (before, after)]
    assert mark(titled[0], "A", passes=True) == titled[1]
    assert mark(titled[1], "A", passes=True) == titled[1]


@pytest.mark.parametrize(
    ("others", "back"),
    [
        ("", "open"),
        (', {"title": "U", "status": "in_progress"}', "open"),
        (', {"title": "U", "status": "todo"}', "todo"),
    ],
)
def test_a_story_set_back_gets_the_word_of_stories_that_nobody_has_begun(others: str, back: str) -> None:
    written = '{"tasks": [{"id": "A", "title": "T", "status": "%s"}' + others + "]}"
    assert mark((written % "done").encode(), "A", passes=False) == (written % back).encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            '{"userStories": []}',
            '{"userStories": [\n  {\n    "id": "N",\n    "title": "T",\n    "acceptanceCriteria": [\n      "a"\n    ],\n    "passes": false\n  }\n]}',
            id="into-an-empty-list",
        ),
        pytest.param(
            '[{"id":"A","title":"U","steps":["x"],"done":true}]',
            '[{"id":"A","title":"U","steps":["x"],"done":true},{"id":"N","title":"T","steps":["a"],"done":false}]',
            id="on-one-line",
        ),
        pytest.param(
            '{"tasks": [\r\n\t{\r\n\t\t"id": 1,\r\n\t\t"name": "U",\r\n\t\t"mine": {}\r\n\t}\r\n]}\r\n',
            '{"tasks": [\r\n\t{\r\n\t\t"id": 1,\r\n\t\t"name": "U",\r\n\t\t"mine": {}\r\n\t},\r\n\t{\r\n\t\t"id": "N",\r\n\t\t"name": "T",\r\n\t\t"acceptanceCriteria": [\r\n\t\t\t"a"\r\n\t\t]\r\n\t}\r\n]}\r\n',
            id="tabs-and-crlf",
        ),
        pytest.param(
            '{"phases": [{"tasks": [{"id": "A", "title": "U"}]}, {"tasks": []}]}',
            '{"phases": [{"tasks": [{"id": "A", "title": "U"}, {"id": "N", "title": "T", "acceptanceCriteria": ["a"]}]}, {"tasks": []}]}',
            id="into-the-phase-of-the-last-story",
        ),
    ],
)
def test_a_story_is_added_as_the_others_are_written(before: str, after: str) -> None:
    new = Story(id="N", title="T", acceptance_criteria=("a",))
    assert append_story(before.encode(), new, name="prd.json").decode() == after


def test_a_story_added_to_numbered_ones_is_numbered_and_one_added_to_groups_comes_last() -> None:
    before = b'[{"id": 1, "title": "A", "parallel_group": 4}]'
    after = append_story(before, Story(id="2", title="B"), name="prd.json")
    assert json.loads(after)[1] == {"id": 2, "title": "B", "parallel_group": 4}


@pytest.mark.parametrize("data", [b'{"phases": []}', b'{"userStories": [], "tasks": []}', b"[]"])
def test_a_prd_without_stories_takes_a_first_one(data: bytes) -> None:
    after = append_story(data, Story(id="N", title="T"), name="prd.json")
    assert parse_prd(after, "prd.json") == Prd(stories=(Story(id="N", title="T"),))


def test_edits_are_made_in_the_order_of_the_text() -> None:
    assert apply_edits("abcdef", [Edit(4, 6, ""), Edit(0, 1, "X"), Edit(2, 2, "--")]) == "Xb--cd"


@pytest.mark.parametrize(
    ("title", "story_id"),
    [
        ("Add a login page", "add-a-login-page"),
        ("  Größe & Café! ", "große-cafe"),
        ("a" * 50, "a" * 40),
        ("Create the very long title of a story that goes on", "create-the-very-long-title-of-a-story"),
        ("Resolve an ambiguous name when the directory has two", "resolve-an-ambiguous-name"),
        ("Write the summary of every order that shows the totals", "write-the-summary-of-every-order"),
        ("Log in with", "log-in-with"),
        ("of " * 30, "of"),
        ("!!!", "story"),
        ("", "story"),
    ],
)
def test_an_id_is_made_from_a_title(title: str, story_id: str) -> None:
    assert derived_id(title, ()) == story_id
    assert derived_id(title, {story_id, f"{story_id}-2"}) == f"{story_id}-3"


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\n"])
def test_nothing_makes_no_title(text: str) -> None:
    assert headline(text) == ""


def test_every_word_is_of_one_kind_and_has_an_opposite_of_the_other() -> None:
    kinds = {State.DONE: DONE_WORDS, State.HELD: HELD_WORDS, State.OPEN: OPEN_WORDS}
    assert all(state_of(word.upper().replace(" ", "_")) is kind for kind, words in kinds.items() for word in words)
    assert {*DROPPED_WORDS} < {*HELD_WORDS}
    assert {*STARTED_WORDS} < {*OPEN_WORDS}
    assert all(state_of(opposite(word, done=False)) is State.OPEN for word in DONE_WORDS)
    assert all(state_of(opposite(word, done=True)) is State.DONE for word in (*OPEN_WORDS, *HELD_WORDS))
