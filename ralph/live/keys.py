"""Single keys from the terminal while the view is shown. The terminal's modes come back however the block ends."""

import codecs
import os
import re
import select
import signal
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

FUNCTION_KEYS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\x1b\[O])")  # arrows and the like, and Alt with a key
READ_BYTES = 1024


def is_foreground(fd: int) -> bool:
    """Whether this process may talk to the terminal; one in the background would be stopped for trying."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False


@contextmanager
def listening(fd: int, pressed: Callable[[str], None], redraw: Callable[[], None]) -> Iterator[None]:
    """Call `pressed` with each key, from a thread, while the block runs. Ctrl-C and Ctrl-Z stay signals. Main thread only."""
    modes = termios.tcgetattr(fd)
    wake_read, wake_write = os.pipe()
    thread = threading.Thread(target=_read, args=(fd, wake_read, pressed), daemon=True)
    with _suspended_cleanly(fd, modes, redraw):
        try:
            tty.setcbreak(fd, termios.TCSANOW)
            thread.start()
            yield
        finally:
            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(fd, termios.TCSANOW, modes)
            os.close(wake_write)
            if thread.ident is not None:
                thread.join(1.0)
            os.close(wake_read)


def _read(fd: int, wake: int, pressed: Callable[[str], None]) -> None:
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while True:
        ready, _, _ = select.select([fd, wake], [], [])
        if wake in ready:
            return
        try:
            data = os.read(fd, READ_BYTES)
        except OSError:
            return
        if not data:
            return
        for key in split_keys(decode(data)):
            pressed(key)


def split_keys(text: str) -> Iterator[str]:
    """Each key for itself. Those that send more than a character are left out; Escape comes alone."""
    yield from FUNCTION_KEYS.sub("", text)


@contextmanager
def _suspended_cleanly(fd: int, modes: "list[object]", redraw: Callable[[], None]) -> Iterator[None]:
    """Ctrl-Z gives the terminal back as it was; `fg` takes it again."""

    def suspend(number: int, frame: FrameType | None) -> None:
        del frame
        ours = termios.tcgetattr(fd)
        termios.tcsetattr(fd, termios.TCSANOW, modes)  # type: ignore[arg-type]
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # the process stands still here until it is continued
        signal.signal(number, suspend)
        if is_foreground(fd):
            termios.tcsetattr(fd, termios.TCSANOW, ours)
        redraw()

    former = signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, former)
