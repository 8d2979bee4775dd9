"""Circles among dependencies."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prd.dependencies import find_cycles


@pytest.mark.parametrize(
    ("graph", "cycles"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"a": "b", "b": "", "c": "ab"}, [], id="no-circle"),
        pytest.param({"a": "a"}, ["aa"], id="itself"),
        pytest.param({"a": "b", "b": "c", "c": "a"}, ["abca"], id="three"),
        pytest.param({"x": "b", "b": "c", "c": "b"}, ["bcb"], id="a-way-into-it"),
        pytest.param({"a": "b", "b": "a", "c": "d", "d": "c"}, ["aba", "cdc"], id="two"),
        pytest.param({"a": "az"}, ["aa"], id="an-unknown-one-is-passed-over"),
    ],
)
def test_each_circle_is_given_along_its_dependencies(graph: dict[str, str], cycles: list[str]) -> None:
    assert sorted(find_cycles(graph)) == [list(cycle) for cycle in cycles]


@given(st.dictionaries(st.sampled_from("abcdef"), st.text("abcdef", max_size=3)))
def test_every_circle_given_is_one_and_without_them_none_is_left(graph: dict[str, str]) -> None:
    cycles = find_cycles(graph)
    assert all(needed in graph[one] for cycle in cycles for one, needed in pairwise(cycle))
    inside = {key for cycle in cycles for key in cycle}
    assert find_cycles({key: others for key, others in graph.items() if key not in inside}) == []


def test_a_long_chain_is_gone_through_in_one_pass() -> None:
    chain = {str(number): [str(number + 1)] for number in range(20_000)}
    assert find_cycles(chain) == []
