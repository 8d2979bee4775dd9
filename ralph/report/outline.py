"""A report as words in order, before it is laid out: sections of items and tables. Text here is raw; who lays it out escapes it."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """What a line is marked with."""

    PLAIN = "plain"
    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Item:
    """One thing. `aside` is small print behind its head; `command` is what to type, never wrapped or cut. A page with the traces
    beside it leads to the one that it is about.
    """

    head: str
    aside: str = ""
    body: str = ""
    command: str = ""
    tone: Tone = Tone.PLAIN
    trace_id: str = ""
    span_id: str = ""


@dataclass(frozen=True)
class Bar:
    """A cell that draws its part [0..1] of the longest."""

    share: float


@dataclass(frozen=True)
class Table:
    """`right`: the columns with numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str | Bar, ...], ...]
    right: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Part:
    """A few items, under a small heading where it has one."""

    title: str
    blocks: tuple[Item | Table, ...]


@dataclass(frozen=True)
class Section:
    title: str
    parts: tuple[Part, ...]
    text: str = ""  # one line below the title


@dataclass(frozen=True)
class Outline:
    title: str
    subtitle: str
    sections: tuple[Section, ...]


def code_parts(text: str) -> list[str]:
    """Split at `code` in backticks, as commits and agents write it: prose and code by turns, prose first."""
    return re.split(r"`([^`]+)`", text)
