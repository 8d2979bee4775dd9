"""What a run says of itself when it begins and when it ends. Decides nothing."""

from ralph.board import Board
from ralph.events import EventKind
from ralph.limits import run_scope
from ralph.models import BY_HAND, RECORDING
from ralph.run import Outcome
from ralph.survey import Ground
from ralph.workbench import Workbench
from tracing.budget import MICROS_PER_USD

PLAYERS = {BY_HAND: "a person, by hand", RECORDING: "a recording"}


def tell_start(ground: Ground, workbench: Workbench) -> None:
    """The PRD, the branch, the model, the limit and the sandbox; then what was decided in finding them."""
    settings, board = ground.loaded.settings, workbench.read_board()
    label = workbench.model_label
    who = PLAYERS[label] if label else settings.agent.model
    required = [story for story in board.prd.stories if not story.optional]
    left = sum(story.id not in board.done for story in required)
    jobs = f", {settings.run.jobs} at a time" if settings.run.jobs > 1 else ""
    text = (
        f"{ground.place.name}: {left} of {len(required)} stories to do{jobs}, on {ground.plan.name}; model: {who}; "
        f"limit ${settings.limits.per_run_usd:.2f}; sandbox: {workbench.verifier.sandbox.level}"
    )
    workbench.tell(
        EventKind.RUN_STARTED,
        text,
        run=workbench.run_id,
        branch=ground.plan.name,
        model=settings.agent.model,
        limit_usd=settings.limits.per_run_usd,
        sandbox=workbench.verifier.sandbox.level,
        played_by=label,
        jobs=settings.run.jobs,
    )
    for note in (*ground.notes, *ground.plan.notes):
        workbench.tell(EventKind.NOTE, note)


def tell_end(workbench: Workbench, outcome: Outcome, board: Board) -> None:
    """Why it ended, what is done, what it cost, and how to take the commits over."""
    required = [story for story in board.prd.stories if not story.optional]
    done = sum(story.id in board.done for story in required)
    spend = workbench.ledger.spent(run_scope(workbench.run_id))
    spent_usd, held_usd = spend.settled_micros / MICROS_PER_USD, spend.held_micros / MICROS_PER_USD
    simulated = " (simulated)" if workbench.model_label else ""
    held = f" and ${held_usd:.4f} reserved by calls whose end was not seen" if held_usd else ""
    limit = workbench.settings.limits.per_run_usd
    text = f"{outcome.reason}: {done} of {len(required)} stories done, ${spent_usd:.4f}{simulated} of ${limit:.2f} spent{held}"
    workbench.tell(
        EventKind.RUN_ENDED,
        text,
        exit_code=int(outcome.exit_code),
        done=done,
        stories=len(required),
        spent_usd=spent_usd,
    )
    if any(result.commit for result in outcome.results) and workbench.plan.merge_command:
        where = f"the commits are on {workbench.plan.name}; to take them over: {workbench.plan.merge_command}"
        workbench.tell(EventKind.NOTE, where)
