"""How the words of a test, or of what it reads, changed: line by line, each with the line that took its place."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import zip_longest

from ralph.integrity.change import compared
from ralph.integrity.tokens import NUMBER, STRING, tokens, with_words

MUCH_THE_SAME = 0.5
MOST_PAIRS = 4_000  # of lines that are held against each other
MOST_LINES = 5_000
LONGEST_LINE = 500
ASSERTS = re.compile(
    r"\bassert|\bexpect\s*\(|\bt\.(?:Error|Fatal|Fail)|\braises\b|\bshould\b|\bequals?\b|[!=]=|\bwant\b|\bexpected\b",
    re.IGNORECASE,
)
CALL = re.compile(r"[a-z]{3,}\(")
WORDS = re.compile(r"\b(?:true|false|null|nil|None|True|False|undefined)\b")
SIGNS = re.compile(r"[=#*|;~^+<>/@!%&]")


@dataclass(frozen=True)
class Rewritten:
    """One line that is gone, with what its successor has and lacks. `literals` are numbers and texts, and signs."""

    old: str
    got: frozenset[str]
    lost: frozenset[str]
    changes_expected: bool  # an expectation's literals are others, or a line of data is
    path: str = ""  # of the data that it stands in
    has_heir: bool = True  # another line took its place

    @property
    def names(self) -> frozenset[str]:
        """What the line is about: its identifiers, and the words of its texts."""
        found = tokens(self.old)
        return found.names | with_words(found.literals) | (with_words([self.old]) if self.path else frozenset())

    @classmethod
    def of(cls, old: str, new: str, data: str = "") -> "Rewritten":
        count = _words_counted if data else _counted
        before, after = count(old), count(new)
        got, lost = frozenset(after - before), frozenset(before - after)
        if data:
            return cls(old, got, lost, old != new, data, bool(new))
        expects = bool(ASSERTS.search(old) or not CALL.search(old))
        got |= _bare_words(new) - _bare_words(old)
        return cls(old, got, lost, expects and _literals(old) != _literals(new), has_heir=bool(new))


@dataclass(frozen=True)
class Rewriting:
    """All lines that are gone from a test or from what it reads."""

    lines: tuple[Rewritten, ...]
    got: frozenset[str]
    lost: frozenset[str]

    @classmethod
    def of(cls, old: str, new: str, data: str = "") -> "Rewriting":
        """Of one text into the other. `data` is its path where it is no code."""
        added, removed = compared(old.splitlines(), new.splitlines())
        gone, texts = ([line.text[:LONGEST_LINE] for line in lines[:MOST_LINES]] for lines in (removed, added))
        if len(gone) * len(texts) > MOST_PAIRS:  # too much to look for the likest: line by line
            pairs = list(zip_longest(gone, texts[: len(gone)], fillvalue=""))
        else:
            pairs = [(line, _successor(line, texts)) for line in gone]
        before, after = (
            _counted(old),
            _counted(new),
        )  # of the whole: what only changed its place is neither got nor lost
        lines = tuple(Rewritten.of(line, heir, data) for line, heir in pairs)
        return cls(lines, frozenset(after - before), frozenset(before - after))

    @classmethod
    def joined(cls, parts: Sequence["Rewriting"]) -> "Rewriting":
        return cls(
            tuple(line for part in parts for line in part.lines),
            frozenset(token for part in parts for token in part.got),
            frozenset(token for part in parts for token in part.lost),
        )

    def without(self, texts: Collection[str]) -> "Rewriting":
        """The same but for these lines."""
        return replace(self, lines=tuple(line for line in self.lines if line.old not in texts))

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for line in self.lines for name in line.names)

    @property
    def expectations(self) -> tuple[Rewritten, ...]:
        return tuple(line for line in self.lines if line.changes_expected)


def _successor(line: str, added: Sequence[str]) -> str:
    likeness = [(SequenceMatcher(None, line, other, autojunk=False).ratio(), other) for other in added]
    ratio, other = max(likeness, default=(0.0, ""))
    return other if ratio >= MUCH_THE_SAME or (likeness and not tokens(line).all) else ""


def _counted(line: str) -> Counter[str]:
    """How often each token occurs, numbers and signs with it: `100` may come a second time."""
    words = Counter(with_words(tokens(line).all))
    return words + Counter(NUMBER.findall(line)) + Counter(SIGNS.findall(line))


def _words_counted(line: str) -> Counter[str]:
    """The words and signs of a line that is no code."""
    return Counter([*re.findall(r"\w+", line), *SIGNS.findall(line)])


def _bare_words(line: str) -> frozenset[str]:
    """`true` as it stands in code, not in a text: the kind of a value may be all that changed."""
    return frozenset(WORDS.findall(STRING.sub(" ", line)))


def _literals(line: str) -> list[str]:
    """Numbers and texts, in their order."""
    strings = [next((group for group in groups if group), "") for groups in STRING.findall(line)]
    return [*strings, *NUMBER.findall(STRING.sub(" ", line))]
