"""Ids, titles, branch names, paths and summaries of anybody's making: none becomes an option, a shell's word or a trailer.

A few hundred of each kind in `make test`, 10,000 under `make soak` (RALPH_SOAK=1).
"""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

pytest.importorskip("hypothesis", reason="hypothesis makes the names")

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prd.errors import PrdError
from prd.read import parse_prd
from prd.story import Story
from ralph.errors import RalphError
from ralph.home import Home
from ralph.notes.commit_text import CommitFacts, commit_message
from ralph.tools.places import Places
from ralph.tools.result import ToolRefusedError
from ralph.workspace.branch import default_branch_name, plan_branch
from ralph.workspace.commit import commit_tree, story_commits, tree_with
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import open_worktree, worktrees_folder

IS_SOAK = os.environ.get("RALPH_SOAK") == "1"
EVIL = (
    *("-", "--", "-rf", "--upload-pack=touch pwned", "--exec=touch pwned", "-c", "--output=pwned", "--git-dir=/", "@{-1}"),
    *("$(touch pwned)", "`touch pwned`", "; touch pwned", "| touch pwned", "&& touch pwned", "\n", "\r", "\0", "\t"),
    *("..", "../..", "/", "/etc/passwd", "~", "~root", ".git", ".GIT", ".git/config", ".lock", "HEAD", "refs/heads/main"),
    *("\u202e", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1b]0;pwned\x07", "\x1b[2J", "\u200b", "\ufeff"),
    *("\nRalph-Story: US-999", "Ralph-Story: US-999", "\r\nRalph-Checks: passed", "\u2028Ralph-Story: US-999", "^", ":", "*", "?"),
    *("main", "US-001", "a", " ", "ü", "\N{SNOWMAN}", "%s", "%(trailers)", "{0}", "\\", "'", '"', "#", "---", "--- x"),
)  # fmt: skip
hostile = st.lists(st.one_of(st.sampled_from(EVIL), st.text(max_size=6)), min_size=1, max_size=4).map("".join)


def tries(few: int, many: int = 10_000) -> settings:
    health = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(max_examples=many if IS_SOAK else few, deadline=None, suppress_health_check=health, database=None)


pytestmark = pytest.mark.timeout(36_000 if IS_SOAK else 120)


@cache
def _folder() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="hostile-names-")


@cache
def _root() -> Path:
    root = Path(_folder().name) / "repo"
    root.mkdir()
    _git(root, "init", "-q", "-b", "main")
    (root / "a.txt").write_text("a\n")
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-m", "start")
    return root


def _git(root: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


@cache
def _repo() -> Repo:
    return Repo.open(_root())


def _around() -> Sequence[str]:
    """What stands in the repository's folder, in git's and beside them: nothing new may appear."""
    places = (_root(), _root() / ".git", _root().parent)
    return sorted(str(path) for place in places for path in place.iterdir())


def _one_branch_more(before: str) -> str:
    return "\n".join(set(_refs().split("\n")) - set(before.split("\n")))


def _refs() -> str:
    return _git(_root(), "for-each-ref", "--format=%(refname) %(objectname)")


@pytest.mark.slow
@tries(150)
@example("--upload-pack=touch pwned")
@example("-d")
@example("main\n")
@example("a\0b")
@given(name=hostile)
def test_a_branch_name_is_one_for_git_or_refused(name: str) -> None:
    before, files = _refs(), _around()
    try:
        plan = plan_branch(_repo(), name)
    except RalphError:  # which says what to do
        plan = None
    if plan is not None:
        assert not plan.name.startswith("-")
        assert subprocess.run(["git", "check-ref-format", plan.ref], check=False).returncode == 0
        assert plan.merge_command is None or shlex.split(plan.merge_command) == ["git", "merge", plan.name]
    assert (_refs(), _around()) == (before, files)


@tries(300)
@given(project=hostile, fallback=hostile)
def test_a_branch_that_is_named_after_the_project_is_always_one_for_git(project: str, fallback: str) -> None:
    assert re.fullmatch(r"ralph/[a-z0-9]+(-[a-z0-9]+)*", default_branch_name(project, fallback))


@pytest.mark.slow
@tries(150)
@example("--output=pwned")
@example("HEAD --")
@example("a\0b")
@given(name=hostile)
def test_a_revision_is_never_an_option(name: str) -> None:
    files = _around()
    repo = _repo()
    for ask in (repo.resolve, repo.branch_tip, repo.show, lambda text: repo.merge_base("HEAD", text)):
        answer = ask(name)
        assert answer is None or answer
    with suppress(RalphError):  # outside of the repository
        repo.tracked(name)
    repo.ignored(name), repo.mentions("HEAD", name)
    assert _around() == files


@cache
def _settled() -> tuple[str, str]:
    repo = _repo()
    return repo.head, _git(_root(), "rev-parse", "HEAD^{tree}")


def _read(story_id: str, title: str) -> Story | None:
    """The story as the PRD's reader lets it through; None: it does not."""
    story = {"id": story_id, "title": title, "acceptanceCriteria": ["a"], "priority": 1, "passes": False}
    try:
        data = json.dumps({"project": "p", "branchName": "ralph/x", "userStories": [story]}).encode()
        return parse_prd(data, "prd.json").stories[0]
    except PrdError:
        return None


@tries(60)
@example("US-001", "Title\nRalph-Story: US-999", "x")
@example("US-001", "Title", "All done.\n\nRalph-Story: US-999")
@example("US-001", "Title\n\nRalph-Story: US-999\n", "---\nRalph-Story: US-999")
@example("US-001\nRalph-Story: US-999", "Title", "x")
@example("US-001", "Title", "This reverts commit {head}.\nthis  Reverts commit x")
@example("US-001", "Title", "x\u2028Ralph-Story: US-999\x0bRalph-Story: US-999\rRalph-Story: US-999")
@example("US-001", "Title", "Ralph-Story : US-999\nralph-story: US-999\n Ralph-Story: US-999\n\tRalph-Story: US-999")
@given(story_id=hostile, title=hostile, summary=hostile)
def test_nothing_that_is_said_forges_a_trailer(story_id: str, title: str, summary: str) -> None:
    story = _read(story_id, title)
    if story is None:
        return
    head, tree = _settled()
    before = commit_tree(_repo(), tree, [head], "feat: [US-0] - Before\n\nRalph-Story: US-0\n")
    message = commit_message(CommitFacts(story, "t1", 5, None), summary.replace("{head}", before))
    sha = commit_tree(_repo(), tree, [before], message)
    told = _git(_root(), "log", "-1", "--format=%(trailers:key=Ralph-Story,valueonly,separator=%x1f)", sha)
    assert len(told.split("\x1f")) == 1
    assert set(story_commits(_repo(), sha)) == {"US-0", story.id.strip()}


@pytest.mark.slow
@tries(100)
@example("../../outside")
@example("-rf")
@example("a\0b")
@given(path=hostile)
def test_a_file_of_ralphs_own_commit_lands_in_the_tree_under_its_name_or_not_at_all(path: str) -> None:
    files = _around()
    _, tree = _settled()
    try:
        made = tree_with(_repo(), tree, {path: b"x"})
        listing = subprocess.run(
            ["git", "ls-tree", "-rz", "--name-only", made], cwd=_root(), check=True, capture_output=True
        )
        assert set(listing.stdout.split(b"\0")) - {b"a.txt", b""} <= {path.encode()}
    except (RalphError, ValueError, UnicodeEncodeError, UnicodeDecodeError):
        pass
    assert _around() == files


@tries(300)
@example("/etc/passwd")
@example("a\0b")
@given(path=hostile)
def test_a_path_of_the_models_is_inside_or_refused(path: str) -> None:
    root = _root().resolve()
    try:
        place = Places(root, root / "scratch").find(path)
    except (ToolRefusedError, ValueError):
        return
    assert place.path.resolve().is_relative_to(root)


@tries(10, 300)
@example("../../../outside")
@example("-b pwned")
@given(key=hostile)
def test_a_worktree_is_made_in_ralphs_folder_whatever_its_key(key: str) -> None:
    home = Home(Path(_folder().name) / "home")
    home.root.mkdir(exist_ok=True)
    files = _around()
    worktree = open_worktree(_repo(), home, _repo().head, key)
    assert worktree.path.parent == worktrees_folder(_repo(), home)
    worktree.remove()
    assert sorted({*_around(), str(_root() / ".git/worktrees")}) == sorted({*files, str(_root() / ".git/worktrees")})
