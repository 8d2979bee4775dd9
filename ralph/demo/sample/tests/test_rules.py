"""The rules of docs/money.md, held against every `split_*` function of money.py, those to come included.

A split takes the cents and then either a number of `parts` or a list of `weights`.
"""

import inspect
import random

import pytest

from kitty import money
from kitty.money import split_evenly

SPLITS = [value for name, value in sorted(vars(money).items()) if name.startswith("split_")]


def some_splits(split):
    """Cents, the weight of each person, and the shares, for 400 amounts."""
    chance = random.Random(3)
    takes_parts = list(inspect.signature(split).parameters)[1] == "parts"
    for _ in range(400):
        weights = [1 if takes_parts else chance.choice([1, 1, 2, 3, 7]) for _ in range(chance.randint(1, 7))]
        cents = chance.randint(1, 20_000)
        yield cents, weights, lambda amount, who=weights: split(amount, len(who) if takes_parts else who)


@pytest.mark.parametrize("split", SPLITS)
def test_nothing_is_lost(split):
    for cents, _, shares in some_splits(split):
        assert sum(shares(cents)) == cents
        assert sum(shares(-cents)) == -cents


@pytest.mark.parametrize("split", SPLITS)
def test_nobody_is_favoured_by_more_than_a_cent(split):
    for cents, weights, shares in some_splits(split):
        for share, weight in zip(shares(cents), weights, strict=True):
            assert abs(share * sum(weights) - cents * weight) < sum(weights), (cents, weights, shares(cents))


@pytest.mark.parametrize("split", SPLITS)
def test_a_refund_undoes_its_expense(split):
    for cents, weights, shares in some_splits(split):
        assert shares(-cents) == [-share for share in shares(cents)], (cents, weights)


@pytest.mark.parametrize("split", SPLITS)
def test_people_with_equal_parts_pay_what_an_even_split_says(split):
    for cents, weights, shares in some_splits(split):
        if len(set(weights)) == 1:
            assert shares(cents) == split_evenly(cents, len(weights)), (cents, weights)
