"""When a new branch begins, the entries of the former one go to `archive/<date>-<feature>/`, as people know it.

Decides and names; the notes themselves are written by `ralph.notes.notebook`. Knows nothing about git.
"""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import PurePosixPath

from ralph.workspace.branch import slug

FOLDER = "archive"
LAST_BRANCH = ".last-branch"  # beside the progress log: where snarktank's loop remembers its branch


def former_branch(branch: str, seen: Sequence[str], remembered: str) -> str | None:
    """The branch whose entries the log still holds when work on `branch` begins.

    None when `branch` is not new, or when nobody knows of another: nothing is moved on a guess. `seen`: where Ralph
    has committed stories, the latest last; `remembered`: what another loop wrote down, asked only when Ralph knows of none.
    """
    if branch in seen:
        return None
    former = seen[-1] if seen else remembered.strip()
    return former if former and former != branch else None


def archive_path(log: str, former: str, on: date, is_taken: Callable[[str], bool]) -> str:
    """Where the former branch's log goes: `archive/2026-11-21-login/progress.txt` beside the log, never over another."""
    place = PurePosixPath(log)
    feature = slug(former.removeprefix("ralph/")) or "work"
    number = 1
    while True:
        again = f"-{number}" if number > 1 else ""
        path = str(place.parent / FOLDER / f"{on:%Y-%m-%d}-{feature}{again}" / place.name)
        if not is_taken(path):
            return path
        number += 1
