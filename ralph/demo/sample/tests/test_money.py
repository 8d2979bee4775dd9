import doctest
import random

import pytest

from kitty import money
from kitty.errors import KittyError
from kitty.money import format_cents, parse_cents, split_evenly


@pytest.mark.parametrize(("text", "cents"), [("12", 1200), ("12.5", 1250), ("0.01", 1), ("-3.40", -340)])
def test_an_amount_is_read_in_cents(text, cents):
    assert parse_cents(text) == cents


@pytest.mark.parametrize("text", ["", "12.345", "1,50", "ten", "0", "0.00", "1e3"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(KittyError):
        parse_cents(text)


def test_an_amount_is_written_with_two_decimals():
    assert [format_cents(cents) for cents in (5, 1250, -340)] == ["0.05", "12.50", "-3.40"]
    assert format_cents(7, signed=True) == "+0.07"


def test_the_shares_of_any_split_add_up_and_differ_by_a_cent_at_most():
    chance = random.Random(1)
    for _ in range(500):
        cents, parts = chance.randint(-10_000, 10_000), chance.randint(1, 9)
        found = split_evenly(cents, parts)
        assert sum(found) == cents
        assert max(found) - min(found) <= 1


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(money).failed == 0
