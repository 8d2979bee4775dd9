"""What tokens cost: the price table that ships with `genai-prices`, and the user's own table before it.

One dollar per million tokens is one micro-dollar per token, so money here is tokens times rate, rounded up to whole
micro-dollars. Prices never change while a process runs. Knows nothing about budgets, and asks no network.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from importlib import metadata
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from genai_prices import types as genai
    from genai_prices.data_snapshot import DataSnapshot

Rate = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


VERTEX_REGIONAL = Decimal("1.1")  # the factor of Vertex's regional and multi-regional endpoints over "global"


DATED = {"0.2.3": date(2026, 10, 14)}
"""Of when the prices in a version of `genai-prices` are: the newest that was in force and not only announced."""

PLACEHOLDER = (
    "?  # USD per million tokens"  # no TOML: pasted as it is it is refused, where a zero would make calls free
)
UPDATE = "pip install --upgrade genai-prices"
WARN_AGE_DAYS, MOST_AGE_DAYS = 120, 180


class UnknownPriceError(Exception):
    """No price is known for the model, so no budget can stand in front of it; the message is the TOML to add."""

    def __init__(self, model: str, meant: str | None = None) -> None:
        self.model = model
        super().__init__(
            f"No price is known for model {json.dumps(model)}, so no budget can guard it. "
            + (f"Did you mean {meant}? If not: add" if meant else "Add")
            + " its prices in USD per million tokens to config.toml in Ralph's state folder (RALPH_HOME):\n\n"
            f"[prices.{json.dumps(model)}]\n" + "".join(f"{kind} = {PLACEHOLDER}\n" for kind in ModelPrice.model_fields)
        )


class StalePriceError(UnknownPriceError):
    """The shipped table is too old to be trusted; the message is what mends that."""

    def __init__(self, model: str, dated: date, today: date, most_days: int) -> None:
        self.model = model
        Exception.__init__(
            self,
            f"The price of {json.dumps(model)} is from a table of {dated}, {(today - dated).days} days ago by this machine's "
            f"clock, and may have risen since: no budget can guard it (prices_max_age_days = {most_days}). "
            f"Update the table: {UPDATE}. Where that cannot be done, give the price as it is now in config.toml in Ralph's "
            f"state folder (RALPH_HOME), as [prices.{json.dumps(model)}] with input and output in USD per million tokens; "
            "or trust the old table for longer: --set limits.prices_max_age_days=400",
        )


@dataclass(frozen=True)
class TokenUsage:
    """What one call used. The four input kinds are disjoint; `input_tokens` is their sum.

    Raises:
        ValueError: a count is negative.
    """

    uncached_input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0  # part of output_tokens

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} is {getattr(self, field.name)}; a token count cannot be negative")

    @property
    def input_tokens(self) -> int:
        return (
            self.uncached_input_tokens
            + self.cache_read_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
        )


class ModelPrice(BaseModel):
    """One `[prices."model"]` table of the user, in USD per million tokens.

    What is left out is taken dear rather than cheap: a cache read as input, writes at 1.25 and 2 times input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Rate
    output: Rate
    cache_read: Rate | None = None
    cache_write_5m: Rate | None = None
    cache_write_1h: Rate | None = None

    def rates(self) -> Rates:
        return Rates(
            uncached=self.input,
            cache_read=_first(self.cache_read, self.input),
            cache_write_5m=_first(self.cache_write_5m, self.input * Decimal("1.25")),
            cache_write_1h=_first(self.cache_write_1h, self.input * 2),
            output=self.output,
        )


@dataclass(frozen=True)
class Rates:
    """Micro-dollars per token, once the input total is above `above_input_tokens`."""

    uncached: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    output: Decimal
    above_input_tokens: int = -1  # -1: from the first token on

    @property
    def dearest_input(self) -> Decimal:
        return max(self.uncached, self.cache_read, self.cache_write_5m, self.cache_write_1h)

    def times(self, factor: Decimal) -> Rates:
        rates = {field.name: getattr(self, field.name) * factor for field in fields(self)}
        return Rates(**rates | {"above_input_tokens": self.above_input_tokens})

    def cost(self, usage: TokenUsage) -> Decimal:
        return (
            usage.uncached_input_tokens * self.uncached
            + usage.cache_read_tokens * self.cache_read
            + usage.cache_write_5m_tokens * self.cache_write_5m
            + usage.cache_write_1h_tokens * self.cache_write_1h
            + usage.output_tokens * self.output
        )


class PriceBook:
    """Prices a call before it is made (worst case) and after (exact), both in whole micro-dollars, rounded up."""

    def __init__(
        self,
        overrides: Mapping[str, ModelPrice] | None = None,
        *,
        catalogue: str = "",
        surcharge: Decimal = Decimal(1),
        max_age_days: int | None = None,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        """`catalogue` is a provider of `genai-prices` ("aws", "google"); "" goes by the model's name.

        `surcharge` is a factor on shipped prices, never on the user's own. `max_age_days` is how old the shipped table may
        be when `check` is asked; None: any age.
        """
        self._max_age_days, self._today = max_age_days, today
        self._overrides = dict(overrides or {})
        self._catalogue, self._surcharge = catalogue, surcharge
        self._tiers: dict[tuple[str, str], Sequence[Rates]] = {}

    def check(self, model: str) -> None:
        """Refuse a model that cannot be priced.

        Raises:
            UnknownPriceError: neither table has the model.
            StalePriceError: only the shipped table has it, and is too old.
        """
        self._tiers_of(model, None)
        today = self._today()
        if self._max_age_days is not None and self.age_days(model) > self._max_age_days:
            raise StalePriceError(model, _table_date(today), today, self._max_age_days)

    def age_days(self, model: str) -> int:
        """How old the shipped table is, where the model's price comes from it; 0 for a price of the user's own."""
        today = self._today()
        return 0 if model in self._overrides else max(0, (today - _table_date(today)).days)

    def maker(self, model: str) -> str:
        """Who sells the model by the shipped table, as "anthropic" or "openai"; "" where it is not in there."""
        try:
            return _shipped_model(model, self._catalogue)[0].id
        except UnknownPriceError:
            return ""

    def worst_case_micros(self, model: str, input_tokens: int, max_tokens: int, at: datetime | None = None) -> int:
        """The most that a call with at most `input_tokens` in and `max_tokens` out can cost when it starts at `at`."""
        dearest_input, dearest_output = self._dearest(model, input_tokens, at)
        return _up(input_tokens * dearest_input + max_tokens * dearest_output)

    def affordable_output_tokens(self, model: str, input_tokens: int, micros: int, at: datetime | None = None) -> int:
        """The largest `max_tokens` whose worst case fits into `micros`; 0 when not even the input does."""
        dearest_input, dearest_output = self._dearest(model, input_tokens, at)
        room = micros - input_tokens * dearest_input
        if room < 0:
            return 0
        return int(room // dearest_output) if dearest_output else sys.maxsize

    def cost_micros(self, model: str, usage: TokenUsage, at: datetime | None = None) -> int:
        """What `usage` costs for a call that started at `at` (None: now)."""
        return _up(_reached(self._tiers_of(model, at), usage.input_tokens)[-1].cost(usage))

    @cached_property
    def version(self) -> str:
        """Names the tables that the figures came from, for example `genai-prices 0.2.3` or `... +user.1f6c0a94`."""
        shipped = f"genai-prices {metadata.version('genai-prices')}"
        if self._surcharge != 1:
            shipped += f" x{self._surcharge}"
        if not self._overrides:
            return shipped
        table = {model: price.model_dump(mode="json") for model, price in sorted(self._overrides.items())}
        return f"{shipped} +user.{hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:8]}"

    def _dearest(self, model: str, input_tokens: int, at: datetime | None) -> tuple[Decimal, Decimal]:
        reached = _reached(self._tiers_of(model, at), input_tokens)
        return max(tier.dearest_input for tier in reached), max(tier.output for tier in reached)

    def _tiers_of(self, model: str, at: datetime | None) -> Sequence[Rates]:
        if model in self._overrides:
            return (self._overrides[model].rates(),)
        moment = at or datetime.now(UTC)
        key = (model, moment.strftime("%Y-%m-%dT%H:%M"))  # shipped prices change at minutes at the finest
        if key not in self._tiers:
            factor = self._factor(model)
            self._tiers[key] = [tier.times(factor) for tier in _shipped_tiers(model, self._catalogue, moment)]
        return self._tiers[key]

    def _factor(self, model: str) -> Decimal:
        """Vertex's names ("...@20260901") do not say the region, so without a catalogue the dearer one is assumed."""
        return VERTEX_REGIONAL if "@" in model and not self._catalogue else self._surcharge


def _table_date(today: date) -> date:
    """Of when the installed table is; of a version that came after this release, the newest price now in force in it."""
    known = DATED.get(metadata.version("genai-prices"))
    return known or max((day for day in _start_dates() if day <= today), default=date.min)


def _start_dates() -> Iterator[date]:
    for model in (model for provider in _snapshot().providers for model in provider.models):
        for price in model.prices if isinstance(model.prices, list) else ():
            if isinstance(start := getattr(price.constraint, "start_date", None), date):
                yield start


def _shipped_tiers(model: str, catalogue: str, at: datetime) -> Sequence[Rates]:
    """The tiers of `genai-prices` from low to high."""
    price = _shipped_model(model, catalogue)[1].get_prices(at)
    if price.input_mtok is None or price.output_mtok is None:
        raise UnknownPriceError(model)
    starts = sorted({tier.start for value in vars(price).values() for tier in getattr(value, "tiers", ())})
    return [_shipped_rates(price, start) for start in (-1, *starts)]


def _shipped_model(model: str, catalogue: str) -> tuple[genai.Provider, genai.ModelInfo]:
    for provider in (catalogue,) if catalogue else ("anthropic", None, *_clouds_of(model)):
        try:
            return _snapshot().find_provider_model(model, None, provider, None)
        except LookupError:
            continue
    raise UnknownPriceError(model, _nearest(model, catalogue or "anthropic"))


def _nearest(model: str, catalogue: str) -> str | None:
    """A model of this provider that was nearly named."""
    known = [info.id for provider in _snapshot().providers if provider.id == catalogue for info in provider.models]
    return next(iter(difflib.get_close_matches(model, known, n=1, cutoff=0.8)), None)


def _clouds_of(model: str) -> Sequence[str]:
    """Who may serve a model of this name, as in "us.anthropic.claude-..." and "claude-...@20260901"."""
    return [cloud for mark, cloud in (("anthropic.claude", "aws"), ("@", "google")) if mark in model]


def _snapshot() -> DataSnapshot:
    """The data inside the installed package, whatever else in this process may have updated prices."""
    from genai_prices import data, data_snapshot  # noqa: PLC0415 (0.2 s that `ralph --help` must not pay)

    global _SNAPSHOT  # noqa: PLW0603 (one parsed copy for the process)
    if _SNAPSHOT is None:
        _SNAPSHOT = data_snapshot.DataSnapshot(providers=data.providers, from_auto_update=False)
    return _SNAPSHOT


_SNAPSHOT: DataSnapshot | None = None


def _shipped_rates(price: genai.ModelPrice, above: int) -> Rates:
    uncached = _rate(price.input_mtok, above)
    write_5m = _first(_rate(price.cache_write_5m_mtok, above), _rate(price.cache_write_mtok, above), uncached)
    output = (_rate(price.output_mtok, above), _rate(price.output_reasoning_mtok, above))
    return Rates(
        uncached=_first(uncached, Decimal(0)),
        cache_read=_first(_rate(price.cache_read_mtok, above), uncached),
        cache_write_5m=write_5m,
        cache_write_1h=_first(_rate(price.cache_write_1h_mtok, above), write_5m),
        output=max(rate for rate in output if rate is not None),
        above_input_tokens=above,
    )


def _rate(value: Decimal | genai.TieredPrices | None, above: int) -> Decimal | None:
    if value is None or isinstance(value, Decimal):
        return value
    reached = [tier.price for tier in value.tiers if tier.start <= above]
    return reached[-1] if reached else value.base


def _reached(tiers: Sequence[Rates], input_tokens: int) -> Sequence[Rates]:
    return [tier for tier in tiers if input_tokens > tier.above_input_tokens]


def _first(*values: Decimal | None) -> Decimal:
    return next(value for value in values if value is not None)


def _up(micros: Decimal) -> int:
    return int(micros.to_integral_value(ROUND_CEILING))
