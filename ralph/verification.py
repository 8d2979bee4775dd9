"""Ralph's verdict put together: for the attempts of a run, and for a commit that anybody made (`ralph verify`)."""

import os
import threading
import uuid
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from prd.story import Story
from ralph.checks.baseline import BaselineCache
from ralph.deadline import Left, forever
from ralph.errors import RalphError
from ralph.events import Event, EventKind, Reporter
from ralph.history.event_log import RunFolders, without_secrets
from ralph.history.tidy import tidy, tidy_dead_runs
from ralph.known_secrets import known_secrets
from ralph.notes.progress import find_progress
from ralph.prepare.preparation import Preparation, plan_copies
from ralph.sandbox.choose import choose_sandbox
from ralph.signals import listen
from ralph.survey import Ground, RunRequest, survey
from ralph.verify import Verdict, Verifier
from ralph.workspace.commit import tree_with
from ralph.workspace.repo import Repo
from ralph.workspace.snapshot import Snapshot
from ralph.workspace.worktree import open_worktree
from tracing.contents import Content
from tracing.redact import Redactor
from tracing.span import TraceStatus
from tracing.store import TraceStore
from tracing.tracer import Tracer

NO_STORY = Story(id="-", title="-")
HELD_AGAINST_NONE = "{sha} does not say which story it is for, so nothing excuses a test that it changed. To hold it against one: --story ID"


@dataclass(frozen=True)
class Question:
    """Which work is asked about: from one commit to another, for a story of the PRD."""

    revision: str  # a commit (against its first parent), or BASE..COMMIT
    story: str | None = None  # None: the one that the commit's trailer names


@dataclass(frozen=True)
class Answer:
    verdict: Verdict
    base_sha: str
    sha: str
    story: Story
    trace_id: str


def open_verifier(
    ground: Ground,
    run_id: str,
    report: Reporter,
    baselines: BaselineCache,
    *,
    stop: threading.Event,
    left_s: Left = forever,
) -> Verifier:
    """The verifier of one run, with the sandbox that is proved to work here."""
    settings = ground.loaded.settings
    sandbox, warning = choose_sandbox(
        settings.sandbox,
        ground.home,
        caches=settings.caches,
        limits=settings.resources,
        hide=[ground.repo.root],
    )
    if warning:
        report(Event(EventKind.WARNING, warning))
    scratch = ground.home.folder("runs", run_id)
    copies = plan_copies(ground.repo, settings.copy_files, report)
    preparation = Preparation(copies, settings.setup, sandbox, scratch, settings.services, left_s, stop)
    return Verifier(
        ground.checks,
        settings.setup,
        preparation,
        sandbox,
        scratch,
        baselines,
        report,
        left_s,
        stop,
        settings.protected,
    )


def verify_commit(request: RunRequest, question: Question, report: Reporter) -> Answer:
    """Run the checks and the integrity guard on a commit, as a run does before it commits. Nothing is changed.

    Raises:
        RalphError, PrdError: the repository, the PRD or the settings cannot be used, or there is no such commit or story.
    """
    ground = survey(request)
    base_sha, sha = _range(ground.repo, question.revision)
    story = _story(ground, question, sha)
    if story is NO_STORY:
        report(Event(EventKind.NOTE, HELD_AGAINST_NONE.format(sha=sha[:10])))
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-verify-{uuid.uuid4().hex[:6]}"  # folders of runs sort by their time
    redactor = Redactor(known_secrets(os.environ, ground.repo.root, ground.home))
    with ExitStack() as stack:
        stop = stack.enter_context(listen())
        RunFolders(ground.home).prune()
        tidy_dead_runs(RunFolders(ground.home), redactor.text)
        stack.callback(tidy, ground.home.folder("runs", run_id), redactor.text)
        baselines = stack.enter_context(closing(BaselineCache.open(ground.home.ledger_db, redact=redactor.text)))
        store = stack.enter_context(closing(TraceStore.open(ground.home.traces_db)))
        content = Content(ground.loaded.settings.tracing.content)
        tracer = Tracer(store, redact=redactor, content=content)
        verifier = open_verifier(ground, run_id, without_secrets(redactor, report), baselines, stop=stop.event)
        facts = {"ralph.story.id": story.id, "ralph.repo": str(ground.repo.root), "ralph.verified.commit": sha}
        trace = stack.enter_context(
            tracer.start_trace("verify", agent_id="ralph verify", session_id=run_id, metadata=facts)
        )
        worktree = open_worktree(ground.repo, ground.home, base_sha, trace.trace_id[:16])
        stack.callback(worktree.remove)
        inspection = verifier.inspection(worktree, trace, story)
        inspection.take_baseline()
        inspection.require_working_checks()
        verdict = inspection.verify(_snapshot(ground, base_sha, sha))
        verdict = replace(verdict, text=redactor.text(verdict.text), feedback=redactor.text(verdict.feedback))
        trace.end(TraceStatus.SUCCESS if verdict.passed else TraceStatus.ERROR, error=verdict.text)
    return Answer(verdict, base_sha, sha, story, trace.trace_id)


def _range(repo: Repo, revision: str) -> tuple[str, str]:
    base, dots, tip = revision.rpartition("..")
    sha = repo.resolve(tip or "HEAD")
    base_sha = repo.resolve(base if dots else f"{tip}^")
    if sha is None or base_sha is None:
        raise RalphError(
            f"{revision}: no such commit{'' if sha is None else ', or it has no parent to compare it with'}. "
            "Name a commit, or two: ralph verify main..my-branch"
        )
    return base_sha, sha


def _story(ground: Ground, question: Question, sha: str) -> Story:
    trailer = ground.repo.store.text("log", "-1", "--format=%(trailers:key=Ralph-Story,valueonly)", sha).strip()
    wanted = question.story or trailer
    if not wanted:
        return NO_STORY
    try:
        return ground.prd.story(wanted)
    except KeyError:
        raise RalphError(f"{ground.place.name} has no story {wanted}. `ralph status` lists them.") from None


def _snapshot(ground: Ground, base_sha: str, sha: str) -> Snapshot:
    """The commit's work, without what a run does to the PRD and the progress log."""
    repo = ground.repo
    base_tree, tree = (repo.store.text("rev-parse", "--verify", f"{one}^{{tree}}") for one in (base_sha, sha))
    owned = {
        name: repo.show(f"{base_sha}:{name}")
        for name in (ground.place.name, find_progress(repo, ground.place.name).name)
    }
    tree = tree_with(repo, tree, {name: data for name, data in owned.items() if data is not None})
    changed = repo.store.names("diff-tree", "-r", "-z", "--name-only", "--no-renames", base_tree, tree)
    return Snapshot(base_sha, base_tree, tree, tuple(sorted(changed)))
