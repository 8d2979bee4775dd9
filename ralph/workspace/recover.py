"""Clears away what a killed run left, and nothing that is somebody else's; the agent's work is kept first. Running it twice changes nothing more."""

from pathlib import Path

from ralph.errors import RalphError
from ralph.files import remove_file
from ralph.home import Home
from ralph.workspace.commit import finish_in_place, rescue
from ralph.workspace.lock import Held, try_hold
from ralph.workspace.repo import Repo
from ralph.workspace.snapshot import collect
from ralph.workspace.worktree import PREFIX, remove_leftovers, reopen_worktree, worktrees_folder


def recover(repo: Repo, home: Home, *, branch: str | None = None, lock: Held | None = None) -> list[str]:
    """What was cleared, a line each. With the branch and its lock, what a run on it left in `.git` goes too."""
    notes = _remove_dead_worktrees(repo, home)
    if branch is None or lock is None:
        return notes
    if lock.left_by is not None:
        notes += _remove_ref_lock(repo, branch, lock)
    finished = finish_in_place(repo) if repo.current_branch == branch else None
    return [*notes, finished] if finished else notes


def _remove_dead_worktrees(repo: Repo, home: Home) -> list[str]:
    notes = []
    folder = worktrees_folder(repo, home)
    names = {entry.name.split(".")[0] for entry in folder.iterdir() if entry.name.startswith(PREFIX)}
    for name in sorted(names):
        held = try_hold(folder / f"{name}.lock")
        if held is None:
            continue
        kept = _keep_work(repo, folder / name, held)
        remove_leftovers(repo, folder / name)
        remove_file(held.path, "worktree lock")
        held.release()
        notes.append(
            f"removed the worktree {name}, which a killed run left" + (f"; its work is kept at {kept}" if kept else "")
        )
    return notes


def _keep_work(repo: Repo, path: Path, lock: Held) -> str | None:
    """Put what a killed run's agent had changed under an attempt's ref; None when there is nothing that can be kept."""
    try:
        worktree = reopen_worktree(repo, path, lock)
        snapshot = collect(worktree) if worktree else None
        if snapshot is None or snapshot.is_empty:
            return None
        return rescue(repo, snapshot, path.name.removeprefix(PREFIX), message=f"ralph: {path.name}, killed at work\n")
    except (OSError, RalphError):
        return None  # a half-made worktree: what cannot be read was never the agent's work


def _remove_ref_lock(repo: Repo, branch: str, lock: Held) -> list[str]:
    """Git's lock on our branch, if it dates from the run that died: after that run took ours, before we took it."""
    left = repo.common_dir / "refs" / "heads" / f"{branch}.lock"
    if not left.is_file() or not lock.left_at_s <= left.stat().st_mtime <= lock.path.stat().st_mtime:
        return []
    remove_file(left, "git lock")
    return [f"removed {left}, which a killed run left"]
