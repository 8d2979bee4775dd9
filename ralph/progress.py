"""`progress.txt`, as people have it: appended to in the commit where it is tracked, else kept in Ralph's state.

The agent reads its beginning (`## Codebase Patterns`) and its newest entries; it never writes it.
"""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ralph.workspace.repo import Repo

FILE = "progress.txt"
HEAD_CHARS = 4_000
TAIL_CHARS = 4_000


@dataclass(frozen=True)
class Progress:
    """One repo's notes of what was done."""

    repo: Repo
    name: str  # relative to the repo's root
    tracked: bool

    def notes(self, revision: str, kept: str) -> str:
        """What earlier stories left behind, and what Ralph's state kept of them, bounded: the beginning and the end."""
        committed = (self.repo.show(f"{revision}:{self.name}") or b"") if self.tracked else b""
        own = b"" if self.tracked else _read(self.repo.root / self.name)
        text = "\n".join(part.decode(errors="replace").strip() for part in (committed or own, kept.encode()))
        text = text.strip()
        if len(text) <= HEAD_CHARS + TAIL_CHARS:
            return text
        return f"{text[:HEAD_CHARS]}\n[...]\n{text[-TAIL_CHARS:]}"

    def in_tree(self, revision: str, entry: str) -> dict[str, bytes]:
        """The tracked file with the entry at its end, for the commit; nothing where it is not tracked."""
        if not self.tracked:
            return {}
        former = self.repo.show(f"{revision}:{self.name}") or b""
        gap = b"" if not former or former.endswith(b"\n") else b"\n"
        return {self.name: former + gap + entry.encode()}


def find_progress(repo: Repo, prd_name: str) -> Progress:
    """The file beside the PRD (snarktank's place) if there is one, else the one at the root."""
    beside = (Path(prd_name).parent / FILE).as_posix()
    name = beside if not Path(prd_name).is_absolute() and (repo.root / beside).is_file() else FILE
    return Progress(repo, name, repo.tracked(name))


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the file's content: temporary file, fsync, rename; its mode stays, and a link is followed."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            Path(name).chmod(target.stat().st_mode & 0o7777)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
