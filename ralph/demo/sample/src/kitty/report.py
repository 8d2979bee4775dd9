"""Text for people."""

from collections.abc import Mapping

from kitty.money import format_cents

NAME_COLUMNS = 8
AMOUNT_COLUMNS = 9


def balances_text(totals: Mapping[str, int]) -> str:
    """One line a person, amounts aligned on the right."""
    width = max([NAME_COLUMNS, *(len(name) for name in totals)])
    return "\n".join(
        f"{name:<{width}} {format_cents(cents, signed=True):>{AMOUNT_COLUMNS}}" for name, cents in totals.items()
    )
