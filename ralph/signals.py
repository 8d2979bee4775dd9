"""Ctrl-C once: finish the running step and keep the work. Twice: stop now; the next run recovers. The first signal says the exit code.

SIGTERM, and SIGHUP of a terminal that was closed, count as once each. A handler interrupts whatever the main thread does,
also while it holds the very lock that `Event.set` needs, so it sets plain flags alone; a thread of its own hears of the
signal through a socket and sets the event.
"""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from ralph.errors import ExitCode, StoppedNowError
from ralph.events import Event, EventKind, Reporter

POLL_S = 0.2
STOPPING = "stopping after this step; once more stops now, and nothing is lost either"
EXIT_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.HUNG_UP,
}


@dataclass
class StopSignal:
    """Set when the user or the system asked the run to stop; passed to everything that waits."""

    event: threading.Event = field(default_factory=threading.Event)
    signum: int = 0  # of the first signal; 0: none came

    @property
    def exit_code(self) -> ExitCode:
        return EXIT_CODES[signal.Signals(self.signum)] if self.signum else ExitCode.INTERRUPTED


@contextmanager
def listen() -> Iterator[StopSignal]:
    """Handle the three signals inside the block; the former handlers come back after it. Main thread only.

    One that is ignored stays so: `nohup ralph run` outlives its terminal.
    """
    stop, count = StopSignal(), 0

    def handle(signum: int, frame: FrameType | None) -> None:
        nonlocal count
        del frame
        count += signum != signal.SIGHUP  # of a terminal that closes, the shell and the kernel both tell
        stop.signum = stop.signum or signum
        if count > 1:
            raise StoppedNowError(stop.exit_code)

    heard = [number for number in EXIT_CODES if signal.getsignal(number) is not signal.SIG_IGN]
    with _woken(stop):
        former = {number: signal.signal(number, handle) for number in heard}
        try:
            yield stop
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


@contextmanager
def _woken(stop: StopSignal) -> Iterator[None]:
    """A thread that sets the event as soon as the interpreter has written a signal's number into the socket."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def watch() -> None:
        while numbers := reader.recv(16):
            for number in filter(EXIT_CODES.__contains__, numbers):
                stop.signum = stop.signum or number
                stop.event.set()

    watcher = threading.Thread(target=watch, name="signals", daemon=True)
    watcher.start()
    former = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        writer.close()
        watcher.join()
        reader.close()


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
