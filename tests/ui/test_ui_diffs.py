"""Diffs as data: what real git prints, and two texts."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tracing.diffs import Change, FileDiff, LineKind, between, parse

DiffOf = Callable[[dict[str, bytes], dict[str, bytes]], tuple[FileDiff, ...]]


@pytest.fixture
def diff_of(tmp_path: Path) -> DiffOf:
    """Commits the files before and after in a real repository and gives what git says of it."""

    repo = tmp_path / "repo"
    repo.mkdir()

    def diff(before: dict[str, bytes], after: dict[str, bytes]) -> tuple[FileDiff, ...]:
        def git(*args: str) -> str:
            return subprocess.run(["git", *args], cwd=repo, check=True, capture_output=True).stdout.decode()

        git("init", "-q")
        for files in (before, after):
            git("rm", "-rqf", "--ignore-unmatch", ".")
            for name, content in files.items():
                (repo / name).parent.mkdir(parents=True, exist_ok=True)
                (repo / name).write_bytes(content)
            git("add", "-A")
            git("commit", "-qm", "x", "--allow-empty")
        return parse(git("diff", "-M", "--no-ext-diff", "--no-color", "HEAD~1", "HEAD"))

    return diff


def test_a_changed_line_has_its_number_on_both_sides(diff_of: DiffOf) -> None:
    (file,) = diff_of({"a.py": b"one\ntwo\nthree\n"}, {"a.py": b"one\n2\nthree\n"})
    assert (file.path, file.change, file.added, file.removed) == ("a.py", Change.CHANGED, 1, 1)
    assert [(line.kind, line.old, line.new, line.text) for line in file.hunks[0].lines] == [
        (LineKind.SAME, 1, 1, "one"),
        (LineKind.REMOVED, 2, None, "two"),
        (LineKind.ADDED, None, 2, "2"),
        (LineKind.SAME, 3, 3, "three"),
    ]


def test_every_way_a_file_can_change_is_told_apart(diff_of: DiffOf) -> None:
    long = b"".join(b"line %d\n" % number for number in range(30))
    files = diff_of(
        {"gone.txt": b"x\n", "old.txt": long, "pic.png": b"\0\1", "empty": b""},
        {"new dir/new.txt": b"--- a\n+++ b\n", "moved.txt": long, "pic.png": b"\0\2", "tail": b"no newline"},
    )
    told = {file.path: (file.change, file.added, file.removed, file.is_binary) for file in files}
    assert told == {
        "gone.txt": (Change.DELETED, 0, 1, False),
        "moved.txt": (Change.RENAMED, 0, 0, False),
        "new dir/new.txt": (Change.ADDED, 2, 0, False),
        "pic.png": (Change.CHANGED, 0, 0, True),
        "empty": (Change.DELETED, 0, 0, False),
        "tail": (Change.ADDED, 1, 0, False),
    }
    assert next(file for file in files if file.path == "moved.txt").old_path == "old.txt"
    assert next(file for file in files if file.path == "tail").hunks[0].lines[0].ends is False


def test_a_name_that_git_quotes_is_read_back(diff_of: DiffOf) -> None:
    (file,) = diff_of({}, {'say "ü"\t.txt': b"x\n"})
    assert file.path == 'say "ü"\t.txt'


def test_two_texts_are_a_diff_too() -> None:
    file = between("a\nb\n", "a\nc\n", "x.py")
    assert [line.text for line in file.hunks[0].lines] == ["a", "b", "c"]
    assert (file.change, file.added, file.removed) == (Change.CHANGED, 1, 1)
    assert between("", "a\n").change is Change.ADDED
    assert between("same", "same").hunks == ()


@pytest.mark.parametrize("text", ["", "not a diff", "diff --git ", "diff --git a/x b/x\n@@ nonsense\n+y"])
def test_what_is_no_diff_is_no_error(text: str) -> None:
    assert isinstance(parse(text), tuple)
