"""Git's own lock files that a killed run left: which of them may be removed.

Only what was made while the dead run had our lock and before we took it, that no living process has open, and while no git
command is at work in the repository: `git commit` keeps its lock while an editor is open, without having it open itself.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ralph.files import remove_file
from ralph.workspace.lock import Held
from ralph.workspace.repo import Repo

PROCESSES = Path("/proc")


def remove_stale(repo: Repo, candidates: Iterable[Path], lock: Held) -> list[str]:
    """What was removed, a line each. `lock`: ours, which the dead run had before."""
    stale = [path for path in candidates if lock.left_by is not None and _is_of_the_dead(path, lock)]
    if not stale or _git_is_at_work(repo):
        return []
    removed = [path for path in stale if not _is_open(path)]
    for path in removed:
        remove_file(path, "git lock")
    return [f"removed {path}, which a killed run left" for path in removed]


def _is_of_the_dead(path: Path, lock: Held) -> bool:
    try:
        return path.is_file() and lock.left_at_s <= path.stat().st_mtime <= lock.path.stat().st_mtime
    except FileNotFoundError:
        return False


def _is_open(path: Path) -> bool:
    """Whether a living process has the file open, as far as the system lets us see it."""
    about = path.stat()
    return any((one.st_dev, one.st_ino) == (about.st_dev, about.st_ino) for one in _open_files())


def _open_files() -> Iterator[os.stat_result]:
    for link in PROCESSES.glob("[0-9]*/fd/*"):
        try:
            yield link.stat()
        except OSError:
            continue


def _git_is_at_work(repo: Repo) -> bool:
    places = [place.resolve() for place in (repo.root, repo.git_dir, repo.common_dir)]
    for process in PROCESSES.glob("[0-9]*"):
        try:
            if (process / "comm").read_text().startswith("git"):
                cwd = (process / "cwd").readlink()
                if any(cwd.is_relative_to(place) for place in places):
                    return True
        except OSError:
            continue
    return False
