"""What `ralph status` and `ralph unblock` say and do: why each story is or is not next, and forgetting why one was parked."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from prd.errors import quoted
from prd.find import find_prd
from prd.pick import Verdict
from prd.read import read_prd
from prd.spelling import begun_by, same_but_for_spelling
from prd.story import Prd, Story
from ralph.board import locate_prd, read_board
from ralph.errors import ExitCode, RalphError
from ralph.history.event_log import RunFolders
from ralph.home import Home, find_home
from ralph.spending import apart
from ralph.state import Attempt, StoryStates
from ralph.steer.control import Control
from ralph.survey import Look, RunRequest, look
from ralph.workspace.repo import Repo
from tracing.budget import MICROS_PER_USD, Ledger, Spend


@dataclass(frozen=True)
class StoryStatus:
    """One story. `attempts` failed since its text was last changed, oldest first; those not counted are among them."""

    id: str
    title: str
    verdict: Verdict
    reason: str
    attempts: tuple[Attempt, ...]
    optional: bool


@dataclass(frozen=True)
class LastRun:
    """The run that is going on the branch, or else the newest one that was."""

    id: str
    pid: int
    is_going: bool
    is_paused: bool
    at_work: tuple[str, ...]  # the stories that it works on now
    ended: str  # its last line; empty while it goes on, and when it was killed
    spent_usd: float
    apart: str  # what counts against the limits beside it, in words


@dataclass(frozen=True)
class Status:
    """Every story of a PRD, in the order of the file."""

    prd: str
    branch: str
    stories: tuple[StoryStatus, ...]
    all_done: bool
    attempts_allowed: int
    last_run: LastRun | None
    unheard: int  # messages of `ralph say` that no agent has got yet
    notes: tuple[str, ...]  # which PRD was taken, and how it was read

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.ALL_DONE if self.all_done else ExitCode.STORIES_REMAIN


def read_status(repo_path: Path, prd: Path | None, home: Home | None = None) -> Status:
    """Changes nothing. `home` None: the one that the environment names.

    Raises:
        RalphError, PrdError: the repo or its PRD is not usable.
    """
    seen = look(RunRequest(repo_path, prd), home)
    last = last_run(seen)
    with closing(StoryStates.open(seen.home.ledger_db)) as states:
        board = read_board(seen.repo, seen.place, seen.plan, states)
        reasons = board.pick(busy=last.at_work if last else ()).reasons
        stories = tuple(
            StoryStatus(
                story.id,
                story.title,
                reasons[story.id].verdict,
                reasons[story.id].text,
                states.history(seen.repo.id, story),
                story.optional,
            )
            for story in board.prd.stories
        )
    allowed = seen.loaded.settings.agent.attempts
    unheard = len(Control.open(seen.home, seen.repo.id).pending())
    return Status(seen.place.name, seen.plan.name, stories, board.all_done, allowed, last, unheard, seen.notes)


def last_run(seen: Look) -> LastRun | None:
    """The run over this PRD on the branch that a run would work on now; None when there never was one."""
    control = Control.open(seen.home, seen.repo.id)
    folders, prd = RunFolders(seen.home), seen.place.name
    for info in control.running():
        folder = folders.newest(run=info.run)
        if info.branch == seen.plan.name and (folder is None or (folder.head and folder.head.prd == prd)):
            spent = spent_by(seen.home, f"run:{info.run}")
            return LastRun(
                info.run,
                info.pid,
                True,
                control.is_paused(),
                info.stories,
                "",
                spent.known_micros / MICROS_PER_USD,
                apart(spent, going=True),
            )
    folder = folders.newest(repo_id=seen.repo.id, branch=seen.plan.name, prd=prd)
    if folder is None or folder.head is None:
        return None
    head = folder.head
    spent = spent_by(seen.home, f"run:{head.run}")
    known_usd, reserved = spent.known_micros / MICROS_PER_USD, apart(spent, going=False)
    return LastRun(head.run, head.pid, False, False, (), folder.last_words(), known_usd, reserved)


def spent_by(home: Home, scope: str) -> Spend:
    """What the ledger has under `scope`: a run's or a trace's."""
    with closing(Ledger.open(home.ledger_db)) as ledger:
        return ledger.spent(scope)


def unblock(repo_path: Path, story_id: str | None, prd: Path | None) -> list[str]:
    """Forget the story's parking, attempts and learnings, or every story's; returns what was done, for a person.

    Raises:
        RalphError, PrdError: the PRD has no such story, or the repo or its PRD is not usable.
    """
    home, repo = find_home(), Repo.open(repo_path)
    place = locate_prd(repo, find_prd(repo.root, prd))
    content, _ = read_prd(place.path, place.name)
    chosen = content.stories if story_id is None else (named_story(content, story_id, place.name),)
    with closing(StoryStates.open(home.ledger_db)) as states:
        parked = states.parked(repo.id, content.stories)
        told = [_forgotten(story, story.id in parked) for story in chosen if states.unblock(repo.id, story.id)]
    whose = "no story is parked or has" if story_id is None else f"{chosen[0].id} is not parked and has no"
    return told or [f"{whose} failed attempts: nothing to forget"]


def named_story(content: Prd, wanted: str, prd_name: str) -> Story:
    """The story with this id, or the one whose id begins so.

    Raises:
        RalphError: none or several; the message has those there are.
    """
    ids = [story.id for story in content.stories]
    found = begun_by(wanted, ids)
    if len(found) > 1:
        raise RalphError(
            f"{quoted(wanted)} fits several stories of {prd_name}: {', '.join(found)}. Type more of the id."
        )
    if not found:
        meant = same_but_for_spelling(wanted, ids)
        remedy = f"Did you mean {quoted(meant)}?" if meant else f"Its stories are {', '.join(ids)}."
        raise RalphError(f"{prd_name} has no story {quoted(wanted)}. {remedy}")
    return content.story(found[0])


def _forgotten(story: Story, was_parked: bool) -> str:
    what = (
        "is not parked any more, and its failed attempts are"
        if was_parked
        else "was not parked; its failed attempts are"
    )
    return f"{story.id} {what} forgotten: the next run may take it up"
