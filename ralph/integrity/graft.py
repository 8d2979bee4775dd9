"""Trees that no commit has: the work with the tests of the base, and the base with the tests of the work."""

import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ralph.integrity.change import Change, FileChange
from ralph.integrity.renames import renamed
from ralph.integrity.rust_tests import grafted, tests_in
from ralph.integrity.testfiles import is_test_code, is_test_file
from ralph.workspace.repo import Repo

REMOVED_MODE = "0"
NO_BLOB = "0" * 40
Entry = tuple[str, str, bytes | None]  # path, git's mode, content; None removes it


def touches_base_tests(change: Change) -> bool:
    """Whether something that the base's tests are made of is not as it was."""
    return any(_was_test(file) or _has_other_rust_tests(file) for file in change.files if not file.is_new)


def touches_tests(change: Change) -> bool:
    return any(_was_test(file) or _is_test(file) or _has_other_rust_tests(file) for file in change.files)


def work_with_base_tests(
    repo: Repo, change: Change, work_tree: str, without: Collection[str] = (), names: Mapping[str, str] | None = None
) -> str:
    """The work, but every test file as it was on the base: those that are new are not there, nor those in `without`.

    `names` are those that the work rightly gave another: the tests are read with the new ones.
    """
    entries = (entry for entry in _base_tests(change) if entry[0] not in without)
    return _tree(repo, work_tree, (_with_names(entry, names or {}) for entry in entries))


def base_with_new_tests(repo: Repo, change: Change, base_tree: str) -> str:
    """The base, but every test file as the work has it."""
    return _tree(repo, base_tree, _new_tests(change))


def _base_tests(change: Change) -> Iterator[Entry]:
    for file in change.files:
        if _is_test(file):
            yield file.path, REMOVED_MODE, None
    for file in change.files:
        if _was_test(file):
            yield file.old_path, file.old_mode, file.old
        elif _has_other_rust_tests(file) and file.new is not None:
            yield file.path, file.new_mode, grafted(file.new_text, file.old_text).encode()


def _new_tests(change: Change) -> Iterator[Entry]:
    for file in change.files:
        if _was_test(file):
            yield file.old_path, REMOVED_MODE, None
    for file in change.files:
        if _is_test(file):
            yield file.path, file.new_mode, file.new
        elif _has_other_rust_tests(file) and file.old is not None:
            yield file.path, file.old_mode, grafted(file.old_text, file.new_text).encode()


def _with_names(entry: Entry, names: Mapping[str, str]) -> Entry:
    path, mode, content = entry
    if not names or content is None or not is_test_code(path):
        return entry
    return (
        renamed(path, names),
        mode,
        renamed(content.decode(errors="surrogateescape"), names).encode(errors="surrogateescape"),
    )


def _is_test(file: FileChange) -> bool:
    return file.new is not None and is_test_file(file.path)


def _was_test(file: FileChange) -> bool:
    return file.old is not None and is_test_file(file.old_path)


def _has_other_rust_tests(file: FileChange) -> bool:
    inline = file.path.endswith(".rs") and not is_test_file(file.path)
    return inline and tests_in(file.old_text) != tests_in(file.new_text)


def _tree(repo: Repo, treeish: str, entries: Iterator[Entry]) -> str:
    with tempfile.TemporaryDirectory(prefix="ralph-index-") as folder:
        git = repo.store.with_index(Path(folder) / "index")
        git.run("read-tree", treeish)
        for path, mode, content in entries:
            git.run("update-index", "-z", "--index-info", stdin=_line(repo, path, mode, content))
        return git.text("write-tree")


def _line(repo: Repo, path: str, mode: str, content: bytes | None) -> bytes:
    if content is None:
        blob = NO_BLOB
    elif mode == "160000":
        blob = content.decode()
    else:
        blob = repo.store.text("hash-object", "-w", "--stdin", stdin=content)
    return os.fsencode(f"{mode} {blob}\t{path}") + b"\0"
