"""Submodules, populated offline from the user's own checkout, or refused."""

import os
import stat
from pathlib import Path

from ralph.errors import RalphError
from ralph.workspace.git import FILE_TRANSPORT, Git, split_z

GITLINK = "160000"
LONGEST_HEAD_BYTES = 1_000


def gitlinks(git: Git) -> dict[str, str]:
    """Path and commit of every submodule in the index."""
    found: dict[str, str] = {}
    for entry in split_z(git.run("ls-files", "-z", "--stage")):
        facts, _, path = entry.partition("\t")
        mode, sha, _ = facts.split(" ")
        if mode == GITLINK:
            found[path] = sha
    return found


def populate(git: Git, source: Path, target: Path, *, within: Path) -> None:
    """Clone each submodule of the worktree `target` from the one in the checkout `source`, nested ones too.

    `within` is the repository's own git folder: a submodule keeps its own there, or in its checkout.

    Raises:
        RalphError: the user's checkout does not have it, or not the commit that is wanted; or its `.git` leads elsewhere.
    """
    for path, sha in gitlinks(git).items():
        origin = _git_dir(source / path)
        if origin is None:
            raise RalphError(
                f"{source}: the submodule {path} is not populated, and Ralph fetches nothing. "
                f"Run: git submodule update --init --recursive"
            )
        if not any(origin.is_relative_to(place.resolve()) for place in (within, source / path)):
            raise RalphError(
                f"{source / path}/.git leads to {origin}, which is another repository, and an agent is not shown that. "
                "Run: git submodule absorbgitdirs"
            )
        _clone(origin, sha, target / path)
        nested = Git(cwd=target / path, git_dir=target / path / ".git", work_tree=target / path)
        populate(nested.without_drivers(), source / path, target / path, within=within)


def head_of(folder: Path) -> str:
    """The detached HEAD of a populated submodule, read without running git in it; empty when it is on a branch.

    An agent may have put anything in its place: a link is not followed, a pipe not waited for.
    """
    try:
        number = os.open(folder / ".git" / "HEAD", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(number, "rb") as file:
        is_file = stat.S_ISREG(os.fstat(number).st_mode)
        return file.read(LONGEST_HEAD_BYTES).decode(errors="replace").strip() if is_file else ""


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
    git = Git(cwd=target, git_dir=target / ".git", work_tree=target).without_drivers()
    code, _, stderr = git.attempt("checkout", "--quiet", "--detach", sha)
    if code:
        raise RalphError(
            f"{origin}: the submodule's commit {sha[:10]} is not there ({stderr.strip()}). "
            "Run: git submodule update --init --recursive"
        )
