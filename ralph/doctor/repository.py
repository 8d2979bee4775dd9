"""Probes of the repository: can Ralph make worktrees of it and commit to it, and what would the agent not see."""

from collections.abc import Iterator

from ralph.doctor.finding import Finding, Patient, Status
from ralph.history.event_log import is_locked
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import PREFIX, filter_words, filtered


def repository(patient: Patient) -> Iterator[Finding]:
    """Raises: RalphError when it is none that Ralph can use; the message says what to do."""
    repo = Repo.open(patient.path)
    where = repo.current_branch or f"{repo.head[:10]} (detached)"
    yield Finding("repo", Status.OK, f"{repo.root}, on {where}")


def identity(patient: Patient) -> Iterator[Finding]:
    """Raises: RalphError when there is none."""
    if patient.repo:
        yield Finding("identity", Status.OK, f"commits are made as {patient.repo.identity()}")


def whole_tree(patient: Patient) -> Iterator[Finding]:
    """What git would only do half in a worktree."""
    repo = patient.repo
    if repo is None:
        return
    code, value, _ = repo.git.attempt("config", "--type=bool", "core.sparseCheckout")
    if code == 0 and value.strip() == b"true":
        remedy = "git sparse-checkout disable, or clone the repository once more for Ralph"
        yield Finding("tree", Status.FAIL, "a sparse checkout; Ralph works on whole trees", remedy)
    foreign = filtered(repo.git, repo.git.names("ls-files", "-z", "--cached"), cached=True)
    if foreign:
        file, name = foreign[0]
        what, _, remedy = filter_words(name).partition(". ")
        more = f" (and {len(foreign) - 1} more)" if len(foreign) > 1 else ""
        yield Finding("tree", Status.FAIL, f"{file}{more} goes through {what}", remedy)


def uncommitted(patient: Patient) -> Iterator[Finding]:
    dirty = patient.repo.dirty_files() if patient.repo else []
    if dirty:
        files = f"{len(dirty)} changed file{'s are' if len(dirty) > 1 else ' is'} not committed"
        yield Finding("changes", Status.OK, f"{files}: the agent starts from the last commit and does not see them")


def leftovers(patient: Patient) -> Iterator[Finding]:
    """Worktrees whose run is dead."""
    if patient.repo is None:
        return
    folder = patient.home.root / "worktrees" / patient.repo.id[:16]
    entries = folder.iterdir() if folder.is_dir() else ()
    names = {entry.name.split(".")[0] for entry in entries if entry.name.startswith(PREFIX)}
    dead = sorted(name for name in names if not is_locked(folder / f"{name}.lock"))
    if dead:
        what = f"a killed run left {len(dead)} worktree{'s' * (len(dead) > 1)} in {folder}"
        yield Finding("leftovers", Status.WARN, what, "nothing: the next `ralph run` keeps its work and clears it away")
