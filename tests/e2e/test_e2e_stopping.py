"""Runs that are asked to stop, or may not start: signals, a second run, and every limit."""

import os
import pty
import select
import signal
import sys
import time
from typing import Any

import pytest

from ralph.assembly import INTERRUPTED
from ralph.replay.scripted import ScriptedModel, calls, finish_done, stalls
from ralph.replay.server import serve

World = Any
pytestmark = pytest.mark.slow
LONGEST_RUN_S = 60.0


@pytest.fixture
def repo(world: World, tools: Any) -> World:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    world.before = world.checkout_hash()
    return world


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, id="TERM"),
        pytest.param(signal.SIGHUP, 129, id="HUP"),
    ],
)
def test_a_run_that_is_asked_to_stop_keeps_the_work_and_the_next_one_finishes(
    repo: World, tools: Any, number: signal.Signals, exit_code: int
) -> None:
    script = [tools.writes(1), calls("bash", {"command": "echo > src/started; sleep 1"}), stalls()]
    with repo.started(script=script) as run:
        run.wait_until(lambda: bool(list((repo.home / "worktrees").glob("*/*/src/started"))))
        os.kill(run.process.pid, number)
        code, out = run.end()
    assert code == exit_code, out
    assert [repo.show(f"{ref}:src/1.txt") for ref in repo.attempts()] == [b"good\n"]
    assert repo.traces()[0].trace.status == "interrupted"
    repo.assert_clean()
    assert repo.ralph(script=tools.solves(1, 2)).exit_code == 0
    assert repo.stories_on() == ["US-001", "US-002"]
    assert repo.checkout_hash() == repo.before


def test_a_run_whose_terminal_is_closed_keeps_the_work_and_the_next_one_finishes(repo: World, tools: Any) -> None:
    script = [tools.writes(1), calls("bash", {"command": "echo > src/started; sleep 1"}), stalls()]
    with serve(ScriptedModel(script)) as base_url:
        pid, terminal = pty.fork()
        if not pid:
            os.chdir(repo.root)
            os.execve(sys.executable, [sys.executable, "-m", "ralph", "run"], repo.environment(base_url))
        give_up_s = time.monotonic() + LONGEST_RUN_S
        while not list((repo.home / "worktrees").glob("*/*/src/started")):
            assert time.monotonic() < give_up_s
            select.select([terminal], [], [], 0.02)[0] and os.read(terminal, 4096)
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 129
    assert [repo.show(f"{ref}:src/1.txt") for ref in repo.attempts()] == [b"good\n"]
    repo.assert_clean()
    assert repo.ralph(script=tools.solves(1, 2)).exit_code == 0
    assert repo.stories_on() == ["US-001", "US-002"]


def test_a_run_that_is_asked_twice_stops_at_once_and_the_next_one_finishes(repo: World, tools: Any) -> None:
    with repo.started(script=[tools.writes(1), stalls()]) as run:
        run.wait_until(lambda: run.model.stalls.count > 0)
        os.kill(run.process.pid, signal.SIGINT)
        run.process.poll()
        time.sleep(0.2)
        os.kill(run.process.pid, signal.SIGINT)
        code, out = run.end()
    assert code == 130, out
    assert "Traceback" not in out
    assert out.splitlines()[-1].endswith(INTERRUPTED)
    assert f"last run: {INTERRUPTED} (ralph log" in repo.command("status").out
    assert repo.ralph(script=tools.solves(1, 2)).exit_code == 0
    assert repo.stories_on() == ["US-001", "US-002"]
    repo.assert_clean()


@pytest.mark.parametrize("how", ["--plain", "--json"])
def test_a_run_whose_output_nobody_reads_any_more_goes_on(repo: World, tools: Any, how: str) -> None:
    with repo.started(how, script=tools.solves(1, 2)) as run:
        run.process.stdout.readline()
        run.process.stdout.close()
        assert run.process.wait(LONGEST_RUN_S) == 0
    assert repo.stories_on() == ["US-001", "US-002"]
    assert "every story passes: 2 of 2 stories done" in repo.command("log").out


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_by_hand_says_what_it_waits_for_and_one_signal_ends_the_waiting(
    repo: World, number: signal.Signals, exit_code: int
) -> None:
    folder = repo.root.parent / "hand"
    with repo.started("--by-hand", str(folder), script=[]) as run:
        line = run.wait_for_line("waiting for")
        assert f"waiting for {folder}/001-answer.json; the request is in {folder}/001-request.md" in line
        os.kill(run.process.pid, number)
        code, out = run.end()
    assert code == exit_code, out
    assert "503" not in out
    assert repo.traces()[0].trace.status == "interrupted"
    repo.assert_clean()


def test_a_recording_that_cannot_be_read_is_told_in_a_line(repo: World) -> None:
    told = repo.command("run", "--recording", "none.json")
    assert told.exit_code == 2
    assert "none.json: not a recording" in told.err


def test_a_second_run_on_the_same_branch_exits_5_and_changes_nothing(repo: World) -> None:
    with repo.started(script=[stalls()]) as run:
        run.wait_until(lambda: run.model.stalls.count > 0)
        second = repo.ralph()
        assert second.exit_code == 5
        assert "ralph/work" in second.err
        assert second.model.requests == []
        assert run.process.poll() is None


@pytest.mark.parametrize("limit_usd", ["0.000001", "0.1", "1.4"])
def test_the_cost_limit_is_never_passed_by_ledger_or_bill(repo: World, play: Any, tools: Any, limit_usd: str) -> None:
    again = [calls("bash", {"command": f"echo {turn}; seq 3000"}).costing(9_000) for turn in range(60)]
    played = play(again, limits__per_run_usd=limit_usd, agent__turns=60)
    assert played.outcome.exit_code == 3, played.outcome
    limit_micros = int(float(limit_usd) * 1_000_000)
    assert tools.billed_micros(played.model) <= repo.charged_micros() <= limit_micros
    assert len(played.model.requests) < 60
    assert repo.traces()[0].trace.status == "over_budget"


def test_the_number_of_iterations_is_a_limit(repo: World, play: Any, tools: Any) -> None:
    played = play(tools.solves(1), run__max_iterations=1)
    assert (played.outcome.exit_code, repo.stories_on()) == (3, ["US-001"])
    assert play(tools.solves(2), run__max_iterations=1).outcome.exit_code == 0


def test_the_time_is_a_limit_for_tools_too(repo: World, play: Any) -> None:
    played = play([calls("bash", {"command": "sleep 60"}), finish_done("Slept.")], run__max_duration="2s")
    assert played.outcome.exit_code == 3, played.outcome
    assert repo.traces()[0].trace.status == "timeout"
    repo.assert_clean()


def test_the_time_is_a_limit_for_checks_too(world: World, play: Any, tools: Any) -> None:
    world.start_repo(
        tools.a_story(1), checks='[[checks]]\nname = "slow"\ncommand = "test ! -e src/1.txt || sleep 60"\n'
    )
    played = play(tools.solves(1), run__max_duration="2s")
    assert played.outcome.exit_code == 3, played.outcome
    assert world.traces()[0].trace.status == "timeout"
    assert len(world.attempts()) == 1
