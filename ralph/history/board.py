"""The stories of a repo as a board: what is next, failing, waiting, parked or done, and for each in words why.

What `ralph status` says, with a link to every try and what it cost.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from prd.errors import PrdError
from prd.pick import Verdict
from ralph.errors import RalphError
from ralph.history.event_log import RunFolders
from ralph.history.explain import VERIFIED
from ralph.history.objects import is_there
from ralph.history.story_status import LastRun, Status, StoryStatus, read_status
from ralph.home import Home
from tracing.span import TraceStatus
from tracing.sqlite import StateError
from tracing.store import TraceFilter, TraceRow, TraceStore

MOST_TRACES = 2_000
MOST_REPOS = 40
TRIES_SHOWN = 8


class Lane(StrEnum):
    """A column of the board, in the order in which a person wants to see them."""

    WORKING = "at work"
    NEXT = "next"
    FAILING = "failing"
    PARKED = "parked"
    WAITING = "waiting"
    LEFT_OUT = "left out"
    DONE = "done"


LANES: Mapping[Verdict, Lane] = {
    Verdict.RUNNING: Lane.WORKING,
    Verdict.NEXT: Lane.NEXT,
    Verdict.LATER: Lane.NEXT,
    Verdict.PARKED: Lane.PARKED,
    Verdict.WAITS_FOR: Lane.WAITING,
    Verdict.HELD: Lane.LEFT_OUT,
    Verdict.OPTIONAL: Lane.LEFT_OUT,
    Verdict.NOT_CHOSEN: Lane.LEFT_OUT,
    Verdict.DONE: Lane.DONE,
}


@dataclass(frozen=True)
class TryLine:
    """One go at the story: a trace."""

    trace_id: str
    status: TraceStatus
    was_stopped: bool
    at_ns: int
    cost_micros: int
    findings: int
    worst: int
    reason: str  # why it did not end in a commit; ""
    counts: bool  # whether it used one of the story's attempts up


@dataclass(frozen=True)
class Card:
    id: str
    title: str
    lane: Lane
    why: str  # why it is next, or is not
    optional: bool
    attempts: int  # used up
    attempts_allowed: int
    cost_micros: int  # known
    unseen_micros: int  # reserved by calls whose end was never seen
    simulated: bool  # all of its cost is
    tries: tuple[TryLine, ...]  # the newest first
    more_tries: int

    @property
    def words(self) -> str:
        """Why, without the verdict where the lane says it already."""
        said, colon, words = self.why.partition(": ")
        return words if colon and said == self.lane else self.why


@dataclass(frozen=True)
class Column:
    lane: Lane
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Board:
    """One PRD. `problem` says why there is none to show."""

    repo: str
    prd: str
    branch: str
    all_done: bool
    columns: tuple[Column, ...]
    last_run: LastRun | None
    notes: tuple[str, ...]
    problem: str = ""

    def count(self, *lanes: Lane) -> int:
        return sum(len(column.cards) for column in self.columns if column.lane in lanes)


@dataclass(frozen=True)
class RepoChoice:
    path: str
    name: str
    is_gone: bool


def repos_of(store: TraceStore, *, since_ns: int | None = None) -> Iterator[RepoChoice]:
    """Repos that have traces, the one with the newest first."""
    rows = store.traces(TraceFilter(since_ns=since_ns, limit=MOST_TRACES))
    for path in list(dict.fromkeys(row.repo for row in rows if row.repo))[:MOST_REPOS]:
        yield RepoChoice(path, Path(path).name, not is_there(path))


def prds_of(home: Home, repo: str) -> tuple[str, ...]:
    """The PRDs that runs in this repo worked on, the newest first."""
    heads = (folder.head for folder in RunFolders(home).all())
    return tuple(dict.fromkeys(head.prd for head in heads if head and head.repo == repo))


def read_board(store: TraceStore, home: Home, repo: str, prd: str = "") -> Board:
    """The board of the PRD that was asked for, else of the one that the newest run worked on."""
    known = prds_of(home, repo)
    wanted = next((Path(repo, name) for name in (prd, *known[:1]) if name and Path(repo, name).is_file()), None)
    if not is_there(repo):
        return no_board(repo, f"{repo} is not there any more. Its traces are: what ran stays readable.")
    if prd and prd not in known:
        return no_board(repo, f"No run in {repo} worked on {prd}. Choose one of its PRDs above.")
    try:
        status = read_status(Path(repo), wanted, home)
    except (RalphError, PrdError, StateError, sqlite3.DatabaseError) as error:
        return no_board(repo, str(error))
    rows = store.traces(TraceFilter(repo=repo, limit=MOST_TRACES, own=True))
    return Board(
        repo, status.prd, status.branch, status.all_done, tuple(_columns(status, rows)), status.last_run, status.notes
    )


def no_board(repo: str, problem: str) -> Board:
    return Board(repo, "", "", all_done=False, columns=(), last_run=None, notes=(), problem=problem)


def _columns(status: Status, rows: list[TraceRow]) -> Iterator[Column]:
    cards = [_card(story, status.attempts_allowed, _tries_at(story, rows)) for story in status.stories]
    for lane in Lane:
        if found := tuple(card for card in cards if card.lane is lane):
            yield Column(lane, found)


def _tries_at(story: StoryStatus, rows: list[TraceRow]) -> list[TraceRow]:
    """PRDs number their stories alike: the title tells this story from another one."""
    known = {attempt.trace_id for attempt in story.attempts}
    return [
        row
        for row in rows
        if row.story == story.id
        and VERIFIED not in row.metadata
        and (row.trace_id in known or row.metadata.get("ralph.story.title") in {story.title, None})
    ]


def _card(story: StoryStatus, allowed: int, rows: list[TraceRow]) -> Card:
    reasons = {attempt.trace_id: attempt for attempt in story.attempts}
    used = sum(attempt.counted for attempt in story.attempts)
    lane = LANES[story.verdict]
    cost_micros = sum(row.known_micros for row in rows)
    tries = tuple(
        TryLine(
            row.trace_id,
            row.status,
            row.was_stopped,
            row.started_at_ns,
            row.known_micros,
            row.findings,
            row.worst,
            reasons[row.trace_id].reason if row.trace_id in reasons else row.error or "",
            row.trace_id in reasons and reasons[row.trace_id].counted,
        )
        for row in rows[:TRIES_SHOWN]
    )
    return Card(
        id=story.id,
        title=story.title,
        lane=Lane.FAILING if lane is Lane.NEXT and used else lane,
        why=story.reason,
        optional=story.optional,
        attempts=used,
        attempts_allowed=allowed,
        cost_micros=cost_micros,
        unseen_micros=sum(row.unseen_micros for row in rows),
        simulated=bool(cost_micros) and cost_micros == sum(row.simulated_micros for row in rows),
        tries=tries,
        more_tries=max(len(rows) - TRIES_SHOWN, 0),
    )
