"""What a run tells whoever watches it: one event per thing that happened, rendered as a plain line or as JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

EventValue = str | int | float | bool | None | list[str]


class EventKind(StrEnum):
    RUN_STARTED = "run_started"
    STORIES = "stories"  # the state of every story, whenever one changes: for a view, not for lines
    NOTE = "note"
    WARNING = "warning"
    BASELINE = "baseline"
    STORY_STARTED = "story_started"
    TURN = "turn"
    TOOL_STARTED = "tool_started"  # for a view, not for lines
    TOOL = "tool"
    PAUSED = "paused"
    RESUMED = "resumed"
    STEERED = "steered"  # the agent was told what the user said
    MODEL_RETRY = "model_retry"
    CHECK = "check"
    REPAIR = "repair"
    COMMITTED = "committed"
    STORY_ENDED = "story_ended"
    RUN_ENDED = "run_ended"


@dataclass(frozen=True)
class Event:
    kind: EventKind
    text: str  # one plain line for a person
    fields: Mapping[str, EventValue] = field(default_factory=dict)


Reporter = Callable[[Event], None]


def noted(report: Reporter) -> Callable[[str], None]:
    """Tells a text as a note, for a part that knows no events."""
    return lambda text: report(Event(EventKind.NOTE, text))
