"""What a session about one story may use: its limits, time, turns and model, and who may speak to it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ralph.deadline import Left, forever
from ralph.steer.steering import Control, NobodySpeaks
from tracing.budget import Limit


@dataclass(frozen=True)
class Task:
    """One story's session: what it may use."""

    story_id: str
    limits: Callable[[], Sequence[Limit]]  # asked before each attempt: at midnight the day's limit is another one
    model: str = ""  # which of the service's models; "" is left to whoever opens the session
    effort: str | None = "medium"
    left_s: Left = forever  # until the run's deadline
    turns: int = 150  # over the whole session, repairs included
    context_cap_tokens: int = 200_000
    progress: Callable[[], str] = lambda: ""  # what a compacted conversation starts with: notes and diff stat
    cancel: threading.Event = field(default_factory=threading.Event)
    control: Control = field(default_factory=NobodySpeaks)  # how the user speaks to this session
    criteria: int = 0  # how many acceptance criteria `finish` has to answer for
