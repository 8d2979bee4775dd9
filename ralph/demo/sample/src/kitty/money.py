"""Amounts in whole cents. The rules are in docs/money.md."""

import re

from kitty.errors import KittyError

AMOUNT = re.compile(r"(-?)(\d+)(?:\.(\d{1,2}))?", re.ASCII)


def parse_cents(text: str) -> int:
    """Cents of an amount as people write it.

    >>> parse_cents("12.5")
    1250
    """
    found = AMOUNT.fullmatch(text.strip())
    if not found:
        raise KittyError(f'"{text}" is not an amount. Write for example 12.50.')
    sign, whole, part = found.groups()
    cents = int(whole) * 100 + int((part or "0").ljust(2, "0"))
    if cents == 0:
        raise KittyError("An amount of zero is no expense.")
    return -cents if sign else cents


def format_cents(cents: int, *, signed: bool = False) -> str:
    """An amount for people.

    >>> format_cents(-1250)
    '-12.50'
    """
    sign = "-" if cents < 0 else "+" if signed and cents > 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"


def split_evenly(cents: int, parts: int) -> list[int]:
    """`parts` shares that add up to `cents` and differ by at most one; earlier shares are the bigger ones.

    >>> split_evenly(100, 3)
    [34, 33, 33]
    """
    sign = -1 if cents < 0 else 1
    share, rest = divmod(abs(cents), parts)
    return [sign * (share + (1 if number < rest else 0)) for number in range(parts)]
