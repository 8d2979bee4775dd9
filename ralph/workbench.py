"""What the iterations of one run share: the repo, the branch, the ledger, the checks, and who is told."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from prd.errors import PrdError
from prd.read import parse_prd
from prd.story import Story
from prd.writeback import mark
from ralph.agents.base import Session
from ralph.agents.task import Task
from ralph.board import Board, PrdPlace, read_board
from ralph.deadline import Deadline
from ralph.events import Event, EventKind, Reporter
from ralph.files import write_atomically
from ralph.home import Home
from ralph.notes.notebook import Notebook
from ralph.prepare.preparation import Prepared
from ralph.settings.schema import Settings
from ralph.state import StoryStates
from ralph.steer.control import Attendance
from ralph.territory import Territory
from ralph.verify import Verifier
from ralph.workspace.branch import BranchPlan
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import Worktree
from tracing.budget import LedgerLike, Limit
from tracing.tracer import Trace, Tracer


class Agent(Protocol):
    """Opens a session about one story in one folder."""

    def open(self, task: Task, trace: Trace, worktree: Worktree, prepared: Prepared) -> Session: ...


@dataclass
class Workbench:
    """Everything that the iterations of one run share; with `--jobs` from several threads at once."""

    home: Home
    repo: Repo
    place: PrdPlace
    plan: BranchPlan
    settings: Settings
    tracer: Tracer
    ledger: LedgerLike
    states: StoryStates
    verifier: Verifier
    agent: Agent
    notebook: Notebook
    attendance: Attendance  # what the user says to this run while it goes on
    report: Reporter
    run_id: str
    limits: Callable[[], Sequence[Limit]]  # of the call, the run and the day as it is now; story and trace are added
    deadline: Deadline
    stop: threading.Event
    model_label: str | None  # "by-hand" or "recording"
    now: Callable[[], datetime] = datetime.now
    landing: threading.Lock = field(default_factory=threading.Lock)  # one story at a time moves the branch
    files: threading.Lock = field(default_factory=threading.Lock)  # the PRD and the checkout: changed whole, then read
    territory: Territory = field(default_factory=Territory)

    def tell(self, kind: EventKind, text: str, **fields: str | float | bool | None) -> None:
        self.report(Event(kind, text, fields))

    def read_board(self) -> Board:
        """The board as it is now; a flag that a dead run committed and did not write yet is written first."""
        with self.files:
            board = read_board(self.repo, self.place, self.plan, self.states)
        for story_id, sha in board.unwritten.items():
            self.write_flag(board.prd.story(story_id), sha)
        return board

    def write_flag(self, story: Story, sha: str) -> None:
        """Set the story's flag in an untracked PRD, in place: its bytes are read now, so edits made meanwhile stay."""
        path, name = self.place.path, self.place.name
        try:
            with self.files:
                write_atomically(path, _flagged(path.read_bytes(), story, name), "PRD")
        except (PrdError, OSError) as error:
            self.tell(EventKind.WARNING, f"{name}: the flag of {story.id} was not written: {error}")
            return
        self.states.note_flag_written(self.repo.id, story, sha)


def _flagged(data: bytes, story: Story, name: str) -> bytes:
    flagged = mark(data, story.id, passes=True, name=name)
    if parse_prd(data, name).story(story.id).title != story.title:
        raise PrdError("it has another title now, so it is another story")
    return flagged
