"""Which names of the product the work gave another, as the story asks: the base's tests are read with the new ones.

Found by lines that are the same but for one name, in all places of the diff alike; a moved file renames what its path is made of.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ralph.integrity.change import Change, FileChange, compared
from ralph.integrity.leeway import mentions
from ralph.integrity.permit import Permit
from ralph.integrity.testfiles import is_test_code, is_test_file

PART = re.compile(r"\w+|[^\w\s]")
NAME = re.compile(r"[A-Za-z_]\w{2,}")
MOST_LINES = 300


def renames(change: Change, permit: Permit) -> Mapping[str, str]:
    """Old name -> new name, of those that the story speaks of and that the product no longer knows by the old one."""
    files = [file for file in change.files if not is_test_file(file.old_path or file.path)]
    votes = Counter(pair for file in files for pair in (*_in_lines(file), *_in_path(file)))
    still = {name for file in files for name in NAME.findall(f"{file.path if file.new else ''}\n{file.new_text}")}
    found: dict[str, str] = {}
    for (old, new), _ in votes.most_common():
        if old not in still and old not in found and (mentions(permit, old) or mentions(permit, new)):
            found[old] = new
    return found


def renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with every old name replaced."""
    if not names:
        return text
    pattern = r"\b(?:" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + r")\b"
    return re.sub(pattern, lambda match: names[match[0]], text)


def read_anew(change: Change, names: Mapping[str, str]) -> Change:
    """The change as it would be had the old tests used the new names."""
    if not names:
        return change
    return Change(tuple(_anew(file, names) for file in change.files))


def _anew(file: FileChange, names: Mapping[str, str]) -> FileChange:
    if file.old is None or not is_test_code(file.old_path) or not file.old_text:
        return file
    return replace(file, old=renamed(file.old_text, names).encode())


def _in_lines(file: FileChange) -> Iterator[tuple[str, str]]:
    added, removed = compared(file.old_text.splitlines(), file.new_text.splitlines())
    news = [PART.findall(line.text) for line in added[:MOST_LINES]]
    for line in removed[:MOST_LINES]:
        old = PART.findall(line.text)
        yield from (pair for new in news if (pair := _one_name(old, new)))


def _in_path(file: FileChange) -> Iterator[tuple[str, str]]:
    if file.moved and file.new is not None:
        pair = _one_name(_parts(file.old_path), _parts(file.path))
        if pair:
            yield pair


def _parts(path: str) -> list[str]:
    return [*PurePosixPath(path).with_suffix("").parts]


def _one_name(old: Sequence[str], new: Sequence[str]) -> tuple[str, str] | None:
    """The one name in which two lines differ, wherever it stands in them."""
    if len(old) != len(new) or len(old) < 2:
        return None
    differing = {(one, other) for one, other in zip(old, new, strict=True) if one != other}
    if len(differing) != 1:
        return None
    one, other = differing.pop()
    return (one, other) if NAME.fullmatch(one) and NAME.fullmatch(other) else None
