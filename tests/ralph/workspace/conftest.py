"""A real repository to work on, and one call that goes from files to a commit."""

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.workspace.branch import BranchPlan, plan_branch
from ralph.workspace.commit import commit_story
from ralph.workspace.repo import Repo
from ralph.workspace.snapshot import Snapshot, collect
from ralph.workspace.worktree import Worktree, open_worktree


@dataclass
class Sandpit:
    """A user's repository with one commit, and Ralph's folder beside it."""

    root: Path
    home: Home

    def git(self, *args: str, cwd: Path | None = None) -> str:
        done = subprocess.run(["git", *args], cwd=cwd or self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def commit(self, message: str = "more") -> str:
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")

    @property
    def repo(self) -> Repo:
        return Repo.open(self.root)

    def plan(self, wanted: str = "ralph/work", *, base: str | None = None, in_place: bool = False) -> BranchPlan:
        return plan_branch(self.repo, wanted, base=base, in_place=in_place)

    @contextmanager
    def worktree(self, sha: str | None = None, key: str = "t1") -> Iterator[Worktree]:
        worktree = open_worktree(self.repo, self.home, sha or self.repo.head, key)
        try:
            yield worktree
        finally:
            worktree.remove()

    def snapshot(self, *changes: Callable[[Path], object], sha: str | None = None) -> Snapshot:
        """What is collected after the changes were made in a worktree."""
        with self.worktree(sha) as worktree:
            for change in changes:
                change(worktree.path)
            return collect(worktree)

    def story(self, plan: BranchPlan, story_id: str = "US-001", path: str = "new.txt") -> str:
        """One story from worktree to commit."""
        snapshot = self.snapshot(lambda root: (root / path).write_text("new\n"), sha=plan.tip)
        message = f"feat: [{story_id}] - Title\n\nRalph-Story: {story_id}\n"
        return commit_story(self.repo, plan, snapshot, message=message)

    def fingerprint(self) -> str:
        """A hash of every file of the user's checkout, index and stash; not of objects and Ralph's own refs."""
        digest = hashlib.sha256()
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(set(folders) - {"objects", "ralph", "worktrees", "logs", "refs"})
            for name in sorted(files):
                file = Path(folder) / name
                content = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
                digest.update(os.fsencode(file) + b"\0" + content)
        digest.update(self.git("stash", "list").encode())
        return digest.hexdigest()


@pytest.fixture
def pit(tmp_path: Path) -> Sandpit:
    root = tmp_path / "repo"
    root.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    pit = Sandpit(root, Home(home))
    pit.git("init", "-q", "-b", "main")
    pit.write("a.txt", "one\n")
    pit.write("src/b.py", "x = 1\n")
    pit.write(".gitignore", "*.log\nbuild/\n")
    pit.commit("start")
    return pit
