import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ralph.errors import RalphError
from ralph.workspace.commit import (
    BranchMovedError,
    commit_story,
    finish_in_place,
    rescue,
    story_commits,
)
from ralph.workspace.lock import branch_lock
from ralph.workspace.recover import recover
from ralph.workspace.repo import Repo
from ralph.workspace.snapshot import collect

Pit = Any
KILLED = """
import os, signal, sys
from pathlib import Path
from ralph.home import Home
from ralph.workspace.lock import branch_lock
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import open_worktree
repo, home = Repo.open(Path(sys.argv[1])), Home(Path(sys.argv[2]))
with branch_lock(home, repo, "main"):
    worktree = open_worktree(repo, home, repo.head, "dead")
    (repo.common_dir / "refs/heads/main.lock").touch()
    worktree.path.rename(worktree.path.with_name(worktree.path.name + ".agent"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def done_stories(repo: Repo, revision: str) -> dict[str, str]:
    return {story_id: commit.sha for story_id, commit in story_commits(repo, revision).items()}


def change(root: Path) -> None:
    (root / "new.txt").write_text("new\n")
    (root / "a.txt").write_text("two\n")


def test_a_story_becomes_one_commit_with_the_users_identity_and_the_checkout_stays_as_it_was(pit: Pit) -> None:
    pit.write("a.txt", "stashed\n")
    pit.git("stash", "-q")
    pit.write("a.txt", "uncommitted\n")
    pit.write("staged.txt", "staged\n")
    pit.git("add", "staged.txt")
    before = pit.fingerprint()
    plan = pit.plan()
    snapshot = pit.snapshot(change)
    extra = {"progress.txt": b"entry\r\n", "src/b.py": b"x = 3\n"}
    sha = commit_story(pit.repo, plan, snapshot, message="feat: x\n\nRalph-Story: US-1\n", extra_files=extra)
    assert pit.git("log", "--format=%an <%ae>|%cn|%P|%s", "-1", "ralph/work") == (
        f"Sam Doe <sam@example.com>|Sam Doe|{pit.repo.head}|feat: x"
    )
    assert pit.git("diff", "--name-only", f"{sha}^", sha).split() == ["a.txt", "new.txt", "progress.txt", "src/b.py"]
    assert pit.repo.show(f"{sha}:progress.txt") == b"entry\r\n"
    assert pit.fingerprint() == before


def test_stories_follow_each_other_on_the_branch(pit: Pit) -> None:
    plan = pit.plan()
    first = pit.story(plan)
    second = pit.story(plan.moved_to(first), "US-002", "second.txt")
    assert pit.git("rev-list", "ralph/work").split()[:2] == [second, first]
    assert done_stories(pit.repo, "refs/heads/ralph/work") == {"US-001": first, "US-002": second}


def test_a_branch_that_somebody_moved_is_left_alone_and_the_work_can_be_rescued(pit: Pit) -> None:
    pit.git("branch", "ralph/work")
    plan = pit.plan()
    snapshot = pit.snapshot(change)
    pit.write("mine.txt", "x")
    mine = pit.commit()
    pit.git("branch", "-f", "ralph/work", mine)
    with pytest.raises(BranchMovedError, match=rf"the branch ralph/work is now at {mine[:10]}; it was at"):
        commit_story(pit.repo, plan, snapshot, message="m\n")
    ref = rescue(pit.repo, snapshot, "abc123")
    assert ref == "refs/ralph/attempts/abc123"
    assert pit.git("diff", "--name-only", snapshot.base_sha, ref).split() == ["a.txt", "new.txt"]
    assert pit.git("rev-parse", "ralph/work") == mine


def test_a_branch_that_was_checked_out_meanwhile_is_not_moved(pit: Pit) -> None:
    pit.git("branch", "ralph/work")
    plan, snapshot = pit.plan(), pit.snapshot(change)
    pit.git("switch", "-q", "ralph/work")
    with pytest.raises(BranchMovedError, match="was checked out in"):
        commit_story(pit.repo, plan, snapshot, message="m\n")


def test_without_an_identity_nothing_is_committed(pit: Pit, tmp_path: Path) -> None:
    plan, snapshot = pit.plan(), pit.snapshot(change)
    (tmp_path / "gitconfig").write_text("")
    with pytest.raises(RalphError, match=r"git config --global user\.email"):
        commit_story(pit.repo, plan, snapshot, message="m\n")
    assert pit.repo.branch_tip("ralph/work") is None


def test_in_place_moves_branch_index_and_files(pit: Pit) -> None:
    pit.write("untracked.txt", "mine\n")
    plan = pit.plan("main", in_place=True)
    sha = commit_story(pit.repo, plan, pit.snapshot(change), message="m\n")
    assert pit.repo.head == sha
    assert (pit.root / "a.txt").read_text() == "two\n"
    assert pit.git("status", "--short") == "?? untracked.txt"


def test_in_place_does_not_write_over_a_file_that_the_user_changed_meanwhile(pit: Pit) -> None:
    plan, snapshot = pit.plan("main", in_place=True), pit.snapshot(change)
    pit.write("new.txt", "mine\n")
    before = pit.fingerprint(), pit.repo.head
    with pytest.raises(RalphError, match="your checkout has changes in files that the commit"):
        commit_story(pit.repo, plan, snapshot, message="m\n")
    assert (pit.fingerprint(), pit.repo.head) == before


def test_an_in_place_commit_that_died_half_way_is_finished(pit: Pit) -> None:
    plan, snapshot = pit.plan("main", in_place=True), pit.snapshot(change)
    old = pit.repo.head
    new = pit.git("commit-tree", snapshot.tree_sha, "-p", old, "-m", "m")
    pit.repo.in_place_journal.write_text(f"{plan.ref} {old} {new}\n")
    pit.git("update-ref", plan.ref, new)
    assert "finished the checkout" in (finish_in_place(pit.repo) or "")
    assert pit.git("status", "--short") == ""
    assert finish_in_place(pit.repo) is None


def test_stories_are_found_by_trailer_only_and_a_reverted_one_is_open_again(pit: Pit) -> None:
    plan = pit.plan("main", in_place=True)
    first = pit.story(plan)
    pit.git("commit", "-q", "--allow-empty", "-m", "talks\n\nRalph-Story: US-009\n\nin its body, not as a trailer")
    assert {key: (found.sha, found.title) for key, found in story_commits(pit.repo, "HEAD").items()} == {
        "US-001": (first, "Title")
    }
    assert done_stories(pit.repo, "HEAD") == {"US-001": first}
    assert story_commits(pit.repo, "HEAD", since=first) == {}
    pit.git("revert", "--no-edit", first)
    assert done_stories(pit.repo, "HEAD") == {}
    pit.git("revert", "--no-edit", "HEAD")
    assert done_stories(pit.repo, "HEAD") == {"US-001": first}


def test_what_a_killed_run_left_is_cleared_and_a_second_recovery_changes_nothing(pit: Pit) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(pit.root), str(pit.home.root)], check=False)
    assert killed.returncode == -signal.SIGKILL
    repo = pit.repo
    (repo.common_dir / "worktrees/ralph-dead1").mkdir()
    with branch_lock(pit.home, repo, "main") as lock:
        notes = recover(repo, pit.home, branch="main", lock=lock)
        assert [note.split(",")[0].split("/")[-1] for note in notes] == ["removed the worktree ralph-dead", "main.lock"]
        assert recover(repo, pit.home, branch="main", lock=lock) == []
    assert pit.git("worktree", "list").count("\n") == 0
    assert [path.name for path in (pit.home.root / "worktrees").glob("*/*")] == ["admin.lock"]
    pit.story(pit.plan())


def test_recovery_leaves_living_worktrees_the_users_own_and_foreign_locks_alone(pit: Pit, tmp_path: Path) -> None:
    pit.git("worktree", "add", "-q", str(tmp_path / "gone"), "-b", "mine")
    (tmp_path / "gone").rename(tmp_path / "unmounted")
    foreign = pit.root / ".git/refs/heads/main.lock"
    foreign.touch()
    with pit.worktree() as worktree, branch_lock(pit.home, pit.repo, "main") as lock:
        assert recover(pit.repo, pit.home, branch="main", lock=lock) == []
        assert collect(worktree).is_empty
    assert foreign.exists()
    assert "mine" in pit.git("worktree", "list")
