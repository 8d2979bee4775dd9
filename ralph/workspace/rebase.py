"""Moves a story's work onto a branch that went on meanwhile, as trees: no checkout, no index, no ref is touched.

Knows nothing about stories or checks; whether the outcome still works is for the checks to say.
"""

from dataclasses import dataclass, replace

from ralph.errors import RalphError
from ralph.workspace.commit import RALPH, commit_tree
from ralph.workspace.git import GitError, split_z
from ralph.workspace.repo import Repo
from ralph.workspace.snapshot import Snapshot

OLDEST_GIT = "2.38"


@dataclass(frozen=True)
class Conflict:
    """Files that both sides changed in ways that do not go together."""

    paths: tuple[str, ...]


def require_rebase(repo: Repo) -> None:
    """Find out before anything is spent.

    Raises:
        RalphError: git is older than OLDEST_GIT.
    """
    code, _, stderr = repo.store.attempt("merge-tree", "--write-tree", repo.head, repo.head)
    if code:
        raise _refused(stderr, code)


def rebase(repo: Repo, snapshot: Snapshot, tip: str) -> Snapshot | Conflict:
    """The same work on top of `tip`; the snapshot itself where the branch has not moved.

    A merge driver of the user's is not run: a file that needs one is a conflict.

    Raises:
        RalphError: git is older than OLDEST_GIT.
    """
    if tip == snapshot.base_sha:
        return snapshot
    work = commit_tree(repo, snapshot.tree_sha, [snapshot.base_sha], "ralph: to be rebased\n", RALPH)
    code, out, stderr = repo.store.attempt(
        "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", tip, work
    )
    if code not in {0, 1}:
        raise _refused(stderr, code)
    tree, *paths = split_z(out)
    if code:
        return Conflict(tuple(sorted(paths)))
    base_tree = repo.store.text("rev-parse", "--verify", f"{tip}^{{tree}}")
    changed = repo.store.names("diff-tree", "-r", "-z", "--name-only", "--no-renames", base_tree, tree)
    return replace(snapshot, base_sha=tip, base_tree=base_tree, tree_sha=tree, changed=tuple(sorted(changed)))


def _refused(stderr: str, code: int) -> RalphError:
    if "usage:" in stderr or "unknown option" in stderr:
        return RalphError(f"--jobs above 1 needs git {OLDEST_GIT} or newer. Upgrade git, or leave --jobs out.")
    return GitError("merge-tree", code, stderr)
