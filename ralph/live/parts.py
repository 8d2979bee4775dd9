"""What stands on the live view: a story's row, who works on it, the call that goes on, a line of the log. Knows no events' fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ralph.events import EventKind
from ralph.standings import StoryState

LEFT = {StoryState.OPEN, StoryState.WAITS, StoryState.RUNNING}


@dataclass(frozen=True)
class StoryRow:
    """One story of the PRD. `took_s` and `cost_usd` are of this run; 0: it has had no part in it."""

    id: str
    title: str = ""
    state: StoryState = StoryState.OPEN
    reason: str = ""
    took_s: float = 0.0
    cost_usd: float = 0.0
    attempts: int = 0


@dataclass(frozen=True)
class Tool:
    """A call that goes on, or the last one. `outcome` is empty while it goes on."""

    text: str
    since_s: float
    outcome: str = ""
    is_error: bool = False
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Working:
    """A story that somebody works on now."""

    story: str
    attempt: int
    since_s: float
    doing: str = "preparing"  # while no tool runs
    doing_since_s: float = 0.0
    turn: int = 0
    repair: int = 0
    tools: Mapping[str, Tool] = field(default_factory=dict)  # by the call's id, those that run
    last: Tool | None = None
    context_tokens: int = 0
    cache_hit_ratio: float = 0.0  # [0, 1]
    cost_usd: float = 0.0
    paused: bool = False


@dataclass(frozen=True)
class LogLine:
    at_s: float
    text: str
    kind: EventKind = EventKind.NOTE
