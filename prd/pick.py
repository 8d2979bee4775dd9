"""Which story is next, and in words why each of the others is not. Knows nothing of files, agents or git."""

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from prd.errors import PrdError, quoted
from prd.spelling import same_but_for_spelling
from prd.story import Prd, Story

COMMITTED = "its commit is on the branch"


class Verdict(StrEnum):
    NEXT = "next"
    DONE = "done"
    PARKED = "parked"
    WAITS_FOR = "waits for"
    LATER = "later"
    OPTIONAL = "optional"
    HELD = "held"
    RUNNING = "running"
    NOT_CHOSEN = "not chosen"


@dataclass(frozen=True)
class Reason:
    verdict: Verdict
    text: str
    """One line that starts with the verdict."""


@dataclass(frozen=True)
class Pick:
    story: Story | None
    """None: no story can be worked on now."""
    reasons: Mapping[str, Reason]
    """For each story id, in the order of the file."""


def pick(
    prd: Prd,
    *,
    done: Collection[str] = (),
    parked: Mapping[str, str] | None = None,
    only: str | None = None,
    busy: Collection[str] = (),
) -> Pick:
    """The open story with the lowest priority number (none comes last), then the first in the file, whose dependencies are done.

    `done` are ids that count as done whatever the PRD's flag says, with the reason why where it is known; `parked` are ids with the reason why they wait for a person,
    and `busy` those that somebody works on right now, which are not done either. `only` leaves just that story to choose from,
    and is the one way to an optional story.

    Raises: PrdError when `only` is no story of the PRD.
    """
    why = done if isinstance(done, Mapping) else dict.fromkeys(done, COMMITTED)
    board = _Board(prd, why, parked or {}, only, frozenset(busy))
    board.check_only()
    return Pick(board.first, {story.id: board.reason(story) for story in prd.stories})


def _order(story: Story) -> tuple[bool, int]:
    return story.priority is None, story.priority or 0


@dataclass(frozen=True)
class _Board:
    prd: Prd
    done: Mapping[str, str]
    parked: Mapping[str, str]
    only: str | None
    busy: frozenset[str]

    @cached_property
    def by_id(self) -> dict[str, Story]:
        return {story.id: story for story in self.prd.stories}

    def check_only(self) -> None:
        if self.only is None or self.only in self.by_id:
            return
        meant = same_but_for_spelling(self.only, self.by_id)
        remedy = f"Did you mean {quoted(meant)}?" if meant else f"Its stories are: {', '.join(self.by_id)}."
        raise PrdError(f"there is no story {quoted(self.only)} in the PRD. {remedy}")

    @cached_property
    def first(self) -> Story | None:
        return min(self.ready, key=_order, default=None)

    @cached_property
    def ready(self) -> list[Story]:
        return [story for story in self.prd.stories if self.verdict(story) is None]

    def verdict(self, story: Story) -> Verdict | None:
        """Why the story cannot be worked on; None when it can."""
        if self.is_done(story):
            return Verdict.DONE
        if self.only not in {None, story.id}:
            return Verdict.NOT_CHOSEN
        if kept_back := self.kept_back(story):
            return kept_back
        return Verdict.WAITS_FOR if self.missing(story) else None

    def kept_back(self, story: Story) -> Verdict | None:
        """Why the story is not to be worked on whatever else is done."""
        if story.id in self.busy:
            return Verdict.RUNNING
        if story.id in self.parked:
            return Verdict.PARKED
        if story.held:
            return Verdict.HELD
        return Verdict.OPTIONAL if story.optional and self.only is None else None

    def is_done(self, story: Story) -> bool:
        return story.passes or story.id in self.done

    def missing(self, story: Story) -> list[Story]:
        needed = (self.by_id[story_id] for story_id in dict.fromkeys(story.depends_on))
        return [other for other in needed if not self.is_done(other)]

    def reason(self, story: Story) -> Reason:
        verdict = self.verdict(story)
        if verdict is None:
            verdict = Verdict.NEXT if story is self.first else Verdict.LATER
        words = {
            Verdict.NEXT: self._next_words,
            Verdict.DONE: self._done_words,
            Verdict.PARKED: self._parked_words,
            Verdict.WAITS_FOR: self._waits_words,
            Verdict.LATER: self._later_words,
            Verdict.NOT_CHOSEN: self._not_chosen_words,
            Verdict.OPTIONAL: _optional_words,
            Verdict.HELD: _held_words,
            Verdict.RUNNING: _running_words,
        }[verdict](story)
        return Reason(verdict, f"{verdict}{' ' if verdict is Verdict.WAITS_FOR else ': '}{words}")

    def _next_words(self, story: Story) -> str:
        others = len(self.ready) - 1
        if self.only is not None:
            return "it was asked for"
        if not others:
            return "the only story that can be worked on"
        rivals = sum(_order(other) == _order(story) for other in self.ready) - 1
        first = ", first in the file" if rivals else ""
        return f"{_priority(story)}{first}, of {others + 1} stories that can be worked on"

    def _parked_words(self, story: Story) -> str:
        reason = " ".join(self.parked[story.id].split()).rstrip(".")
        return f"{reason}. Edit the story, or run: ralph unblock {shlex.quote(story.id)}"

    def _waits_words(self, story: Story) -> str:
        return ", ".join(self._state(other) for other in self.missing(story))

    def _state(self, story: Story) -> str:
        return f"{story.id} ({self.kept_back(story) or 'not done'})"

    def _later_words(self, story: Story) -> str:
        chosen = self.first
        assert chosen is not None
        if _order(story) == _order(chosen):
            return f"{chosen.id} has the same priority and stands first in the file"
        return f"{chosen.id} comes first ({_priority(chosen)}, this one {_priority(story)})"

    def _done_words(self, story: Story) -> str:
        return self.done.get(story.id, "the PRD says so")

    def _not_chosen_words(self, _story: Story) -> str:
        return f"only {self.only} was asked for"


def _optional_words(story: Story) -> str:
    return f"run it with --story {shlex.quote(story.id)}"


def _held_words(story: Story) -> str:
    return f"the PRD says {quoted(story.held)}"


def _running_words(_story: Story) -> str:
    return "it is being worked on right now"


def _priority(story: Story) -> str:
    return "no priority" if story.priority is None else f"priority {story.priority}"
