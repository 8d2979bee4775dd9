"""What the keys do to the bottom of the view, and which order a key gives. Knows nothing about terminals or files."""

from dataclasses import dataclass, replace
from enum import StrEnum

from ralph.live.state import ViewState

ENTER, ESCAPE, BACKSPACE, CLEAR = {"\r", "\n"}, "\x1b", {"\x7f", "\b"}, "\x15"  # ^U clears the line
LONGEST_CHARS = 2_000


class Action(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    SAY = "say"
    SKIP = "skip"
    STOP = "stop"


@dataclass(frozen=True)
class Order:
    action: Action
    text: str = ""  # what to say, or the story to skip


@dataclass(frozen=True)
class Panel:
    """The lines below the stories. `asks` is what a line is being typed for; None: nothing is."""

    has_keys: bool = True
    asks: Action | None = None
    typed: str = ""
    shows_help: bool = False
    told: str = ""  # what came of the last order

    def after(self, key: str, state: ViewState) -> tuple["Panel", Order | None]:
        """The panel once a key was pressed, and what it orders."""
        if self.asks is not None:
            return self._typing(key)
        clean = replace(self, told="", shows_help=False)
        if key == "?":
            return replace(clean, shows_help=not self.shows_help), None
        if key == "p":
            paused = any(working.paused for working in state.working.values())
            return clean, Order(Action.RESUME if paused else Action.PAUSE)
        if key == "s":
            return replace(clean, asks=Action.SAY, typed=""), None
        if key == "k":
            return replace(clean, asks=Action.SKIP, typed=next(iter(state.working), "")), None
        return (clean, Order(Action.STOP)) if key == "q" else (clean, None)

    def _typing(self, key: str) -> tuple["Panel", Order | None]:
        assert self.asks is not None
        words = self.typed.strip()
        if key in ENTER:
            return replace(self, asks=None, typed=""), Order(self.asks, words) if words else None
        if key == ESCAPE:
            return replace(self, asks=None, typed=""), None
        if key == CLEAR:
            return replace(self, typed=""), None
        if key in BACKSPACE:
            return replace(self, typed=self.typed[:-1]), None
        return (replace(self, typed=(self.typed + key)[:LONGEST_CHARS]) if key.isprintable() else self), None
