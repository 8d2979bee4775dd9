"""A story's own checkout under Ralph's folder, and a second one at the same path that gets only the diff.

What git cannot do half is refused: LFS and other content filters, sparse checkouts, submodules that are not populated.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ralph.errors import BranchBusyError, RalphError
from ralph.files import copy_file, move, remove_file, write_atomically
from ralph.home import Home
from ralph.workspace.branch import slug
from ralph.workspace.folders import remove_tree
from ralph.workspace.git import Git, GitError, join_z
from ralph.workspace.lock import Held, try_hold
from ralph.workspace.repo import Repo
from ralph.workspace.submodules import populate

PREFIX = "ralph-"
INDEXES = (".index", ".index.copy", ".snapshot", ".snapshot.copy")
INDEX_LOCKS = tuple(f"{index}.lock" for index in INDEXES)  # git's own, of a command that was killed
BESIDE = (".agent", *INDEXES[1:], *INDEX_LOCKS)


@dataclass(frozen=True)
class Worktree:
    """A detached checkout that belongs to this process."""

    repo: Repo
    path: Path
    base_sha: str
    admin_dir: Path  # git's own folder for this worktree
    lock: Held

    @property
    def pristine_index(self) -> Path:
        """The index as it was after the checkout, where the agent cannot reach it."""
        return _beside(self.path, ".index")

    def git(self, index: Path) -> Git:
        """Commands on the files that do not depend on what the agent did to `.git`."""
        git = Git(cwd=self.path, git_dir=self.repo.common_dir, work_tree=self.path, index=index)
        return git.without_drivers()

    @contextmanager
    def verification(self, tree_sha: str, head: str | None = None) -> Iterator[Path]:
        """A fresh checkout of `tree_sha` at this worktree's own path, with `head` (default: the base) as its HEAD.

        The agent's files come back at the end.
        """
        aside = _beside(self.path, ".agent")
        remove_tree(aside)
        move(self.path, aside, "worktree aside")
        _point(self.admin_dir, aside)
        fresh_admin: Path | None = None
        try:
            fresh_admin = _add(self.repo, self.path, head or self.base_sha)
            _fill(self.repo, self.path, fresh_admin, tree_sha)
            yield self.path
        finally:
            remove_tree(self.path)
            with _alone(self.path):
                if fresh_admin is not None:
                    remove_tree(fresh_admin)
                move(aside, self.path, "worktree back")
                _point(self.admin_dir, self.path)

    def remove(self) -> None:
        """Remove every file of it. What is worth keeping has been committed or rescued before."""
        remove_leftovers(self.repo, self.path)
        remove_file(self.lock.path, "worktree lock")
        self.lock.release()

    def leave(self) -> None:
        """Let every file of it be: the next run keeps the work and clears up, as it does after a killed one."""
        self.lock.release()


def open_worktree(repo: Repo, home: Home, sha: str, key: str) -> Worktree:
    """A checkout of `sha` in a folder of its own; `key` (a trace id, say) names the folder.

    Raises:
        RalphError: the repository uses what Ralph does not do by halves, or git fails.
        BranchBusyError: a living process has a worktree with this key.
    """
    path = worktrees_folder(repo, home) / f"{PREFIX}{slug(key) or 'work'}"
    lock = try_hold(_beside(path, ".lock"))
    if lock is None:
        raise BranchBusyError(f"{path}: another process works in this folder. Wait for it, or stop it.")
    try:
        _refuse_sparse(repo)
        remove_leftovers(repo, path)
        admin_dir = _add(repo, path, sha)
        _refuse_filters(repo, path, admin_dir, sha)
        _fill(repo, path, admin_dir, sha)
        copy_file(admin_dir / "index", _beside(path, ".index"), "pristine index")
    except BaseException:
        remove_leftovers(repo, path)
        lock.release()
        raise
    return Worktree(repo, path, sha, admin_dir, lock)


def reopen_worktree(repo: Repo, path: Path, lock: Held) -> Worktree | None:
    """A dead run's worktree with the agent's files in place, also when it died during a verification.

    None when it was never whole: its index is written last.
    """
    for left in INDEX_LOCKS:  # nobody else's: we hold the worktree, and the indexes are ours alone
        remove_tree(_beside(path, left))
    aside = _beside(path, ".agent")
    if aside.is_dir():
        remove_tree(path)
        move(aside, path, "worktree back")
    folders = sorted(
        (repo.common_dir / "worktrees").glob(f"{path.name}*")
    )  # that of a verification has a number behind
    admin = next((one for one in folders if _belongs(one, path)), None)
    if admin is None or not path.is_dir() or not _beside(path, ".index").is_file():
        return None
    return Worktree(repo, path, (admin / "HEAD").read_text().strip(), admin, lock)


def worktrees_folder(repo: Repo, home: Home) -> Path:
    return home.folder("worktrees", repo.id[:16]).resolve()


def remove_leftovers(repo: Repo, path: Path) -> None:
    """Everything that a worktree at `path` left: its files, those beside it, and git's own folders for it.

    The index goes first: without it a worktree that was removed by half is not taken for an agent's work.
    """
    for leftover in (_beside(path, ".index"), path, *(_beside(path, ending) for ending in BESIDE)):
        remove_tree(leftover, "worktree")
    with _alone(path):
        for admin in (repo.common_dir / "worktrees").glob(f"{path.name}*"):
            if _belongs(admin, path):
                remove_tree(admin, "worktree admin")


def _belongs(admin: Path, path: Path) -> bool:
    """Whether git's folder is for our path; one without `gitdir` was left by a killed `worktree add` of this name."""
    pointer = admin / "gitdir"
    if not pointer.is_file():
        return admin.name.removeprefix(path.name).isdigit() or admin.name == path.name
    return pointer.read_text(errors="surrogateescape").strip() in {
        str(path / ".git"),
        str(_beside(path, ".agent") / ".git"),
    }


def _add(repo: Repo, path: Path, sha: str) -> Path:
    with _alone(path):
        repo.store.run("worktree", "add", "--quiet", "--detach", "--no-checkout", "--", str(path), sha)
    pointer = (path / ".git").read_text(errors="surrogateescape")
    return Path(pointer.removeprefix("gitdir:").strip())


def _fill(repo: Repo, path: Path, admin_dir: Path, treeish: str) -> None:
    git = Git(cwd=path, git_dir=admin_dir, work_tree=path).without_drivers()
    try:
        git.run("read-tree", "--reset", "-u", treeish)
    except GitError as error:
        if error.is_of_the_disk:
            raise
        raise RalphError(
            f"{repo.root}: cannot check out {treeish[:10]}: {error.stderr.strip()}. If this is a partial clone, "
            "fetch the missing objects first: git fetch --refetch --no-filter"
        ) from error
    populate(git, repo.root, path, within=repo.common_dir)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One at a time, over all threads and processes: git fails on another worktree's half-written or half-removed folder."""
    fd = os.open(path.with_name("admin.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _point(admin_dir: Path, path: Path) -> None:
    """Tell git where the worktree is now, so that `git worktree prune` by the user does not drop it."""
    if admin_dir.is_dir():
        write_atomically(admin_dir / "gitdir", os.fsencode(f"{path / '.git'}\n"), "worktree pointer")


def _refuse_sparse(repo: Repo) -> None:
    code, value, _ = repo.git.attempt("config", "--type=bool", "core.sparseCheckout")
    if code == 0 and value.strip() == b"true":
        raise RalphError(
            f"{repo.root}: a sparse checkout. Ralph works on whole trees; run `git sparse-checkout disable`, "
            "or clone the repository once more for Ralph."
        )


def _refuse_filters(repo: Repo, path: Path, admin_dir: Path, sha: str) -> None:
    git = Git(cwd=path, git_dir=admin_dir, work_tree=path).without_drivers()
    git.run("read-tree", sha)
    for file, name in filtered(git, git.names("ls-files", "-z", "--cached"), cached=True):
        raise RalphError(f"{repo.root}: {file} goes through {filter_words(name)}")


def filter_words(name: str) -> str:
    if name == "lfs":
        return "Git LFS, which Ralph does not run. Use a clone without LFS files, or `git lfs migrate export` them."
    return f"the content filter {name}, which Ralph does not run. Remove `filter={name}` from .gitattributes."


def filtered(git: Git, paths: list[str], *, cached: bool) -> list[tuple[str, str]]:
    """Those of the paths whose content a filter program would change, with the filter's name."""
    source = ["--cached"] if cached else []
    listing = git.run("check-attr", "-z", *source, "--stdin", "filter", stdin=join_z(paths)) if paths else b""
    fields = [os.fsdecode(field) for field in listing.split(b"\0")[:-1]]  # a value may be empty
    active = {"lfs", *git.filters}
    return [(path, value) for path, value in zip(fields[::3], fields[2::3], strict=True) if value in active]


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
