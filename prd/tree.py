"""A structured file as values that know where they stand, whatever language it is written in. Knows nothing of PRDs."""

from dataclasses import dataclass
from enum import StrEnum

from prd.errors import Problem, quoted


class Kind(StrEnum):
    """What a value is, in words that fit "is ..."."""

    OBJECT = "an object"
    LIST = "a list"
    TEXT = "a text"
    NUMBER = "a number"
    TRUE = "true"
    FALSE = "false"
    NULL = "null"


@dataclass(frozen=True)
class Node:
    """One value, from `start` up to `end` (offsets in characters)."""

    kind: Kind
    start: int
    end: int
    text: str = ""
    """A text decoded; a number, and in YAML any scalar, as it is spelt; empty for the other kinds."""
    items: tuple["Node", ...] = ()
    members: tuple["Member", ...] = ()
    unquoted: bool = False
    """In YAML: a scalar without quotes, which may have been meant as a text even where YAML takes it for something else."""

    def get(self, key: str) -> "Node | None":
        """The value of the first member of that name; None when there is none."""
        return next((member.value for member in self.members if member.key.text == key), None)

    @property
    def as_text(self) -> str | None:
        """What it says, when it can only have been meant as a text here; None for everything else."""
        return self.text if self.kind is Kind.TEXT or (self.unquoted and self.kind is not Kind.NULL) else None

    @property
    def is_flag(self) -> bool:
        return self.kind in {Kind.TRUE, Kind.FALSE}

    @property
    def in_words(self) -> str:
        return f"{self.kind} {quoted(self.text)}" if self.kind is Kind.TEXT else self.text[:40] or str(self.kind)


@dataclass(frozen=True)
class Member:
    key: Node
    value: Node


@dataclass(frozen=True)
class Tree:
    """`root` is None when the text could not be read to its end."""

    root: Node | None
    problems: tuple[Problem, ...]
