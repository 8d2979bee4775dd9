"""What calls cost: by the user's own table, else by the price table that ships with `genai-prices`.

Money here is tokens times rate, rounded up to whole micro-dollars. Prices never change while a process runs. Knows nothing
about budgets, and asks no network.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from importlib import metadata

from tracing.rates import ModelPrice, Rates, TokenUsage
from tracing.shipped_prices import DATED, shipped_model, shipped_tiers, table_date
from tracing.unpriced import UPDATE, StalePriceError, UnknownPriceError

__all__ = [
    "DATED",
    "UPDATE",
    "VERTEX_REGIONAL",
    "WARN_AGE_DAYS",
    "ModelPrice",
    "PriceBook",
    "StalePriceError",
    "TokenUsage",
    "UnknownPriceError",
]

VERTEX_REGIONAL = Decimal("1.1")  # the factor of Vertex's regional and multi-regional endpoints over "global"
WARN_AGE_DAYS = 120


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
            raise StalePriceError(model, table_date(today), today, self._max_age_days)

    def age_days(self, model: str) -> int:
        """How old the shipped table is, where the model's price comes from it; 0 for a price of the user's own."""
        today = self._today()
        return 0 if model in self._overrides else max(0, (today - table_date(today)).days)

    def maker(self, model: str) -> str:
        """Who sells the model by the shipped table, as "anthropic" or "openai"; "" where it is not in there."""
        try:
            return shipped_model(model, self._catalogue)[0].id
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
            self._tiers[key] = [tier.times(factor) for tier in shipped_tiers(model, self._catalogue, moment)]
        return self._tiers[key]

    def _factor(self, model: str) -> Decimal:
        """Vertex's names ("...@20260901") do not say the region, so without a catalogue the dearer one is assumed."""
        return VERTEX_REGIONAL if "@" in model and not self._catalogue else self._surcharge


def _reached(tiers: Sequence[Rates], input_tokens: int) -> Sequence[Rates]:
    return [tier for tier in tiers if input_tokens > tier.above_input_tokens]


def _up(micros: Decimal) -> int:
    return int(micros.to_integral_value(ROUND_CEILING))
