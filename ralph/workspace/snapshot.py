"""What an agent changed in its worktree, as a git tree: what git ignores, what is not its to change and what must not
be committed stays out. The agent's own index and `.git` are not asked.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from ralph.files import copy_file, remove_file
from ralph.workspace.git import Git, GitError, join_z
from ralph.workspace.secrets import secret_by_content, secret_by_name
from ralph.workspace.submodules import gitlinks, head_of
from ralph.workspace.worktree import Worktree, filter_words, filtered

MAX_FILE_BYTES = 5 * 1024 * 1024


@dataclass(frozen=True)
class Refusal:
    """A file that the agent changed and Ralph does not commit."""

    path: str
    reason: str


@dataclass(frozen=True)
class Snapshot:
    """The base commit's tree with the agent's changes."""

    base_sha: str
    base_tree: str
    tree_sha: str
    changed: tuple[str, ...] = ()  # paths that differ from the base, sorted
    discarded: tuple[str, ...] = ()  # changed by the agent, not its to change
    refused: tuple[Refusal, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.changed


def collect(worktree: Worktree, *, discard: Sequence[str] = (), redact: Callable[[str], str] | None = None) -> Snapshot:
    """The worktree's files as a tree in the repository's object store; no ref, index or file of the user changes.

    `discard` names files, folders or globs (relative, forward slashes) whose changes are left out. `redact` knows
    secrets of this run, which must not be in a commit either. Pipes that the agent left are removed: git would wait for them.
    """
    _remove_what_git_waits_for(worktree.path)
    index = worktree.path.with_name(worktree.path.name + ".snapshot")
    copy_file(worktree.pristine_index, index, "snapshot index")
    git = worktree.git(index)
    base_tree = git.text("rev-parse", "--verify", f"{worktree.base_sha}^{{tree}}")
    touched = _touched(git)
    discarded = [path for path in touched if _matches(path, discard)]
    refused = _refuse_submodules(git, worktree.path)
    taken = _sift(git, worktree, [path for path in touched if path not in set(discarded)], refused, redact)
    _stage(git, taken, refused)
    tree = git.text("write-tree")
    changed = git.names("diff-tree", "-r", "-z", "--name-only", "--no-renames", base_tree, tree)
    remove_file(index, "snapshot index")
    return Snapshot(
        worktree.base_sha, base_tree, tree, tuple(sorted(changed)), tuple(sorted(set(discarded))), tuple(refused)
    )


def _remove_what_git_waits_for(root: Path) -> None:
    """Pipes: git reads `.gitignore`, `.gitattributes` and a nested repository's `HEAD`, whatever they are. And nested `.git`
    links, which may lead to a pipe elsewhere. None of these could be committed.
    """
    for entry in list(_odd_entries(root)):
        if not entry.is_symlink() or (entry.name.lower() == ".git" and Path(entry.path).parent != root):
            remove_file(Path(entry.path), "odd file")


def _odd_entries(root: Path) -> Iterator["os.DirEntry[str]"]:
    """Everything below the folder that is neither folder nor regular file."""
    folders = [str(root)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif not entry.is_file(follow_symlinks=False):
                        yield entry
        except OSError:  # unreadable or too deep, which it is for git too
            continue


def _touched(git: Git) -> list[str]:
    """Paths whose file differs from the index or is new; a nested repository comes with a slash at its end."""
    known = git.names("diff-files", "-z", "--name-only", "--ignore-submodules=all")
    new = git.names("ls-files", "-z", "--others", "--exclude-standard")
    return sorted({*known, *new})


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(
        path == pattern or path.startswith(pattern.rstrip("/") + "/") or fnmatchcase(path, pattern)
        for pattern in patterns
    )


def _sift(
    git: Git,
    worktree: Worktree,
    touched: Sequence[str],
    refused: list[Refusal],
    redact: Callable[[str], str] | None,
) -> list[str]:
    taken = []
    for path in touched:
        reason = _why_refused(git, worktree, path, redact)
        if reason is None:
            taken.append(path)
        else:
            refused.append(Refusal(path.rstrip("/"), reason))
    for path, name in filtered(git, taken, cached=False):
        refused.append(Refusal(path, f"goes through {filter_words(name)}"))
        taken.remove(path)
    return [path for path in taken if not _sets_filters(git, taken, path, refused)]


def _sets_filters(git: Git, taken: Sequence[str], path: str, refused: list[Refusal]) -> bool:
    """Whether the path is a `.gitattributes` while some file goes through a filter; none did on the base."""
    if PurePosixPath(path).name != ".gitattributes":
        return False
    affected = filtered(git, sorted({*git.names("ls-files", "-z"), *taken}), cached=False)
    if affected:
        refused.append(Refusal(path, f"{affected[0][0]} would go through {filter_words(affected[0][1])}"))
    return bool(affected)


def _why_refused(git: Git, worktree: Worktree, path: str, redact: Callable[[str], str] | None) -> str | None:
    if path.endswith("/"):
        return "a git repository inside of the worktree; remove its .git folder, or add it as a submodule yourself"
    file = worktree.path / path
    if file.is_symlink() or not file.is_file() or _is_behind_a_link(file, worktree.path):
        return None
    size_bytes = file.stat().st_size
    if size_bytes > MAX_FILE_BYTES:
        return f"{size_bytes / 1024 / 1024:.1f} MB, and files over 5 MB are not committed; add it to .gitignore"
    old = _base_content(git, worktree.base_sha, path)
    if old is None and (reason := secret_by_name(path)):
        return reason
    return secret_by_content(_read(file), old or b"", redact)


def _is_behind_a_link(file: Path, root: Path) -> bool:
    """Whether a folder on the way has become a link; for git the file is gone then, and what is there is not the agent's."""
    return file.parent.resolve() != root.resolve() / file.parent.relative_to(root)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except PermissionError:
        file.chmod(0o600 | (file.stat().st_mode & 0o111))
        return file.read_bytes()


def _base_content(git: Git, base_sha: str, path: str) -> bytes | None:
    code, content, _ = git.attempt("cat-file", "blob", f"{base_sha}:{path}")
    return content if code == 0 else None


def _refuse_submodules(git: Git, root: Path) -> list[Refusal]:
    return [
        Refusal(path, "a submodule moved to another commit; commit in the submodule's own repository")
        for path, sha in gitlinks(git).items()
        if (root / path).exists() and head_of(root / path) != sha
    ]


def _stage(git: Git, paths: list[str], refused: list[Refusal]) -> None:
    """All paths at once; when git fails on one, one by one. A name that it skips (like `git~1`) is refused."""
    update = ("update-index", "-z", "--add", "--remove", "--replace", "--stdin")
    try:
        git.run(*update, stdin=join_z(paths))
    except GitError:
        for path in paths:
            git.attempt(*update, stdin=join_z([path]))
    left = set(_touched(git))
    refused += [Refusal(path, "git does not take a file of this name or kind") for path in paths if path in left]
