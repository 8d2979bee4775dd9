import subprocess
from pathlib import Path
from typing import Any

import pytest

from ralph.errors import BranchBusyError, RalphError
from ralph.workspace.commit import commit_story, story_commits
from ralph.workspace.snapshot import MAX_FILE_BYTES, collect
from ralph.workspace.worktree import open_worktree

Pit = Any
TOKEN = "ghp_" + "a1B2" * 9


def test_what_was_added_changed_and_deleted_is_collected_and_what_git_ignores_is_not(pit: Pit) -> None:
    def work(root: Path) -> None:
        (root / "new.txt").write_text("new\n")
        (root / "a.txt").unlink()
        (root / "src/b.py").write_text("x = 2\n")
        (root / "debug.log").write_text("noise\n")
        (root / "build").mkdir()
        (root / "build/out").write_text("noise\n")

    snapshot = pit.snapshot(work)
    assert snapshot.changed == ("a.txt", "new.txt", "src/b.py")
    assert snapshot.refused == ()
    assert pit.git("ls-tree", "-r", "--name-only", snapshot.tree_sha).split() == [".gitignore", "new.txt", "src/b.py"]


def test_nothing_changed_is_an_empty_snapshot(pit: Pit) -> None:
    snapshot = pit.snapshot(lambda root: (root / "a.txt").write_text("one\n"))
    assert (snapshot.is_empty, snapshot.tree_sha) == (True, snapshot.base_tree)


def test_a_change_of_the_same_size_in_the_same_moment_is_seen(pit: Pit) -> None:
    assert pit.snapshot(lambda root: (root / "a.txt").write_text("two\n")).changed == ("a.txt",)


@pytest.mark.parametrize(
    "name", ["with space", "line\nbreak", "-rf", "--help", "grüße", 'quo"te', "*.md", ":(top)x", "b\udcffyte", "tab\t"]
)
def test_odd_file_names_are_collected_as_they_are(pit: Pit, name: str) -> None:
    assert pit.snapshot(lambda root: (root / name).write_text("x")).changed == (name,)


def test_modes_and_links_are_kept_and_links_are_not_followed(pit: Pit) -> None:
    def work(root: Path) -> None:
        (root / "a.txt").chmod(0o755)
        (root / "passwd").symlink_to("/etc/passwd")
        (root / "src/b.py").unlink()
        (root / "src").rmdir()
        (root / "src").symlink_to("/etc")

    tree = pit.snapshot(work).tree_sha
    modes = [line.split()[0] + " " + line.split("\t")[1] for line in pit.git("ls-tree", "-r", tree).splitlines()]
    assert modes == ["100644 .gitignore", "100755 a.txt", "120000 passwd", "120000 src"]


def test_a_file_may_become_a_folder(pit: Pit) -> None:
    def work(root: Path) -> None:
        (root / "a.txt").unlink()
        (root / "a.txt").mkdir()
        (root / "a.txt/x").write_text("x")

    assert pit.snapshot(work).changed == ("a.txt", "a.txt/x")


def test_what_is_not_the_agents_to_change_is_discarded(pit: Pit) -> None:
    def work(root: Path) -> None:
        (root / "a.txt").write_text("mine\n")
        (root / "ralph.toml").write_text("x")
        (root / "new.txt").write_text("x")

    with pit.worktree() as worktree:
        work(worktree.path)
        snapshot = collect(worktree, discard=["a.txt", "*.toml"])
    assert (snapshot.changed, snapshot.discarded) == (("new.txt",), ("a.txt", "ralph.toml"))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        pytest.param(".env", "A=1", "files named .env usually hold secrets", id="env"),
        pytest.param("keys/id_rsa", "x", "files named id_rsa usually hold secrets", id="ssh-key"),
        pytest.param("server.pem", "x", "files named *.pem usually hold secrets", id="pem"),
        pytest.param("config.py", f'token = "{TOKEN}"', "looks like a github-token", id="token"),
        pytest.param("big.bin", "x" * (MAX_FILE_BYTES + 1), "files over 5 MB are not committed", id="large"),
    ],
)
def test_likely_secrets_and_large_files_are_refused_with_the_reason(
    pit: Pit, name: str, content: str, reason: str
) -> None:
    def work(root: Path) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content)
        (root / "new.txt").write_text("x")

    snapshot = pit.snapshot(work)
    assert snapshot.changed == ("new.txt",)
    assert [refusal.path for refusal in snapshot.refused] == [name]
    assert reason in snapshot.refused[0].reason


def test_an_example_of_settings_and_a_secret_that_was_there_before_are_no_reason_to_refuse(pit: Pit) -> None:
    pit.write("old.py", f"{TOKEN}\n")
    pit.write(".env", "A=1\n")
    pit.commit()

    def work(root: Path) -> None:
        (root / ".env.example").write_text("A=\n")
        (root / ".env").write_text("A=2\n")
        (root / "old.py").write_text(f"{TOKEN}\nmore\n")

    assert pit.snapshot(work).changed == (".env", ".env.example", "old.py")


def test_a_nested_repository_is_refused_and_runs_nothing(pit: Pit, tmp_path: Path) -> None:
    def work(root: Path) -> None:
        for name in ("empty", "full"):
            pit.git("init", "-q", str(root / name))
        (root / "full/x").write_text("x")
        pit.git("add", "x", cwd=root / "full")
        pit.git("commit", "-qm", "x", cwd=root / "full")
        pit.git("config", "core.fsmonitor", f"touch {tmp_path}/marker", cwd=root / "full")

    snapshot = pit.snapshot(work)
    assert snapshot.is_empty
    assert [refusal.path for refusal in snapshot.refused] == ["empty", "full"]
    assert not (tmp_path / "marker").exists()


def test_a_name_that_git_refuses_does_not_keep_the_rest_out(pit: Pit) -> None:
    def work(root: Path) -> None:
        (root / "git~1").write_text("x")
        (root / "new.txt").write_text("x")

    snapshot = pit.snapshot(work)
    assert snapshot.changed == ("new.txt",)
    assert "git does not take a file of this name" in snapshot.refused[0].reason


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda root: (root / ".git").unlink(), id="removed"),
        pytest.param(lambda root: (root / ".git").write_text("gitdir: /nonexistent\n"), id="rewritten"),
        pytest.param(lambda root: ((root / ".git").unlink(), (root / ".git").mkdir()), id="folder"),
        pytest.param(
            lambda root: ((root / ".git").unlink(), subprocess.run(["git", "init", "-q"], cwd=root, check=True)),
            id="other-repository",
        ),
    ],
)
def test_damage_to_the_worktrees_git_file_loses_nothing(pit: Pit, damage: Any) -> None:
    snapshot = pit.snapshot(lambda root: (root / "new.txt").write_text("x"), damage)
    assert snapshot.changed == ("new.txt",)


def test_what_the_agent_staged_or_committed_does_not_matter(pit: Pit) -> None:
    def work(root: Path) -> None:
        (root / "new.txt").write_text("x")
        pit.git("add", "new.txt", cwd=root)
        pit.git("commit", "-qm", "mine", cwd=root)
        (root / "new.txt").write_text("y")

    snapshot = pit.snapshot(work)
    assert snapshot.changed == ("new.txt",)
    assert pit.git("cat-file", "blob", f"{snapshot.tree_sha}:new.txt") == "y"


def test_line_endings_follow_the_users_settings(pit: Pit) -> None:
    pit.git("config", "core.autocrlf", "true")
    pit.write("crlf.txt", "one\ntwo\n")
    pit.commit()
    with pit.worktree() as worktree:
        assert (worktree.path / "crlf.txt").read_bytes() == b"one\r\ntwo\r\n"
        assert collect(worktree).is_empty
        (worktree.path / "crlf.txt").write_bytes(b"one\r\n2\r\n")
        tree = collect(worktree).tree_sha
    assert pit.git("cat-file", "blob", f"{tree}:crlf.txt") == "one\n2"


def test_hooks_fsmonitor_filters_and_aliases_of_the_repository_never_run(pit: Pit, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    script = f"touch {marker}"
    hooks = pit.root / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "pre-commit", "post-commit", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\n{script}\n")
        (hooks / name).chmod(0o755)
    plan = pit.plan()
    with pit.worktree() as worktree:
        for key in (
            "core.fsmonitor",
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.e=q.clean",
            "diff.evil.textconv",
        ):
            pit.git("config", key, f"{script}; cat")
        for key in ("core.sshCommand", "diff.external", "gpg.program", "core.pager", "alias.write-tree"):
            pit.git("config", key, f"!{script}" if key.startswith("alias") else script)
        pit.git("config", "commit.gpgSign", "true")
        (worktree.path / ".gitattributes").write_text("*.txt filter=evil diff=evil\n*.py filter=e=q\n")
        (worktree.path / "a.txt").write_text("two\n")
        (worktree.path / "new.md").write_text("new\n")
        snapshot = collect(worktree)
        with worktree.verification(snapshot.tree_sha):
            pass
    commit_story(pit.repo, plan, snapshot, message="m\n")
    story_commits(pit.repo, plan.ref)
    pit.repo.dirty_files()
    assert not marker.exists()
    assert snapshot.changed == ("new.md",)
    assert [refusal.path for refusal in snapshot.refused] == ["a.txt", ".gitattributes"]
    assert "goes through the content filter evil" in snapshot.refused[0].reason


def test_the_verification_checkout_has_the_same_path_and_only_the_diff(pit: Pit) -> None:
    with pit.worktree() as worktree:
        (worktree.path / "new.txt").write_text("x")
        (worktree.path / "build").mkdir()
        (worktree.path / "build/cache").write_text("x")
        snapshot = collect(worktree)
        with worktree.verification(snapshot.tree_sha) as tree:
            assert tree == worktree.path
            assert sorted(entry.name for entry in tree.iterdir()) == [".git", ".gitignore", "a.txt", "new.txt", "src"]
            (tree / "litter").write_text("x")
            assert pit.git("status", "--short", cwd=tree).splitlines() == ["A  new.txt", "?? litter"]
        assert (worktree.path / "build/cache").exists()
        assert not (worktree.path / "litter").exists()
        assert pit.git("status", "--short", cwd=worktree.path) == "?? new.txt"
        assert collect(worktree) == snapshot
    assert pit.git("worktree", "list").count("\n") == 0


def test_a_worktree_that_the_agent_made_read_only_is_removed(pit: Pit) -> None:
    with pit.worktree() as worktree:
        folder = worktree.path / "locked"
        folder.mkdir()
        (folder / "x").write_text("x")
        folder.chmod(0o500)
    assert not worktree.path.exists()


def test_a_worktree_of_a_living_process_is_not_taken(pit: Pit) -> None:
    with pit.worktree(key="same"), pytest.raises(BranchBusyError, match="another process works in this folder"):
        open_worktree(pit.repo, pit.home, pit.repo.head, "same")


def test_lfs_and_sparse_checkouts_are_refused(pit: Pit) -> None:
    pit.git("config", "core.sparseCheckout", "true")
    with pytest.raises(RalphError, match=r"a sparse checkout.*git sparse-checkout disable"):
        open_worktree(pit.repo, pit.home, pit.repo.head, "t")
    pit.git("config", "core.sparseCheckout", "false")
    pit.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    pit.write("x.bin", "pointer\n")
    pit.commit()
    with pytest.raises(RalphError, match=r"x\.bin goes through Git LFS"):
        open_worktree(pit.repo, pit.home, pit.repo.head, "t")
    assert pit.git("worktree", "list").count("\n") == 0


def test_submodules_are_populated_offline_and_a_move_of_one_is_refused(pit: Pit, tmp_path: Path) -> None:
    pit.git("init", "-q", "-b", "main", str(tmp_path / "lib"))
    (tmp_path / "lib/lib.py").write_text("y = 1\n")
    pit.git("add", ".", cwd=tmp_path / "lib")
    pit.git("commit", "-qm", "lib", cwd=tmp_path / "lib")
    pit.git("submodule", "add", "-q", str(tmp_path / "lib"), "vendor/lib")
    pit.commit()
    with pit.worktree() as worktree:
        library = worktree.path / "vendor/lib"
        assert (library / "lib.py").read_text() == "y = 1\n"
        assert collect(worktree).is_empty
        (library / "lib.py").write_text("y = 2\n")
        pit.git("commit", "-qam", "moved", cwd=library)
        snapshot = collect(worktree)
        assert snapshot.is_empty
        assert snapshot.refused[0].path == "vendor/lib"
    pit.git("submodule", "deinit", "-q", "-f", "vendor/lib")
    with pytest.raises(RalphError, match="vendor/lib is not populated"):
        open_worktree(pit.repo, pit.home, pit.repo.head, "t")
