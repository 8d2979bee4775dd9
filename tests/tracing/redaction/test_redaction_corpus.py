"""Recall on our corpus: every kind of secret in every place where agents meet one."""

import os
from collections.abc import Callable

import pytest

from tests.tracing.redaction.corpus import PLACES, Case, cases
from tests.tracing.redaction.kinds import ALL
from tests.tracing.redaction.measure import missed, recall
from tracing.redact import Redactor

EACH = 30 if os.environ.get("RALPH_SOAK") else 2
LEAST_OF_ALL, LEAST_OF_ANY = 0.99, 0.95


@pytest.fixture(scope="module")
def corpus() -> list[Case]:
    return list(cases(EACH))


@pytest.fixture(scope="module")
def misses(corpus: list[Case]) -> list[Case]:
    return missed(Redactor().text, corpus)


def test_nearly_every_secret_is_cut_wherever_it_stands(corpus: list[Case], misses: list[Case]) -> None:
    assert 1 - len(misses) / len(corpus) >= LEAST_OF_ALL, [(case.kind, case.place) for case in misses]


@pytest.mark.parametrize("by", [lambda case: case.kind, lambda case: case.place], ids=["kind", "place"])
def test_no_kind_and_no_place_is_weak(corpus: list[Case], misses: list[Case], by: Callable[[Case], str]) -> None:
    assert {name: share for name, share in recall(corpus, misses, by).items() if share < LEAST_OF_ANY} == {}


def test_redacting_twice_changes_nothing(corpus: list[Case]) -> None:
    redactor = Redactor()
    for case in corpus[::2]:
        once = redactor.text(case.text)
        assert redactor.text(once) == once


def test_the_corpus_is_the_same_each_time_and_wide_enough() -> None:
    assert next(iter(cases(1))) == next(iter(cases(1)))
    assert len({kind.name for kind in ALL}) == len(ALL) >= 24
    assert len(PLACES) >= 20
