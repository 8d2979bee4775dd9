"""The blind traces hold what their labels say: what the detectors make of them is score.py's business."""

import json

import pytest

from tests.failures.blind.case import NONE, Case, cases


@pytest.fixture(scope="module")
def told() -> list[Case]:
    return cases()


def test_there_are_enough_traces_of_both_sorts(told: list[Case]) -> None:
    healthy = sum(case.kind == NONE for case in told)
    assert (healthy >= 50, len(told) - healthy >= 70) == (True, True)


def test_each_guilty_span_is_in_its_record_and_healthy_traces_name_none(told: list[Case]) -> None:
    for case in told:
        assert bool(case.guilty) == (case.kind != NONE), case.id
        assert f'"{case.guilty}"' in json.dumps(case.record) or case.kind == NONE, case.id


@pytest.mark.slow
def test_a_second_telling_is_the_same(told: list[Case]) -> None:
    assert cases() == told
