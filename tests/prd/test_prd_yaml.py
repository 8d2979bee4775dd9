"""YAML task lists: the same values as PyYAML reads, each at its place; and one flag that changes while every other byte stays."""

import random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from prd.read import parse_prd, read_document
from prd.source import Source
from prd.story import Prd, Story
from prd.tree import Kind, Node
from prd.writeback import append_story, mark
from prd.yaml_text import parse_yaml

RALPHY = """\
# what the agent works on
tasks:
  - title: Create User model
    completed: false   # nobody yet
    parallel_group: 1
  - title: "Relations: between them"
    completed: no
    parallel_group: 2
    description: |
      Two lines

      with one between

"""
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
VALUES = st.recursive(
    st.booleans() | st.none() | st.integers(-99, 99) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def as_python(node: Node) -> object:
    if node.kind is Kind.OBJECT:
        return {member.key.text: as_python(member.value) for member in node.members}
    if node.kind is Kind.LIST:
        return [as_python(item) for item in node.items]
    if node.kind is Kind.NUMBER:
        return int(node.text)
    simple = {Kind.TRUE: True, Kind.FALSE: False, Kind.NULL: None}
    return node.text if node.kind is Kind.TEXT else simple[node.kind]


@settings(max_examples=150, deadline=None)
@given(VALUES, st.sampled_from([None, True, False]), st.booleans())
def test_what_pyyaml_writes_is_read_to_the_same_values(value: object, flow: bool | None, unicode: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=unicode, sort_keys=False)
    tree = parse_yaml(text)
    assert tree.problems == ()
    assert tree.root is not None
    assert as_python(tree.root) == value


@given(st.text(max_size=40))
def test_any_text_is_read_or_has_problems_with_places_inside_it(text: str) -> None:
    tree = parse_yaml(text)
    assert tree.root is not None or tree.problems
    assert all(0 <= problem.offset <= len(text) for problem in tree.problems)


def test_every_value_and_key_knows_where_it_stands() -> None:
    text = "\ufeffa: [1, 'x']  # c\r\nb: |\r\n  two\r\n  lines\r\n\r\nc:\r\n"
    root = parse_yaml(text).root
    assert root is not None
    nodes = [node for member in root.members for node in (member.key, member.value, *member.value.items)]
    assert [text[n.start : n.end] for n in nodes] == [
        *("a", "[1, 'x']", "1", "'x'"),
        *("b", "|\r\n  two\r\n  lines"),
        *("c", ""),
    ]
    assert [Source(text, "f").place(n.start) for n in nodes[:3]] == ["f:1:1", "f:1:4", "f:1:5"]


def test_ralphys_task_list_is_read() -> None:
    user = Story(id="create-user-model", title="Create User model")
    relations = Story(
        id="relations-between-them",
        title="Relations: between them",
        description="Two lines\n\nwith one between",
        depends_on=("create-user-model",),
    )
    assert parse_prd(RALPHY.encode(), "tasks.yaml") == Prd(stories=(user, relations))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("completed: false   # no", "completed: true   # no", id="with-a-comment"),
        pytest.param("completed: No", "completed: Yes", id="yes-and-no"),
        pytest.param("completed: OFF", "completed: ON", id="in-capitals"),
        pytest.param("status: todo", "status: done", id="word"),
        pytest.param("status: 'in progress'", "status: 'done'", id="in-single-quotes"),
        pytest.param('status: "pending"', 'status: "completed"', id="in-double-quotes"),
        pytest.param("status:  # later", "status: done  # later", id="nothing"),
        pytest.param("status: ~", "status: done", id="null"),
        pytest.param("mine: 1 # one", "mine: 1 # one\n    passes: true", id="no-flag"),
        pytest.param(
            "notes: >-\n      a\n      b\n", "notes: >-\n      a\n      b\n    passes: true\n", id="after-a-block"
        ),
        pytest.param("steps:\n    - x", "steps:\n    - x\n    passes: true", id="after-a-list"),
        pytest.param("mine:", "mine:\n    passes: true", id="after-nothing"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("tail", ["", "\n", "\n\n# end\n"], ids=["cut", "ended", "comment"])
def test_one_flag_changes_and_every_other_byte_stays(before: str, after: str, line_end: str, tail: str) -> None:
    whole = f"tasks:\n  - title: A\n    %s{tail}"
    old, new = ((whole % text).replace("\n", line_end).encode() for text in (before, after))
    assert mark(old, "a", passes=True, name="tasks.yaml") == new
    assert mark(new, "a", passes=True, name="tasks.yaml") == new


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[{title: A, done: no}, {title: B}]", "[{title: A, done: no}, {title: B, done: yes}]"),
        ("- {title: A}\n- {'title': B,}", "- {title: A}\n- {'title': B, passes: true,}"),
        ('- {"title": "B"}', '- {"title": "B", "passes": true}'),
        ("- title: B\n- title: A\n", "- title: B\n  passes: true\n- title: A\n"),
    ],
)
def test_a_flag_is_added_as_the_rest_is_written(before: str, after: str) -> None:
    assert mark(before.encode(), "b", passes=True, name="t.yml").decode() == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "tasks:\n  - title: A\n    steps:\n      - x\n    done: no # c\n\n# end\n",
            'tasks:\n  - title: A\n    steps:\n      - x\n    done: no # c\n  - id: N\n    title: "B: \'b\'"\n    steps:\n      - "yes"\n      - do it\n    done: no\n\n# end\n',
        ),
        ("- {title: A}", '- {title: A}\n- id: N\n  title: "B: \'b\'"\n  acceptanceCriteria:\n    - "yes"\n    - do it'),
        ("[{title: A}]", '[{title: A}, {"id": "N", "title": "B: \'b\'", "acceptanceCriteria": ["yes", "do it"]}]'),
    ],
)
def test_a_story_is_added_as_the_others_are_written(before: str, after: str) -> None:
    new = Story(id="N", title="B: 'b'", acceptance_criteria=("yes", "do it"))
    assert append_story(before.encode(), new, name="t.yaml").decode().replace('id: "N"', "id: N") == after


STORIES = st.fixed_dictionaries(
    {"title": TEXTS.filter(lambda text: text.strip() != "" and not {*"\u2028\u2029"} & {*text})},
    optional={
        "completed": st.booleans(),
        "status": st.sampled_from(["todo", "done", "in progress"]),
        "description": TEXTS,
        "steps": st.lists(TEXTS.filter(str.strip), max_size=2),
        "priority": st.integers(0, 5),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STORIES, min_size=1, max_size=4), st.sampled_from([None, True, False]), st.integers(0), st.booleans())
def test_of_any_task_list_only_the_flag_changes(
    stories: list[dict[str, object]], flow: bool | None, seed: int, crlf: bool
) -> None:
    text = yaml.safe_dump({"tasks": stories}, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    data = text.replace("\n", "\r\n" if crlf else "\n").encode()
    _, document = read_document(data, "t.yaml")
    story = random.Random(seed).choice(document.prd.stories)
    after = mark(data, story.id, passes=not story.passes, name="t.yaml")
    passes = [s.passes is not (s.id == story.id) for s in document.prd.stories]
    assert [s.passes for s in read_document(after, "t.yaml")[1].prd.stories] == passes
    added = append_story(after, Story(id="NEW-1", title="One more: yes"), name="t.yaml")
    assert read_document(added, "t.yaml")[1].prd.stories[-1].id == "NEW-1"
