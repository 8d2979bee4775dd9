"""The outer loop: pick a story, iterate, until every story passes, none can be worked on, or a limit is reached."""

from collections.abc import Callable
from dataclasses import dataclass, field

from prd.story import Story
from ralph.board import Board
from ralph.errors import ExitCode
from ralph.iteration import EXIT_CODE, Result, Then


@dataclass(frozen=True)
class Outcome:
    """How a run ended, for the exit code and the last lines."""

    exit_code: ExitCode
    reason: str
    results: tuple[Result, ...] = ()


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
    results: list[Result] = field(default_factory=list)

    def run(self) -> Outcome:
        """Work until there is a reason to stop; the reason is told before this returns."""
        exit_code, reason = self._work()
        outcome = Outcome(exit_code, reason, tuple(self.results))
        self.tell_end(outcome, self.read_board())
        return outcome

    def _work(self) -> tuple[ExitCode, str]:
        for number in range(1, self.max_iterations + 1):
            board = self.read_board()
            choice = board.pick(self.only)
            if choice.story is None:
                return self._nothing_to_do(board)
            if (code := self.stopped()) is not None:
                return code, "stopped, nothing is lost: the next run carries on"
            if self.time_is_up():
                return ExitCode.LIMIT, "the time limit was reached"
            result = self.iterate(board, choice.story, number)
            self.results.append(result)
            if result.then is not Then.GO_ON:
                return self.stopped() or EXIT_CODE[result.then], result.reason
        board = self.read_board()
        if board.pick(self.only).story is None:
            return self._nothing_to_do(board)
        return ExitCode.LIMIT, f"{self.max_iterations} iterations were made"

    def _nothing_to_do(self, board: Board) -> tuple[ExitCode, str]:
        if board.all_done:
            return ExitCode.ALL_DONE, "every story passes"
        if self.only is not None and self.only in board.done:
            return ExitCode.ALL_DONE, f"{self.only} passes"
        return ExitCode.STORIES_REMAIN, "no story that is left can be worked on now; `ralph status` says why"
