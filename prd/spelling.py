"""Which known word somebody may have meant. Knows nothing of PRDs."""

import re
from collections.abc import Iterable


def plain(word: str) -> str:
    """Letters and digits only, lower case, numbers without leading zeros: "US-001" and "us1" become one."""
    return re.sub(r"0+(?=\d)", "", re.sub(r"[\W_]+", "", word.lower()))


def same_but_for_spelling(word: str, known: Iterable[str]) -> str | None:
    """The known word that differs only in case, punctuation or leading zeros."""
    return next((candidate for candidate in known if plain(candidate) == plain(word)), None)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word a typing mistake or two away; short words allow fewer."""
    near = [(distance(plain(word), plain(candidate)), candidate) for candidate in known]
    close = [(steps, candidate) for steps, candidate in near if steps <= _allowed_steps(candidate)]
    return min(close)[1] if close else None


def _allowed_steps(word: str) -> int:
    return 0 if len(word) <= 3 else 1 if len(word) <= 7 else 2


def distance(one: str, other: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours (optimal string alignment)."""
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for row, char in enumerate(one, 1):
        line = [row]
        for column, wanted in enumerate(other, 1):
            steps = min(last[column] + 1, line[-1] + 1, last[column - 1] + (char != wanted))
            if row > 1 and column > 1 and char == other[column - 2] and one[row - 2] == wanted:
                steps = min(steps, before_last[column - 2] + 1)
            line.append(steps)
        before_last, last = last, line
    return last[-1]


def begun_by(start: str, known: Iterable[str]) -> list[str]:
    """The known word that is `start`; else those that begin so, whatever the case."""
    words = list(known)
    return (
        [start]
        if start in words
        else [word for word in words if start and word.casefold().startswith(start.casefold())]
    )
