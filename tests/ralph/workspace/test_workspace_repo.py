import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from ralph.errors import RalphError
from ralph.workspace.repo import Repo

Pit = Any


def test_a_folder_that_is_no_repository_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RalphError) as raised:
        Repo.open(tmp_path)
    remedy = "cd into your project, or make it one: git init"
    assert str(raised.value) == f"{tmp_path}: not in a git repository. {remedy}"


def test_a_folder_is_named_whole_also_when_it_is_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RalphError, match=re.escape(f"{tmp_path}: not in a git repository")):
        Repo.open(Path())


def test_inside_of_gits_own_folder_the_checkout_is_named(pit: Pit) -> None:
    for folder in (pit.root / ".git", pit.root / ".git" / "refs"):
        with pytest.raises(RalphError, match=re.escape(f"not the checkout. Go there: cd {pit.root}")):
            Repo.open(folder)


def test_a_bare_repository_is_refused(pit: Pit, tmp_path: Path) -> None:
    pit.git("clone", "-q", "--bare", str(pit.root), str(tmp_path / "bare"))
    with pytest.raises(RalphError, match=r"a bare repository. Ralph needs a checkout"):
        Repo.open(tmp_path / "bare")


def test_a_repository_without_a_commit_is_refused(pit: Pit, tmp_path: Path) -> None:
    pit.git("init", "-q", str(tmp_path / "empty"))
    with pytest.raises(RalphError, match=r"has no commit yet. Make a first one: git add"):
        Repo.open(tmp_path / "empty")


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        pytest.param("MERGE_HEAD", "a merge is under way", id="merge"),
        pytest.param("rebase-merge", "a rebase is under way", id="rebase"),
        pytest.param("CHERRY_PICK_HEAD", "a cherry-pick is under way", id="cherry-pick"),
    ],
)
def test_a_repository_in_the_middle_of_something_is_refused(pit: Pit, marker: str, words: str) -> None:
    (pit.root / ".git" / marker).write_text("x")
    with pytest.raises(RalphError, match=words):
        Repo.open(pit.root)


def test_the_id_is_the_same_from_a_subfolder_and_from_a_linked_worktree(pit: Pit, tmp_path: Path) -> None:
    pit.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    ids = {Repo.open(path).id for path in (pit.root, pit.root / "src", tmp_path / "linked")}
    assert len(ids) == 1


def test_variables_of_the_shell_do_not_redirect_git(pit: Pit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent/index")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare'='true'")
    assert pit.repo.tracked("a.txt")


def test_tracked_ignored_and_shown_files_are_told_apart(pit: Pit) -> None:
    repo = pit.repo
    assert (repo.tracked("a.txt"), repo.tracked("x.log"), repo.ignored("x.log"), repo.ignored("a.txt")) == (
        True,
        False,
        True,
        False,
    )
    assert repo.show("HEAD:a.txt") == b"one\n"
    assert repo.show("HEAD:none") is None


def test_without_an_identity_the_commands_to_set_one_are_said(pit: Pit, tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text("")
    with pytest.raises(RalphError, match=r"git config --global user.name"):
        pit.repo.identity()


def test_a_file_that_was_only_touched_is_not_dirty(pit: Pit) -> None:
    (pit.root / "a.txt").write_text("one\n")
    assert pit.repo.dirty_files() == []
    (pit.root / "a.txt").write_text("two\n")
    assert pit.repo.dirty_files() == ["a.txt"]


def test_a_worktree_that_somebody_is_just_making_does_not_keep_the_others_from_being_listed(pit: Pit) -> None:
    half_made = pit.root / ".git/worktrees/half"
    half_made.mkdir(parents=True)
    for name, text in {"gitdir": f"{pit.root}/half/.git", "HEAD": pit.repo.head, "commondir": ""}.items():
        (half_made / name).write_text(text)
    refused = subprocess.run(["git", "worktree", "list"], cwd=pit.root, check=False, capture_output=True)
    assert refused.returncode, "git reads a file of it that is still empty"
    assert pit.repo.checked_out()["main"] == pit.root, "as after a kill"
    threading.Timer(0.2, lambda: (half_made / "commondir").write_text("../..\n")).start()
    assert pit.repo.checked_out() == {"main": pit.root}
