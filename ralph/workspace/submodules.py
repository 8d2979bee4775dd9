"""Submodules, populated offline from the user's own checkout, or refused."""

import os
from pathlib import Path

from ralph.errors import RalphError
from ralph.workspace.git import FILE_TRANSPORT, Git, split_z

GITLINK = "160000"


def gitlinks(git: Git) -> dict[str, str]:
    """Path and commit of every submodule in the index."""
    found: dict[str, str] = {}
    for entry in split_z(git.run("ls-files", "-z", "--stage")):
        facts, _, path = entry.partition("\t")
        mode, sha, _ = facts.split(" ")
        if mode == GITLINK:
            found[path] = sha
    return found


def populate(git: Git, source: Path, target: Path) -> None:
    """Clone each submodule of the worktree `target` from the one in the checkout `source`, nested ones too.

    Raises:
        RalphError: the user's checkout does not have it, or not the commit that is wanted.
    """
    for path, sha in gitlinks(git).items():
        origin = _git_dir(source / path)
        if origin is None:
            raise RalphError(
                f"{source}: the submodule {path} is not populated, and Ralph fetches nothing. "
                f"Run: git submodule update --init --recursive"
            )
        _clone(origin, sha, target / path)
        nested = Git(cwd=target / path, git_dir=target / path / ".git", work_tree=target / path, filters=git.filters)
        populate(nested, source / path, target / path)


def head_of(folder: Path) -> str:
    """The detached HEAD of a populated submodule, read without running git in it; empty when it is on a branch."""
    try:
        return (folder / ".git" / "HEAD").read_text(errors="replace").strip()
    except OSError:
        return ""


def _git_dir(folder: Path) -> Path | None:
    pointer = folder / ".git"
    if pointer.is_dir():
        return pointer
    if not pointer.is_file():
        return None
    named = os.fsdecode(pointer.read_bytes()).removeprefix("gitdir:").strip()
    git_dir = (folder / named).resolve()
    return git_dir if git_dir.is_dir() else None


def _clone(origin: Path, sha: str, target: Path) -> None:
    cloning = Git(cwd=target.parent, transport=FILE_TRANSPORT)
    cloning.run("clone", "--quiet", "--no-checkout", "--template=", "--", str(origin), str(target))
    git = Git(cwd=target, git_dir=target / ".git", work_tree=target)
    code, _, stderr = git.attempt("checkout", "--quiet", "--detach", sha)
    if code:
        raise RalphError(
            f"{origin}: the submodule's commit {sha[:10]} is not there ({stderr.strip()}). "
            "Run: git submodule update --init --recursive"
        )
