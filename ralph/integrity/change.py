"""What a piece of work changed, file by file and line by line, as the guard's rules read it."""

import difflib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ralph.workspace.git import split_z
from ralph.workspace.repo import Repo

MOST_TEXT_BYTES = 1_000_000
MOST_ALIKE = 1_000_000  # pairs of equal lines; above it only what is new or gone is told, not what moved


@dataclass(frozen=True)
class Line:
    number: int  # from 1; of the new version for an added line, of the old one for a removed line
    text: str


@dataclass(frozen=True)
class FileChange:
    """One path before and after. A file that moved has another `old_path`; a new or removed one lacks a side."""

    path: str
    old: bytes | None
    new: bytes | None
    old_path: str = ""  # where it was; the same as `path` unless it moved
    old_mode: str = "100644"  # git's: 100755 executable, 120000 symlink, 160000 submodule
    new_mode: str = "100644"

    @property
    def is_new(self) -> bool:
        return self.old is None

    @property
    def is_removed(self) -> bool:
        return self.new is None

    @property
    def moved(self) -> bool:
        return bool(self.old_path) and self.old_path != self.path

    @property
    def old_text(self) -> str:
        return _text(self.old)

    @property
    def new_text(self) -> str:
        return _text(self.new)

    @cached_property
    def added(self) -> tuple[Line, ...]:
        return self._lines[0]

    @cached_property
    def removed(self) -> tuple[Line, ...]:
        return self._lines[1]

    @cached_property
    def _lines(self) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
        return compared(self.old_text.splitlines(), self.new_text.splitlines())


@dataclass(frozen=True)
class Change:
    """All files that differ between two trees, by path."""

    files: tuple[FileChange, ...]
    neighbours: Callable[[], Mapping[str, str]] = field(default=dict, repr=False, compare=False)
    """Reads the text files that did not change, by path, as far as they are of a size that people write."""
    by_path: dict[str, FileChange] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_path", {file.path: file for file in self.files})


def compared(old: Sequence[str], new: Sequence[str]) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """The added and the removed lines."""
    first, last = _same_ends(old, new)
    before, after = old[first : len(old) - last], new[first : len(new) - last]
    counts = Counter(before)
    if sum(counts[text] for text in after) > MOST_ALIKE:
        return _beyond(before, after, first), _beyond(after, before, first)
    added: list[Line] = []
    removed: list[Line] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag != "equal":
            removed += [Line(first + number + 1, before[number]) for number in range(old_from, old_to)]
            added += [Line(first + number + 1, after[number]) for number in range(new_from, new_to)]
    return tuple(added), tuple(removed)


def _same_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many lines are the same at the start, and how many of the rest at the end."""
    shorter = min(len(old), len(new))
    first = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    last = next((place for place in range(shorter - first) if old[-place - 1] != new[-place - 1]), shorter - first)
    return first, last


def _beyond(known: Sequence[str], lines: Sequence[str], before: int) -> tuple[Line, ...]:
    """The lines that come more often than in the known ones; `before` lines stand above them."""
    left = Counter(known)
    found = []
    for number, text in enumerate(lines, before + 1):
        left[text] -= 1
        if left[text] < 0:
            found.append(Line(number, text))
    return tuple(found)


def read_change(repo: Repo, old_tree: str, new_tree: str) -> Change:
    """Both versions of every file that differs; git finds the files that moved."""
    fields = split_z(repo.store.run("diff-tree", "-r", "-z", "-M", "--raw", "--no-abbrev", old_tree, new_tree))
    files: list[FileChange] = []
    while fields:
        old_mode, new_mode, old_blob, new_blob, status = fields.pop(0).lstrip(":").split(" ")
        old_path = fields.pop(0)
        path = fields.pop(0) if status[0] in "RC" else old_path
        old = None if status[0] == "A" else _blob(repo, old_mode, old_blob)
        new = None if status[0] == "D" else _blob(repo, new_mode, new_blob)
        files.append(FileChange(path, old, new, "" if status[0] == "A" else old_path, old_mode, new_mode))
    return Change(tuple(sorted(files, key=lambda file: file.path)))


def _blob(repo: Repo, mode: str, sha: str) -> bytes:
    return sha.encode() if mode == "160000" else repo.store.run("cat-file", "blob", sha)


def _text(data: bytes | None) -> str:
    if data is None or len(data) > MOST_TEXT_BYTES or b"\0" in data[:8000]:
        return ""
    return data.decode(errors="replace")
