"""What housekeeping speaks in: piles of one kind of thing that may go, and why; and what stays although it is old."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Stop: TypeAlias = Callable[[], bool]
"""Asked between two steps: whether to leave the rest for the next time."""


@dataclass(frozen=True)
class Pile:
    """Things of one kind. `bytes` is about what their going frees: 0 where only git or SQLite could tell."""

    what: str
    why: str
    count: int
    bytes: int = 0
    oldest_ns: int | None = None  # None: nobody knows how old
    newest_ns: int | None = None
    clear: Callable[[Stop], int] = field(default=lambda _: 0, repr=False, compare=False)  # how many went


@dataclass(frozen=True)
class Plan:
    """`stays` are notes about what is old and is kept, a line each."""

    piles: tuple[Pile, ...]
    stays: tuple[str, ...] = ()
    tidy: Callable[[Stop], bool] = field(default=lambda _: True, repr=False, compare=False)  # finish what was killed

    @property
    def count(self) -> int:
        return sum(pile.count for pile in self.piles)

    @property
    def bytes(self) -> int:
        return sum(pile.bytes for pile in self.piles)


@dataclass(frozen=True)
class Cleared:
    what: str
    count: int


@dataclass(frozen=True)
class Done:
    """`is_finished` False: time was up, or somebody asked to stop; the next time goes on from there."""

    cleared: tuple[Cleared, ...]
    is_finished: bool


def each(things: Sequence[Callable[[], bool]], stop: Stop) -> int:
    """Do them one by one until told to stop; how many came about. One that the disk refuses costs only itself."""
    return sum(_each(things, stop))


def _each(things: Sequence[Callable[[], bool]], stop: Stop) -> Iterator[bool]:
    for remove in things:
        if stop():
            return
        try:
            yield remove()
        except OSError:
            yield False
