"""Files that an agent leaves to make Ralph's own git or its reading hang, or reach outside of the worktree."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ralph.errors import RalphError
from ralph.workspace.commit import finish_in_place
from ralph.workspace.repo import Repo
from ralph.workspace.snapshot import collect
from ralph.workspace.worktree import open_worktree

Pit = Any


def _pipe(path: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).unlink(missing_ok=True)
        os.mkfifo(root / path)

    return make


def _pipe_behind_a_nested_link(root: Path) -> None:
    elsewhere = root.with_name("elsewhere")
    (elsewhere / "objects").mkdir(parents=True)
    (elsewhere / "refs").mkdir()
    os.mkfifo(elsewhere / "HEAD")
    (root / "nested").mkdir()
    (root / "nested/.git").symlink_to(elsewhere)


def _a_nested_repository(root: Path) -> None:
    for name in ("objects", "refs"):
        (root / "nested/.git" / name).mkdir(parents=True)
    os.mkfifo(root / "nested/.git/HEAD")


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "leave",
    [
        pytest.param(_pipe(".gitignore"), id=".gitignore"),
        pytest.param(_pipe(".gitattributes"), id=".gitattributes"),
        pytest.param(_pipe("src/.gitignore"), id=".gitignore of a folder"),
        pytest.param(_pipe("src/b.py"), id="a tracked file"),
        pytest.param(_pipe("src/new.py"), id="a new file"),
        pytest.param(_a_nested_repository, id="HEAD of a nested repository"),
        pytest.param(_pipe_behind_a_nested_link, id="HEAD behind a nested .git link"),
    ],
)
def test_a_pipe_that_git_would_read_does_not_make_ralph_wait(pit: Pit, leave: Callable[[Path], None]) -> None:
    with pit.worktree() as worktree:
        leave(worktree.path)
        (worktree.path / "work.txt").write_text("work\n")
        assert "work.txt" in collect(worktree).changed


@pytest.mark.timeout(30)
def test_the_head_of_a_submodule_is_read_neither_from_a_pipe_nor_through_a_link(pit: Pit, tmp_path: Path) -> None:
    pit.git("init", "-q", "-b", "main", str(tmp_path / "lib"))
    (tmp_path / "lib/lib.py").write_text("y = 1\n")
    pit.git("add", ".", cwd=tmp_path / "lib")
    pit.git("commit", "-qm", "lib", cwd=tmp_path / "lib")
    pit.git("submodule", "add", "-q", str(tmp_path / "lib"), "vendor/lib")
    pit.commit()
    with pit.worktree() as worktree:
        head = worktree.path / "vendor/lib/.git/HEAD"
        sha = head.read_text()
        (tmp_path / "other").write_text(sha)
        head.unlink()
        head.symlink_to(tmp_path / "other")
        assert [refusal.path for refusal in collect(worktree).refused] == ["vendor/lib"]
        head.unlink()
        os.mkfifo(head)
        assert [refusal.path for refusal in collect(worktree).refused] == ["vendor/lib"]


def test_a_submodule_whose_git_folder_is_another_repository_is_refused(pit: Pit, tmp_path: Path) -> None:
    """What is in a worktree, an agent reads: its `.git` would copy any repository of the user's there."""
    pit.git("init", "-q", "-b", "main", str(tmp_path / "private"))
    (tmp_path / "private/key").write_text("secret\n")
    pit.git("add", ".", cwd=tmp_path / "private")
    pit.git("commit", "-qm", "private", cwd=tmp_path / "private")
    sha = pit.git("rev-parse", "HEAD", cwd=tmp_path / "private")
    pit.git("update-index", "--add", "--cacheinfo", f"160000,{sha},vendor/lib")
    pit.git("commit", "-qm", "a submodule")
    pit.write("vendor/lib/.git", f"gitdir: {tmp_path}/private/.git\n")
    with pytest.raises(RalphError, match=r"leads to .*/private/.git, which is another repository"):
        open_worktree(pit.repo, pit.home, pit.repo.head, "t")


def test_a_folder_that_became_a_link_lets_nobody_read_or_change_what_is_behind_it(pit: Pit, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.py").write_text("AWS = 'AKIA" + "Q" * 16 + "'\n")
    (outside / "b.py").chmod(0)
    with pit.worktree() as worktree:
        (worktree.path / "src/b.py").unlink()
        (worktree.path / "src").rmdir()
        (worktree.path / "src").symlink_to(outside)
        snapshot = collect(worktree)
    assert (snapshot.changed, snapshot.refused) == (("src", "src/b.py"), ())
    assert stat.S_IMODE((outside / "b.py").stat().st_mode) == 0


def test_a_repository_that_names_another_folder_as_its_checkout_is_refused(pit: Pit, tmp_path: Path) -> None:
    """Its files would be read, copied for the agent and, in place, overwritten."""
    (tmp_path / "victim").mkdir()
    pit.git("config", "core.worktree", str(tmp_path / "victim"))
    with pytest.raises(RalphError, match=r"its checkout is .*/victim \(core.worktree\), which is not here"):
        Repo.open(pit.root)


def test_a_submodule_is_a_repository_of_its_own(pit: Pit, tmp_path: Path) -> None:
    pit.git("init", "-q", "-b", "main", str(tmp_path / "lib"))
    pit.git("commit", "-q", "--allow-empty", "-m", "lib", cwd=tmp_path / "lib")
    pit.git("submodule", "add", "-q", str(tmp_path / "lib"), "vendor/lib")
    assert Repo.open(pit.root / "vendor/lib").root == pit.root / "vendor/lib"


def test_a_journal_that_came_with_the_repository_is_no_way_to_write_a_file(pit: Pit, tmp_path: Path) -> None:
    sha = pit.repo.head
    pit.repo.in_place_journal.write_text(f"refs/heads/main --index-output={tmp_path}/victim {sha}\n")
    assert finish_in_place(pit.repo) is None
    assert not (tmp_path / "victim").exists()
    assert not pit.repo.in_place_journal.exists()
