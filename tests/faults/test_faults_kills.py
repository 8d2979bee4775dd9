"""A run is killed outright, in every phase; the next one finishes, and nothing is lost or done twice."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ralph.replay.scripted import Turn, calls, finish_done, stalls

World = Any
pytestmark = pytest.mark.slow
SLOW_CHECK = '[[checks]]\nname = "sound"\ncommand = "test ! -e src/slow.txt || sleep 60; ! grep -rn broken src"\n'


@pytest.fixture
def repo(world: World, tools: Any) -> World:
    world.start_repo(tools.a_story(1), tools.a_story(2), checks=SLOW_CHECK)
    world.before = world.checkout_hash()
    return world


def assert_the_next_run_finishes(world: World, tools: Any, killed: Any, *left: int) -> None:
    done = world.ralph(script=tools.solves(*left))
    assert done.exit_code == 0, done.out + done.err
    assert world.stories_on() == ["US-001", "US-002"]
    assert world.checkout_hash() == world.before
    assert world.charged_micros() >= tools.billed_micros(killed.model, done.model)
    world.assert_clean()
    assert not list((world.home / "worktrees").rglob("*.txt"))
    assert sorted(detail.trace.status for detail in world.traces()) == [
        *(["interrupted"] if "which a killed run left open" in done.out else []),
        "success",
        "success",
    ]
    for detail in world.traces():
        assert all(span.ended_at_ns for span in detail.spans)


def kept_files(world: World) -> set[str]:
    """What the killed attempts had changed, from the refs that keep their work."""
    refs = world.git("for-each-ref", "--format=%(refname)", "refs/ralph/attempts/").split()
    return {path for ref in refs for path in world.git("diff", "--name-only", f"{ref}^", ref).split()}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([stalls()], id="in-the-first-call"),
        pytest.param([calls("write", {"file_path": "src/1.txt", "content": "half\n"}), stalls()], id="in-a-later-call"),
    ],
)
def test_killed_while_the_model_speaks(repo: World, tools: Any, script: list[Turn]) -> None:
    with repo.started(script=script) as run:
        run.wait_until(lambda: run.model.stalls.count > 0)
        run.kill()
        assert_the_next_run_finishes(repo, tools, run, 1, 2)
    assert repo.traces()[-1].trace.status == "interrupted"


def test_killed_while_a_tool_runs(repo: World, tools: Any) -> None:
    script = [calls("bash", {"command": "echo half > src/1.txt; echo here > src/started; sleep 60"})]
    with repo.started(script=script) as run:
        run.wait_until(lambda: bool(list(repo.home.rglob("src/started"))))
        run.kill()
        assert_the_next_run_finishes(repo, tools, run, 1, 2)
    assert kept_files(repo) == {"src/1.txt", "src/started"}
    tool = next(span for span in repo.traces()[-1].spans if "bash" in span.name)
    assert tool.status == "interrupted"


def test_killed_while_the_checks_run(repo: World, tools: Any) -> None:
    script = [calls("write", {"file_path": "src/slow.txt", "content": "x\n"}), finish_done("Done.")]
    with repo.started(script=script) as run:
        run.wait_for_line("turn 2: finish")
        run.wait_until(lambda: _sleeps_in_a_check(run.process.pid))
        run.kill()
        assert_the_next_run_finishes(repo, tools, run, 1, 2)
    assert kept_files(repo) == {"src/slow.txt"}


def test_killed_right_after_a_commit(repo: World, tools: Any) -> None:
    with repo.started(script=[*tools.solves(1), stalls()]) as run:
        run.wait_for_line("committed ")
        run.kill()
        assert_the_next_run_finishes(repo, tools, run, 2)


@pytest.mark.parametrize("ignored", [False, True])
def test_killed_between_the_commit_and_all_that_follows_from_it(world: World, tools: Any, ignored: bool) -> None:
    """The commit alone says that the story is done: the flag, the trace and the worktree follow in the next run."""
    world.start_repo(tools.a_story(1), tools.a_story(2))
    if ignored:
        world.git("rm", "-q", "--cached", "prd.json")
        world.write(".gitignore", "prd.json\n")
        world.commit()
    with world.started(script=[*tools.solves(1), stalls()]) as run:
        run.wait_until(lambda: "ralph/work" in world.branches())
        run.kill()
    done = world.ralph(script=tools.solves(2))
    assert done.exit_code == 0, done.out + done.err
    assert world.stories_on() == ["US-001", "US-002"]
    assert world.flags() == {"US-001": ignored, "US-002": ignored}
    world.assert_clean()


def test_what_a_killed_call_had_reserved_stays_counted(repo: World, tools: Any) -> None:
    with repo.started(script=[stalls()]) as run:
        run.wait_until(lambda: run.model.stalls.count > 0)
        run.kill()
        with closing(sqlite3.connect(repo.home / "ledger.db")) as ledger:
            assert ledger.execute("SELECT state FROM reservations").fetchall() == [("held",)]
        assert repo.charged_micros() >= tools.billed_micros(run.model)


def _sleeps_in_a_check(pid: int) -> bool:
    """Whether a descendant of the run is the slow check's `sleep`."""
    group = os.getsid(pid)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if command.startswith(b"sleep\x0060") and _descends(int(folder.name), pid, group):
                return True
        except (OSError, ValueError):
            continue
    return False


def _descends(child: int, pid: int, group: int) -> bool:
    while child > 1:
        if child == pid or os.getsid(child) == group:
            return True
        child = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
    return False
