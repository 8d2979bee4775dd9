import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import metadata

import pytest
from genai_prices import Usage, calc_price, data, data_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tracing.prices import DATED, ModelPrice, PriceBook, StalePriceError, TokenUsage, UnknownPriceError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LOCAL = {"local": ModelPrice(input=Decimal("0.3"), output=Decimal("1.7"))}
BOOK = PriceBook(LOCAL)
ANTHROPIC_MODELS = [model.id for provider in data.providers if provider.id == "anthropic" for model in provider.models]
tokens = st.integers(0, 250_000)
usages = st.builds(TokenUsage, tokens, tokens, tokens, tokens, st.integers(0, 128_000))
models = st.sampled_from(["claude-opus-5-5", "claude-haiku-5-5", "claude-sonnet-4-5", "claude-fable-5-2", "local"])


@settings(max_examples=200, deadline=None)
@given(model=models, usage=usages, slack_in=tokens, slack_out=tokens)
def test_the_worst_case_is_never_below_what_any_usage_within_its_bounds_costs(
    model: str, usage: TokenUsage, slack_in: int, slack_out: int
) -> None:
    worst = BOOK.worst_case_micros(model, usage.input_tokens + slack_in, usage.output_tokens + slack_out, NOW)

    assert worst >= BOOK.cost_micros(model, usage, NOW)


@settings(max_examples=100, deadline=None)
@given(model=models, input_tokens=tokens, micros=st.integers(0, 10_000_000))
def test_the_affordable_output_is_the_largest_that_fits(model: str, input_tokens: int, micros: int) -> None:
    most = BOOK.affordable_output_tokens(model, input_tokens, micros, NOW)

    assert most == 0 or BOOK.worst_case_micros(model, input_tokens, most, NOW) <= micros
    assert BOOK.worst_case_micros(model, input_tokens, most + 1, NOW) > micros


@pytest.mark.parametrize("model", ANTHROPIC_MODELS)
@pytest.mark.parametrize("scale", [1, 97, 40_000])
def test_every_shipped_price_equals_what_genai_prices_computes_itself(model: str, scale: int) -> None:
    usage = TokenUsage(scale, 2 * scale, 3 * scale, 4 * scale, 5 * scale)
    theirs = calc_price(
        Usage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
            cache_write_5m_tokens=usage.cache_write_5m_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
            output_tokens=usage.output_tokens,
        ),
        model,
        provider_id="anthropic",
        genai_request_timestamp=NOW,
    ).total_price

    assert 0 <= BOOK.cost_micros(model, usage, NOW) - theirs * 10**6 < 1


@pytest.mark.parametrize(
    ("model", "usage", "micros"),
    [
        pytest.param("claude-opus-5-5", TokenUsage(1_000_000), 4_000_000, id="uncached-input"),
        pytest.param("claude-opus-5-5", TokenUsage(cache_read_tokens=1_000_000), 200_000, id="cache-read"),
        pytest.param("claude-opus-5-5", TokenUsage(cache_write_5m_tokens=1_000_000), 5_000_000, id="5m-write"),
        pytest.param("claude-opus-5-5", TokenUsage(cache_write_1h_tokens=1_000_000), 8_000_000, id="1h-write"),
        pytest.param(
            "claude-opus-5-5", TokenUsage(output_tokens=10, reasoning_tokens=9), 200, id="reasoning-is-output"
        ),
        pytest.param("claude-opus-5-5", TokenUsage(cache_read_tokens=1), 1, id="a-fraction-is-rounded-up"),
        pytest.param("claude-opus-5-5-20260901", TokenUsage(1), 4, id="dated-id"),
        pytest.param("claude-haiku-5-5", TokenUsage(10_000, cache_read_tokens=90_000), 1_900, id="tier-below"),
        pytest.param("claude-haiku-5-5", TokenUsage(10_001, cache_read_tokens=90_000), 9_501, id="tier-above"),
        pytest.param("local", TokenUsage(cache_read_tokens=10, cache_write_1h_tokens=10), 9, id="own-price-left-out"),
        pytest.param("claude-opus-5-5", TokenUsage(), 0, id="nothing"),
    ],
)
def test_usage_costs(model: str, usage: TokenUsage, micros: int) -> None:
    assert BOOK.cost_micros(model, usage, NOW) == micros


def test_the_users_own_price_wins_over_the_shipped_one() -> None:
    book = PriceBook({"claude-opus-5-5": ModelPrice(input=Decimal(7), output=Decimal(70))})

    assert book.cost_micros("claude-opus-5-5", TokenUsage(1, output_tokens=1)) == 77


def test_an_old_call_is_priced_with_the_prices_of_its_day() -> None:
    before, after = datetime(2026, 3, 12, tzinfo=UTC), datetime(2026, 3, 13, tzinfo=UTC)
    long = TokenUsage(300_000)

    assert BOOK.cost_micros("claude-opus-4-6", long, before) == 2 * BOOK.cost_micros("claude-opus-4-6", long, after)


def test_a_free_model_affords_any_output_once_its_input_is_paid() -> None:
    free = PriceBook({"free": ModelPrice(input=Decimal(0), output=Decimal(0))})

    assert free.affordable_output_tokens("free", 1_000, 0) == sys.maxsize


def test_an_unknown_model_is_refused_with_the_toml_to_add() -> None:
    with pytest.raises(UnknownPriceError) as refused:
        BOOK.check('my "own"')

    assert str(refused.value) == (
        'No price is known for model "my \\"own\\"", so no budget can guard it. '
        "Add its prices in USD per million tokens to config.toml in Ralph's state folder (RALPH_HOME):\n\n"
        '[prices."my \\"own\\""]\n'
        "input = ?  # USD per million tokens\noutput = ?  # USD per million tokens\n"
        "cache_read = ?  # USD per million tokens\ncache_write_5m = ?  # USD per million tokens\n"
        "cache_write_1h = ?  # USD per million tokens\n"
    )


def test_what_is_offered_for_an_unknown_model_is_no_price_before_it_is_filled_in() -> None:
    offered = str(UnknownPriceError("new")).partition("\n\n")[2]

    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(offered)
    filled_in = tomllib.loads(offered.replace("?", "1.25"))["prices"]["new"]
    assert ModelPrice.model_validate(filled_in).cache_write_1h == Decimal("1.25")


DATED_ON = date(2026, 10, 14)


@pytest.mark.parametrize(
    ("age_days", "is_refused"), [(0, False), (180, False), (181, True), (4_000, True), (-20_000, False)]
)
def test_prices_older_than_a_person_allows_are_refused(age_days: int, is_refused: bool) -> None:
    book = PriceBook(dict(LOCAL), max_age_days=180, today=lambda: DATED_ON + timedelta(days=age_days))
    book.check("local")  # one's own prices do not age
    if not is_refused:
        book.check("claude-opus-5-5")
        return
    with pytest.raises(StalePriceError) as refused:
        book.check("claude-opus-5-5")
    assert f"from a table of 2026-10-14, {age_days} days ago by this machine's clock" in str(refused.value)
    for remedy in (
        "pip install --upgrade genai-prices", '[prices."claude-opus-5-5"]', "--set limits.prices_max_age_days=400",
    ):  # fmt: skip
        assert remedy in str(refused.value)


def test_a_run_that_has_begun_is_priced_to_its_end_whatever_the_age() -> None:
    old = PriceBook(max_age_days=1, today=lambda: date(2036, 1, 1))
    assert old.cost_micros("claude-opus-5-5", TokenUsage(1)) == 4


def test_a_newer_table_is_as_old_as_the_newest_price_that_is_in_force_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracing.shipped_prices.DATED", {})
    announced = PriceBook(today=lambda: date(2026, 12, 31))  # prices of 2027 stand in it already
    assert 0 < announced.age_days("claude-opus-5-5") <= (date(2026, 12, 31) - DATED_ON).days


def test_the_date_of_the_table_that_ralph_is_developed_with_is_written_down() -> None:
    assert metadata.version("genai-prices") in DATED, "look up the newest price in force, and add it to DATED"


def test_prices_stay_those_of_the_package_when_another_library_updates_its_own_copy() -> None:
    data_snapshot.set_custom_snapshot(data_snapshot.DataSnapshot(providers=[], from_auto_update=True))
    try:
        assert PriceBook().cost_micros("claude-opus-5-5", TokenUsage(1)) == 4
    finally:
        data_snapshot.set_custom_snapshot(None)


def test_the_version_names_the_package_and_changes_with_the_users_table() -> None:
    plain = PriceBook().version

    assert plain.startswith("genai-prices 0.")
    assert BOOK.version.startswith(f"{plain} +user.")
    assert BOOK.version == PriceBook(dict(LOCAL)).version
    assert BOOK.version != PriceBook({"local": ModelPrice(input=Decimal("0.3"), output=Decimal(2))}).version


@pytest.mark.parametrize("field", ["uncached_input_tokens", "output_tokens"])
def test_a_negative_count_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} is -1; a token count cannot be negative"):
        TokenUsage(**{field: -1})


@pytest.mark.parametrize("value", ["-1", "NaN", "Infinity"])
def test_a_price_that_is_no_amount_of_money_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        ModelPrice.model_validate({"input": value, "output": 1})


def test_importing_the_meter_does_not_import_the_price_table() -> None:
    code = "import sys, tracing.meter; sys.exit('genai_prices' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
