"""The work of failed attempts, `refs/ralph/attempts/*` in each repository that Ralph ran in: which of it nobody needs any more.

It may go when it is old and its story is done or gone from the PRD. Where that cannot be read, it stays. The objects behind
a ref are git's own: `git gc` takes them in its time.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prd.errors import PrdError
from ralph.board import locate_prd, read_board
from ralph.durations import duration_text
from ralph.errors import RalphError
from ralph.history.event_log import RunFolders, RunHead
from ralph.home import Home
from ralph.housekeeping.pile import Pile, Stop, each
from ralph.state import StoryStates
from ralph.workspace.branch import plan_branch
from ralph.workspace.commit import ATTEMPTS
from ralph.workspace.repo import Repo

FORM = "--format=%(refname)%00%(objectname)%00%(committerdate:unix)"


@dataclass(frozen=True)
class Attempt:
    """A ref and what it points to: one that was moved meanwhile is another attempt's."""

    repo: Repo
    ref: str
    sha: str
    at_ns: int

    @property
    def key(self) -> str:
        """The trace's id, or the beginning of it."""
        return self.ref.removeprefix(ATTEMPTS)

    def remove(self) -> bool:
        code, _, _ = self.repo.store.attempt("update-ref", "-d", self.ref, self.sha)
        return code == 0


@dataclass(frozen=True)
class Attempts:
    """`kept` is the work that stays, whatever its age."""

    old: tuple[Attempt, ...]
    kept: tuple[Attempt, ...]
    notes: tuple[str, ...]

    def pile(self, age_s: int) -> Pile:
        ages = sorted(attempt.at_ns for attempt in self.old)
        why = f"older than {duration_text(age_s)}, their stories done or gone ([retention] failed_work)"
        return Pile("kept work of failed attempts", why, len(self.old), 0, ages[0], ages[-1], self.clear)

    def clear(self, stop: Stop) -> int:
        return each([attempt.remove for attempt in self.old], stop)


def find_attempts(home: Home, age_s: int | None, now_ns: int) -> Attempts:
    """Of every repository that a run in this state folder has worked in, and that is still there."""
    old: list[Attempt] = []
    kept: list[Attempt] = []
    notes: list[str] = []
    for repo, heads in known_repos(home):
        found = _attempts(repo)
        aged = [one for one in found if age_s is not None and one.at_ns < now_ns - age_s * 10**9]
        kept += [one for one in found if one not in aged]
        try:
            needs = _needed(home, repo, heads) if aged else (lambda _: True)
        except (RalphError, PrdError, OSError) as error:
            notes.append(f"{repo.root}: {len(aged)} kept attempts stay, since its stories cannot be read: {error}")
            needs = _all
        kept += [one for one in aged if needs(one.key)]
        old += [one for one in aged if not needs(one.key)]
    return Attempts(tuple(old), tuple(kept), tuple(notes))


def known_repos(home: Home) -> Iterator[tuple[Repo, list[RunHead]]]:
    """Repositories with a run in the event logs, each with one head for each of its PRDs and branches."""
    by_repo: dict[str, dict[tuple[str, str], RunHead]] = {}
    for folder in RunFolders(home).all():
        if folder.head is not None:
            by_repo.setdefault(folder.head.repo, {}).setdefault((folder.head.prd, folder.head.branch), folder.head)
    for root, heads in by_repo.items():
        try:
            yield Repo.open(Path(root)), list(heads.values())
        except (RalphError, OSError):
            continue


def _all(_key: str) -> bool:
    return True


def _attempts(repo: Repo) -> list[Attempt]:
    listing = repo.store.run("for-each-ref", FORM, ATTEMPTS).decode(errors="surrogateescape")
    lines = (line.split("\0") for line in listing.splitlines())
    return [Attempt(repo, ref, sha, int(at_s or 0) * 10**9) for ref, sha, at_s in lines]


def _needed(home: Home, repo: Repo, heads: list[RunHead]) -> Callable[[str], bool]:
    """Whether an attempt is at a story that is open in one of the PRDs, or nobody knows at which."""
    with closing(StoryStates.open(home.ledger_db)) as states:
        open_stories = {story for head in heads for story in _open_stories(repo, head, states)}
        return partial(_is_needed, stories_of_attempts(states, repo.id), open_stories)


def _is_needed(stories: dict[str, str], open_stories: set[str], key: str) -> bool:
    of_key = {story for trace_id, story in stories.items() if trace_id.startswith(key)}
    return bool(open_stories) if not of_key else bool(of_key & open_stories)


def stories_of_attempts(states: StoryStates, repo_id: str) -> dict[str, str]:
    """Trace id -> story id, of all attempts that failed."""
    query = "SELECT trace_id, story_id FROM story_attempts WHERE repo_id = ?"
    return {row["trace_id"]: row["story_id"] for row in states.connection.execute(query, (repo_id,))}


def _open_stories(repo: Repo, head: RunHead, states: StoryStates) -> set[str]:
    path = repo.root / head.prd
    if not path.exists() and not repo.show(f"{head.branch}:{head.prd}"):
        return set()  # the PRD is gone, and its stories with it
    board = read_board(repo, locate_prd(repo, path), plan_branch(repo, head.branch), states)
    return {story.id for story in board.prd.stories} - set(board.done)
