"""The one error of this package, and the problems it is made of. Knows nothing of where a message is shown."""

from dataclasses import dataclass


class PrdError(Exception):
    """The user must edit the PRD or name another one; the text is the whole message, one line for each problem."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong at one place, in words, and what to write instead."""

    offset: int
    what: str
    remedy: str


def quoted(text: str, *, limit_chars: int = 60) -> str:
    """The text in quotes on one line, safe to print: shortened, and what cannot be seen is escaped."""
    short = text if len(text) <= limit_chars else text[: limit_chars - 3] + "..."
    return '"' + "".join(_visible(char) for char in short) + '"'


def _visible(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else char.encode("unicode_escape").decode()
