"""The one commit of a story, the refs that keep failed work, and which stories the commits say are done."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ralph.errors import RalphError
from ralph.files import remove_file, write_atomically
from ralph.workspace.branch import BranchPlan
from ralph.workspace.git import Git, GitError
from ralph.workspace.repo import NO_IDENTITY, Repo
from ralph.workspace.snapshot import Snapshot

ATTEMPTS = "refs/ralph/attempts/"
NO_COMMIT = "0" * 40
REVERTS = "This reverts commit "
RALPH = {
    "GIT_AUTHOR_NAME": "Ralph",
    "GIT_AUTHOR_EMAIL": "ralph@localhost",
    "GIT_COMMITTER_NAME": "Ralph",
    "GIT_COMMITTER_EMAIL": "ralph@localhost",
}


class BranchMovedError(RalphError):
    """Somebody else moved or checked out the branch while the agent worked."""


@dataclass(frozen=True)
class StoryCommit:
    """The commit that finished a story."""

    sha: str
    story_id: str
    title: str  # as the story's was at that time
    unchecked: bool = False  # no check vouches for it, so it does not make the story done


def commit_story(
    repo: Repo,
    plan: BranchPlan,
    snapshot: Snapshot,
    *,
    message: str,
    extra_files: Mapping[str, bytes] | None = None,
) -> str:
    """Put the snapshot and `extra_files` (path -> bytes, as they are) on the branch as one commit of the user's.

    Raises:
        BranchMovedError: the branch is no longer where the work started; `rescue` keeps the work.
        RalphError: no identity, or (in place) the user's changes are in the way.
    """
    old = _expected(repo, plan, snapshot.base_sha)
    tree = tree_with(repo, snapshot.tree_sha, extra_files or {})
    sha = commit_tree(repo, tree, [snapshot.base_sha], message)
    if plan.in_place:
        _move_in_place(repo, plan, snapshot.base_sha, sha)
    else:
        _move_ref(repo, plan, old, sha)
    return sha


def rescue(repo: Repo, snapshot: Snapshot, trace_id: str, *, message: str = "") -> str:
    """Keep the work of a failed attempt under `refs/ralph/attempts/<trace>`; returns the ref."""
    ref = ATTEMPTS + "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in trace_id)
    sha = commit_tree(repo, snapshot.tree_sha, [snapshot.base_sha], message or f"ralph: attempt {trace_id}\n", RALPH)
    repo.store.run("update-ref", "-m", "ralph: attempt", ref, sha)
    return ref


def tree_with(repo: Repo, tree_sha: str, files: Mapping[str, bytes]) -> str:
    """The tree with these files' bytes in it; a file that is there keeps its mode."""
    if not files:
        return tree_sha
    with tempfile.TemporaryDirectory(prefix="ralph-index-") as folder:
        git = repo.store.with_index(Path(folder) / "index")
        git.run("read-tree", tree_sha)
        for path, content in files.items():
            blob = git.text("hash-object", "-w", "--stdin", stdin=content)
            entry = f"{_mode(git, tree_sha, path)} {blob}\t{path}"
            git.run("update-index", "-z", "--index-info", stdin=os.fsencode(entry) + b"\0")
        return git.text("write-tree")


def story_commits(repo: Repo, revision: str, *, since: str | None = None) -> dict[str, StoryCommit]:
    """The newest commit of each story that `revision` reaches (and `since` does not) and no later one reverts."""
    form = "--format=%H%x1f%(trailers:key=Ralph-Story,valueonly,separator=%x2c)%x1f%(trailers:key=Ralph-Checks,valueonly,separator=%x2c)%x1f%s%x1f%b%x1e"
    out = ["--not", "--end-of-options", since] if since else []
    greps = ["--extended-regexp", "--grep=^Ralph-Story: ", f"--grep=^{REVERTS}"]
    listing = repo.store.run("log", *greps, form, *_revisions(revision, out), "--")
    found: dict[str, StoryCommit] = {}
    reverted: set[str] = set()
    for record in listing.decode(errors="replace").split("\x1e"):
        sha, *facts = record.strip().split("\x1f", 4)
        if len(facts) != 4 or sha in reverted:
            continue
        story_id, checks, subject, body = facts
        reverted |= _reverted_by(body)
        if story_id.strip():
            title = subject.removeprefix(f"feat: [{story_id.strip()}] - ")
            commit = StoryCommit(sha, story_id.strip(), title, checks.strip() == "unchecked")
            found.setdefault(commit.story_id, commit)
    return found


def finish_in_place(repo: Repo) -> str | None:
    """Finish an in-place commit that a dead run had begun; what was done, or None."""
    journal = repo.in_place_journal
    if not journal.is_file():
        return None
    ref, old, new, *_ = [*journal.read_text().split(), "", "", ""]
    are_commits = all(sha and repo.resolve(sha) == sha for sha in (old, new))  # whoever wrote it: no option of git's
    moved = are_commits and repo.resolve(ref) == new
    if moved:
        _read_tree(repo, old, new)
    remove_file(journal, "in-place journal")
    return f"finished the checkout of {new[:10]}, which a killed run had begun" if moved else None


def _revisions(revision: str, out: list[str]) -> list[str]:
    return [*out, "--end-of-options", revision] if not out else ["--end-of-options", revision, f"^{out[-1]}"]


def _reverted_by(body: str) -> set[str]:
    return {part[:40] for part in body.split(REVERTS)[1:]}


def _expected(repo: Repo, plan: BranchPlan, base_sha: str) -> str | None:
    """What the branch points to now, if that is where the work started or what the plan saw."""
    now = repo.branch_tip(plan.name)
    if now not in {plan.old, base_sha}:
        raise _moved(plan, now)
    if not plan.in_place and (place := repo.checked_out().get(plan.name)):
        raise BranchMovedError(
            f"the branch {plan.name} was checked out in {place} while the agent worked, and Ralph moves no branch that "
            "is. Switch to another branch there, and run again."
        )
    return now


def _moved(plan: BranchPlan, now: str | None) -> BranchMovedError:
    where = f"is now at {now[:10]}" if now else "was deleted"
    return BranchMovedError(
        f"the branch {plan.name} {where}; it was at {(plan.old or plan.tip)[:10]} when the work began. "
        "Nothing was committed; run again, and the story starts from where the branch is now."
    )


def _move_ref(repo: Repo, plan: BranchPlan, old: str | None, sha: str) -> None:
    code, _, _ = repo.store.attempt(
        "update-ref", "--create-reflog", "-m", "ralph: commit", plan.ref, sha, old or NO_COMMIT
    )
    if code:
        raise _moved(plan, repo.branch_tip(plan.name))


def _move_in_place(repo: Repo, plan: BranchPlan, old: str, new: str) -> None:
    """A journal in `.git` says what is under way, so that a run that dies in between can be finished."""
    repo.git.attempt("update-index", "-q", "--refresh")
    _read_tree(repo, old, new, "--dry-run")
    journal = repo.in_place_journal
    write_atomically(journal, f"{plan.ref} {old} {new}\n".encode(), "in-place journal")
    _move_ref(repo, plan, old, new)
    _read_tree(repo, old, new)
    remove_file(journal, "in-place journal")


def _read_tree(repo: Repo, old: str, new: str, *options: str) -> None:
    try:
        repo.git.run("read-tree", "-m", "-u", *options, old, new)
    except GitError as error:
        raise RalphError(
            f"{repo.root}: your checkout has changes in files that the commit {new[:10]} changes too: "
            f"{error.stderr.strip()}. Commit or stash them (git stash), and run again."
        ) from error


def commit_tree(
    repo: Repo, tree: str, parents: Iterable[str], message: str, identity: Mapping[str, str] | None = None
) -> str:
    words = [word for parent in parents for word in ("-p", parent)]
    code, sha, stderr = repo.store.attempt(
        "commit-tree", "--no-gpg-sign", *words, "-F", "-", tree, stdin=message.encode(), env=identity
    )
    if code and ("tell me who you are" in stderr.lower() or "identity" in stderr.lower() or "ident" in stderr):
        raise RalphError(NO_IDENTITY)
    if code:
        raise GitError("commit-tree", code, stderr)
    return sha.decode().strip()


def _mode(git: Git, tree_sha: str, path: str) -> str:
    entry = git.text("ls-tree", "-z", tree_sha, "--", path)
    return entry.split(" ", 1)[0] if entry.startswith(("100", "120")) else "100644"
