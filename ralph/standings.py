"""Tells the state of every story whenever the board is read and something on it has changed."""

from collections.abc import Callable
from enum import StrEnum

from prd.pick import Verdict
from ralph.board import Board
from ralph.events import Event, EventKind, EventValue, Reporter


class StoryState(StrEnum):
    DONE = "done"
    RUNNING = "running"
    PARKED = "parked"
    WAITS = "waits"
    OPEN = "open"
    LEFT_OUT = "left out"


STATES = {
    Verdict.DONE: StoryState.DONE,
    Verdict.PARKED: StoryState.PARKED,
    Verdict.WAITS_FOR: StoryState.WAITS,
    Verdict.NEXT: StoryState.OPEN,
    Verdict.LATER: StoryState.OPEN,
    Verdict.RUNNING: StoryState.RUNNING,
    Verdict.OPTIONAL: StoryState.LEFT_OUT,
    Verdict.HELD: StoryState.LEFT_OUT,
    Verdict.NOT_CHOSEN: StoryState.LEFT_OUT,
}


def telling(read_board: Callable[[], Board], only: str | None, report: Reporter) -> Callable[[], Board]:
    """`read_board`, which also reports a STORIES event when it differs from the one before."""
    told: dict[str, EventValue] = {}

    def read() -> Board:
        nonlocal told
        board = read_board()
        if (fields := _fields(board, only)) != told:
            told = fields
            done = sum(1 for state in _list(fields["states"]) if state == StoryState.DONE)
            optional = sum(story.optional and story.id not in board.done for story in board.prd.stories)
            report(Event(EventKind.STORIES, done_words(done, len(board.prd.stories), optional), fields))
        return board

    return read


def done_words(done: int, stories: int, left_out: int) -> str:
    """As in "6 of 6 stories done (1 optional left out)": a run is complete without an optional story that is not done."""
    return f"{of_stories(done, stories - left_out)} done" + (f" ({left_out} optional left out)" if left_out else "")


def of_stories(some: int, every: int) -> str:
    return f"{some} of {every} {'story' if every == 1 else 'stories'}"


def _fields(board: Board, only: str | None) -> dict[str, EventValue]:
    reasons = board.pick(only).reasons
    stories = board.prd.stories
    return {
        "ids": [story.id for story in stories],
        "titles": [story.title for story in stories],
        "states": [STATES[reasons[story.id].verdict].value for story in stories],
        "reasons": [reasons[story.id].text for story in stories],
    }


def _list(value: EventValue) -> list[str]:
    return value if isinstance(value, list) else []
