"""The I/O behind one attempt: its worktree, trace, session, checks and what is remembered of a failure.

What an ending means is decided in `ralph.iteration`; this file does what it decides, and `ralph.landing` the commit.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prd.story import Story
from ralph.agents.base import Ending, Finish, Session
from ralph.agents.task import Task
from ralph.agents.verdicts import is_told, told
from ralph.attempt import Attempt
from ralph.board import Board
from ralph.brief.briefing import Brief, first_message
from ralph.brief.feedback import repair_message
from ralph.errors import RalphError
from ralph.events import EventKind
from ralph.finish import without_secrets
from ralph.landing import commit
from ralph.notes.lessons import learnings, why_parked
from ralph.roles import model_for, role_of
from ralph.steer.steering import Control
from ralph.verify import Verdict
from ralph.workbench import Workbench
from ralph.workspace.rebase import Conflict, rebase
from ralph.workspace.snapshot import Snapshot, collect
from ralph.workspace.worktree import Worktree, open_worktree
from tracing.budget import NO_LIMIT_MICROS, Limit
from tracing.failures.trace_facts import CRITERIA, TITLE
from tracing.finding import Finding
from tracing.span import SpanKind, TraceStatus
from tracing.tracer import Trace

MOST_REFUSALS = 2
WORDS = {Ending.BLOCKED: "is blocked", Ending.SKIPPED: "is left out"}


@contextmanager
def prepare(shared: Workbench, board: Board, story: Story, number: int) -> "Iterator[Bench]":
    """A trace and a worktree for one attempt. The trace is on disk first and ends whatever happens."""
    trace = shared.tracer.start_trace(
        "invoke_agent ralph",
        agent_id="ralph",
        session_id=shared.run_id,
        metadata={
            "ralph.story.id": story.id,
            TITLE: story.title,
            CRITERIA: list(story.acceptance_criteria),
            "ralph.repo": str(shared.repo.root),
            "ralph.branch": shared.plan.name,
            "ralph.iteration": number,
            "ralph.sandbox": shared.verifier.sandbox.level,
            "ralph.model.played_by": shared.model_label or "",
        },
    )
    with trace:
        shared.tell(
            EventKind.STORY_STARTED,
            f"{story.id} {story.title}  (trace {trace.trace_id[:8]})",
            story=story.id,
            trace=trace.trace_id,
            iteration=number,
            attempt=shared.states.attempts(shared.repo.id, story) + 1,
        )
        worktree = open_worktree(shared.repo, shared.home, shared.plan.tip, trace.trace_id[:16])
        bench = Bench(shared, board, story, trace, worktree)
        try:
            yield bench
        except BaseException:
            bench.keep_work()
            raise
        finally:
            worktree.remove() if bench.is_kept else worktree.leave()


class Bench:
    """One attempt at one story."""

    def __init__(self, shared: Workbench, board: Board, story: Story, trace: Trace, worktree: Worktree) -> None:
        self._shared, self._board, self._story = shared, board, story
        self._trace, self._worktree = trace, worktree
        number = shared.states.attempts(shared.repo.id, story) + 1
        self._attempt = Attempt(shared, story, trace, number)
        self._inspection = shared.verifier.inspection(worktree, trace, story)
        self._prepared = shared.verifier.preparation.of(worktree, trace, self._attempt.report)
        trace.watch.listen(self._tell_finding)
        self._snapshot: Snapshot | None = None
        self._last_failures = ""
        self.is_kept = True  # False: the worktree alone has the work, since nothing can be written (a full disk, say)
        self.repairs = shared.settings.agent.repairs

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The agent's conversation, in the prepared worktree."""
        shared = self._shared
        self._prepared.prepare()
        self._inspection.take_baseline()  # what is red on the base is not blamed on the story
        self._inspection.require_working_checks()
        with shared.attendance.story(self._story.id) as control:
            session = shared.agent.open(self._task(control), self._trace, self._worktree, self._prepared)
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
                progress=shared.notebook.shown(self._worktree.base_sha),
                previous=shared.states.learnings(shared.repo.id, self._story),
                baseline=self._inspection.baseline,
                prd=self._board.prd,
                done=self._board.done,
                checkout=shared.repo.root,
                kept_files=(shared.place.name, shared.notebook.log.name),
            )
        )

    def check(self, finish: Finish) -> Verdict:
        """What Ralph says of the work as it is now; nothing is taken from `finish`."""
        del finish
        self._snapshot = self._collect()
        verdict = self._verdict_on(self._snapshot)
        self._last_failures = verdict.feedback
        return verdict

    def _verdict_on(self, snapshot: Snapshot) -> Verdict:
        """The verdict; what the integrity guard refuses is remembered, and the trace knows what became of its claims."""
        shared, verdict = self._shared, self._inspection.verify(snapshot)
        if verdict.stopped is None and shared.verifier.checks:
            self._trace.set_outcome(passed=verdict.passed, words=verdict.text)
        if verdict.distrusted:
            reason = self._attempt.redact(verdict.text)
            shared.states.note_refusal(shared.repo.id, self._story, self._trace.trace_id, reason)
        return verdict

    @property
    def is_distrusted(self) -> bool:
        """Whether the integrity guard has refused work on this story as often as it may, in all attempts together."""
        return self._shared.states.refusals(self._shared.repo.id, self._story) >= MOST_REFUSALS

    def ask_for_repair(self, number: int, verdict: Verdict) -> str:
        """The message to the agent; the user is told too."""
        self._attempt.tell(EventKind.REPAIR, f"repair {number} of {self.repairs}: {verdict.text}", repair=number)
        return repair_message(verdict.feedback, number, self.repairs)

    def rebase(self) -> Verdict:
        """Move the work onto what has landed meanwhile; where something has, the checks run again."""
        shared, snapshot = self._shared, self._snapshot
        assert snapshot is not None
        tip = shared.plan.tip
        shared.territory.learn(self._story.id, snapshot.changed)
        if tip == snapshot.base_sha:
            return Verdict(passed=True)
        with self._trace.span("rebase", kind=SpanKind.CHAIN, input={"from": snapshot.base_sha, "onto": tip}) as span:
            moved = rebase(shared.repo, snapshot, tip)
            verdict = _conflict(moved, tip) if isinstance(moved, Conflict) else self._verdict_on(moved)
            span.set_output({"passed": verdict.passed, "text": verdict.text})
        if isinstance(moved, Snapshot) and verdict.passed:
            self._snapshot = moved
        self._last_failures = verdict.feedback
        return verdict

    def commit(self, finish: Finish) -> str:
        """Make the one commit, let the PRD's flag follow, and end the trace."""
        assert self._snapshot is not None
        return commit(self._attempt, self._snapshot, finish)

    def set_aside(
        self, finish: Finish, status: TraceStatus, *, costs_attempt: bool, remembered: bool, parks: bool
    ) -> str:
        """Keep the work under a ref, remember why it failed, park the story if need be, and end the trace."""
        shared, story = self._shared, self._story
        finish = without_secrets(finish, self._attempt.redact)
        reason = finish.blocked_reason or finish.detail or finish.ending.value
        snapshot = self._last_snapshot()
        if snapshot is not None and snapshot.refused:
            lost = ", ".join(f"{refusal.path} ({refusal.reason})" for refusal in snapshot.refused)
            self._attempt.tell(EventKind.WARNING, f"these files are not kept: {lost}")
        kept = self._attempt.rescue(snapshot) if snapshot is not None and not snapshot.is_empty else None
        trace_id = self._trace.trace_id
        shared.states.record_attempt(
            shared.repo.id,
            story,
            outcome=finish.ending.value,
            reason=reason,
            trace_id=trace_id,
            learnings=learnings(finish, reason, self._attempt.redact(self._last_failures), snapshot, kept)
            if remembered
            else "",
            counted=costs_attempt,
        )
        allowed = shared.settings.agent.attempts
        if parks:
            shared.states.park(shared.repo.id, story, why_parked(finish.ending, reason))
        elif costs_attempt and self._attempt.number >= allowed:
            shared.states.park(shared.repo.id, story, f"{self._attempt.number} attempts failed, the last one: {reason}")
        self._trace.end(status, error=None if parks and status is not TraceStatus.ERROR else reason)
        text = f"{story.id} {WORDS.get(finish.ending, 'did not pass')}: {reason}"
        text = f"{text.rstrip('.')}; the work is kept at {kept}" if kept else text
        self._attempt.tell(EventKind.STORY_ENDED, text, status=status.value, reason=reason, kept=kept, trace=trace_id)
        return reason

    def keep_work(self) -> None:
        """Put the work under the attempt's ref, for an end that nobody planned."""
        snapshot = self._last_snapshot()
        if snapshot is None or snapshot.is_empty:
            return
        with suppress(RalphError, OSError):  # the error that brought us here is the one to show
            self.is_kept = False
            kept = self._attempt.rescue(snapshot)
            self.is_kept = True
            self._attempt.tell(EventKind.NOTE, f"the work on {self._story.id} is kept at {kept}", kept=kept)

    def _task(self, control: Control) -> Task:
        shared, agent = self._shared, self._shared.settings.agent
        model, effort = model_for(shared.settings, role_of(self._attempt.number))
        story_micros = shared.settings.limits.micros("per_story_usd") or NO_LIMIT_MICROS
        story_scope = f"story:{shared.repo.id[:16]}:{self._story.id}:{self._story.text_hash[:16]}"
        own_limits = [Limit(story_scope, story_micros), Limit(self._attempt.scope, NO_LIMIT_MICROS)]
        return Task(
            story_id=self._story.id,
            limits=lambda: [*shared.limits(), *own_limits],
            model=model,
            effort=effort,
            left_s=shared.deadline.left_s,
            turns=agent.turns,
            context_cap_tokens=agent.context_cap_tokens,
            progress=self._diff_stat,
            cancel=shared.stop,
            control=control,
            criteria=len(self._story.acceptance_criteria),
        )

    def _collect(self) -> Snapshot:
        shared = self._shared
        owned = [shared.place.name, shared.notebook.log.name, "ralph.toml"]
        snapshot = collect(
            self._worktree,
            discard=[*owned, *self._prepared.files_to_discard()],
            redact=self._shared.tracer.contents.redactor.of_keys.text,
        )
        if files := [path for path in snapshot.discarded if path in owned]:
            text = f"changes to {', '.join(files)} are Ralph's or yours to make, so the agent's are left out"
            self._attempt.tell(EventKind.NOTE, text)
        return snapshot

    def _last_snapshot(self) -> Snapshot | None:
        """What is in the worktree now; failing to read it must not hide why the attempt failed."""
        try:
            return self._collect()
        except (RalphError, OSError) as error:
            self._attempt.tell(
                EventKind.WARNING, f"the work could not be kept, so it stays at {self._worktree.path}: {error}"
            )
            self.is_kept = False
            return self._snapshot

    def _tell_finding(self, finding: Finding) -> None:
        """What goes wrong is said while it goes wrong."""
        if is_told(finding):
            self._attempt.tell(EventKind.WARNING, told(finding), detector=finding.detector, span=finding.span_id)

    def _diff_stat(self) -> str:
        snapshot = self._collect()
        return (
            "Files changed so far:\n" + "\n".join(f"- {path}" for path in snapshot.changed) if snapshot.changed else ""
        )


def _conflict(conflict: Conflict, tip: str) -> Verdict:
    paths = ", ".join(conflict.paths)
    words = f"{paths} changed meanwhile in {tip[:10]}, in ways that do not go together with this work"
    return Verdict(passed=False, text=words, feedback=f"Another story landed first: {words}.")
