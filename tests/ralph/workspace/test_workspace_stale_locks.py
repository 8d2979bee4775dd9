"""Git's own locks after a run was killed: those that it left go, and nobody else's."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ralph.workspace.lock import Held, branch_lock, try_hold
from ralph.workspace.recover import recover
from ralph.workspace.worktree import worktrees_folder

Pit = Any
DIES_WITH_THE_LOCK = """
import os, sys
from pathlib import Path
from ralph.home import Home
from ralph.workspace.lock import branch_lock
from ralph.workspace.repo import Repo

with branch_lock(Home(Path(sys.argv[2])), Repo.open(Path(sys.argv[1])), "main"):
    for name in sys.argv[3:]:
        Path(name).touch()
    os._exit(9)
"""
DIES_AT_WORK = """
import os, sys
from pathlib import Path
from ralph.home import Home
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import open_worktree

repo = Repo.open(Path(sys.argv[1]))
worktree = open_worktree(repo, Home(Path(sys.argv[2])), repo.head, "dead")
(worktree.path / "mine.txt").write_text("mine\\n")
os._exit(9)
"""


def dies(program: str, pit: Pit, *names: Path) -> None:
    argv = [sys.executable, "-c", program, pit.root, pit.home.root, *names]
    assert subprocess.run(argv, check=False).returncode == 9


@contextmanager
def held(pit: Pit) -> Iterator[Held]:
    with branch_lock(pit.home, pit.repo, "main") as lock:
        yield lock


@pytest.mark.parametrize("name", ["refs/heads/main.lock", "index.lock", "HEAD.lock"])
def test_what_the_killed_run_left_goes(pit: Pit, name: str) -> None:
    left = pit.root / ".git" / name
    dies(DIES_WITH_THE_LOCK, pit, left)
    with held(pit) as lock:
        assert recover(pit.repo, pit.home, branch="main", lock=lock) == [f"removed {left}, which a killed run left"]
    assert not left.exists()


def test_it_goes_too_when_the_run_that_was_to_recover_died_as_well(pit: Pit) -> None:
    left = pit.root / ".git/refs/heads/main.lock"
    dies(DIES_WITH_THE_LOCK, pit, left)
    dies(DIES_WITH_THE_LOCK, pit)
    with held(pit) as lock:
        recover(pit.repo, pit.home, branch="main", lock=lock)
    assert not left.exists()


def test_a_lock_after_a_clean_end_is_somebody_elses(pit: Pit) -> None:
    with held(pit):
        pass
    foreign = pit.root / ".git/index.lock"
    foreign.touch()
    with held(pit) as lock:
        assert recover(pit.repo, pit.home, branch="main", lock=lock) == []
    assert foreign.exists()


@pytest.mark.parametrize("when_s", [pytest.param(-60, id="before the dead run"), pytest.param(60, id="after we began")])
def test_a_lock_of_another_time_is_somebody_elses(pit: Pit, when_s: float) -> None:
    foreign = pit.root / ".git/index.lock"
    dies(DIES_WITH_THE_LOCK, pit, foreign)
    os.utime(foreign, (time.time() + when_s,) * 2)
    with held(pit) as lock:
        assert recover(pit.repo, pit.home, branch="main", lock=lock) == []
    assert foreign.exists()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at open files in /proc")
def test_a_lock_that_a_living_process_has_open_stays(pit: Pit) -> None:
    foreign = pit.root / ".git/index.lock"
    dies(DIES_WITH_THE_LOCK, pit, foreign)
    with foreign.open("rb"), held(pit) as lock:
        assert recover(pit.repo, pit.home, branch="main", lock=lock) == []
    assert foreign.exists()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for git in /proc")
def test_a_lock_stays_while_the_users_own_git_is_at_work(pit: Pit) -> None:
    """`git commit -a` waits for its editor with the lock on disk and closed."""
    dies(DIES_WITH_THE_LOCK, pit)
    pit.write("a.txt", "two\n")
    ready = pit.home.root / "ready"
    editor = f"touch {ready}; sleep 30 #"
    argv = ["git", "-c", f"core.editor={editor}", "commit", "-a"]
    with subprocess.Popen(argv, cwd=pit.root, start_new_session=True, stdout=-3, stderr=-3) as user:
        try:
            while not ready.exists():
                assert user.poll() is None
                time.sleep(0.01)
            assert (pit.root / ".git/index.lock").exists()
            with held(pit) as lock:
                assert recover(pit.repo, pit.home, branch="main", lock=lock) == []
            assert (pit.root / ".git/index.lock").exists()
        finally:
            os.killpg(user.pid, 9)


def test_work_is_kept_though_a_recovery_died_while_it_kept_it(pit: Pit) -> None:
    dies(DIES_AT_WORK, pit)
    left = pit.root / ".git/refs/ralph/attempts/dead.lock"
    left.parent.mkdir(parents=True)
    left.touch()
    recover(pit.repo, pit.home)
    assert pit.git("show", "refs/ralph/attempts/dead:mine.txt") == "mine"
    assert not left.exists()


def test_work_is_kept_though_a_git_that_took_its_snapshot_was_killed(pit: Pit) -> None:
    dies(DIES_AT_WORK, pit)
    folder = worktrees_folder(pit.repo, pit.home)
    for index in ("index", "snapshot", "snapshot.copy"):
        (folder / f"ralph-dead.{index}.lock").touch()
    recover(pit.repo, pit.home)
    assert pit.git("show", "refs/ralph/attempts/dead:mine.txt") == "mine"
    assert [path.name for path in folder.iterdir()] == ["admin.lock"]


def test_work_that_cannot_be_kept_stays_where_it_is_and_the_next_recovery_keeps_it(pit: Pit) -> None:
    dies(DIES_AT_WORK, pit)
    (pit.root / ".git/refs/ralph").write_text("in the way\n")
    notes = recover(pit.repo, pit.home)
    assert len(notes) == 1
    path = worktrees_folder(pit.repo, pit.home) / "ralph-dead"
    assert notes[0].startswith(f"the work that a killed run left at {path} could not be kept, so it stays there: git ")
    assert notes[0].endswith(f"The next run tries again; if you do not need it: rm -rf {path}")
    assert (path / "mine.txt").read_text() == "mine\n"
    (pit.root / ".git/refs/ralph").unlink()
    recover(pit.repo, pit.home)
    assert pit.git("show", "refs/ralph/attempts/dead:mine.txt") == "mine"
    assert not path.exists()


def test_a_worktree_that_was_removed_by_half_is_no_work(pit: Pit) -> None:
    dies(DIES_AT_WORK, pit)
    path = worktrees_folder(pit.repo, pit.home) / "ralph-dead"
    path.with_name("ralph-dead.index").unlink()  # it goes first
    (path / "a.txt").unlink()
    recover(pit.repo, pit.home)
    assert pit.git("for-each-ref", "refs/ralph/") == ""


def test_a_lock_remembers_since_when_nobody_gave_it_back(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    first = try_hold(path)
    assert first is not None
    assert (first.left_by, first.left_at_s) == (None, 0.0)
    os.close(first.fd)  # as the system does for the dead
    since_s = float(path.read_text().split()[1])
    for _ in range(2):
        later = try_hold(path)
        assert later is not None
        assert (later.left_by, later.left_at_s) == (os.getpid(), since_s)
        os.close(later.fd)
    last = try_hold(path)
    assert last is not None
    last.release()
    clean = try_hold(path)
    assert clean is not None
    assert clean.left_by is None
    clean.release()
