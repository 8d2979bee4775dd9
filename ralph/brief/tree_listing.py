"""The files of a commit as a short text: all of them by folder, or folders with counts in a large repository.

The same paths and words give the same text. Knows nothing about stories.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from ralph.excerpts import clean_text
from ralph.tools.listing import git_names, list_files

MOST_PATHS = 150
MOST_CHARS = 6_000
MOST_NAMED_FOLDERS = 6
DEEPEST = 6
ROOT = "."
_WORD = re.compile(r"[\w@.-]+(?:/[\w@.-]+)*")


def tracked_paths(root: Path, commit: str) -> list[str]:
    """The paths in the commit, sorted; what lies in the folder where there is no such commit."""
    found = git_names(root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", "--end-of-options", commit)
    return list_files(root) if found is None else found


def named_folders(paths: Collection[str], words: str) -> list[str]:
    """The folders that a text speaks of, by their path or by a file in them; in the order of the text, a few at most."""
    tokens = dict.fromkeys(match.group().strip(".-") for match in _WORD.finditer(words))
    places = _places(paths, set(tokens))
    found = dict.fromkeys(folder for token in tokens for folder in places.get(token, []))
    return list(found)[:MOST_NAMED_FOLDERS]


def tree_listing(paths: Sequence[str], first: Sequence[str] = ()) -> str:
    """A line a folder: its files, or in a large repository how many there are below it; `first` in full, on top."""
    if not paths:
        return "(empty)"
    by_folder = _by_folder(paths)
    whole = "\n".join(_folder_line(folder, names) for folder, names in by_folder.items())
    if len(paths) <= MOST_PATHS and len(whole) <= MOST_CHARS:
        return whole
    named = [_folder_line(folder, by_folder[folder]) for folder in first if folder in by_folder]
    shown = _within(named, MOST_CHARS // 2)
    return "\n".join(
        [
            f"{len(paths)} files; of most folders only their number is shown.",
            *shown,
            *_counted(paths, MOST_CHARS - sum(map(len, shown))),
        ]
    )


def _places(paths: Collection[str], tokens: Collection[str]) -> dict[str, list[str]]:
    """For each token that names a folder or a file: the folders, at most three; a name that many share names none."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for path in paths:
        file = PurePosixPath(path)
        for token in {path, file.name} & set(tokens):
            found[token][str(file.parent)] = None
        for folder in file.parents:
            for token in {str(folder), folder.name, f"{folder.parent.name}/{folder.name}"} & set(tokens):
                found[token][str(folder)] = None
    return {token: list(folders) for token, folders in found.items() if len(folders) <= 3}


def _by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    """The root first, then by path."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folder, _, name = path.rpartition("/")
        folders[folder or ROOT].append(name)
    return dict(sorted(folders.items(), key=lambda item: (item[0] != ROOT, item[0])))


def _folder_line(folder: str, names: Sequence[str]) -> str:
    return _one_line(f"{folder}/: {' '.join(names)}")


def _counted(paths: Sequence[str], room: int) -> list[str]:
    """Folders with the number of files below them, as deep as there is room for."""
    for depth in range(DEEPEST, 0, -1):
        lines = list(_counts(paths, depth))
        if sum(len(line) + 1 for line in lines) <= room:
            return lines
    return _within(list(_counts(paths, 1)), room)


def _counts(paths: Sequence[str], depth: int) -> Iterator[str]:
    counts = Counter("/".join(path.split("/")[:-1][:depth]) for path in paths)
    yield _folder_line(ROOT, [path for path in paths if "/" not in path])
    yield from (_one_line(f"{folder}/ ({counts[folder]})") for folder in sorted(counts) if folder)


def _within(lines: Sequence[str], room: int) -> list[str]:
    """The lines that fit, the first one cut if it must be."""
    kept: list[str] = []
    for line in lines:
        if len(line) + 1 > room:
            return [*kept, f"{line[: max(0, room - 20)]} [...]"]
        kept.append(line)
        room -= len(line) + 1
    return kept


def _one_line(text: str) -> str:
    return clean_text(text).replace("\n", " ")
