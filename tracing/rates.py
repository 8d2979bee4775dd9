"""Token counts, and what a token of each kind is charged: by any table, and as the user writes a table of their own.

One dollar per million tokens is one micro-dollar per token. Knows no model's price.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


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
            cache_read=first_known(self.cache_read, self.input),
            cache_write_5m=first_known(self.cache_write_5m, self.input * Decimal("1.25")),
            cache_write_1h=first_known(self.cache_write_1h, self.input * 2),
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


def first_known(*values: Decimal | None) -> Decimal:
    return next(value for value in values if value is not None)
