"""One flag changes and every other byte stays."""

import json
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prd.read import parse_prd
from prd.writeback import mark

FLAG = "\x00"
SPACES = ("", " ", "  ", "\t", "\n", "\r\n", "\n  ", "\r\n\t", " \n\n ")
TEXTS = (
    "US-001",
    '"passes": false',
    '{"id": "US-002", "passes": false}',
    "passes",
    "caf\u00e9 \U0001f600",
    "back\\slash \t tab \r\n break",
    "\ufeff",
    "}]",
    "",
)


@dataclass
class Writer:
    """Writes JSON in as many ways as JSON has. FLAG marks where the flag of the story under test goes."""

    chance: random.Random
    spaces: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.spaces = tuple(self.chance.sample(SPACES, 3))

    def space(self) -> str:
        return self.chance.choice(self.spaces)

    def text(self, text: str) -> str:
        return '"' + "".join(self.character(char) for char in text) + '"'

    def character(self, char: str) -> str:
        plain = json.dumps(char, ensure_ascii=self.chance.random() < 0.3)[1:-1]
        escaped = "".join(f"\\u{unit:04x}" for unit in _utf16(char))
        return escaped if self.chance.random() < 0.1 else plain

    def any_value(self, depth: int = 0) -> str:
        kinds = ["text", "word", "list", "object"] if depth < 3 else ["text", "word"]
        kind = self.chance.choice(kinds)
        if kind == "text":
            return self.text(self.chance.choice(TEXTS))
        if kind == "word":
            return self.chance.choice(["true", "false", "null", "0", "-1.50e+3", "1E400"])
        if kind == "list":
            return self.as_list([self.any_value(depth + 1) for _ in range(self.chance.randrange(3))])
        keys = self.chance.sample(["passes", "id", "userStories", "", "title"], self.chance.randrange(4))
        return self.as_object([(key, self.any_value(depth + 1)) for key in keys])

    def as_list(self, values: list[str]) -> str:
        return "[" + ",".join(self.space() + value + self.space() for value in values) + self.space() + "]"

    def as_object(self, members: list[tuple[str, str]]) -> str:
        written = [f"{self.space()}{self.text(k)}{self.space()}:{self.space()}{v}{self.space()}" for k, v in members]
        return "{" + ",".join(written) + self.space() + "}"

    def story(self, story_id: str, flag: str | None) -> str:
        members = [("id", self.text(story_id)), ("title", self.text("A title"))]
        members += [("passes", flag)] if flag is not None else []
        members += [(f"zzz-{key}", self.any_value()) for key in self.chance.sample(["metadata", "passes", "id"], 2)]
        self.chance.shuffle(members)
        return self.as_object(members)

    def prd(self, flag: str | None) -> str:
        stories = [self.story("US-001", flag)] + [self.story(f"US-00{n}", "false") for n in (2, 3)]
        self.chance.shuffle(stories)
        members = [
            ("userStories", self.as_list(stories)),
            ("zzz-passes", self.any_value()),
            ("project", self.text("p")),
        ]
        self.chance.shuffle(members)
        start = self.chance.choice(["", "\ufeff"]) + self.space()
        return start + self.as_object(members) + self.space()


def _utf16(char: str) -> list[int]:
    data = char.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0), st.booleans())
def test_of_any_prd_only_the_flag_itself_changes(seed: int, passes: bool) -> None:
    written = Writer(random.Random(seed)).prd(FLAG)
    before, after = (written.replace(FLAG, "true" if flag else "false").encode() for flag in (not passes, passes))
    parse_prd(before, "prd.json")
    assert mark(before, "US-001", passes=passes) == after
    assert mark(after, "US-001", passes=passes) == after
    assert mark(after, "US-001", passes=not passes) == before


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0))
def test_a_missing_flag_is_added_in_one_piece_and_nothing_else_changes(seed: int) -> None:
    before = Writer(random.Random(seed)).prd(None).encode()
    after = mark(before, "US-001", passes=True)
    wanted = parse_prd(before, "prd.json").model_dump()
    next(story for story in wanted["stories"] if story["id"] == "US-001")["passes"] = True
    assert parse_prd(after, "prd.json").model_dump() == wanted
    assert mark(before, "US-001", passes=False) == before
    start = next((at for at, (one, two) in enumerate(zip(before, after, strict=False)) if one != two), len(before))
    tail = len(before) - start
    added = len(after) - len(before)
    assert added > 0
    assert after[start + added :] == before[len(before) - tail :]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param('{"id": "A", "title": "T"}', '{"id": "A", "title": "T", "passes": true}', id="on-one-line"),
        pytest.param('{"id":"A","title":"T"}', '{"id":"A","title":"T","passes":true}', id="without-spaces"),
        pytest.param(
            '{\r\n\t"id": "A",\r\n\t"title": "T"\r\n}',
            '{\r\n\t"id": "A",\r\n\t"title": "T",\r\n\t"passes": true\r\n}',
            id="crlf-and-tabs",
        ),
        pytest.param('{ "id" : "A" }', '{ "id" : "A", "passes" : true }', id="one-key"),
        pytest.param(
            '{\n  "id": "A"\n  , "title": "T"\n}',
            '{\n  "id": "A"\n  , "title": "T", "passes": true\n}',
            id="comma-first",
        ),
    ],
)
def test_a_missing_flag_is_laid_out_like_the_key_before_it(before: str, after: str) -> None:
    whole = '{"userStories": [%s]}'
    assert mark((whole % before).encode(), "A", passes=True) == (whole % after).encode()


def test_a_flag_is_found_by_the_id_however_it_is_escaped() -> None:
    before = b'{"userStories": [{"\\u0069d": "US\\u002d001", "p\\u0061sses": false}]}'
    assert mark(before, "US-001", passes=True) == before.replace(b"false", b"true")


def test_a_story_that_is_wrong_elsewhere_can_still_be_marked() -> None:
    before = b'{"userStories": [{"id": "A", "passes": false}, {"id": 7}, "B"]}'
    assert mark(before, "A", passes=True) == before.replace(b"false", b"true")
