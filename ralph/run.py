"""The outer loop: pick stories, iterate, until every story passes, none can be worked on, or a limit is reached."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from functools import partial

from prd.errors import PrdError
from prd.story import Story
from ralph.board import Board
from ralph.crew import crew
from ralph.errors import ExitCode
from ralph.iteration import EXIT_CODE, Result, Then
from ralph.model.trouble import Halt


@dataclass(frozen=True)
class Outcome:
    """How a run ended, for the exit code and the last lines."""

    exit_code: ExitCode
    reason: str
    results: tuple[Result, ...] = ()
    halt: Halt | None = None  # where the model service ended it


@dataclass
class Loop:
    """One run over one PRD. Its parts are functions, so that a test can drive it with plain values."""

    read_board: Callable[[], Board]
    iterate: Callable[[Board, Story, int], Result]
    time_is_up: Callable[[], bool]
    stopped: Callable[[], ExitCode | None]  # the exit code when the user or the system asked to stop
    tell_end: Callable[[Outcome, Board], None]
    max_iterations: int
    only: str | None = None
    jobs: int = 1
    crosses: Callable[[Story, Story], bool] = lambda _one, _other: False  # both would touch the same files
    abandon: Callable[[], None] = lambda: None  # asks the stories that are being worked on to stop
    results: list[Result] = field(default_factory=list)
    _started: int = 0
    _end: Outcome | None = None

    def run(self) -> Outcome:
        """Work until there is a reason to stop; the reason is told before this returns."""
        outcome = replace(self._work(), results=tuple(self.results))
        self.tell_end(outcome, self.read_board())
        return outcome

    def _work(self) -> Outcome:
        with crew(self.jobs, self.abandon) as start:
            working: dict[Future[Result], Story] = {}
            while True:
                try:
                    board = self.read_board()
                    story = self._next(board, list(working.values()))
                except PrdError:  # an edit may be half made: what is begun is finished, and then we look again
                    if not working:
                        raise
                    story = None
                if story is not None and not self._must_stop():
                    self._started += 1
                    working[start(partial(self.iterate, board, story, self._started))] = story
                elif working:
                    self._wait_for_one(working)
                else:
                    return self._end or self._nothing_to_do(board)

    def _next(self, board: Board, working: Sequence[Story]) -> Story | None:
        """A story that nobody works on, and that does not cross one that somebody does."""
        if self._end or len(working) >= self.jobs:
            return None
        busy = {story.id for story in working}
        crossing = {story.id for story in board.prd.stories if any(self.crosses(story, other) for other in working)}
        return board.pick(self.only, busy=busy | crossing).story

    def _must_stop(self) -> bool:
        if (code := self.stopped()) is not None:
            self._end = Outcome(code, "stopped, nothing is lost: the next run carries on")
        elif self.time_is_up():
            self._end = Outcome(ExitCode.LIMIT, "the time limit was reached")
        elif self._started >= self.max_iterations:
            self._end = Outcome(ExitCode.LIMIT, _made(self.max_iterations))
        return self._end is not None

    def _wait_for_one(self, working: dict[Future[Result], Story]) -> None:
        ended, _ = wait(working, return_when=FIRST_COMPLETED)
        for future in ended:
            del working[future]
            result = future.result()
            self.results.append(result)
            if result.then is Then.STOP or (result.then is not Then.GO_ON and self._end is None):
                stopped = self.stopped()
                halt = None if stopped else result.halt
                self._end = Outcome(stopped or EXIT_CODE[result.then], result.reason, halt=halt)

    def _nothing_to_do(self, board: Board) -> Outcome:
        if board.all_done:
            return Outcome(ExitCode.ALL_DONE, "every story passes")
        if self.only is not None and self.only in board.done:
            return Outcome(ExitCode.ALL_DONE, f"{self.only} passes")
        if self.only is not None:
            return Outcome(ExitCode.STORIES_REMAIN, board.why_not(self.only))
        return Outcome(ExitCode.STORIES_REMAIN, "no story that is left can be worked on now; `ralph status` says why")


def _made(iterations: int) -> str:
    return "1 iteration was made" if iterations == 1 else f"{iterations} iterations were made"
