"""Ctrl-C once: finish the running step and keep the work. Twice: stop now; the next run recovers. SIGTERM counts as once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from ralph.errors import ExitCode
from ralph.events import Event, EventKind, Reporter

POLL_S = 0.2
STOPPING = "stopping after this step; once more stops now, and nothing is lost either"


@dataclass
class StopSignal:
    """Set when the user or the system asked the run to stop; passed to everything that waits."""

    event: threading.Event = field(default_factory=threading.Event)
    signum: int = 0

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.TERMINATED if self.signum == signal.SIGTERM else ExitCode.INTERRUPTED


@contextmanager
def listen() -> Iterator[StopSignal]:
    """Handle SIGINT and SIGTERM inside the block; the former handlers come back after it. Main thread only."""
    stop = StopSignal()

    def handle(signum: int, frame: FrameType | None) -> None:
        del frame
        if stop.event.is_set():
            raise KeyboardInterrupt
        stop.signum = signum
        stop.event.set()

    former = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def announced(stop: StopSignal, report: Reporter) -> Iterator[None]:
    """Tell at once that a signal was heard: the step that is being finished may take minutes.

    By a thread, since a handler interrupts whatever goes on, a report too.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if stop.event.wait(POLL_S):
                if stop.signum and not over.is_set():
                    report(Event(EventKind.NOTE, STOPPING))
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()
