"""The words that people write for a story's status and priority. Knows nothing of files.

Case and punctuation do not matter: "In Progress", "in_progress" and "in-progress" are one word.
"""

from collections.abc import Iterable
from enum import StrEnum

from prd.spelling import plain


class State(StrEnum):
    OPEN = "open"
    DONE = "done"
    HELD = "held"
    """Not to be worked on."""


DONE_WORDS = (
    "done",
    "complete",
    "completed",
    "passed",
    "pass",
    "passing",
    "merged",
    "closed",
    "finished",
    "verified",
    "implemented",
    "shipped",
)
HELD_WORDS = (
    "blocked",
    "cancelled",
    "canceled",
    "deferred",
    "skipped",
    "wontfix",
    "won't do",
    "stuck",
    "on hold",
    "paused",
    "postponed",
    "rejected",
    "abandoned",
)
DROPPED_WORDS = ("cancelled", "canceled", "skipped", "wontfix", "won't do", "rejected", "abandoned")
"""Those of HELD_WORDS after which nobody waits for the story any more: a run is complete without it."""

OPEN_WORDS = (
    "open",
    "todo",
    "pending",
    "in progress",
    "not started",
    "active",
    "backlog",
    "doing",
    "draft",
    "fail",
    "failed",
    "failing",
    "in review",
    "incomplete",
    "new",
    "next",
    "not done",
    "planned",
    "queued",
    "ready",
    "reopened",
    "review",
    "started",
    "testing",
    "unstarted",
    "wip",
)
STARTED_WORDS = ("in progress", "active", "doing", "in review", "review", "started", "testing", "wip")
"""Those of OPEN_WORDS that do not fit a story that nobody has begun."""

PRIORITY_WORDS = {"critical": 0, "urgent": 0, "high": 1, "medium": 2, "normal": 2, "low": 3}


def _by_plain(words: Iterable[str], state: State) -> dict[str, State]:
    return {plain(word): state for word in words}


_STATES = {
    **_by_plain(DONE_WORDS, State.DONE),
    **_by_plain(HELD_WORDS, State.HELD),
    **_by_plain(OPEN_WORDS, State.OPEN),
}
_LEVELS = {f"p{level}": level for level in range(5)} | PRIORITY_WORDS
_OPPOSITES = (
    ("done", "open"),
    ("done", "todo"),
    ("done", "to do"),
    ("completed", "pending"),
    ("complete", "incomplete"),
    ("passing", "failing"),
    ("passed", "failed"),
    ("pass", "fail"),
    ("closed", "open"),
    ("merged", "in review"),
    ("finished", "started"),
    ("verified", "pending"),
    ("implemented", "planned"),
    ("shipped", "planned"),
    ("completed", "not started"),
)
"""Pairs that are written in one file; the first pair with a word decides what stands against it."""


def state_of(word: str) -> State | None:
    """None for a word that is not known."""
    return _STATES.get(plain(word))


def is_started(word: str) -> bool:
    return plain(word) in {plain(started) for started in STARTED_WORDS}


def is_dropped(word: str) -> bool:
    return plain(word) in {plain(dropped) for dropped in DROPPED_WORDS}


def priority_of(word: str) -> int | None:
    """1 for "high" and for "P1"; None for a word that is not known."""
    return _LEVELS.get(plain(word))


def opposite(word: str, *, done: bool) -> str:
    """The usual done word for an open word, or the usual open word for a done word, in the case of the given one."""
    if done:
        found = next((one for one, other in _OPPOSITES if plain(other) == plain(word)), "done")
    else:
        found = next((other for one, other in _OPPOSITES if plain(one) == plain(word)), "open")
    return _in_case_of(word, found)


def _in_case_of(model: str, word: str) -> str:
    if model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
