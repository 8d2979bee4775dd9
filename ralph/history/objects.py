"""What git still knows of a trace's work: a commit or a kept attempt as a diff. Reads objects and refs only.

A repo that moved, or a commit that is gone, is said and is no error. Hooks, filters and external diffs are off (`Git`).
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ralph.errors import RalphError
from ralph.workspace.commit import ATTEMPTS
from ralph.workspace.git import Git, GitError
from tracing.diffs import FileDiff, parse

GIT_TIMEOUT_S = 20.0  # a pipe among a hostile repo's objects would hold a page for ever
MOST_FILES = 300
MOST_LINES = 20_000  # of one diff
MOST_FILE_LINES = 3_000
DIFF = (
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "-M",
    "-r",
    "--end-of-options",
)  # a trace may name "--output=..."


def is_there(folder: str) -> bool:
    """Whether the folder exists and may be looked at; a path that would depend on where the viewer was started is none."""
    try:
        return Path(folder).is_absolute() and Path(folder).is_dir()
    except OSError:
        return False


@dataclass(frozen=True)
class FileCount:
    """One file of a diff in numbers; both are None where it is binary."""

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True)
class Diff:
    """`files` have their lines; `left_out` are too long to be shown here, or too many."""

    files: tuple[FileDiff, ...]
    left_out: tuple[FileCount, ...] = ()

    @property
    def count(self) -> int:
        return len(self.files) + len(self.left_out)

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files) + sum(file.added or 0 for file in self.left_out)

    @property
    def removed(self) -> int:
        return sum(file.removed for file in self.files) + sum(file.removed or 0 for file in self.left_out)


@dataclass(frozen=True)
class Objects:
    """The objects and refs of one repository."""

    git: Git

    @classmethod
    def of(cls, root: str) -> "Objects | None":
        """None: there is no repository at this place any more. One around it is another one."""
        place = Path(root)
        if not root or not is_there(root):
            return None
        try:
            listing = Git(cwd=place, timeout_s=GIT_TIMEOUT_S).text(
                "rev-parse", "--path-format=absolute", "--absolute-git-dir", "--show-toplevel"
            )
        except (RalphError, OSError):
            return None
        folder, top = map(Path, listing.split("\n", 1))
        return (
            cls(Git(cwd=folder, git_dir=folder, timeout_s=GIT_TIMEOUT_S)) if top.resolve() == place.resolve() else None
        )

    def commit(self, revision: str) -> str | None:
        """The whole id of the commit; None where there is none."""
        if not revision or revision.startswith("-"):
            return None
        code, sha, _ = self.git.attempt(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
        return os.fsdecode(sha).strip() if code == 0 else None

    def kept(self, trace_id: str) -> str | None:
        """The ref of an attempt's work: one that was killed is kept under the first half of its trace's id."""
        refs = (f"{ATTEMPTS}{trace_id}", f"{ATTEMPTS}{trace_id[:16]}")
        return next((ref for ref in refs if self.commit(ref)), None)

    def contains(self, revision: str, sha: str) -> bool:
        return bool(self.commit(revision)) and self.git.attempt("merge-base", "--is-ancestor", sha, revision)[0] == 0

    def diff(self, old: str, new: str) -> Diff | None:
        """What changed from one commit or tree to another; None where git has one of them no more."""
        try:
            counts = list(_counts(self.git.run("diff-tree", "-z", "--numstat", *DIFF, old, new, "--")))
            shown = list(_short_enough(counts))
            text = self.git.run("diff-tree", "-p", *DIFF, old, new, "--", *_paths(shown)) if shown else b""
        except GitError:
            return None
        names = {count.path for _, count in shown}
        left_out = tuple(count for _, count in counts if count.path not in names)
        return Diff(parse(text.decode(errors="replace")), left_out)


def _counts(listing: bytes) -> Iterator[tuple[str, FileCount]]:
    """With each file's old path ("" where it is the same). A renamed file has both names behind its numbers."""
    parts = iter(listing.split(b"\0"))
    for part in parts:
        if not part.count(b"\t"):
            continue
        added, removed, path = part.split(b"\t", 2)
        old = b"" if path else next(parts)
        name = os.fsdecode(path or next(parts))
        yield os.fsdecode(old), FileCount(name, _number(added), _number(removed))


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() else None


def _short_enough(counts: Iterable[tuple[str, FileCount]]) -> Iterator[tuple[str, FileCount]]:
    lines = 0
    for number, (old, count) in enumerate(counts):
        size = (count.added or 0) + (count.removed or 0)
        if number < MOST_FILES and size <= MOST_FILE_LINES and lines + size <= MOST_LINES:
            lines += size
            yield old, count


def _paths(shown: Iterable[tuple[str, FileCount]]) -> list[str]:
    return [name for old, count in shown for name in (old, count.path) if name]
