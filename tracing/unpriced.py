"""Why a model cannot be priced, and the lines or the command that mend it."""

import json
from datetime import date

from tracing.rates import ModelPrice

PLACEHOLDER = (
    "?  # USD per million tokens"  # no TOML: pasted as it is it is refused, where a zero would make calls free
)
UPDATE = "pip install --upgrade genai-prices"


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
