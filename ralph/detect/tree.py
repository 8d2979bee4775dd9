"""The files of a repo, read with care: a hostile or huge one costs a bounded time and never raises.

The walk is bounded in depth and number and follows no links; a file is read up to a limit, if it is a regular one
inside the repo. What cannot be read or parsed is the same as what is not there. Nothing of the repo is run; git is
asked which folders it ignores.
"""

import json
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath

from ralph.errors import RalphError
from ralph.workspace.git import Git

MAX_DEPTH = 5  # folders below the root
MAX_FILES = 20_000
MAX_BYTES = 256 * 1024
MAX_STRINGS = 200
MAX_STRING_CHARS = 500
SKIPPED = {
    "node_modules",
    "bower_components",
    "vendor",
    "dist",
    "build",
    "target",
    "venv",
    "env",
    "__pycache__",
    "site-packages",
}


@dataclass(frozen=True)
class Folder:
    """One folder of the repo, and the files below it by their names relative to it."""

    root: Path  # the repo's root, resolved
    path: str  # of this folder, relative to the root; "." is the root
    names: frozenset[str]

    def below(self, path: str) -> "Folder":
        """The folder at `path`, seen from this one."""
        prefix = "" if path == "." else f"{path}/"
        inside = frozenset(name.removeprefix(prefix) for name in self.names if name.startswith(prefix))
        return Folder(self.root, self.place(path), inside)

    def above(self, path: str) -> "Folder":
        """The folder at `path` from the root, to read files in; it lists none."""
        return Folder(self.root, path, frozenset())

    def place(self, name: str) -> str:
        """`name` relative to the repo's root, for a person or a glob."""
        return str(PurePosixPath(self.path) / name)

    def has(self, *names: str) -> bool:
        return any(name in self.names for name in names)

    def first(self, *names: str) -> str | None:
        return next((name for name in names if name in self.names), None)

    def members(self, globs: Sequence[str], manifest: str) -> list[str]:
        """The manifests in folders below that match one of the globs."""
        manifests = [name for name in self.listed if name.endswith(f"/{manifest}")][:MAX_STRINGS]
        return [name for name in manifests if any(fnmatchcase(name, f"{glob}/{manifest}") for glob in globs)]

    def matching(self, *globs: str) -> list[str]:
        """Names that match one of the globs; `*` also matches `/`."""
        return [name for name in self.listed if any(fnmatchcase(name, glob) for glob in globs)]

    @cached_property
    def listed(self) -> Sequence[str]:
        """All names, those nearest to the folder first."""
        return sorted(self.names, key=lambda name: (name.count("/"), name))

    def text(self, name: str, limit_bytes: int = MAX_BYTES) -> str:
        """The file's text up to the limit; empty when there is no such file or it may not be read."""
        return read_text(self.root, self.place(name), limit_bytes)

    def toml(self, name: str) -> dict[str, object]:
        try:
            return tomllib.loads(self.text(name))
        except (ValueError, RecursionError):
            return {}

    def json(self, name: str) -> dict[str, object]:
        try:
            return table(json.loads(self.text(name) or "{}"))
        except (ValueError, RecursionError):
            return {}


def open_tree(repo: Path) -> Folder:
    """The repo's root and what lies below it; hidden folders, dependencies and build results are left out."""
    root = Path(os.path.realpath(repo))
    names = [name for name, _ in zip(_walk(root), range(MAX_FILES), strict=False)]
    return Folder(root, ".", frozenset(names))


def read_text(root: Path, name: str, limit_bytes: int = MAX_BYTES) -> str:
    """As `Folder.text`, also for files that the walk leaves out."""
    try:
        path = (root / name).resolve()
        if not path.is_relative_to(root) or not stat.S_ISREG(path.stat().st_mode):
            return ""
        with path.open("rb") as file:
            return file.read(limit_bytes).decode("utf-8-sig", "replace")
    except (OSError, ValueError, RuntimeError):  # a loop of links; a NUL in the name
        return ""


def ignored(root: Path, names: Iterable[str]) -> set[str]:
    """Which of the names git ignores (a folder's ends with "/"); none where there is no git."""
    wanted = "\0".join(names)
    if not wanted:
        return set()
    try:
        exit_code, stdout, _ = Git(root).attempt("check-ignore", "-z", "--stdin", stdin=os.fsencode(wanted))
    except (RalphError, OSError):
        return set()
    return {os.fsdecode(name) for name in stdout.split(b"\0") if name} if exit_code == 0 else set()


def table(value: object, *path: str) -> dict[str, object]:
    """The mapping at `path` of keys; empty when there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def strings(value: object) -> list[str]:
    """A string or the strings of a list, bounded; empty for anything else."""
    items = value[:MAX_STRINGS] if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and len(item) <= MAX_STRING_CHARS]


def one_line(text: str, limit_chars: int = 160) -> str:
    """Fit to be shown: printable characters on one line, cut at the limit."""
    plain = re.sub(
        r"\s+", " ", "".join(char if char.isprintable() else " " for char in text[: 4 * limit_chars])
    ).strip()
    return plain if len(plain) <= limit_chars else plain[: limit_chars - 1] + "…"


def _walk(root: Path) -> Iterator[str]:
    level = [""]
    for _ in range(MAX_DEPTH + 1):
        deeper: list[str] = []
        for folder in level:
            for entry in _entries(root / folder):
                name = f"{folder}/{entry.name}".lstrip("/")
                if entry.is_dir(follow_symlinks=False):
                    if _is_worth_a_look(entry):
                        deeper.append(name)
                else:
                    yield name
        level = deeper


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            bounded = [entry for entry, _ in zip(entries, range(MAX_FILES), strict=False)]
    except OSError:
        return []
    return sorted((entry for entry in bounded if entry.name.isprintable()), key=lambda entry: entry.name)


def _is_worth_a_look(entry: "os.DirEntry[str]") -> bool:
    """Not hidden, not made by a tool, not a repo or a virtual environment of its own."""
    if entry.name.startswith(".") or entry.name in SKIPPED:
        return False
    return not any(os.path.lexists(Path(entry.path, mark)) for mark in (".git", "pyvenv.cfg"))
