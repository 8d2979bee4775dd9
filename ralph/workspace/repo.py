"""The user's repository: what Ralph reads of it. Never writes to the checkout, the index or the stash."""

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ralph.errors import RalphError
from ralph.workspace.git import Git, GitError

UNDER_WAY = {
    "MERGE_HEAD": ("merge", "git merge --continue", "git merge --abort"),
    "rebase-merge": ("rebase", "git rebase --continue", "git rebase --abort"),
    "rebase-apply": ("rebase or am", "git rebase --continue", "git rebase --abort"),
    "CHERRY_PICK_HEAD": ("cherry-pick", "git cherry-pick --continue", "git cherry-pick --abort"),
    "REVERT_HEAD": ("revert", "git revert --continue", "git revert --abort"),
}
MOST_REFUSALS = 20
BETWEEN_S = 0.05
NO_IDENTITY = (
    "git does not know who you are, and Ralph commits in your name. Run\n"
    '  git config --global user.name "Your Name"\n'
    "  git config --global user.email you@example.com"
)


@dataclass(frozen=True)
class Repo:
    """A repository with a checkout and at least one commit."""

    root: Path  # of the user's checkout
    git_dir: Path  # of this checkout
    common_dir: Path  # shared by all worktrees

    @classmethod
    def open(cls, path: Path) -> "Repo":
        """The repository that `path` is in.

        Raises:
            RalphError: none, bare, without a commit, or in the middle of a merge or rebase.
        """
        repo = _discover(path)
        if repo.resolve("HEAD") is None:
            raise RalphError(
                f'{repo.root}: has no commit yet. Make a first one: git add -A && git commit -m "Start", then run again.'
            )
        for marker, (what, go_on, stop) in UNDER_WAY.items():
            if (repo.git_dir / marker).exists():
                raise RalphError(f"{repo.root}: a {what} is under way. Finish it (`{go_on}`) or drop it (`{stop}`).")
        return repo

    @property
    def id(self) -> str:
        """The same for all worktrees of a repository, and stable as long as it is not moved."""
        return hashlib.sha256(os.fsencode(self.common_dir.resolve())).hexdigest()

    @property
    def git(self) -> Git:
        """Commands on the user's checkout; only for reading, except by `--in-place`."""
        return self._plain.without_drivers()

    @property
    def store(self) -> Git:
        """Commands on objects and refs that need no checkout."""
        return Git(cwd=self.common_dir, git_dir=self.common_dir).without_drivers()

    @property
    def in_place_journal(self) -> Path:
        """There while an in-place commit changes the checkout, so that a run that dies then can be finished."""
        return self.git_dir / "ralph-in-place"

    @property
    def head(self) -> str:
        """The commit that the user's checkout is at."""
        sha = self.resolve("HEAD")
        if sha is None:
            raise RalphError(f"{self.root}: HEAD points to no commit. Run `git status` there and repair it.")
        return sha

    @property
    def current_branch(self) -> str | None:
        """Without `refs/heads/`; None when HEAD is detached."""
        code, name, _ = self._plain.attempt("symbolic-ref", "--quiet", "HEAD")
        return os.fsdecode(name).strip().removeprefix("refs/heads/") if code == 0 else None

    def resolve(self, revision: str) -> str | None:
        """The commit's SHA, or None when there is no such commit."""
        code, sha, _ = self._plain.attempt(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
        return sha.decode().strip() if code == 0 else None

    def branch_tip(self, branch: str) -> str | None:
        return self.resolve(f"refs/heads/{branch}")

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`; False when either does not exist."""
        shas = self.resolve(older), self.resolve(newer)
        if shas[0] is None or shas[1] is None:
            return False
        return self._plain.attempt("merge-base", "--is-ancestor", shas[0], shas[1])[0] == 0

    def has_branch_with(self, sha: str) -> bool:
        """Whether a branch, of here or of a remote, reaches the commit; False when it is gone."""
        refs = ("refs/heads", "refs/remotes")
        code, names, _ = self._plain.attempt("for-each-ref", "--count=1", f"--contains={sha}", *refs)
        return code == 0 and bool(names)

    def mentions(self, revision: str, text: str) -> bool:
        """Whether the message of a commit that `revision` reaches has this text."""
        options = ("--max-count=1", "--fixed-strings", f"--grep={text}", "--format=%H")
        code, found, _ = self._plain.attempt("log", *options, "--end-of-options", revision, "--")
        return code == 0 and bool(found)

    def merge_base(self, one: str, other: str) -> str | None:
        code, sha, _ = self._plain.attempt("merge-base", "--end-of-options", one, other)
        return sha.decode().strip() if code == 0 else None

    def show(self, revision_and_path: str) -> bytes | None:
        """A file's bytes at a revision, as `HEAD:prd.json`; None when it is not there."""
        code, data, _ = self._plain.attempt("cat-file", "blob", revision_and_path)
        return data if code == 0 else None

    def tracked(self, path: str) -> bool:
        """Whether the user's index has the file (relative to the root)."""
        return bool(self._plain.run("ls-files", "-z", "--", path))

    def ignored(self, path: str) -> bool:
        """Whether the repository's ignore rules hide the path."""
        return self._plain.attempt("check-ignore", "--quiet", "--", f"./{path}")[0] == 0

    def dirty_files(self) -> list[str]:
        """Tracked files that differ from HEAD, staged or not."""
        git = self.git
        changed = git.names("diff-index", "-z", "--name-only", "--ignore-submodules=dirty", "HEAD", "--")
        return [path for path in changed if _really_differs(git, path)]

    def uncommitted_files(self) -> list[str]:
        """Dirty files, and those that git neither tracks nor ignores."""
        return [*self.dirty_files(), *self.git.names("ls-files", "-z", "--others", "--exclude-standard")]

    def is_dirty(self) -> bool:
        return bool(self.dirty_files())

    def checked_out(self) -> dict[str, Path]:
        """Branches that a worktree has checked out, or is rebasing, with the worktree's path."""
        found: dict[str, Path] = {}
        path = self.root
        for line in self._worktrees():
            word, _, rest = line.partition(" ")
            if word == "worktree":
                path = Path(rest)
            elif word == "branch":
                found[rest.removeprefix("refs/heads/")] = path
        return found | self._rebasing()

    def identity(self) -> str:
        """`Name <email>` of the user.

        Raises:
            RalphError: user.name or user.email is not set.
        """
        try:
            line = self._plain.text("var", "GIT_AUTHOR_IDENT")
            self._plain.text("var", "GIT_COMMITTER_IDENT")
        except GitError as error:
            raise RalphError(NO_IDENTITY) from error
        return line.rpartition(">")[0] + ">"

    @property
    def _plain(self) -> Git:
        """For commands that read no file of the checkout, so that filters do not matter."""
        return Git(cwd=self.root, git_dir=self.git_dir, work_tree=self.root)

    def _worktrees(self) -> list[str]:
        """Git's listing. It refuses while anybody's worktree is half made or half removed, which lasts a moment."""
        for _ in range(MOST_REFUSALS):
            code, listing, _words = self._plain.attempt("worktree", "list", "--porcelain")
            if code == 0:
                return os.fsdecode(listing).splitlines()
            time.sleep(BETWEEN_S)
        return list(self._worktrees_by_hand())

    def _worktrees_by_hand(self) -> Iterator[str]:
        """The same from git's files, once a kill left one half made: recovery, which removes it, comes later."""
        for admin in (self.common_dir, *(self.common_dir / "worktrees").glob("*")):
            pointer, head = admin / "gitdir", admin / "HEAD"
            place = Path(pointer.read_text(errors="surrogateescape").strip()) if pointer.is_file() else admin
            yield f"worktree {place.parent}"
            if head.is_file():
                yield f"branch {head.read_text(errors='surrogateescape').removeprefix('ref:').strip()}"

    def _rebasing(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in [self.common_dir, *self.common_dir.glob("worktrees/*")]:
            for name in ("rebase-merge/head-name", "rebase-apply/head-name"):
                head_name = folder / name
                if head_name.is_file():
                    found[head_name.read_text().strip().removeprefix("refs/heads/")] = folder
        return found


def _really_differs(git: Git, path: str) -> bool:
    """A file that was only touched has other times in the index, and the same content."""
    return bool(git.attempt("diff", "--quiet", "--no-ext-diff", "--no-textconv", "HEAD", "--", path)[0])


def _discover(path: Path) -> Repo:
    if not path.is_dir():
        raise RalphError(f"{path.absolute()}: no such folder. Name a folder inside of a git repository.")
    git = Git(cwd=path)
    code, listing, stderr = git.attempt(
        "rev-parse", "--path-format=absolute", "--show-toplevel", "--absolute-git-dir", "--git-common-dir"
    )
    if code:
        raise RalphError(_why_not(path.resolve(), stderr))
    root, git_dir, common_dir = os.fsdecode(listing).rstrip("\n").split("\n")
    if not path.resolve().is_relative_to(Path(root).resolve()):
        raise RalphError(
            f"{path.resolve()}: this repository's config says that its checkout is {root} (core.worktree), which is not here. "
            "If you want to work there, run there; else: git config --unset core.worktree"
        )
    return Repo(Path(root), Path(git_dir), Path(common_dir))


def _why_not(path: Path, stderr: str) -> str:
    inside = next((folder for folder in (path, *path.parents) if folder.name == ".git"), None)
    if inside:
        return f"{path}: git's own folder, not the checkout. Go there: cd {inside.parent}"
    if "not a git repository" in stderr:
        return f"{path}: not in a git repository. cd into your project, or make it one: git init"
    if "bare" in stderr or "must be run in a work tree" in stderr:
        return f"{path}: a bare repository. Ralph needs a checkout: git clone {path} somewhere, and run there."
    if "dubious ownership" in stderr:
        return f"{path}: belongs to another user. If you trust it: git config --global --add safe.directory {path}"
    return f"{path}: git cannot read this repository: {stderr.strip()}"
