"""What happened to one story over all tries, from the PRD, the commits, Ralph's own state and the traces. Changes nothing.

Traces outlast `ralph unblock` and edits of the story, so that tries from before are told too.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from prd.pick import Verdict
from prd.read import read_bytes, read_document
from prd.story import Story
from ralph.board import read_board
from ralph.checks.reports.printed.failing import tally
from ralph.excerpts import clean_text
from ralph.finish import Ending
from ralph.history.next_steps import Step, next_steps
from ralph.history.story_status import last_run, named_story, spent_by
from ralph.history.trace_reading import blocked_reason, failing_lines, finish_call, verdict_of
from ralph.state import Attempt, StoryStates
from ralph.survey import Look, RunRequest, look
from ralph.workspace.branch import BranchPlan
from ralph.workspace.commit import ATTEMPTS, story_commits
from ralph.workspace.repo import Repo
from tracing.span import JsonValue, SpanKind, SpanStatus, TraceStatus
from tracing.store import TraceDetail, TraceFilter, TraceRow, TraceStore

MOST_TRIES = 200
FAILING_LINES = 8
VERIFIED = "ralph.verified.commit"  # of the traces of `ralph verify`, which tries nothing
ENDED = {
    TraceStatus.RUNNING: "still at work",
    TraceStatus.SUCCESS: "every check passed",
    TraceStatus.ERROR: "not committed",
    TraceStatus.TIMEOUT: "the run's time was over",
    TraceStatus.BLOCKED: "the agent said that it cannot be done",
    TraceStatus.OVER_BUDGET: "a money limit was reached",
    TraceStatus.INTERRUPTED: "cut short, nothing was committed",
}

NEVER_COUNTED = {TraceStatus.SUCCESS, TraceStatus.RUNNING, TraceStatus.INTERRUPTED}


@dataclass(frozen=True)
class FailedCheck:
    """A check that the try did not pass, and what it printed first about it."""

    name: str
    command: str
    failing: tuple[str, ...]  # names of tests, where the output has them
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Try:
    """One go at the story: a trace."""

    trace_id: str
    run: str | None
    began_at_ns: int
    duration_ns: int
    turns: int
    cost_micros: int  # known to be spent
    unseen_micros: int  # reserved by calls whose end was never seen
    under_way_micros: int  # reserved by a call that goes on
    played_by: str  # "" for a real model; else its cost is simulated
    status: TraceStatus
    attempt: int | None  # which of the story's attempts it used up, as the story is worded now; None: none of them
    known: bool  # False: from before the story was edited or unblocked
    title: str  # of the story at that time
    ended: str
    repairs: int
    checks: tuple[FailedCheck, ...]
    said: str  # the agent's own last words
    kept: str | None  # the ref that keeps its work
    commit: str | None


@dataclass(frozen=True)
class Landed:
    """The commit that did the story. `where` is as in "in your checkout"."""

    sha: str
    when: str
    subject: str
    where: str
    merge_command: str | None


@dataclass(frozen=True)
class Explanation:
    """`tries` oldest first; `elsewhere` counts those of another story with this id, in another PRD."""

    story: str
    title: str
    place: str  # file:line:column
    branch: str
    verdict: Verdict
    reason: str
    attempts_allowed: int
    tries: tuple[Try, ...]
    elsewhere: int
    commit: Landed | None
    next_steps: tuple[Step, ...]


def explain(repo_path: Path, story_id: str, prd: Path | None = None) -> Explanation:
    """Raises: RalphError, PrdError when the PRD has no such story, or the repo or its PRD is not usable."""
    seen = look(RunRequest(repo_path, prd))
    story = named_story(seen.prd, story_id, seen.place.name)
    with closing(StoryStates.open(seen.home.ledger_db)) as states:
        run = last_run(seen)
        picked = read_board(seen.repo, seen.place, seen.plan, states).pick(busy=run.at_work if run else ())
        history = states.history(seen.repo.id, story)
    with closing(TraceStore.open(seen.home.traces_db)) as store:
        store.close_interrupted()
        about = store.traces(TraceFilter(story=story.id, repo=str(seen.repo.root), limit=MOST_TRIES, own=True))
        found = [row for row in about if VERIFIED not in row.metadata]
        ours = [row for row in reversed(found) if _is_of(row, story, seen.plan)]
        tries = tuple(_tries(store, seen, ours, history))
    reason = picked.reasons[story.id]
    place, landed = _place(seen, story), _landed(seen, story)
    return Explanation(
        story=story.id,
        title=story.title,
        place=place,
        branch=seen.plan.name,
        verdict=reason.verdict,
        reason=reason.text.partition(": ")[2] or reason.text,
        attempts_allowed=seen.loaded.settings.agent.attempts,
        tries=tries,
        elsewhere=len(found) - len(ours),
        commit=landed,
        next_steps=next_steps(reason.verdict, shlex.quote(story.id), place, _refused(seen.repo, history)),
    )


def _is_of(row: TraceRow, story: Story, plan: BranchPlan) -> bool:
    """PRDs number their stories alike: the title or the branch tells this story from another one."""
    branch = str(row.metadata.get("ralph.branch"))
    return row.metadata.get("ralph.story.title") == story.title or _plain(branch) == _plain(plan.name)


def _plain(branch: str) -> str:
    """The branch that the PRD names: while it is checked out, the work goes to one beside it."""
    return branch.removesuffix("-ralph")


def _tries(store: TraceStore, seen: Look, rows: Sequence[TraceRow], history: Sequence[Attempt]) -> Iterator[Try]:
    recorded = {attempt.trace_id: attempt for attempt in history}
    counted = [attempt.trace_id for attempt in history if attempt.counted]
    for row in rows:
        detail = store.trace(row.trace_id)
        commit = row.metadata.get("ralph.commit")
        finish = _last_finish(detail)
        held_micros = spent_by(seen.home, f"trace:{row.trace_id}").held_micros
        is_going = row.status is TraceStatus.RUNNING
        yield Try(
            trace_id=row.trace_id,
            run=row.session_id,
            began_at_ns=row.started_at_ns,
            duration_ns=row.duration_ns,
            turns=row.turns,
            cost_micros=row.known_micros,
            unseen_micros=row.unseen_micros + (0 if is_going else held_micros),
            under_way_micros=held_micros if is_going else 0,
            played_by=str(row.metadata.get("ralph.model.played_by") or ""),
            status=row.status,
            attempt=counted.index(row.trace_id) + 1 if row.trace_id in counted else None,
            known=row.trace_id in recorded or row.status in NEVER_COUNTED,
            title=str(row.metadata.get("ralph.story.title") or ""),
            ended=_ended(row, recorded.get(row.trace_id), blocked_reason(finish)),
            repairs=_repairs(detail),
            checks=tuple(_failed_checks(detail)),
            said=str(finish.get("summary") or ""),
            kept=_kept(seen.repo, row.trace_id),
            commit=str(commit) if commit else None,
        )


def _ended(row: TraceRow, attempt: Attempt | None, blocked: str) -> str:
    reason = attempt.reason if attempt else blocked or row.error or ""
    if row.status in NEVER_COUNTED:
        reason = ""
    return ENDED[row.status] + (f": {reason}" if reason else "")


def _last_finish(detail: TraceDetail) -> Mapping[str, JsonValue]:
    calls = (span for span in reversed(detail.spans) if span.kind is SpanKind.LLM)
    return next((given for span in calls if (given := finish_call(span))), {})


def _repairs(detail: TraceDetail) -> int:
    """How often failing output went back to the agent: a call of the model came after the verdict."""
    last_call_ns = max((span.started_at_ns for span in detail.spans if span.kind is SpanKind.LLM), default=0)
    failed = [span for span in detail.spans if verdict_of(span).get("passed") is False]
    return sum(span.started_at_ns < last_call_ns for span in failed)


def _failed_checks(detail: TraceDetail) -> Iterator[FailedCheck]:
    """Of the last verdict, if it was bad; what was red before the work began is not the story's."""
    verdicts = [span for span in detail.spans if verdict_of(span)]
    if not verdicts or verdict_of(verdicts[-1]).get("passed"):
        return
    red = _red_before(detail)
    for span in detail.children(verdicts[-1].span_id):
        name = span.name.removeprefix("check ")
        if span.kind is SpanKind.EVALUATOR and span.status is SpanStatus.ERROR and name not in red:
            output = clean_text(str(span.output() or ""))
            yield FailedCheck(
                name, str(span.input() or ""), tally(output).failing, tuple(failing_lines(output, FAILING_LINES))
            )


def _red_before(detail: TraceDetail) -> Sequence[object]:
    output = next((span.output() for span in detail.spans if span.name == "baseline"), None)
    red = output.get("red") if isinstance(output, dict) else None
    return red if isinstance(red, list) else []


def _refused(repo: Repo, history: Sequence[Attempt]) -> str | None:
    """The work that the integrity guard refused, if that was the end of the last attempt."""
    is_refused = bool(history) and history[-1].outcome == Ending.DISTRUSTED
    return _kept(repo, history[-1].trace_id) if is_refused else None


def _kept(repo: Repo, trace_id: str) -> str | None:
    """A try that ended keeps its work under its trace's id, one that was killed under the id's first half."""
    refs = (f"{ATTEMPTS}{trace_id}", f"{ATTEMPTS}{trace_id[:16]}")
    return next((ref for ref in refs if repo.resolve(ref)), None)


def _landed(seen: Look, story: Story) -> Landed | None:
    commit = story_commits(seen.repo, seen.plan.tip).get(story.id)
    if commit is None or commit.title != story.title:
        return None
    when, subject = seen.repo.store.text("show", "-s", "--format=%ci%n%s", commit.sha).split("\n", 1)
    merged = seen.repo.is_ancestor(commit.sha, "HEAD")
    where = "in your checkout" if merged else f"on {seen.plan.name if seen.plan.exists else 'its base'}"
    return Landed(commit.sha, when, subject, where, None if merged else seen.plan.merge_command)


def _place(seen: Look, story: Story) -> str:
    source, document = read_document(read_bytes(seen.place.path, seen.place.name), seen.place.name)
    return source.place(document.places.get(story.id, 0))
