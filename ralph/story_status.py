"""What `ralph status` and `ralph unblock` say and do: why each story is or is not next, and forgetting why one was parked."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from prd.find import find_prd
from prd.pick import Verdict
from prd.read import read_prd
from ralph.board import locate_prd, read_board
from ralph.errors import ExitCode, RalphError
from ralph.home import find_home
from ralph.state import Attempt, StoryStates
from ralph.workspace.branch import default_branch_name, plan_branch
from ralph.workspace.repo import Repo


@dataclass(frozen=True)
class StoryStatus:
    """One story. `attempts` failed since its text was last changed, oldest first."""

    id: str
    title: str
    verdict: Verdict
    reason: str
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class Status:
    """Every story of a PRD, in the order of the file."""

    prd: str
    branch: str
    stories: tuple[StoryStatus, ...]
    all_done: bool

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.ALL_DONE if self.all_done else ExitCode.STORIES_REMAIN


def read_status(repo_path: Path, prd: Path | None) -> Status:
    """Changes nothing.

    Raises:
        RalphError, PrdError: the repo or its PRD is not usable.
    """
    home, repo = find_home(), Repo.open(repo_path)
    place = locate_prd(repo, find_prd(repo.root, prd))
    content, _ = read_prd(place.path, place.name)
    plan = plan_branch(repo, content.branch_name or default_branch_name(content.project, repo.root.name))
    with closing(StoryStates.open(home.ledger_db)) as states:
        board = read_board(repo, place, plan, states)
        reasons = board.pick().reasons
        stories = tuple(
            StoryStatus(
                story.id, story.title, reasons[story.id].verdict, reasons[story.id].text, states.history(repo.id, story)
            )
            for story in board.prd.stories
        )
    return Status(place.name, plan.name, stories, board.all_done)


def unblock(repo_path: Path, story_id: str, prd: Path | None) -> str:
    """Forget the story's parking, attempts and learnings; returns what was done, for a person.

    Raises:
        RalphError, PrdError: the PRD has no such story, or the repo or its PRD is not usable.
    """
    home, repo = find_home(), Repo.open(repo_path)
    place = locate_prd(repo, find_prd(repo.root, prd))
    content, _ = read_prd(place.path, place.name)
    ids = [story.id for story in content.stories]
    if story_id not in ids:
        raise RalphError(f'{place.name} has no story "{story_id}". Its stories are {", ".join(ids)}.')
    with closing(StoryStates.open(home.ledger_db)) as states:
        was_parked = story_id in states.parked(repo.id, content.stories)
        forgotten = states.unblock(repo.id, story_id)
    if not forgotten:
        return f"{story_id} is not parked and has no failed attempts: nothing to forget"
    what = (
        "is not parked any more, and its failed attempts are"
        if was_parked
        else "was not parked; its failed attempts are"
    )
    return f"{story_id} {what} forgotten: the next run may take it up"
