"""The live view: a reporter that keeps a picture of the run at the bottom of the terminal, and takes keys."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TextIO

from rich.text import Text

from ralph.errors import RalphError
from ralph.events import Event, EventKind
from ralph.live.keys import is_foreground, listening
from ralph.live.panel import Order, Panel
from ralph.live.parts import LogLine
from ralph.live.region import Region
from ralph.live.render import Size, last_lines_of, lines
from ralph.live.state import ViewState

REDRAW_S = 0.25
NARROWEST, LOWEST = 20, 4
SMALLEST = Size(NARROWEST, LOWEST)


def can_show(out: TextIO) -> bool:
    """Whether `out` is a terminal in the foreground that can move its cursor."""
    return (
        out.isatty() and os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"} and is_foreground(out.fileno())
    )


class LiveView:
    """Hears events from any thread; paints at most four times a second."""

    def __init__(
        self,
        region: Region,
        *,
        repo: str,
        size: Callable[[], Size],
        carry_out: Callable[[Order], str],
        has_keys: bool = False,
        clock: Callable[[], float] = time.monotonic,
        time_of_day: Callable[[], float] = time.time,
    ) -> None:
        self._region, self._size, self._carry_out, self._clock = region, size, carry_out, clock
        self._time_of_day = time_of_day
        self._state, self._panel = ViewState(repo=repo), Panel(has_keys=has_keys)
        self._above: list[str] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._changed = threading.Event()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._state = self._state.after(event, self._clock())
            self._above += [self._scrolled(line) for line in self._state.scrolled]

    def press(self, key: str) -> None:
        """Do what a key is for."""
        with self._lock:
            self._panel, order = self._panel.after(key, self._state)
        if order is not None:
            told = self._told(order)
            with self._lock:
                self._panel = Panel(has_keys=self._panel.has_keys, told=told)
        self._changed.set()

    def redraw(self) -> None:
        """Paint on a screen that somebody else has written on."""
        self._region.forget()
        self._changed.set()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Paint while the block runs; at its end the log and the stories stay on the screen."""
        thread = threading.Thread(target=self._paint_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._changed.set()
            thread.join(2.0)
            self._end()

    def _paint_on(self) -> None:
        while not self._over.is_set():
            try:
                self._paint()
            except OSError:
                return  # the terminal is gone; the run goes on
            self._changed.wait(REDRAW_S)
            self._changed.clear()
            self._over.wait(REDRAW_S / 4)  # a key shows at once, but a stream of them does not paint without end

    def _paint(self) -> None:
        size = self._size()
        with self._lock:
            if not (self._state.run or self._state.stories):
                return  # nothing has begun: an error of the start is not to be painted over
            above, self._above = self._above, []
            picture = lines(self._state, self._panel, size, self._clock())
        self._region.paint(picture, size.width, above)

    def _end(self) -> None:
        size = self._size()
        with self._lock:
            state = self._state
            kinds = [line.kind for line in state.log]
            end = kinds.index(EventKind.RUN_ENDED) if EventKind.RUN_ENDED in kinds else len(kinds)
            above = [*self._above, *map(self._scrolled, state.log[:end])]
            below = [line.text for line in state.log[end:]]  # how it ended and what to do next comes last
            stories = [*last_lines_of(state, size.width), Text()] if state.stories and state.ended else []
        with suppress(OSError):  # the terminal is gone
            self._region.end(stories, size.width, above, below)

    def _scrolled(self, line: LogLine) -> str:
        mark = "! " if line.kind.value == "warning" else ""
        at_s = self._time_of_day() - (self._clock() - line.at_s)
        return f"{time.strftime('%H:%M:%S', time.localtime(at_s))} {mark}{line.text}"

    def _told(self, order: Order) -> str:
        try:
            return self._carry_out(order)
        except (RalphError, OSError) as error:
            return str(error)


@contextmanager
def live_view(repo: str, carry_out: Callable[[Order], str]) -> Iterator[LiveView]:
    """The view on standard output, with keys from standard input where that is a terminal too."""
    keys = sys.stdin.isatty() and is_foreground(sys.stdin.fileno())
    view = LiveView(Region.on(sys.stdout), repo=repo, size=terminal_size, carry_out=carry_out, has_keys=keys)
    with ExitStack() as stack:
        stack.enter_context(view.shown())
        if keys:
            stack.enter_context(listening(sys.stdin.fileno(), view.press, view.redraw))
        yield view


def terminal_size() -> Size:
    """As it is now; one column and one row are left free, where terminals differ in what writing there does."""
    try:
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return SMALLEST
    return Size(max(columns - 1, 1), max(rows - 1, 1)) if columns and rows else Size(79, 23)
