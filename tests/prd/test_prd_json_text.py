"""The JSON reader with places, held against Python's own."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prd.errors import PrdError
from prd.json_text import parse_json
from prd.read import parse_prd
from prd.source import Source
from prd.tree import Kind, Node

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
JSON_LIKE = st.text(alphabet=st.sampled_from(list('{}[]:,"\\u0dé1.e-+ \n\ttrufalsn/')), max_size=14)


def as_python(node: Node) -> object:
    simple = {Kind.TRUE: True, Kind.FALSE: False, Kind.NULL: None}
    if node.kind is Kind.OBJECT:
        return {member.key.text: as_python(member.value) for member in node.members}
    if node.kind is Kind.LIST:
        return [as_python(item) for item in node.items]
    if node.kind is Kind.NUMBER:
        return json.loads(node.text)
    return node.text if node.kind is Kind.TEXT else simple[node.kind]


def python_reads(text: str) -> bool:
    try:
        json.loads(text, parse_constant=lambda word: json.loads("no " + word)).__str__().encode()
    except ValueError:  # not JSON, or half a character
        return False
    return True


@settings(max_examples=100, deadline=None)
@given(VALUES, st.sampled_from([None, 0, 3, "\t"]), st.booleans())
def test_what_python_writes_is_read_to_the_same_values(
    value: object, indent: int | str | None, ascii_only: bool
) -> None:
    document = parse_json(json.dumps(value, indent=indent, ensure_ascii=ascii_only))
    assert document.problems == ()
    assert document.root is not None
    assert as_python(document.root) == value


@settings(max_examples=500, deadline=None)
@given(JSON_LIKE)
def test_exactly_what_python_cannot_read_has_problems_with_places_inside_the_text(text: str) -> None:
    document = parse_json(text)
    doubles_only = all("given twice" in problem.what for problem in document.problems)
    assert (document.root is not None and doubles_only) == python_reads(text)
    assert all(0 <= problem.offset <= len(text) for problem in document.problems)


@given(st.binary(max_size=40), st.booleans())
def test_no_bytes_make_the_reader_fail_otherwise_than_by_a_prd_error(data: bytes, marked: bool) -> None:

    with pytest.raises(PrdError, match=r"^p:\d+:\d+: "):
        parse_prd(b"\xef\xbb\xbf" * marked + data, "p")


def test_every_value_and_key_knows_where_it_stands() -> None:
    text = '\ufeff{\r\n\t"é": [1, "x"]}'
    root = parse_json(text).root
    assert root is not None
    (member,) = root.members
    nodes = [root, member.key, member.value, *member.value.items]
    assert [text[node.start : node.end] for node in nodes] == ['{\r\n\t"é": [1, "x"]}', '"é"', '[1, "x"]', "1", '"x"']
    places = [Source(text, "f").place(node.start) for node in nodes]
    assert places == ["f:1:1", "f:2:2", "f:2:7", "f:2:8", "f:2:11"]


@pytest.mark.parametrize("text", ["[" * 100 + "]" * 100, '{"a":' * 100 + "1" + "}" * 100], ids=["lists", "objects"])
def test_a_hundred_levels_are_read(text: str) -> None:
    assert parse_json(text).root is not None


def test_a_number_of_any_length_is_read_and_keeps_its_spelling() -> None:
    root = parse_json("1" * 10_000).root
    assert root is not None
    assert root.text == "1" * 10_000
