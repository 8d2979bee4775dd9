"""The I/O behind an iteration: its worktree, trace, checks, commit and what is remembered of a failure.

What an ending means is decided in `ralph.iteration`; this file does what it decides.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from prd.errors import PrdError
from prd.story import Story
from prd.writeback import mark
from ralph.agents.base import Finish, Session
from ralph.board import Board, PrdPlace, read_board
from ralph.briefing import Brief, first_message
from ralph.commit_text import CommitFacts, commit_message, progress_entry
from ralph.errors import RalphError
from ralph.events import Event, EventKind, Reporter
from ralph.home import Home
from ralph.progress import Progress, write_atomically
from ralph.settings.schema import Settings
from ralph.state import StoryStates
from ralph.turns import Task
from ralph.verify import Verdict, Verifier
from ralph.workspace.branch import BranchPlan
from ralph.workspace.commit import commit_story, rescue
from ralph.workspace.repo import Repo
from ralph.workspace.snapshot import Snapshot, collect
from ralph.workspace.worktree import Worktree, open_worktree
from tracing.budget import NO_LIMIT_MICROS, LedgerLike, Limit
from tracing.span import SpanKind, TraceStatus
from tracing.tracer import Trace, Tracer

LEARNINGS_CHARS = 6_000
UNCHECKED = (
    "committed as {sha} without any check, so it stays open; look at it and set its flag yourself, or add checks"
)


class Agent(Protocol):
    """Opens a session about one story in one folder."""

    def open(self, task: Task, trace: Trace, worktree: Worktree) -> Session: ...


@dataclass
class Workbench:
    """Everything that the iterations of one run share."""

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
    progress: Progress
    report: Reporter
    run_id: str
    limits: Callable[[], Sequence[Limit]]  # of the call, the run and the day as it is now; story and trace are added
    deadline_s: float | None  # on time.monotonic's clock
    stop: threading.Event
    model_label: str | None  # "by-hand" or "recording"
    now: Callable[[], datetime] = datetime.now

    def tell(self, kind: EventKind, text: str, **fields: str | float | bool | None) -> None:
        self.report(Event(kind, text, fields))

    def read_board(self) -> Board:
        """The board as it is now; a flag that a dead run committed and did not write yet is written first."""
        board = read_board(self.repo, self.place, self.plan, self.states)
        for story_id in board.unwritten:
            self.write_flag(board.prd.story(story_id), self.plan.tip)
        return board

    def write_flag(self, story: Story, sha: str) -> None:
        """Set the story's flag in an untracked PRD, in place: its bytes are read now, so edits made meanwhile stay."""
        try:
            write_atomically(
                self.place.path, mark(self.place.path.read_bytes(), story.id, passes=True, name=self.place.name)
            )
        except (PrdError, OSError) as error:
            self.tell(EventKind.WARNING, f"{self.place.name}: the flag of {story.id} was not written: {error}")
            return
        self.states.note_flag_written(self.repo.id, story, sha)

    @contextmanager
    def prepare(self, board: Board, story: Story, number: int) -> "Iterator[Bench]":
        """A trace and a worktree for one attempt. The trace is on disk first and ends whatever happens."""
        trace = self.tracer.start_trace(
            "invoke_agent ralph",
            agent_id="ralph",
            session_id=self.run_id,
            metadata={
                "ralph.story.id": story.id,
                "ralph.story.title": story.title,
                "ralph.repo": str(self.repo.root),
                "ralph.branch": self.plan.name,
                "ralph.iteration": number,
                "ralph.sandbox": self.verifier.sandbox.level,
                "ralph.model.played_by": self.model_label or "",
            },
        )
        with trace:
            self.tell(
                EventKind.STORY_STARTED,
                f"{story.id} {story.title}  (trace {trace.trace_id[:8]})",
                story=story.id,
                trace=trace.trace_id,
                iteration=number,
            )
            worktree = open_worktree(self.repo, self.home, self.plan.tip, trace.trace_id[:16])
            bench = Bench(self, board, story, trace, worktree)
            try:
                yield bench
            except BaseException:
                bench.keep_work()
                raise
            finally:
                worktree.remove()


class Bench:
    """One attempt at one story."""

    def __init__(self, shared: Workbench, board: Board, story: Story, trace: Trace, worktree: Worktree) -> None:
        self._shared, self._board, self._story = shared, board, story
        self._trace, self._worktree = trace, worktree
        self._attempt = shared.states.attempts(shared.repo.id, story) + 1
        self._snapshot: Snapshot | None = None
        self._last_failures = ""
        self.repairs = shared.settings.agent.repairs

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The agent's conversation, in the prepared worktree."""
        shared = self._shared
        self._checked_base()
        session = shared.agent.open(self._task(), self._trace, self._worktree)
        try:
            yield session
        finally:
            session.close()

    def first_message(self) -> str:
        shared = self._shared
        return first_message(
            Brief(
                story=self._story,
                checks=shared.verifier.checks,
                branch=shared.plan.name,
                base_sha=self._worktree.base_sha,
                root=self._worktree.path,
                progress=shared.progress.notes(shared.plan.tip, shared.states.progress(shared.repo.id)),
                previous=shared.states.learnings(shared.repo.id, self._story),
                red_on_base=shared.verifier.red_on_base,
            )
        )

    def check(self, finish: Finish) -> Verdict:
        """What Ralph says of the work as it is now; nothing is taken from `finish`."""
        del finish
        self._snapshot = self._collect()
        verdict = self._shared.verifier.verify(self._worktree, self._snapshot, self._trace)
        self._last_failures = verdict.feedback
        return verdict

    def tell_repair(self, number: int, verdict: Verdict) -> None:
        self._shared.tell(
            EventKind.REPAIR, f"repair {number} of {self.repairs}: {verdict.text}", story=self._story.id, repair=number
        )

    def commit(self, finish: Finish) -> str:
        """Make the one commit, let the PRD's flag follow, and end the trace."""
        shared, story, snapshot = self._shared, self._story, self._snapshot
        assert snapshot is not None
        cost_micros = self._cost_micros()
        unchecked = not shared.verifier.checks
        facts = CommitFacts(story, self._trace.trace_id, cost_micros, shared.model_label, unchecked)
        with self._trace.span("commit", kind=SpanKind.CHAIN, input={"files": list(snapshot.changed)}) as span:
            entry = progress_entry(story, finish.summary, snapshot.changed, shared.now())
            try:
                sha = commit_story(
                    shared.repo,
                    shared.plan,
                    snapshot,
                    message=commit_message(facts, finish.summary),
                    extra_files={**self._flag_in_tree(), **shared.progress.in_tree(shared.plan.tip, entry)},
                )
            except RalphError:
                self._rescue(snapshot)
                raise
            span.set_output({"commit": sha, "branch": shared.plan.name})
        shared.plan = shared.plan.moved_to(sha)
        if unchecked:
            shared.states.park(shared.repo.id, story, UNCHECKED.format(sha=sha[:10]))
        elif not shared.place.tracked:
            shared.write_flag(story, sha)
        if not shared.progress.tracked:
            shared.states.append_progress(shared.repo.id, self._trace.trace_id, entry)
        self._trace.set_metadata({"ralph.commit": sha})
        self._trace.end(TraceStatus.SUCCESS)
        word = "is unchecked and stays open" if unchecked else "passes"
        shared.tell(
            EventKind.COMMITTED,
            f"committed {sha[:10]} on {shared.plan.name}: {story.id} {word} (${cost_micros / 1e6:.4f})",
            story=story.id,
            commit=sha,
            cost_usd=cost_micros / 1e6,
        )
        return sha

    def set_aside(self, finish: Finish, status: TraceStatus, *, costs_attempt: bool, parks: bool) -> str:
        """Keep the work under a ref, remember why it failed, park the story if need be, and end the trace."""
        shared, story = self._shared, self._story
        reason = finish.blocked_reason or finish.detail or finish.ending.value
        snapshot = self._last_snapshot()
        if snapshot is not None and snapshot.refused:
            lost = ", ".join(f"{refusal.path} ({refusal.reason})" for refusal in snapshot.refused)
            shared.tell(EventKind.WARNING, f"these files are not kept: {lost}")
        kept = self._rescue(snapshot) if snapshot is not None and not snapshot.is_empty else None
        trace_id = self._trace.trace_id
        shared.states.record_attempt(
            shared.repo.id,
            story,
            outcome=finish.ending.value,
            reason=reason,
            trace_id=trace_id,
            learnings=_learnings(finish, reason, self._last_failures) if costs_attempt else "",
            counted=costs_attempt,
        )
        allowed = shared.settings.agent.attempts
        if parks:
            shared.states.park(shared.repo.id, story, f"the agent says it is blocked: {reason}")
        elif costs_attempt and self._attempt >= allowed:
            shared.states.park(shared.repo.id, story, f"{self._attempt} attempts failed, the last one: {reason}")
        self._trace.end(status, error=None if parks else reason)
        text = f"{story.id} {'is blocked' if parks else 'did not pass'}: {reason}"
        shared.tell(
            EventKind.STORY_ENDED,
            text + (f"; the work is kept at {kept}" if kept else ""),
            story=story.id,
            status=status.value,
            reason=reason,
            kept=kept,
            trace=trace_id,
        )
        return reason

    def keep_work(self) -> None:
        """Put the work under the attempt's ref, for an end that nobody planned."""
        snapshot = self._last_snapshot()
        if snapshot is None or snapshot.is_empty:
            return
        with suppress(RalphError, OSError):  # the error that brought us here is the one to show
            kept = self._rescue(snapshot)
            self._shared.tell(EventKind.NOTE, f"the work on {self._story.id} is kept at {kept}", kept=kept)

    def _task(self) -> Task:
        shared, agent = self._shared, self._shared.settings.agent
        story_micros = shared.settings.limits.micros("per_story_usd") or NO_LIMIT_MICROS
        story_scope = f"story:{shared.repo.id[:16]}:{self._story.id}:{self._story.text_hash[:16]}"
        own_limits = [Limit(story_scope, story_micros), Limit(self._trace_scope, NO_LIMIT_MICROS)]
        return Task(
            story_id=self._story.id,
            limits=lambda: [*shared.limits(), *own_limits],
            effort=str(agent.effort_first if self._attempt == 1 else agent.effort_retry),
            deadline_s=shared.deadline_s,
            turns=agent.turns,
            context_cap_tokens=agent.context_cap_tokens,
            progress=self._diff_stat,
            cancel=shared.stop,
        )

    def _checked_base(self) -> None:
        """The base commit's own checks, once per commit; what is red there is not blamed on the story."""
        self._shared.verifier.take_baseline(self._worktree, self._trace)

    def _collect(self) -> Snapshot:
        shared = self._shared
        snapshot = collect(self._worktree, discard=[shared.place.name, shared.progress.name, "ralph.toml"])
        if snapshot.discarded:
            files = ", ".join(snapshot.discarded)
            shared.tell(EventKind.NOTE, f"changes to {files} are Ralph's or yours to make, so the agent's are left out")
        return snapshot

    def _last_snapshot(self) -> Snapshot | None:
        """What is in the worktree now; failing to read it must not hide why the attempt failed."""
        try:
            return self._collect()
        except (RalphError, OSError) as error:
            self._shared.tell(EventKind.WARNING, f"the work could not be kept: {error}")
            return self._snapshot

    def _rescue(self, snapshot: Snapshot) -> str:
        return rescue(
            self._shared.repo, snapshot, self._trace.trace_id, message=f"ralph: {self._story.id} {self._story.title}\n"
        )

    def _flag_in_tree(self) -> dict[str, bytes]:
        """A tracked PRD with the flag set, from the branch's own version: the user's uncommitted edits stay theirs."""
        shared = self._shared
        data = shared.repo.show(f"{shared.plan.tip}:{shared.place.name}") if shared.place.tracked else None
        if data is None or not shared.verifier.checks:
            return {}
        try:
            return {shared.place.name: mark(data, self._story.id, passes=True, name=shared.place.name)}
        except PrdError:
            shared.tell(
                EventKind.NOTE,
                f"{shared.place.name} on {shared.plan.name} has no {self._story.id} yet; the commit says that it is done",
            )
            return {}

    def _cost_micros(self) -> int:
        return self._shared.ledger.spent(self._trace_scope).total_micros

    @property
    def _trace_scope(self) -> str:
        return f"trace:{self._trace.trace_id}"

    def _diff_stat(self) -> str:
        snapshot = self._collect()
        return (
            "Files changed so far:\n" + "\n".join(f"- {path}" for path in snapshot.changed) if snapshot.changed else ""
        )


def _learnings(finish: Finish, reason: str, failures: str) -> str:
    """What the next attempt is told: how this one ended, what the agent said of it, and the failing output."""
    parts = [f"It ended with: {reason}.", finish.summary and f"The agent's own summary: {finish.summary}", failures]
    return "\n".join(part for part in parts if part)[:LEARNINGS_CHARS]
