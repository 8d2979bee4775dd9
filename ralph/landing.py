"""The one commit of an attempt that passed: its message, the flag of the PRD and the notes in it, and what follows outside of it."""

from prd.errors import PrdError
from prd.writeback import mark
from ralph.agents.base import Finish
from ralph.attempt import Attempt
from ralph.errors import RalphError
from ralph.events import EventKind
from ralph.finish import without_secrets
from ralph.notes.commit_text import CommitFacts, commit_message, progress_entry
from ralph.notes.notebook import Note
from ralph.workspace.commit import commit_story
from ralph.workspace.snapshot import Snapshot
from tracing.span import SpanKind, TraceStatus

UNCHECKED = (
    "committed as {sha} without any check, so it stays open; look at it and set its flag yourself, or add checks"
)


def commit(attempt: Attempt, snapshot: Snapshot, finish: Finish) -> str:
    """Make the one commit, let the PRD's flag follow, and end the trace."""
    shared, story = attempt.shared, attempt.story
    finish = without_secrets(finish, attempt.redact)
    cost_micros = attempt.cost_micros
    unchecked = not shared.verifier.checks
    facts = CommitFacts(story, attempt.trace.trace_id, cost_micros, shared.model_label, unchecked)
    entry = progress_entry(story, finish.summary, snapshot.changed, shared.now(), finish.learnings)
    note = Note(entry, finish.patterns)
    with attempt.trace.span("commit", kind=SpanKind.CHAIN, input={"files": list(snapshot.changed)}) as span:
        message = commit_message(facts, finish.summary)
        extra = {**_flag_in_tree(attempt), **shared.notebook.in_commit(shared.plan.tip, note)}
        try:
            with shared.files:  # in place, the checkout and the PRD in it change with the commit
                sha = commit_story(shared.repo, shared.plan, snapshot, message=message, extra_files=extra)
        except RalphError:
            attempt.rescue(snapshot)
            raise
        span.set_output({"commit": sha, "branch": shared.plan.name})
    shared.plan = shared.plan.moved_to(sha)
    _follow(attempt, sha, note, unchecked=unchecked)
    attempt.trace.set_metadata({"ralph.commit": sha})
    attempt.trace.end(TraceStatus.SUCCESS)
    word = "is unchecked and stays open" if unchecked else "passes"
    text = f"committed {sha[:10]} on {shared.plan.name}: {story.id} {word} (${cost_micros / 1e6:.4f})"
    attempt.tell(EventKind.COMMITTED, text, commit=sha, cost_usd=cost_micros / 1e6)
    return sha


def _flag_in_tree(attempt: Attempt) -> dict[str, bytes]:
    """A tracked PRD with the flag set, from the branch's own version: the user's uncommitted edits stay theirs."""
    shared = attempt.shared
    data = shared.repo.show(f"{shared.plan.tip}:{shared.place.name}") if shared.place.tracked else None
    if data is None or not shared.verifier.checks:
        return {}
    try:
        return {shared.place.name: mark(data, attempt.story.id, passes=True, name=shared.place.name)}
    except PrdError:
        where = f"{shared.place.name} on {shared.plan.name}"
        attempt.tell(EventKind.NOTE, f"{where} has no {attempt.story.id} yet; the commit says that it is done")
        return {}


def _follow(attempt: Attempt, sha: str, note: Note, *, unchecked: bool) -> None:
    """What is kept outside of the commit: the flag of an untracked PRD, notes without a tracked log."""
    shared = attempt.shared
    if unchecked:
        shared.states.park(shared.repo.id, attempt.story, UNCHECKED.format(sha=sha[:10]))
    elif not shared.place.tracked:
        shared.write_flag(attempt.story, sha)
    try:
        archived = shared.notebook.keep(attempt.trace.trace_id, note)
    except OSError as error:
        attempt.tell(EventKind.WARNING, f"{shared.notebook.log.name} could not be archived: {error}")
        return
    if archived:
        attempt.tell(EventKind.NOTE, archived)
