"""What a conversation about a PRD needs: the judge's model behind the meter, a tracer, and the limits it keeps to.

The only place of this package that puts those together; `ralph.assembly` does so for runs.
"""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ralph.checks.check import Check
from ralph.detect import detect_checks
from ralph.errors import LimitError, RalphError
from ralph.events import Event, EventKind, Reporter, noted
from ralph.home import Home, find_home
from ralph.known_secrets import own_secrets
from ralph.limits import run_limits, run_scope
from ralph.model.access import price_book, require_access, require_models
from ralph.model.call import Model
from ralph.model.failures import ContextTooLongError, WorstCaseError
from ralph.model.pace import Pace
from ralph.models import Player, choose_player, client_for
from ralph.roles import Role, model_for
from ralph.sandbox.base import Sandbox
from ralph.sandbox.choose import choose_sandbox
from ralph.settings.load import load_settings
from ralph.settings.schema import Settings
from ralph.spending import require_reconciled
from ralph.survey import RunRequest
from ralph.workspace.repo import Repo
from tracing.budget import MICROS_PER_USD, Ledger, Limit, OverBudgetError
from tracing.contents import Content
from tracing.meter import Meter
from tracing.prices import PriceBook
from tracing.redact import Redactor
from tracing.span import TraceStatus
from tracing.store import TraceStore
from tracing.tracer import Trace, Tracer

AGENT = "ralph-prd"
NEARLY_SPENT = 0.75  # of the run's limit


@dataclass(frozen=True)
class Ground:
    """What is read once, before anything is called."""

    home: Home
    repo: Repo
    settings: Settings
    checks: tuple[Check, ...]
    prices: PriceBook
    model: str
    effort: str


def read_ground(request: RunRequest) -> Ground:
    """Raises: RalphError: the repo or a setting is not usable, or the model has no price."""
    home, repo = find_home(), Repo.open(request.repo)
    settings = load_settings(repo.root, home, request.overrides).settings
    checks = settings.checks if settings.checks is not None else tuple(detect_checks(repo.root))
    prices, (model, effort) = price_book(settings), model_for(settings, Role.JUDGE)
    require_models(settings, prices, [model], played=request.is_played)
    return Ground(home, repo, settings, checks, prices, model, effort)


@dataclass(frozen=True)
class Desk:
    """Everything is open; one conversation is held at it."""

    ground: Ground
    model: Model
    tracer: Tracer
    ledger: Ledger
    sandbox: Sandbox
    scratch: Path
    run_id: str
    report: Reporter
    played_by: str | None

    def limits(self) -> Sequence[Limit]:
        """Of the call, the conversation and this day (UTC)."""
        return run_limits(self.ground.settings, self.run_id)

    @property
    def spent_usd(self) -> float:
        return self.ledger.spent(self._scope).total_micros / MICROS_PER_USD

    @property
    def is_nearly_spent(self) -> bool:
        return self.spent_usd >= NEARLY_SPENT * self.ground.settings.limits.per_run_usd

    @property
    def _scope(self) -> str:
        return run_scope(self.run_id)

    @contextmanager
    def trace(self, metadata: Mapping[str, object]) -> Iterator[Trace]:
        """The trace of a conversation: ended with the status that its end means, and what went wrong as a RalphError."""
        about = {"ralph.repo": str(self.ground.repo.root), "ralph.model.played_by": self.played_by or "", **metadata}
        failure: Exception | None = None
        name = f"invoke_agent {AGENT}"
        with self.tracer.start_trace(name, agent_id=AGENT, session_id=self.run_id, metadata=about) as trace:
            try:
                yield trace
            except TOLD as error:
                trace.root.exception(error)
                is_over = isinstance(error, OVER_BUDGET)
                trace.end(TraceStatus.OVER_BUDGET if is_over else TraceStatus.ERROR, error=str(error))
                failure = error
        if failure is not None:
            raise _told(failure) from failure


OVER_BUDGET = (OverBudgetError, WorstCaseError)
TOLD = (*OVER_BUDGET, ContextTooLongError, RalphError)


def _told(failure: Exception) -> RalphError:
    if isinstance(failure, RalphError):
        return failure
    if isinstance(failure, ContextTooLongError):
        return RalphError(f"the conversation became too long for the model ({failure}). Ask for less at once.")
    return LimitError(f"{failure} Nothing was written.")


@contextmanager
def open_desk(
    ground: Ground,
    request: RunRequest,
    report: Reporter,
    *,
    player: AbstractContextManager[Player] | None = None,
    pace: Pace | None = None,
) -> Iterator[Desk]:
    """`player` and `pace` are seams, as those of a run.

    Raises: RalphError: there is no key, or a recording cannot be read.
    """
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
    home, settings = ground.home, ground.settings
    with ExitStack() as stack:
        playing = stack.enter_context(player or choose_player(request.by_hand, request.recording, tell=noted(report)))
        if playing.transport is None:
            require_access(settings)
        ledger = stack.enter_context(closing(Ledger.open(home.ledger_db)))
        require_reconciled(ledger)
        store = stack.enter_context(closing(TraceStore.open(home.traces_db)))
        store.close_interrupted()
        tracer = Tracer(
            store, redact=Redactor(own_secrets(os.environ, home)), content=Content(settings.tracing.content)
        )
        provider = "anthropic" if playing.transport else settings.provider
        meter, client = Meter(ledger, ground.prices), client_for(settings, playing)
        model = stack.enter_context(closing(Model(client, meter, ground.model, pace=pace, provider=provider)))
        sandbox, warning = choose_sandbox(settings.sandbox, home, limits=settings.resources)
        if warning:
            report(Event(EventKind.WARNING, warning))
        scratch = home.folder("drafts", run_id)
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        yield Desk(ground, model, tracer, ledger, sandbox, scratch, run_id, report, playing.label)
