"""How old prices may be before a run refuses them, and how long before that it says so."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest

from ralph.errors import RalphError
from ralph.model.access import price_book, price_notes, require_models
from ralph.settings.schema import Settings
from ralph.settings.sections import Limits
from tracing.prices import ModelPrice, PriceBook

MODEL = "claude-opus-5-5"
KEY = {"ANTHROPIC_API_KEY": "k"}


def aged(days: int, own: Mapping[str, ModelPrice] | None = None, most_days: int = 180) -> PriceBook:
    return PriceBook(own, max_age_days=most_days, today=lambda: date(2026, 10, 14) + timedelta(days=days))


def test_a_run_refuses_prices_that_are_too_old_and_one_that_is_only_played_does_not() -> None:
    require_models(Settings(), aged(180), [MODEL], KEY)
    with pytest.raises(RalphError, match="pip install --upgrade genai-prices"):
        require_models(Settings(), aged(181), [MODEL], KEY)
    require_models(Settings(), aged(181), [MODEL], KEY, played=True)


def test_the_users_setting_and_the_users_prices_are_what_count() -> None:
    patient = Settings(limits=Limits(prices_max_age_days=5_000))
    price_book(patient, {}).check(MODEL)
    require_models(Settings(), aged(4_000, {MODEL: ModelPrice(input=Decimal(4), output=Decimal(20))}), [MODEL], KEY)
    assert price_notes(Settings(), aged(150, {MODEL: ModelPrice(input=Decimal(4), output=Decimal(20))}), [MODEL]) == ()


@pytest.mark.parametrize(("days", "told"), [(120, False), (121, True), (180, True), (181, False)])
def test_two_months_before_that_each_run_says_so(days: int, told: bool) -> None:
    notes = price_notes(Settings(), aged(days), [MODEL])
    text = (
        f"prices are {days} days old; in {180 - days} days Ralph stops trusting them. "
        "Update them: pip install --upgrade genai-prices"
    )
    assert notes == ((text,) if told else ())
