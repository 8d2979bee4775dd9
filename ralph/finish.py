"""How an agent's work on a story ends, whoever the agent is."""

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    DONE = "done"
    BLOCKED = "blocked"  # the agent says honestly that the story cannot be done
    NO_FINISH = "no_finish"  # it stopped calling tools without saying that it is done
    TURN_LIMIT = "turn_limit"
    STORY_BUDGET = "story_budget"
    RUN_BUDGET = "run_budget"
    DEADLINE = "deadline"
    STUCK = "stuck"  # the same call with the same result again and again
    FORMAT_ERRORS = "format_errors"
    REFUSED = "refused"
    CUT = "cut"  # answers that hit the output limit, or a stop reason that nobody knows
    CONTEXT = "context"  # the conversation is too long and was compacted once already
    SERVICE = "service"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Finish:
    """What the agent leaves behind. `criteria` pairs a criterion with its evidence; only DONE and BLOCKED have them."""

    ending: Ending
    summary: str = ""
    criteria: tuple[tuple[str, str], ...] = ()
    blocked_reason: str = ""
    detail: str = ""  # one line for a person: why it ended so
