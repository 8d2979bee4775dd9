"""Puts the parts of a run together and takes them apart again. The only place that knows all of them."""

import importlib
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from prd.errors import PrdError
from ralph.agents.base import Session
from ralph.agents.native import NativeAgent
from ralph.agents.prepared_tools import PreparedTools
from ralph.agents.task import Task
from ralph.alerts.service import Alerting
from ralph.announcements import tell_end, tell_start
from ralph.checks.baseline import BaselineCache
from ralph.deadline import Deadline
from ralph.errors import RalphError
from ralph.events import Event, EventKind, Reporter, noted
from ralph.history.event_log import EventLog, RunFolders, RunHead, tee, without_secrets
from ralph.history.tidy import tidy, tidy_dead_runs
from ralph.iteration import iterate
from ralph.known_secrets import known_secrets
from ralph.limits import run_limits
from ralph.model.access import require_access
from ralph.model.pace import Pace
from ralph.model.pool import Models
from ralph.models import Player, choose_player, client_for
from ralph.notes.notebook import Notebook
from ralph.notes.progress import find_progress
from ralph.prepare.preparation import Prepared
from ralph.prepare.services import Services
from ralph.run import Loop
from ralph.schedule.environment import DUE_RUN
from ralph.signals import StopSignal, announced, listen
from ralph.spending import require_reconciled
from ralph.standings import telling
from ralph.state import StoryStates
from ralph.steer.control import Attendance, Control
from ralph.survey import Ground, RunRequest, plan_of, survey, wanted_branch
from ralph.tools.toolbox import Toolbox
from ralph.verification import open_verifier
from ralph.verify import Verifier
from ralph.workbench import Workbench
from ralph.workspace.lock import branch_lock
from ralph.workspace.rebase import require_rebase
from ralph.workspace.recover import recover
from ralph.workspace.worktree import Worktree
from tracing.budget import Ledger, LedgerLike
from tracing.contents import Content
from tracing.meter import Meter
from tracing.redact import Redactor
from tracing.store import TraceStore
from tracing.tracer import Trace, Tracer

INTERRUPTED = "interrupted by you; the work so far is kept, run again to go on"


@dataclass(frozen=True)
class NativeSessions:
    """Opens sessions of the native agent, with tools in the story's worktree."""

    models: Models
    tracer: Tracer
    ledger: LedgerLike
    report: Reporter
    verifier: Verifier
    protected: Sequence[str]
    tool_names: Sequence[str]

    def open(self, task: Task, trace: Trace, worktree: Worktree, prepared: Prepared) -> Session:
        agent = NativeAgent(self.models.get(task.model), self.tracer, self.ledger, self.report)
        return agent.session(
            task, trace, lambda: PreparedTools(self._tools(worktree, trace, task), prepared.after_change)
        )

    def _tools(self, worktree: Worktree, trace: Trace, task: Task) -> Toolbox:
        scratch = self.verifier.scratch / trace.trace_id[:16]
        return Toolbox(
            worktree.path,
            scratch,
            self.verifier.sandbox,
            protected=self.protected,
            own_stores=self.verifier.preparation.own_stores,
            criteria=task.criteria,
            names=self.tool_names,
        )


@contextmanager
def open_run(
    request: RunRequest,
    report: Reporter,
    *,
    player: AbstractContextManager[Player] | None = None,
    pace: Pace | None = None,
) -> Iterator[Loop]:
    """A run that is ready to go: the branch is locked, what a dead run left is cleared, everything is open.

    `player` and `pace` are seams: who plays the model instead of the one that is asked for, and another clock.
    """
    ground = survey(request)
    if ground.loaded.settings.run.jobs > 1:
        require_rebase(ground.repo)
    with ExitStack() as stack:
        stop = stack.enter_context(listen())
        lock = stack.enter_context(branch_lock(ground.home, ground.repo, ground.plan.name))
        cleared = recover(ground.repo, ground.home, branch=ground.plan.name, lock=lock)
        ground = replace(ground, plan=plan_of(ground.repo, ground.prd, ground.loaded, in_place=request.in_place))
        threading.Thread(target=_warm_up, daemon=True).start()
        session = stack.enter_context(_run_session(ground, report))
        chosen = player or choose_player(
            request.by_hand, request.recording, tell=noted(session.report), stop=stop.event
        )
        playing = stack.enter_context(chosen)
        stack.enter_context(announced(stop, session.report))
        store = stack.enter_context(closing(TraceStore.open(ground.home.traces_db)))
        _tell_what_was_cleared(cleared, store, session.report)
        pace = pace or Pace()
        deadline = _deadline(ground.loaded.settings.run.max_duration_s, request.until, pace)
        workbench = stack.enter_context(_workbench(ground, playing, store, stop, session, deadline=deadline, pace=pace))
        tell_start(ground, workbench)
        if workbench.read_board().pick(request.story).story:
            if playing.transport is None:
                require_access(ground.loaded.settings)
            stack.enter_context(_services(ground, workbench).running())
        yield _loop(workbench, stop, request.story)


@dataclass(frozen=True)
class RunSession:
    """What makes one run known to others: its id, its log, and an ear for what the user says."""

    run_id: str
    report: Reporter
    attendance: Attendance
    redactor: Redactor


@contextmanager
def _run_session(ground: Ground, report: Reporter) -> Iterator[RunSession]:
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
    home, repo, branch = ground.home, ground.repo, ground.plan.name
    RunFolders(home).prune()
    redactor = Redactor(known_secrets(os.environ, repo.root, home))
    tidy_dead_runs(RunFolders(home), redactor.text)
    due = os.environ.get(DUE_RUN, "")
    head = RunHead(run_id, repo.id, str(repo.root), branch, ground.place.name, os.getpid(), due=due)
    with (
        closing(EventLog(home, head, redact=redactor)) as log,
        Alerting(home, redact=redactor) as alerting,  # until after the end: a last look sees how the run ended
        Control.open(home, repo.id).attend(run_id, branch) as attendance,
    ):
        told = one_at_a_time(without_secrets(redactor, tee(log, report, alerting.hear)))
        session = RunSession(run_id, told, attendance, redactor)
        try:
            yield session
        except KeyboardInterrupt:
            session.report(Event(EventKind.RUN_ENDED, INTERRUPTED))
            raise
        except (
            RalphError,
            PrdError,
            OSError,
            sqlite3.Error,
        ) as error:  # who started the run shows it; the log has to say it too
            log(Event(EventKind.RUN_ENDED, f"an error ended the run: {error}"))
            raise
        finally:
            tidy(home.root / "runs" / run_id, redactor.text)


def one_at_a_time(report: Reporter) -> Reporter:
    """The reporter for several threads: each event is told whole before the next one."""
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock:
            report(event)

    return tell


def _warm_up() -> None:
    """Import the SDK (a second) beside the baseline; whoever needs it first waits for the rest of it."""
    importlib.import_module("anthropic")


def _tell_what_was_cleared(cleared: Sequence[str], store: TraceStore, report: Reporter) -> None:
    """What a dead run left in the repository, and its traces."""
    for note in cleared:
        report(Event(EventKind.NOTE, note))
    for trace_id in store.close_interrupted():
        text = f"closed the trace {trace_id[:8]}, which a killed run left open"
        report(Event(EventKind.NOTE, text, {"trace": trace_id}))


def _deadline(duration_s: float | None, until: datetime | None, pace: Pace) -> Deadline:
    """Of a run that begins now."""
    ends_s = None if duration_s is None else pace.clock() + duration_s
    return Deadline(until, ends_s, pace.clock, pace.now)


@contextmanager
def _workbench(
    ground: Ground,
    player: Player,
    store: TraceStore,
    stop: StopSignal,
    session: RunSession,
    *,
    deadline: Deadline,
    pace: Pace,
) -> Iterator[Workbench]:
    settings, home, report = ground.loaded.settings, ground.home, session.report
    with ExitStack() as stack:
        ledger = stack.enter_context(closing(Ledger.open(home.ledger_db)))
        require_reconciled(ledger)
        states = stack.enter_context(closing(StoryStates.open(home.ledger_db)))
        baselines = stack.enter_context(closing(BaselineCache.open(home.ledger_db, redact=session.redactor.text)))
        tracer = Tracer(store, redact=session.redactor, content=Content(settings.tracing.content))
        pace = replace(pace, wait_for_reset=settings.run.wait_for_reset)
        provider = "anthropic" if player.transport else settings.provider
        meter = Meter(ledger, ground.prices)
        models = Models(client_for(settings, player), meter, pace=pace, provider=provider)
        stack.callback(models.close)
        verifier = open_verifier(ground, session.run_id, report, baselines, stop=stop.event, left_s=deadline.left_s)
        notebook = Notebook(
            find_progress(ground.repo, ground.place.name), states, wanted_branch(ground.repo, ground.prd)
        )
        protected = [ground.place.name, notebook.log.name, "ralph.toml"]
        yield Workbench(
            home=home,
            repo=ground.repo,
            place=ground.place,
            plan=ground.plan,
            settings=settings,
            tracer=tracer,
            ledger=ledger,
            states=states,
            verifier=verifier,
            agent=NativeSessions(models, tracer, ledger, report, verifier, protected, settings.agent.tools),
            notebook=notebook,
            attendance=session.attendance,
            report=report,
            run_id=session.run_id,
            limits=lambda: run_limits(settings, session.run_id),
            deadline=deadline,
            stop=stop.event,
            model_label=player.label,
        )


def _services(ground: Ground, workbench: Workbench) -> Services:
    users = ground.home.folder("locks") / f"services-{ground.repo.id[:32]}.lock"
    return Services(
        ground.loaded.settings.services,
        ground.repo.root,
        workbench.verifier.scratch / "services",
        workbench.report,
        workbench.stop,
        users,
    )


def _loop(workbench: Workbench, stop: StopSignal, only: str | None) -> Loop:
    return Loop(
        read_board=telling(workbench.read_board, only, workbench.report),
        iterate=lambda board, story, number: iterate(workbench, board, story, number),
        time_is_up=lambda: workbench.deadline.left_s() <= 0,
        stopped=lambda: stop.exit_code if stop.event.is_set() or workbench.attendance.stopped else None,
        tell_end=partial(tell_end, workbench),
        max_iterations=workbench.settings.run.max_iterations,
        only=only,
        jobs=workbench.settings.run.jobs,
        crosses=workbench.territory.crosses,
        abandon=stop.event.set,
    )
