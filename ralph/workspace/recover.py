"""Clears away what a killed run left, and nothing that is somebody else's; the agent's work is kept first. Running it twice changes nothing more."""

from pathlib import Path

from ralph.errors import RalphError
from ralph.files import remove_file
from ralph.home import Home
from ralph.workspace.commit import ATTEMPTS, finish_in_place, rescue
from ralph.workspace.lock import Held, try_hold
from ralph.workspace.repo import Repo
from ralph.workspace.snapshot import collect
from ralph.workspace.stale import remove_stale
from ralph.workspace.worktree import PREFIX, remove_leftovers, reopen_worktree, worktrees_folder


def recover(repo: Repo, home: Home, *, branch: str | None = None, lock: Held | None = None) -> list[str]:
    """What was cleared, a line each. With the branch and its lock, what a run on it left in `.git` goes too."""
    notes = _remove_dead_worktrees(repo, home)
    if branch is None or lock is None:
        return notes
    is_in_place = repo.current_branch == branch
    locks = [repo.common_dir / "refs" / "heads" / f"{branch}.lock"]
    locks += [repo.git_dir / name for name in ("HEAD.lock", "index.lock") if is_in_place]
    notes += remove_stale(repo, locks, lock)
    finished = finish_in_place(repo) if is_in_place else None
    return [*notes, finished] if finished else notes


def _remove_dead_worktrees(repo: Repo, home: Home) -> list[str]:
    notes = []
    folder = worktrees_folder(repo, home)
    names = {entry.name.split(".")[0] for entry in folder.iterdir() if entry.name.startswith(PREFIX)}
    for name in sorted(names):
        held = try_hold(folder / f"{name}.lock")
        if held is not None:
            notes.append(_remove_dead(repo, folder / name, held))
    return notes


def _remove_dead(repo: Repo, path: Path, held: Held) -> str:
    """Keep the work, then remove the worktree; where the work cannot be kept, everything stays for a later run."""
    try:
        kept = _keep_work(repo, path, held)
    except (OSError, RalphError) as error:
        held.release()
        return (
            f"the work that a killed run left at {path} could not be kept, so it stays there: {error}. The next run tries "
            f"again; if you do not need it: rm -rf {path}"
        )
    remove_leftovers(repo, path)
    remove_file(held.path, "worktree lock")
    held.release()
    return f"removed the worktree {path.name}, which a killed run left" + (
        f"; its work is kept at {kept}" if kept else ""
    )


def _keep_work(repo: Repo, path: Path, lock: Held) -> str | None:
    """Put what a killed run's agent had changed under an attempt's ref; None when it was never whole, or has no changes."""
    worktree = reopen_worktree(repo, path, lock)
    snapshot = collect(worktree) if worktree else None
    if snapshot is None or snapshot.is_empty:
        return None
    key = path.name.removeprefix(PREFIX)
    remove_stale(repo, (repo.common_dir / ATTEMPTS).glob(f"{key}*.lock"), lock)
    return rescue(repo, snapshot, key, message=f"ralph: {path.name}, killed at work\n")
