"""Diffs as data: what `git diff` prints, or two texts held against each other, as files, hunks and numbered lines.

Knows nothing of git's commands, of files on disk or of how a diff is shown.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

CONTEXT_LINES = 3
_FILE = re.compile(r"^diff --git ", re.MULTILINE)
_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)$")
_QUOTED = re.compile(r'\\([abtnvfr"\\]|[0-7]{3})')
_ESCAPED = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


class LineKind(StrEnum):
    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


class Change(StrEnum):
    """What became of a file."""

    ADDED = "added"
    DELETED = "deleted"
    CHANGED = "changed"
    RENAMED = "renamed"


@dataclass(frozen=True)
class DiffLine:
    """One line. Its number in the old and in the new text, from 1; None where it is not in that text."""

    kind: LineKind
    old: int | None
    new: int | None
    text: str
    ends: bool = True  # False: the text's last line, without a newline behind it


@dataclass(frozen=True)
class Hunk:
    heading: str  # what git says it is in: a function, say; "" of two texts
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True)
class FileDiff:
    """What changed in one file. `added` and `removed` count lines; a binary file has neither, and no hunks."""

    path: str  # the new one; of a deleted file the old one
    old_path: str
    change: Change
    added: int
    removed: int
    hunks: tuple[Hunk, ...] = ()
    is_binary: bool = False
    mode: str = ""  # as in "100644 -> 100755" where it changed


def parse(text: str) -> tuple[FileDiff, ...]:
    """The files of a unified diff as git prints it; what stands before the first one is left out."""
    starts = [*(found.start() for found in _FILE.finditer(text)), len(text)]
    return tuple(_file(text[start:end]) for start, end in pairwise(starts))


def between(old: str, new: str, path: str = "") -> FileDiff:
    """Two texts, line by line."""
    lines = list(difflib.unified_diff(_lines(old), _lines(new), lineterm="", n=CONTEXT_LINES))[2:]
    change = Change.CHANGED if old and new else Change.ADDED if new else Change.DELETED
    return _counted(FileDiff(path, path, change, 0, 0, tuple(_hunks(lines))))


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def _file(block: str) -> FileDiff:
    head, at, rest = block.partition("\n@@ ")
    facts = head.split("\n")
    old, new = _paths(facts)
    return _counted(
        FileDiff(
            path=new or old,
            old_path=old or new,
            change=_change(facts),
            added=0,
            removed=0,
            hunks=tuple(_hunks((at.strip() + " " + rest).removesuffix("\n").split("\n"))) if at else (),
            is_binary=any(line.startswith(("Binary files ", "GIT binary patch")) for line in facts),
            mode=_mode(facts),
        )
    )


def _change(facts: Sequence[str]) -> Change:
    for begin, change in (
        ("new file", Change.ADDED),
        ("deleted file", Change.DELETED),
        ("rename from", Change.RENAMED),
        ("copy from", Change.ADDED),
    ):
        if any(line.startswith(begin) for line in facts):
            return change
    return Change.CHANGED


def _mode(facts: Sequence[str]) -> str:
    old, new = (_after(facts, f"{which} mode ") for which in ("old", "new"))
    return f"{old} → {new}" if old and new else ""


def _paths(facts: Sequence[str]) -> tuple[str, str]:
    """Old and new path; "" for the side that does not have the file."""
    if source := _after(facts, "rename from ", "copy from "):
        return _unquoted(source), _unquoted(_after(facts, "rename to ", "copy to "))
    old, new = _after(facts, "--- "), _after(facts, "+++ ")
    if old or new:
        return _side(old), _side(new)
    return (path := _of_first_line(facts[0].removeprefix("diff --git "))), path


def _of_first_line(both: str) -> str:
    """Of a file without hunks, where old and new path are the same: `a/x b/x`."""
    if both.startswith('"'):
        return _side(both[: len(both) // 2])
    return both[2 : len(both) // 2]


def _side(name: str) -> str:
    name = _unquoted(name.removesuffix("\t"))
    return "" if name == "/dev/null" else name[2:]


def _after(facts: Sequence[str], *begins: str) -> str:
    return next((line.removeprefix(begin) for line in facts for begin in begins if line.startswith(begin)), "")


def _unquoted(name: str) -> str:
    """As git quotes a name with strange characters: in double quotes, bytes in octal."""
    if not (name.startswith('"') and name.endswith('"')):
        return name

    def plain(found: re.Match[str]) -> str:
        code = found[1]
        return _ESCAPED[code] if code in _ESCAPED else chr(int(code, 8))

    return _QUOTED.sub(plain, name[1:-1]).encode("latin-1", "replace").decode(errors="replace")


def _hunks(lines: Sequence[str]) -> Iterator[Hunk]:
    heading, found, old, new = "", list[DiffLine](), 0, 0
    for line in lines:
        if begin := _HUNK.match(line):
            if found:
                yield Hunk(heading, tuple(found))
            heading, found, old, new = begin[3], [], int(begin[1]), int(begin[2])
        elif line.startswith("\\"):  # "\ No newline at end of file"
            found[-1:] = [replace(last, ends=False) for last in found[-1:]]
        elif line.startswith("+"):
            found.append(DiffLine(LineKind.ADDED, None, new, line[1:]))
            new += 1
        elif line.startswith("-"):
            found.append(DiffLine(LineKind.REMOVED, old, None, line[1:]))
            old += 1
        else:
            found.append(DiffLine(LineKind.SAME, old, new, line[1:]))
            old, new = old + 1, new + 1
    if found:
        yield Hunk(heading, tuple(found))


def _counted(file: FileDiff) -> FileDiff:
    kinds = [line.kind for hunk in file.hunks for line in hunk.lines]
    return replace(file, added=kinds.count(LineKind.ADDED), removed=kinds.count(LineKind.REMOVED))
