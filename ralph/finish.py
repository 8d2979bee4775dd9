"""How an agent's work on a story ends, whoever the agent is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ralph.model.trouble import Halt

MOST_LINES = 12  # learnings, and patterns, of one story
MOST_CHARS = 500  # of each


class Ending(StrEnum):
    DONE = "done"
    BLOCKED = "blocked"  # the agent says honestly that the story cannot be done
    NO_FINISH = "no_finish"  # it stopped calling tools without saying that it is done
    TURN_LIMIT = "turn_limit"
    STORY_BUDGET = "story_budget"
    RUN_BUDGET = "run_budget"
    WORST_CASE = "worst_case"  # a call cost more than was reserved for it: no limit can be promised any more
    DEADLINE = "deadline"
    STUCK = "stuck"  # a detector stopped it: the same call with the same result again and again, say
    FORMAT_ERRORS = "format_errors"
    REFUSED = "refused"
    CUT = "cut"  # answers that hit the output limit, or a stop reason that nobody knows
    CONTEXT = "context"  # the conversation is too long and was compacted once already
    SERVICE = "service"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"  # the user wants this story left out
    DISTRUSTED = "distrusted"  # the integrity guard refused the work twice
    OVERTAKEN = "overtaken"  # another story landed first, and the work does not go together with it


@dataclass(frozen=True)
class Finish:
    """What the agent leaves behind. `criteria` pairs a criterion with its evidence; only DONE and BLOCKED have them."""

    ending: Ending
    summary: str = ""
    criteria: tuple[tuple[str, str], ...] = ()
    blocked_reason: str = ""
    detail: str = ""  # one line for a person: why it ended so
    learnings: tuple[str, ...] = ()  # what the next story's agent should know
    patterns: tuple[str, ...] = ()  # conventions of the codebase, for all stories to come
    halt: Halt | None = None  # of SERVICE: why the service lets nothing go on, and until when


def without_secrets(finish: Finish, redact: Callable[[str], str]) -> Finish:
    """What the agent says, as it may stand in commits, logs and Ralph's state."""
    return replace(
        finish,
        summary=redact(finish.summary),
        criteria=tuple((criterion, redact(evidence)) for criterion, evidence in finish.criteria),
        blocked_reason=redact(finish.blocked_reason),
        detail=redact(finish.detail),
        learnings=tuple(map(redact, finish.learnings)),
        patterns=tuple(map(redact, finish.patterns)),
    )


def finish_of(given: Mapping[str, Any]) -> Finish:
    """What a valid call of the `finish` tool says."""
    is_blocked = given["status"] == "blocked"
    return Finish(
        Ending.BLOCKED if is_blocked else Ending.DONE,
        summary=given["summary"],
        criteria=tuple((entry["criterion"], entry["evidence"]) for entry in given.get("criteria", [])),
        blocked_reason=given.get("blocked_reason") or (given["summary"] if is_blocked else ""),
        learnings=_lines(given.get("learnings", [])),
        patterns=_lines(given.get("patterns", [])),
    )


def _lines(texts: list[str]) -> tuple[str, ...]:
    """Each text on one line without a bullet, without empty ones, bounded: they go into a log that every story reads."""
    lines = [" ".join(text.split()).removeprefix("- ") for text in texts]
    return tuple(line if len(line) <= MOST_CHARS else f"{line[:MOST_CHARS]} ..." for line in lines if line)[:MOST_LINES]
