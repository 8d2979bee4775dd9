"""A PRD that was read, together with the edits that change it: every dialect gives one. Knows nothing of files and commits.

An edit replaces a stretch of the text; what no edit names stays as it is, byte for byte.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prd.errors import Problem
from prd.story import Prd, Story


@dataclass(frozen=True, order=True)
class Edit:
    """Put `text` in place of the characters from `start` up to `end` (offsets into `Source.text`); equal ones insert."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Document:
    """What a file says, and how to change it."""

    prd: Prd
    """As far as it could be read: to be used only when there are no problems."""
    dialect: str
    """In words for a person: "JSON, stories under userStories"."""
    problems: tuple[Problem, ...]
    set_done: Callable[[str, bool], tuple[Edit, ...]]
    """The edits that make the story with that id done, or open; none when it already is. Raises: PrdError."""
    append: Callable[[Story], tuple[Edit, ...]]
    """The edits that add the story at the end, in the file's own layout and words. Raises: PrdError."""
    places: Mapping[str, int]
    """Where each story stands: its id -> an offset into the text."""
    notes: tuple[str, ...] = ()
    """What was decided in reading that a person may want to know, one line each."""


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; they may come in any order and must not overlap."""
    parts, at = [], 0
    for edit in sorted(edits):
        assert at <= edit.start <= edit.end <= len(text), "edits overlap or leave the text"
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])
