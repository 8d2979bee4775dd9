"""Stories as they are found in a Markdown file, before ids and dependencies are settled, and the flags that make them done.

Knows nothing of how they are found.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from prd.dialects.markdown_blocks import DONE_MARKS, HELD_MARKS, Box
from prd.document import Edit
from prd.errors import Problem
from prd.spelling import plain
from prd.story import Story
from prd.words import State, opposite, state_of


class Flag(Protocol):
    """Where a file says whether a story is done."""

    @property
    def done(self) -> bool: ...

    @property
    def held(self) -> str:
        """The file's own word why the story is not to be worked on; empty: it may be."""
        ...

    def edits(self, *, done: bool) -> tuple[Edit, ...]: ...


@dataclass(frozen=True)
class Boxes:
    """Done when all of them are ticked; those that are held, as `[-]`, count only when there are no others."""

    boxes: tuple[Box, ...]

    @property
    def counted(self) -> tuple[Box, ...]:
        return tuple(box for box in self.boxes if box.mark not in HELD_MARKS) or self.boxes

    @property
    def done(self) -> bool:
        return all(box.mark in DONE_MARKS for box in self.counted)

    @property
    def held(self) -> str:
        return f"[{self.counted[0].mark}]" if all(box.mark in HELD_MARKS for box in self.counted) else ""

    def edits(self, *, done: bool) -> tuple[Edit, ...]:
        if done == self.done:
            return ()
        mark = "x" if done else " "
        return tuple(Edit(box.at, box.at + 1, mark) for box in self.counted if (box.mark in DONE_MARKS) != done)


@dataclass(frozen=True)
class StatusWord:
    """A word after `Status:`; `words` are those of the whole file, so that a new one is spelt as they are."""

    text: str
    """Empty: nothing stands there yet, which is open."""
    start: int
    words: tuple[str, ...]

    @property
    def state(self) -> State:
        return status_state(self.text) or State.OPEN

    @property
    def done(self) -> bool:
        return self.state is State.DONE

    @property
    def held(self) -> str:
        return bare_word(self.text) if self.state is State.HELD else ""

    def edits(self, *, done: bool) -> tuple[Edit, ...]:
        if done == self.done:
            return ()
        word = self._word(State.DONE if done else State.OPEN)
        return (Edit(self.start, self.start + len(self.text), word if self.text else f" {word}"),)

    def _word(self, wanted: State) -> str:
        """The usual opposite, or what the file writes most often for it; work that is going on is no answer."""
        used = Counter(word for word in self.words if word and status_state(word) is wanted)
        usual = _USUAL.get(self.text) or opposite(bare_word(self.text), done=wanted is State.DONE)
        fitting = [word for word, _ in used.most_common() if plain(bare_word(word)) not in _GOING_ON]
        return usual if usual in used or not fitting else fitting[0]


_USUAL = {
    "": "done",
    "done": "todo",
    "complete": "pending",
    "completed": "pending",
    "Complete": "Not Started",
    "pending": "complete",
}
_GOING_ON = frozenset({"inprogress", "doing", "wip", "started", "inreview", "review", "testing"})


@dataclass(frozen=True)
class NoFlag:
    """Open; becoming done adds a status line at an offset."""

    at: int
    line: str
    """With the line ends around it."""

    done = False
    held = ""

    def edits(self, *, done: bool) -> tuple[Edit, ...]:
        return (Edit(self.at, self.at, self.line),) if done else ()


_LEADING_SYMBOLS = re.compile(r"[^\w]+")


def bare_word(status: str) -> str:
    """The status without a symbol in front, as of "\u2705 Done"."""
    return _LEADING_SYMBOLS.sub("", status, count=1) if not status[:1].isalnum() else status


def status_state(status: str) -> State | None:
    return state_of(bare_word(status)) if status else None


@dataclass(frozen=True)
class Draft:
    """A story as it was found."""

    at: int
    flag: Flag
    title: str
    id: str | None = None
    """None: it has none of its own."""
    description: str = ""
    criteria: tuple[str, ...] = ()
    priority: int | None = None
    optional: bool = False
    held: str = ""
    """What stands above it says that it is not to be worked on, in this word."""
    depends_on: tuple[str, ...] = ()
    """As they are spelt."""
    strict: bool = False
    """Names in `depends_on` that no story has are wrong, not prose."""


@dataclass(frozen=True)
class Found:
    """What one dialect made of a page."""

    dialect: str
    drafts: tuple[Draft, ...]
    append: Callable[[Story], tuple[Edit, ...]]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = field(default=())


def joined_lines(lines: Iterable[str]) -> str:
    """The lines as one text without blank ones at its ends, and at most one blank line at a time."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()
