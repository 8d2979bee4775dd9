"""Tells whether a command changed files of the worktree, by their times and sizes."""

import time
from hashlib import blake2b
from pathlib import Path

from ralph.tools.listing import list_files


class Fingerprint:
    """Over the files that git does not ignore. `began_ns` is when the session began."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._last: bytes | None = None
        self.began_ns = time.time_ns()

    def prepare(self) -> None:
        """Before a command; costs nothing when the state after the last one still stands."""
        if self._last is None:
            self._last = self._take()

    def changed(self) -> bool:
        """After a command: did it change anything?"""
        before, self._last = self._last, self._take()
        return before != self._last

    def forget(self) -> None:
        """Something else is about to change files."""
        self._last = None

    def _take(self) -> bytes:
        digest = blake2b(digest_size=16)
        for name in list_files(self._root):
            digest.update(name.encode("utf-8", "surrogateescape"))
            try:
                about = (self._root / name).lstat()
            except OSError:
                continue
            digest.update(b"%d %d %d" % (about.st_mtime_ns, about.st_size, about.st_mode))
        return digest.digest()
