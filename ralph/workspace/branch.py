"""Which branch the work goes to. A branch that is checked out somewhere is never moved, except by `--in-place`."""

import re
import shlex
from dataclasses import dataclass, replace

from ralph.errors import RalphError
from ralph.workspace.repo import Repo

LISTED_FILES = 20


@dataclass(frozen=True)
class BranchPlan:
    """Where the commits go, and from where."""

    name: str
    tip: str  # the commit that work starts on
    base_sha: str  # where the branch leaves what the user has checked out
    old: str | None  # what the branch points to now; None: it is to be created
    in_place: bool = False
    merge_command: str | None = None  # brings the work into the branch that is checked out
    notes: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        return self.old is not None

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.name}"

    def moved_to(self, sha: str) -> "BranchPlan":
        """The plan after a commit."""
        return replace(self, tip=sha, old=sha, notes=())


def default_branch_name(project: str, fallback: str) -> str:
    """`ralph/<slug>` of the PRD's project, or of `fallback` (the repo folder's name)."""
    return f"ralph/{slug(project) or slug(fallback) or 'work'}"


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")


def plan_branch(repo: Repo, wanted: str, *, base: str | None = None, in_place: bool = False) -> BranchPlan:
    """Where the commits of a run go. Changes nothing, so it can be asked again after each commit.

    Raises:
        RalphError: a name that git refuses, no such base, a dirty tree or a detached HEAD with `in_place`.
    """
    if in_place:
        return _in_place(repo, wanted)
    _check_name(repo, wanted)
    checked_out = repo.checked_out()
    if wanted not in checked_out:
        return _free(repo, wanted, base)
    beside = f"{wanted}-ralph"
    if beside in checked_out:
        raise RalphError(
            f"{wanted} and {beside} are both checked out ({checked_out[beside]}), and Ralph moves no branch that is. "
            "Switch one of them to another branch: git switch --detach"
        )
    _check_name(repo, beside)
    return _beside(repo, wanted, beside)


def _in_place(repo: Repo, wanted: str) -> BranchPlan:
    current = repo.current_branch
    if current is None:
        raise RalphError(
            f"{repo.root}: --in-place needs a branch, and HEAD is detached. Run `git switch -c NAME`, or leave it out."
        )
    dirty = [] if repo.in_place_journal.is_file() else repo.dirty_files()  # else a dead run's, which is finished first
    if dirty:
        more = [f"  ... and {len(dirty) - LISTED_FILES} more"] if len(dirty) > LISTED_FILES else []
        listed = "\n".join([*(f"  {path}" for path in dirty[:LISTED_FILES]), *more])
        raise RalphError(
            f"{repo.root}: --in-place refuses a checkout with uncommitted changes:\n{listed}\n"
            "Commit or stash them, or run without --in-place."
        )
    note = f"--in-place: commits go to {current}, which is checked out; the PRD names {wanted}"
    return BranchPlan(current, repo.head, repo.head, repo.head, True, None, (note,) if wanted != current else ())


def _free(repo: Repo, name: str, base: str | None) -> BranchPlan:
    tip = repo.branch_tip(name)
    start = repo.resolve(base or "HEAD")
    if start is None:
        raise RalphError(
            f'no commit "{base}" to start {name} at. Set `base` to a branch, tag or commit of {repo.root}.'
        )
    if tip is not None:
        return _existing(repo, name, tip, start, base or "HEAD")
    return BranchPlan(name, start, start, None, merge_command=_merge(name), notes=_remote_note(repo, name))


def _existing(repo: Repo, name: str, tip: str, start: str, base: str) -> BranchPlan:
    """The work goes on from the branch; one whose commits `start` has already is brought up to it with the next commit."""
    merge = _merge(name)
    if repo.is_ancestor(tip, start):
        note = () if tip == start else (f"{base} has all of {name} and more, so the work starts at {base}",)
        return BranchPlan(name, start, start, tip, merge_command=merge, notes=note)
    moved_on = f"{base} has moved on since {name} left it; the work goes on from {name} without those commits"
    notes = () if repo.is_ancestor(start, tip) else (moved_on,)
    return BranchPlan(name, tip, repo.merge_base(start, tip) or tip, tip, merge_command=merge, notes=notes)


def _beside(repo: Repo, wanted: str, beside: str) -> BranchPlan:
    base, tip = repo.branch_tip(wanted), repo.branch_tip(beside)
    if base is None:
        raise RalphError(f"{wanted} is checked out and has no commit yet. Make a first one, then run again.")
    notes = [f"{wanted} is checked out, so the work goes to {beside}; bring it over with: {_merge(beside)}"]
    start = base
    if tip is not None and not repo.is_ancestor(tip, base):
        start = tip
        if not repo.is_ancestor(base, tip):
            notes.append(
                f"{wanted} has moved on since {beside} left it; the work goes on from {beside} without those commits"
            )
    return BranchPlan(
        beside, start, repo.merge_base(base, start) or base, tip, merge_command=_merge(beside), notes=tuple(notes)
    )


def _merge(name: str) -> str:
    return f"git merge {shlex.quote(name)}"  # git allows `;` and `$` in a name, and this is pasted into a shell


def _check_name(repo: Repo, name: str) -> None:
    if name.startswith("-") or repo.store.attempt("check-ref-format", f"refs/heads/{name}")[0]:
        raise RalphError(f'"{name}" is no branch name that git accepts. Set branchName to, for example, "ralph/login".')
    for taken in _in_the_way(repo, name):
        raise RalphError(
            f"the branch {name} cannot be made while the branch {taken} exists (git keeps them as file and folder). "
            f"Rename one, for example: git branch -m {taken} {taken}-old"
        )


def _in_the_way(repo: Repo, name: str) -> list[str]:
    parts = name.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts))]
    below = repo.store.text("for-each-ref", "--count=1", "--format=%(refname)", f"refs/heads/{name}/").splitlines()
    return [branch for branch in above if repo.branch_tip(branch)] + [ref.removeprefix("refs/heads/") for ref in below]


def _remote_note(repo: Repo, name: str) -> tuple[str, ...]:
    listing = repo.store.text("for-each-ref", "--format=%(refname)", "refs/remotes/").splitlines()
    remote = [ref.removeprefix("refs/remotes/") for ref in listing if ref.split("/", 3)[3:] == [name]]
    return tuple(f"{ref} exists too; Ralph starts {name} at your own commit and fetches nothing" for ref in remote)
