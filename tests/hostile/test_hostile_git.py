"""Whatever a repository plants for git to run: plain git runs it, and no git command of Ralph's does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ralph.brief.tree_listing import tracked_paths
from ralph.detect.tree import ignored
from ralph.errors import RalphError
from ralph.home import Home
from ralph.tools.listing import list_files
from ralph.workspace.branch import plan_branch
from ralph.workspace.commit import commit_story, commit_tree, rescue, story_commits
from ralph.workspace.lock import branch_lock
from ralph.workspace.rebase import rebase
from ralph.workspace.recover import recover
from ralph.workspace.repo import Repo
from ralph.workspace.snapshot import Snapshot, collect
from ralph.workspace.worktree import open_worktree
from tests.hostile.git_traps import TRAPS, Ground, Trap, prepare


@dataclass
class Walk:
    """All that a run does by git, in its order; what Ralph refuses is noted, and the rest goes on."""

    ground: Ground
    home: Home
    done: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def all(self, late: str) -> None:
        """`late` is what the agent writes into `.gitattributes`."""
        self._step("read", self._read)
        self._step("iterate", lambda: self._iterate(late))
        self._step("leave", self._leave_and_recover)
        self._step("in place", self._in_place)

    def _step(self, name: str, act: Callable[[], object]) -> None:
        try:
            act()
            self.done.append(name)
        except RalphError as error:
            self.refused.append(str(error))

    @property
    def _repo(self) -> Repo:
        return Repo.open(self.ground.root)

    def _read(self) -> None:
        repo = self._repo
        repo.identity()
        assert repo.head
        assert repo.current_branch
        repo.dirty_files(), repo.uncommitted_files(), repo.is_dirty(), repo.checked_out()
        repo.tracked("a.txt"), repo.ignored("a.txt"), repo.show("HEAD:b.txt"), repo.merge_base("HEAD", "side")
        repo.is_ancestor("side", "HEAD"), repo.has_branch_with(repo.head), repo.mentions("HEAD", "start")
        ignored(self.ground.root, ["a.txt", "vendor/"])
        list_files(self.ground.root)

    def _iterate(self, late: str) -> None:
        repo = self._repo
        plan = plan_branch(repo, "ralph/work")
        worktree = open_worktree(repo, self.home, plan.tip, "walk")
        try:
            self._agent(worktree.path, late)
            list_files(worktree.path), tracked_paths(worktree.path, worktree.base_sha)
            snapshot = collect(worktree)
            with worktree.verification(snapshot.tree_sha) as tree:
                list_files(tree)
        finally:
            worktree.remove()
        rescue(repo, snapshot, "walk")
        self._step("rebase", lambda: self._rebase(repo, snapshot))
        commit_story(repo, plan, snapshot, message="m\n\nRalph-Story: US-1\n", extra_files={"log.txt": b"x"})
        assert story_commits(repo, plan.ref)

    def _agent(self, root: Path, late: str) -> None:
        (root / "a.txt").write_text("one\ntwo\n3\n")
        (root / "new.txt").write_text("new\n")
        (root / "src/c.py").unlink()
        if late:
            (root / ".gitattributes").write_text(late)

    def _rebase(self, repo: Repo, snapshot: Snapshot) -> None:
        """Onto a commit that changed the same file."""
        side = self.ground.git("rev-parse", "side^{tree}")
        tip = commit_tree(repo, side, [snapshot.base_sha], "theirs\n")
        rebase(repo, snapshot, tip)

    def _leave_and_recover(self) -> None:
        repo = self._repo
        worktree = open_worktree(repo, self.home, repo.head, "left")
        self._agent(worktree.path, "")
        worktree.leave()
        with branch_lock(self.home, repo, "ralph/work") as lock:
            assert recover(repo, self.home, branch="ralph/work", lock=lock)

    def _in_place(self) -> None:
        repo = self._repo
        plan = plan_branch(repo, "main", in_place=True)
        worktree = open_worktree(repo, self.home, plan.tip, "here")
        (worktree.path / "a.txt").write_text("in place\n")
        snapshot = collect(worktree)
        worktree.remove()
        commit_story(repo, plan, snapshot, message="m\n")


QUICK = (
    *("fsmonitor", "a filter for linked worktrees only", "hook post-commit despite --no-verify", "every hook"),
    *("filter evil smudge", "filter e=q clean", "filter (no name) clean", "merge driver e=q", "textconv", "alias"),
    *("core.sshCommand", "partial clone, ext:: remote", "nested bare repository", "submodule with fsmonitor and hooks"),
)


def _param(trap: Trap) -> Any:
    return pytest.param(trap, id=trap.name, marks=() if trap.name in QUICK else pytest.mark.slow)


def _set(folder: Path, trap: Trap) -> Ground:
    ground = prepare(folder)
    trap.plant(ground)
    ground.reset()
    return ground


@pytest.mark.parametrize("trap", [_param(trap) for trap in TRAPS])
def test_what_plain_git_runs_no_git_command_of_ralphs_does(trap: Trap, tmp_path: Path) -> None:
    control = _set(tmp_path / "control", trap)
    trap.spring(control)
    assert control.is_sprung, "plain git does not run it, so this proves nothing"
    ground = _set(tmp_path / "ralph", trap)
    (tmp_path / "state").mkdir()
    walk = Walk(ground, Home(tmp_path / "state"))
    walk.all(trap.late)
    assert not ground.is_sprung
    assert "read" in walk.done, walk.refused
