"""HOME of one attempt's checks. What the base's checks leave in it stays, caches above all; what the work's leave does not.

Code under test may write into HOME what a later check obeys: an `.npmrc` that names another shell, a `usercustomize.py`.
Always at the same path, since tools write it into what they make.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ralph.files import move
from ralph.workspace.folders import remove_tree

FOLDER = "checks-home"
KEPT = f"{FOLDER}.base"


@contextmanager
def check_home(scratch: Path, *, of_base: bool) -> Iterator[Path]:
    """The folder; afterwards it is as it was, but for what the base's own checks left."""
    home, kept = scratch / FOLDER, scratch / KEPT
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if of_base:
        yield home
        return
    remove_tree(kept)
    shutil.copytree(home, kept, symlinks=True, ignore=_special)
    try:
        yield home
    finally:
        remove_tree(home)
        move(kept, home, "home of checks")


def _special(folder: str, names: list[str]) -> list[str]:
    """Pipes and sockets, which cannot be copied."""
    return [name for name in names if not _is_plain(os.lstat(Path(folder, name)).st_mode)]


def _is_plain(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
