"""The price table that ships with `genai-prices`, as rates: of when it is, and what it says of a model at a moment.

Asks no network. Knows nothing of the user's own prices.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib import metadata
from typing import TYPE_CHECKING

from tracing.rates import Rates, first_known
from tracing.unpriced import UnknownPriceError

if TYPE_CHECKING:
    from genai_prices import types as genai
    from genai_prices.data_snapshot import DataSnapshot

DATED = {"0.2.3": date(2026, 10, 14)}
"""Of when the prices in a version of `genai-prices` are: the newest that was in force and not only announced."""


def table_date(today: date) -> date:
    """Of when the installed table is; of a version that came after this release, the newest price now in force in it."""
    known = DATED.get(metadata.version("genai-prices"))
    return known or max((day for day in _start_dates() if day <= today), default=date.min)


def _start_dates() -> Iterator[date]:
    for model in (model for provider in _snapshot().providers for model in provider.models):
        for price in model.prices if isinstance(model.prices, list) else ():
            if isinstance(start := getattr(price.constraint, "start_date", None), date):
                yield start


def shipped_tiers(model: str, catalogue: str, at: datetime) -> Sequence[Rates]:
    """The tiers of `genai-prices` from low to high."""
    price = shipped_model(model, catalogue)[1].get_prices(at)
    if price.input_mtok is None or price.output_mtok is None:
        raise UnknownPriceError(model)
    starts = sorted({tier.start for value in vars(price).values() for tier in getattr(value, "tiers", ())})
    return [_shipped_rates(price, start) for start in (-1, *starts)]


def shipped_model(model: str, catalogue: str) -> tuple[genai.Provider, genai.ModelInfo]:
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
    write_5m = first_known(_rate(price.cache_write_5m_mtok, above), _rate(price.cache_write_mtok, above), uncached)
    output = (_rate(price.output_mtok, above), _rate(price.output_reasoning_mtok, above))
    return Rates(
        uncached=first_known(uncached, Decimal(0)),
        cache_read=first_known(_rate(price.cache_read_mtok, above), uncached),
        cache_write_5m=write_5m,
        cache_write_1h=first_known(_rate(price.cache_write_1h_mtok, above), write_5m),
        output=max(rate for rate in output if rate is not None),
        above_input_tokens=above,
    )


def _rate(value: Decimal | genai.TieredPrices | None, above: int) -> Decimal | None:
    if value is None or isinstance(value, Decimal):
        return value
    reached = [tier.price for tier in value.tiers if tier.start <= above]
    return reached[-1] if reached else value.base
