"""What a session hears from the user between two turns: wait, leave this story, stop, or words for the agent.

Knows nothing of how the user says it; `ralph.steer.control` does.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ralph.brief.marks import FROM_USER
from ralph.events import Event, EventKind, Reporter
from ralph.finish import Ending, Finish

if TYPE_CHECKING:
    from tracing.tracer import Trace

POLL_S = 0.25
LOOK_S = 1.0  # while the model service is waited for, perhaps for hours
SKIPPED = Finish(Ending.SKIPPED, detail="skipped by the user")
STOPPED = Finish(Ending.INTERRUPTED, detail="the run was stopped")


class Control(Protocol):
    """The user's wishes for one session."""

    def paused(self) -> bool: ...
    def stopped(self) -> bool: ...
    def skipped(self) -> bool: ...
    def take(self) -> Sequence[str]:
        """New messages; this session has them until it says what became of them."""
        ...

    def settle(self, *, delivered: bool) -> None: ...


@dataclass(frozen=True)
class Interruption:
    """What ends a wait of a session: the run's stop, or an order of the user, looked for every second."""

    cancel: threading.Event
    control: Control

    def is_set(self) -> bool:
        control = self.control
        return self.cancel.is_set() or control.stopped() or control.skipped() or control.paused()

    def wait(self, timeout: float) -> bool:
        """Whether something came up within `timeout` seconds."""
        until_s = time.monotonic() + timeout
        while not self.is_set():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return False
            self.cancel.wait(min(left_s, LOOK_S))
        return True


class NobodySpeaks:
    """The control of a session that nobody can talk to."""

    def paused(self) -> bool:
        return False

    def stopped(self) -> bool:
        return False

    def skipped(self) -> bool:
        return False

    def take(self) -> Sequence[str]:
        return ()

    def settle(self, *, delivered: bool) -> None:
        del delivered


@dataclass
class Helm:
    """One session's ear for the user."""

    control: Control
    story_id: str
    trace: "Trace"
    report: Reporter
    cancel: threading.Event
    said: list[str] = field(default_factory=list)  # all that the agent was told, for a conversation that starts afresh

    @property
    def wakes(self) -> Interruption:
        return Interruption(self.cancel, self.control)

    def order(self, wait: Callable[[float], None], time_is_up: Callable[[], bool]) -> Finish | None:
        """Wait as long as the run is paused; then how the session ends by the user's order, or None: it goes on."""
        if self._paused():
            self._tell(EventKind.PAUSED, f"{self.story_id} is paused; no money is spent")
            while self._paused() and not time_is_up():
                wait(POLL_S)
            self._tell(EventKind.RESUMED, f"{self.story_id} goes on")
        if self.control.stopped():
            self.cancel.set()
            return STOPPED
        return SKIPPED if self.control.skipped() else None

    def words(self) -> str:
        """What the user said since the last turn, marked as such; "" for nothing."""
        new = list(self.control.take())
        for words in new:
            self.trace.root.event("user_message", {"text": words})
            self._tell(EventKind.STEERED, f"{self.story_id} was told: {' '.join(words.split())}")
        self.said += new
        return as_said(new)

    def answered(self) -> None:
        """The model has answered to everything it was told."""
        self.control.settle(delivered=True)

    def leave(self) -> None:
        """What the model did not get is for somebody else to hear."""
        self.control.settle(delivered=False)

    def _paused(self) -> bool:
        control = self.control
        return control.paused() and not (self.cancel.is_set() or control.stopped() or control.skipped())

    def _tell(self, kind: EventKind, text: str) -> None:
        self.report(Event(kind, text, {"story": self.story_id}))


def as_said(messages: Sequence[str]) -> str:
    """The user's words as the agent reads them."""
    return "\n\n".join(f"{FROM_USER} {words}" for words in messages)
