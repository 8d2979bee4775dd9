"""The outer loop and its crew with plain values: who is waited for, what the run's end is called."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prd.errors import PrdError
from prd.story import Prd, Story
from ralph.board import Board
from ralph.crew import crew
from ralph.errors import ExitCode
from ralph.iteration import Result, Then
from ralph.process import Completed, clean_env, run_process
from ralph.run import Loop
from tracing.span import TraceStatus

LONGEST_S = 10.0


def a_board(*open_ids: str, done: tuple[str, ...] = ()) -> Board:
    stories = tuple(Story(id=story_id, title=story_id) for story_id in (*done, *open_ids))
    return Board(Prd(project="p", stories=stories), dict.fromkeys(done, "done"), {}, {})


def passed(story: Story) -> Result:
    return Result(story.id, TraceStatus.SUCCESS, "passed", commit="sha")


def a_loop(
    read_board: Callable[[], Board],
    iterate: Callable[[Board, Story, int], Result],
    *,
    stopped: Callable[[], ExitCode | None] = lambda: None,
    max_iterations: int = 10,
) -> Loop:
    return Loop(
        read_board=read_board,
        iterate=iterate,
        time_is_up=lambda: False,
        stopped=stopped,
        tell_end=lambda _outcome, _board: None,
        max_iterations=max_iterations,
        jobs=2,
    )


def test_one_iteration_is_told_as_one() -> None:
    for number, words in ((1, "1 iteration was made"), (2, "2 iterations were made")):
        board = a_board("a", "b", "c")
        outcome = a_loop(lambda board=board: board, lambda *asked: passed(asked[1]), max_iterations=number).run()  # type: ignore[misc]
        assert outcome.reason == words


def test_a_prd_that_is_broken_for_a_while_costs_the_stories_under_way_nothing() -> None:
    both_at_work, done = threading.Barrier(2), list[str]()
    boards: Iterator[Board | None] = iter(
        [a_board("a", "b", "c"), a_board("a", "b", "c"), None, a_board("c", done=("a", "b"))]
    )

    def read_board() -> Board:
        board = next(boards, a_board(done=("a", "b", "c")))
        if board is None:
            raise PrdError("prd.json: half an edit")
        return board

    def iterate(_board: Board, story: Story, _number: int) -> Result:
        if story.id != "c":
            both_at_work.wait(LONGEST_S)
        done.append(story.id)
        return passed(story)

    outcome = a_loop(read_board, iterate).run()
    assert outcome.exit_code == ExitCode.ALL_DONE
    assert sorted(done) == ["a", "b", "c"]


def test_a_prd_that_stays_broken_ends_the_run_when_what_was_begun_is_over() -> None:
    boards: Iterator[Board] = iter([a_board("a", "b"), a_board("a", "b")])
    at_work, done = threading.Barrier(2), list[str]()

    def read_board() -> Board:
        if (board := next(boards, None)) is None:
            raise PrdError("prd.json: broken")
        return board

    def iterate(_board: Board, story: Story, _number: int) -> Result:
        at_work.wait(LONGEST_S)
        done.append(story.id)
        return passed(story)

    with pytest.raises(PrdError, match="broken"):
        a_loop(read_board, iterate).run()
    assert sorted(done) == ["a", "b"]


def test_a_stop_is_the_runs_end_also_when_no_more_stories_were_to_begin() -> None:
    stop, last_one_begun, asked = threading.Event(), threading.Event(), list[ExitCode | None]()

    def iterate(_board: Board, _story: Story, _number: int) -> Result:
        assert last_one_begun.wait(LONGEST_S)
        stop.set()
        return Result("a", TraceStatus.INTERRUPTED, "the run was stopped", Then.STOP)

    def stopped() -> ExitCode | None:
        asked.append(ExitCode.TERMINATED if stop.is_set() else None)
        if len(asked) > 1:  # before the first story, and for the second one, which is one too many
            last_one_begun.set()
        return asked[-1]

    outcome = a_loop(lambda: a_board("a", "b"), iterate, stopped=stopped, max_iterations=1).run()
    assert outcome.exit_code == ExitCode.TERMINATED


def test_ctrl_c_while_an_errors_companions_are_waited_for_kills_their_commands(tmp_path: Path) -> None:
    at_work, ended = threading.Event(), list[Completed]()
    ctrl_c = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))

    def works() -> None:
        at_work.set()
        env = clean_env(home=tmp_path)
        ended.append(run_process(["sleep", "60"], cwd=tmp_path, env=env, timeout_s=60, output=tmp_path / "out"))

    def abandon() -> None:
        if not ctrl_c.is_alive() and not ctrl_c.finished.is_set():
            ctrl_c.start()

    def fail_beside_it() -> None:
        with crew(2, abandon) as start:
            start(works)
            assert at_work.wait(LONGEST_S)
            raise RuntimeError("another story's error")

    with pytest.raises(KeyboardInterrupt):
        fail_beside_it()
    assert [completed.cancelled for completed in ended] == [True]
