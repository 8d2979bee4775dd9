"""Notes from story to story: where they are found, what a new branch starts with, and what goes to the archive."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from ralph.notes.notebook import Note, Notebook
from ralph.notes.progress import PLACES, find_progress
from ralph.state import StoryStates
from ralph.workspace.repo import Repo

LOG = "## Codebase Patterns\n- Tabs.\n---\n"
OLD = "\n## 2026-11-01 10:00 - US-009\n- Old story\n---\n"
NOTE = Note("\n## 2026-11-21 10:00 - US-001\n- New story\n---\n", ("Commands are in cli.py.",))
Book = Callable[[str], Notebook]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    write(folder, "README.md", "hello\n")
    commit(folder)
    return folder


@pytest.fixture
def states(tmp_path: Path) -> Iterator[StoryStates]:
    with closing(StoryStates.open(tmp_path / "ledger.db")) as states:
        yield states


@pytest.fixture
def book(root: Path, states: StoryStates) -> Book:
    def open_book(branch: str) -> Notebook:
        log = find_progress(Repo.open(root), "prd.json")
        return Notebook(log, states, branch, now=lambda: datetime(2026, 11, 21, 10, 0))  # noqa: DTZ001 - local time

    return open_book


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(text.encode())


def commit(root: Path) -> None:
    for words in (["add", "-A"], ["commit", "-qm", "by the user"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)


@pytest.mark.parametrize("place", PLACES)
def test_the_log_is_found_where_other_loops_keep_it(root: Path, place: str) -> None:
    write(root, place, LOG)
    found = find_progress(Repo.open(root), "prd.json")
    assert (found.name, found.tracked, found.content("HEAD")) == (place, False, LOG.encode())


def test_the_log_beside_a_prd_outside_of_the_repo_is_another_projects(root: Path) -> None:
    write(root.parent, "node/progress.txt", LOG)
    for name in ("../node/prd.json", str(root.parent / "node" / "prd.json")):
        found = find_progress(Repo.open(root), name)
        assert (found.name, found.tracked, found.content("HEAD")) == ("progress.txt", False, b"")


def test_the_log_beside_the_prd_comes_first(root: Path) -> None:
    write(root, "progress.txt", "root")
    write(root, "scripts/ralph/progress.txt", "beside")
    write(root, ".ralph/progress.md", "beside")
    assert find_progress(Repo.open(root), "scripts/ralph/prd.json").name == "scripts/ralph/progress.txt"
    assert find_progress(Repo.open(root), ".ralph/prd.json").name == ".ralph/progress.md"
    assert find_progress(Repo.open(root), "plans/prd.json").name == "progress.txt"
    assert find_progress(Repo.open(root), "/elsewhere/prd.json").name == "progress.txt"


def test_a_tracked_log_gets_the_entry_and_the_pattern_in_the_commit(root: Path, book: Book) -> None:
    write(root, "progress.txt", LOG + OLD)
    commit(root)
    files = book("ralph/new").in_commit("HEAD", NOTE)
    assert files == {
        "progress.txt": ("## Codebase Patterns\n- Tabs.\n- Commands are in cli.py.\n---\n" + OLD + NOTE.entry).encode()
    }
    assert (root / "progress.txt").read_text() == LOG + OLD


def test_the_first_commit_on_a_new_branch_archives_the_tracked_entries_and_keeps_the_patterns(
    root: Path, book: Book
) -> None:
    write(root, "docs/x.md", "x")
    write(root, "progress.txt", LOG + OLD)
    commit(root)
    book("ralph/login").keep("t1", NOTE)
    assert "Old story" not in book("ralph/export").shown("HEAD")
    assert "Tabs." in book("ralph/export").shown("HEAD")
    assert book("ralph/export").in_commit("HEAD", NOTE) == {
        "archive/2026-11-21-login/progress.txt": (LOG + OLD).encode(),
        "progress.txt": ("## Codebase Patterns\n- Tabs.\n- Commands are in cli.py.\n---\n" + NOTE.entry).encode(),
    }
    assert book("ralph/export").keep("t2", NOTE) is None
    assert set(book("ralph/export").in_commit("HEAD", NOTE)) == {"progress.txt"}, "the branch is not new any more"


def test_an_archive_is_never_written_over(root: Path, book: Book) -> None:
    write(root, "progress.txt", LOG + OLD)
    write(root, "archive/2026-11-21-login/progress.txt", "first")
    commit(root)
    book("ralph/login").keep("t1", NOTE)
    assert "archive/2026-11-21-login-2/progress.txt" in book("ralph/export").in_commit("HEAD", NOTE)


def test_nothing_is_archived_on_a_guess_or_when_there_is_no_entry(root: Path, book: Book) -> None:
    write(root, "progress.txt", LOG + OLD)
    commit(root)
    assert set(book("ralph/first").in_commit("HEAD", NOTE)) == {"progress.txt"}
    write(root, "progress.txt", LOG)
    commit(root)
    book("ralph/first").keep("t1", NOTE)
    assert set(book("ralph/second").in_commit("HEAD", NOTE)) == {"progress.txt"}


def test_a_branch_that_is_returned_to_keeps_its_entries(root: Path, book: Book) -> None:
    write(root, "progress.txt", LOG + OLD)
    commit(root)
    for trace, branch in (("t1", "ralph/a"), ("t2", "ralph/b")):
        book(branch).keep(trace, NOTE)
    assert set(book("ralph/a").in_commit("HEAD", NOTE)) == {"progress.txt"}


def test_another_loops_last_branch_counts_where_ralph_knows_of_none(root: Path, book: Book) -> None:
    write(root, "progress.txt", LOG + OLD)
    write(root, ".last-branch", "ralph/theirs\n")
    commit(root)
    assert "archive/2026-11-21-theirs/progress.txt" in book("ralph/new").in_commit("HEAD", NOTE)
    assert set(book("ralph/theirs").in_commit("HEAD", NOTE)) == {"progress.txt"}


def test_without_a_tracked_log_a_new_branch_starts_with_the_patterns_alone(book: Book) -> None:
    first = book("ralph/first")
    assert first.in_commit("HEAD", NOTE) == {}
    first.keep("t1", NOTE)
    first.keep("t1", NOTE)
    assert first.shown("HEAD") == "## Codebase Patterns\n- Commands are in cli.py.\n---\n\n" + NOTE.entry.strip()
    assert book("ralph/second").shown("HEAD") == "## Codebase Patterns\n- Commands are in cli.py.\n---"


def test_notes_in_the_state_move_into_a_log_that_is_tracked_later(root: Path, book: Book) -> None:
    book("ralph/first").keep("t1", NOTE)
    write(root, "progress.txt", "")
    commit(root)
    later = book("ralph/first")
    assert "New story" in later.shown("HEAD")
    assert "- Commands are in cli.py." in later.shown("HEAD")
    second = Note("\n## 2026-11-21 11:00 - US-002\n- Second story\n---\n", ("Tests are in tests/.",))
    files = later.in_commit("HEAD", second)
    patterns = "## Codebase Patterns\n- Commands are in cli.py.\n- Tests are in tests/.\n---\n"
    assert files == {"progress.txt": (patterns + NOTE.entry + second.entry).encode()}
    write(root, "progress.txt", files["progress.txt"].decode())
    commit(root)
    assert later.shown("HEAD").count("New story") == 1, "a run may die before the state forgets"
    later.keep("t2", second)
    write(root, "progress.txt", patterns)
    commit(root)
    assert book("ralph/first").shown("HEAD") == patterns.strip(), "what a person takes out stays out"


def test_an_ignored_log_is_archived_beside_it_and_keeps_its_patterns(root: Path, book: Book) -> None:
    write(root, ".gitignore", "progress.txt\narchive/\n.last-branch\n")
    commit(root)
    write(root, "progress.txt", LOG + OLD)
    write(root, ".last-branch", "ralph/theirs\n")
    told = book("ralph/new").keep("t1", NOTE)
    archived = "archive/2026-11-21-theirs/progress.txt"
    assert told == f"progress.txt: the entries of ralph/theirs are in {archived} now; Codebase Patterns stay"
    assert (root / archived).read_text() == LOG + OLD
    assert (root / "progress.txt").read_text() == LOG
    assert (root / ".last-branch").read_text() == "ralph/new\n"
    assert book("ralph/new").keep("t2", NOTE) is None
    assert not Repo.open(root).git.run("status", "--porcelain")


def test_an_untracked_log_is_left_alone_while_the_branch_stays_the_same(root: Path, book: Book) -> None:
    write(root, "progress.txt", LOG + OLD)
    for trace in ("t1", "t2"):
        assert book("ralph/same").keep(trace, NOTE) is None
    assert (root / "progress.txt").read_text() == LOG + OLD
    assert "Old story" in book("ralph/same").shown("HEAD")


def test_a_log_that_is_no_utf_8_keeps_its_bytes(root: Path, book: Book) -> None:
    (root / "progress.txt").write_bytes(b"caf\xe9\r\n")
    commit(root)
    changed = book("ralph/x").in_commit("HEAD", Note("\n## 2026-11-21 - US-001\n"))
    assert changed["progress.txt"] == b"caf\xe9\r\n\r\n## 2026-11-21 - US-001\r\n"
    assert book("ralph/x").shown("HEAD") == "caf"
