"""The story of a trace as the PRD has it, and what the agent says of each of its criteria.

The PRD is read as it is now; where the agent worked on other words, that is said.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from prd.errors import PrdError
from prd.find import find_prd
from prd.read import read_prd
from prd.story import Story
from ralph.errors import RalphError
from ralph.history.event_log import RunFolders
from ralph.history.objects import is_there
from ralph.history.trace_reading import FINISH, blocked_reason, finish_call
from ralph.home import Home
from ralph.state import Attempt, StoryStates
from ralph.workspace.repo import Repo
from tracing.span import JsonValue, SpanKind
from tracing.sqlite import StateError
from tracing.store import SpanRow, TraceDetail

OTHER_WORDS = 0.4  # below it, a criterion in the agent's words is shown beside the PRD's
ALIKE = 0.8  # how much of a criterion the agent must have repeated for its evidence to count for it
MOST_COMPARED = 400  # pairs of criteria; of more, only those in the same words are matched
COMPARED_CHARS = 120
EDITED = "The PRD was edited since: the agent worked on other words."


@dataclass(frozen=True)
class Criterion:
    """An acceptance criterion with what the agent says shows it; "" where it says nothing."""

    text: str
    evidence: str
    as_said: str = ""  # the criterion in the agent's words, where they are others


@dataclass(frozen=True)
class Said:
    """The agent's last `finish`."""

    span_id: str
    status: str  # "done", "blocked"
    summary: str
    blocked_reason: str
    criteria: tuple[Criterion, ...]
    learnings: tuple[str, ...]


@dataclass(frozen=True)
class StoryTold:
    """`criteria` are the PRD's; `others` is evidence for what is none of them."""

    id: str
    title: str
    description: str
    criteria: tuple[Criterion, ...]
    others: tuple[Criterion, ...]
    place: str  # the PRD's name; "" where it could not be read
    note: str  # why the PRD's words are missing, or are not those that the agent had
    parked: str  # why it is parked now; "" where it is not
    attempt: int  # which of the story's attempts this trace used up; 0: none
    attempts: int  # how many are used up in all

    @property
    def unanswered(self) -> int:
        return sum(not one.evidence for one in self.criteria)


def said_of(detail: TraceDetail) -> Said | None:
    """None: the agent never called `finish`."""
    calls = (span for span in reversed(detail.spans) if span.kind is SpanKind.LLM and _may_finish(span))
    return next((_said(span, given) for span in calls if (given := finish_call(span))), None)


def _may_finish(span: SpanRow) -> bool:
    """As far as its gist tells, which names the tools that are called: no payload is read for the other turns."""
    return not span.gist or FINISH in span.gist or span.gist.endswith("…")


def _said(span: SpanRow, given: Mapping[str, JsonValue]) -> Said:
    criteria, learnings = given.get("criteria"), given.get("learnings")
    entries = [one for one in criteria if isinstance(one, Mapping)] if isinstance(criteria, list) else []
    return Said(
        span_id=span.span_id,
        status=str(given.get("status") or ""),
        summary=str(given.get("summary") or ""),
        blocked_reason=blocked_reason(given),
        criteria=tuple(Criterion(str(one.get("criterion") or ""), str(one.get("evidence") or "")) for one in entries),
        learnings=tuple(map(str, learnings)) if isinstance(learnings, list) else (),
    )


def story_of(home: Home, detail: TraceDetail, said: Said | None) -> StoryTold | None:
    """None: the trace is about no story."""
    trace = detail.trace
    if not trace.story or trace.story == "-":
        return None
    title, given = str(trace.metadata.get("ralph.story.title") or ""), said.criteria if said else ()
    found, why = _in_prd(home, detail)
    if found is None:
        return StoryTold(trace.story, title, "", (), given, "", why, "", 0, 0)
    name, story, repo_id = found
    criteria, others = matched(story.acceptance_criteria, given)
    parked, history = _remembered(home, repo_id, story)
    counted = [attempt.trace_id for attempt in history if attempt.counted]
    return StoryTold(
        id=story.id,
        title=story.title,
        description=story.description,
        criteria=criteria,
        others=others,
        place=name,
        note="" if _was_told(detail, story) else EDITED,
        parked=parked,
        attempt=counted.index(trace.trace_id) + 1 if trace.trace_id in counted else 0,
        attempts=len(counted),
    )


def matched(wanted: Sequence[str], given: Sequence[Criterion]) -> tuple[tuple[Criterion, ...], tuple[Criterion, ...]]:
    """The wanted criteria with their evidence, and the evidence that is for none of them.

    Equal words first, then like ones; where there is one entry for each, the rest goes by the order.
    """
    same = {_plain(one.text): one for one in reversed(given)}
    found = {number: one for number, text in enumerate(wanted) if (one := same.pop(_plain(text), None))}
    left = [one for one in given if not any(one is other for other in found.values())]
    missing = [number for number in range(len(wanted)) if number not in found]
    for number in missing if len(missing) * len(left) <= MOST_COMPARED else ():
        if best := _most_like(wanted[number], left):
            found[number] = best
            left.remove(best)
    if len(given) == len(wanted):
        missing = [number for number in range(len(wanted)) if number not in found]
        found |= dict(zip(missing, left, strict=True))
        left = []
    return tuple(_answered(text, found.get(number)) for number, text in enumerate(wanted)), tuple(left)


def _answered(text: str, said: Criterion | None) -> Criterion:
    if said is None:
        return Criterion(text, "")
    return Criterion(text, said.evidence, said.text if _likeness(said.text, text) < OTHER_WORDS else "")


def _most_like(text: str, given: Sequence[Criterion]) -> Criterion | None:
    """None where even that one is about something else."""
    best = max(given, key=lambda one: _likeness(one.text, text), default=None)
    return best if best and _likeness(best.text, text) >= ALIKE else None


def _likeness(one: str, other: str) -> float:
    """By their beginnings: comparing takes longer than the square of what is compared, and an agent may write at length."""
    matcher = SequenceMatcher(None, _plain(one)[:COMPARED_CHARS], _plain(other)[:COMPARED_CHARS], autojunk=False)
    return matcher.ratio()


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")


def _in_prd(home: Home, detail: TraceDetail) -> tuple[tuple[str, Story, str] | None, str]:
    """The PRD's name, the story in it and the repo's id; else why not."""
    trace = detail.trace
    if not is_there(trace.repo):
        return None, f"{trace.repo} is not there any more, so the story's own words are not known."
    try:
        repo = Repo.open(Path(trace.repo))
        path = find_prd(repo.root, _prd_of_run(home, repo, trace.session_id))
        story = read_prd(path, path.name)[0].story(trace.story)
    except (RalphError, PrdError) as error:
        return None, f"The PRD cannot be read: {error}"
    except KeyError:
        return None, f"The PRD has no story {trace.story} any more."
    title = trace.metadata.get("ralph.story.title")
    if title and title != story.title:
        return None, f"{path.name} has another story as {trace.story} now: {story.title}"
    return (path.name, story, repo.id), ""


def _prd_of_run(home: Home, repo: Repo, session_id: str | None) -> Path | None:
    """The PRD that the run worked on, as its log says; None: whichever the repo has."""
    folder = RunFolders(home).newest(run=session_id) if session_id else None
    path = repo.root / folder.head.prd if folder and folder.head else None
    return path if path and path.is_file() else None


def _was_told(detail: TraceDetail, story: Story) -> bool:
    """Whether the agent's first message has the story's criteria as they are now; True where there was no message."""
    first = next((span for span in detail.spans if span.kind is SpanKind.LLM), None)
    words = " ".join(_texts(first.messages()[:1])) if first else ""
    plain = " ".join(words.split())
    return not plain or all(" ".join(one.split()) in plain for one in story.acceptance_criteria)


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(value.get("content") or value.get("text"))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _remembered(home: Home, repo_id: str, story: Story) -> tuple[str, tuple[Attempt, ...]]:
    """Why the story is parked, and its attempts; nothing where Ralph has no ledger yet, or none that can be read."""
    if not home.ledger_db.is_file():
        return "", ()
    try:
        with closing(StoryStates.open(home.ledger_db)) as states:
            return states.parked(repo_id, [story]).get(story.id, ""), states.history(repo_id, story)
    except (StateError, sqlite3.Error):  # the overview says so
        return "", ()
