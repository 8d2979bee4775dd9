"""What a run says of itself when it begins and when it ends. Decides nothing."""

import os
from collections.abc import Iterator
from datetime import datetime

from ralph.board import Board
from ralph.deadline import until_words
from ralph.events import EventKind
from ralph.limits import run_scope
from ralph.model.trouble import Halt
from ralph.models import BY_HAND, RECORDING
from ralph.orders import unheard_note
from ralph.run import Outcome
from ralph.schedule.environment import DUE_RUN
from ralph.spending import apart
from ralph.standings import done_words, of_stories
from ralph.survey import Ground
from ralph.workbench import Workbench
from tracing.budget import MICROS_PER_USD

SETTINGS_FILE = "ralph.toml"  # as the PRD read from the checkout, committed or not
MOST_NAMED = 3
PLAYERS = {BY_HAND: "a person, by hand", RECORDING: "a recording"}


def tell_start(ground: Ground, workbench: Workbench) -> None:
    """The PRD, the branch, the model, the limit and the sandbox; then what was decided in finding them."""
    settings, board = ground.loaded.settings, workbench.read_board()
    label = workbench.model_label
    who = PLAYERS[label] if label else settings.agent.model
    required = [story for story in board.prd.stories if not story.optional]
    left = sum(story.id not in board.done for story in required)
    jobs = f", {settings.run.jobs} at a time" if settings.run.jobs > 1 else ""
    until = workbench.deadline.until
    time = f" {until_words(until, workbench.now().astimezone())}" if until else ""
    text = (
        f"{ground.place.name}: {of_stories(left, len(required))} to do{jobs}, on {ground.plan.name}{time}; model: {who}; "
        f"limit ${settings.limits.per_run_usd:.2f}; sandbox: {workbench.verifier.sandbox.level}"
    )
    workbench.tell(
        EventKind.RUN_STARTED,
        text,
        run=workbench.run_id,
        branch=ground.plan.name,
        model=settings.agent.model,
        limit_usd=settings.limits.per_run_usd,
        story_limit_usd=settings.limits.per_story_usd,
        day_limit_usd=settings.limits.per_day_usd,
        sandbox=workbench.verifier.sandbox.level,
        played_by=label,
        jobs=settings.run.jobs,
        **({"until": _iso(until)} if until else {}),
    )
    for note in (*_trust_notes(ground), *ground.notes, *ground.plan.notes, *lost_notes(board), *unseen_notes(ground)):
        workbench.tell(EventKind.NOTE, note)


def _trust_notes(ground: Ground) -> Iterator[str]:
    """That ralph.toml is not the one that was trusted, where the run goes on all the same: it loosens nothing."""
    if ground.loaded.change:
        yield "\n".join(ground.loaded.change) + "\nIt loosens nothing now. To accept it as it is: ralph trust"


def lost_notes(board: Board) -> Iterator[str]:
    """A line for each story whose flag is set and whose commit the work would not stand on."""
    for story_id, what in board.lost.items():
        yield (
            f"{story_id} is done in the PRD, but {what}: what builds on it begins without it. "
            "Get the commit back, or take the story's done flag back to have it done again"
        )


def unseen_notes(ground: Ground) -> Iterator[str]:
    """That the agent works from a commit, where the checkout has what is in none. (In place it is refused.)"""
    read_here = {ground.place.name, SETTINGS_FILE}
    files = [name for name in ground.repo.uncommitted_files() if name not in read_here]
    if files and not ground.plan.in_place:
        named = ", ".join(files[:MOST_NAMED]) + (", ..." if len(files) > MOST_NAMED else "")
        count = f"{len(files)} file{'s' * (len(files) != 1)}"
        yield f"uncommitted changes in your checkout ({count}: {named}) are not seen by the agent; commit what it is to build on"


def tell_end(workbench: Workbench, outcome: Outcome, board: Board) -> None:
    """Why it ended, what is done, what it cost, and how to take the commits over."""
    stories = [story for story in board.prd.stories if not story.optional or story.id in board.done]
    done = sum(story.id in board.done for story in stories)
    counted = done_words(done, len(board.prd.stories), len(board.prd.stories) - len(stories))
    spend = workbench.ledger.spent(run_scope(workbench.run_id))
    spent_usd = spend.known_micros / MICROS_PER_USD
    simulated = " (simulated)" if workbench.model_label else ""
    limit = workbench.settings.limits.per_run_usd
    spent = f"${spent_usd:.4f}{simulated} of ${limit:.2f} spent{apart(spend, going=False)}"
    halt = None if workbench.model_label else outcome.halt  # a recording or a person is no service
    text = f"{outcome.reason.removesuffix('.')}: {counted}, {spent}{_goes_on(halt)}"
    workbench.tell(
        EventKind.RUN_ENDED,
        text,
        exit_code=int(outcome.exit_code),
        done=done,
        stories=len(stories),
        spent_usd=spent_usd,
        held_usd=(spend.total_micros - spend.known_micros) / MICROS_PER_USD,
        **_halt_fields(halt),
    )
    if unheard := unheard_note(workbench.attendance.control, board.done):
        workbench.tell(EventKind.NOTE, unheard)
    if any(result.commit for result in outcome.results) and workbench.plan.merge_command:
        where = f"the commits are on {workbench.plan.name}; to take them over: {workbench.plan.merge_command}"
        workbench.tell(EventKind.NOTE, where)


def _goes_on(halt: Halt | None) -> str:
    """Of a run that the service ended; of a scheduled one its schedule says it."""
    return "" if halt is None or os.environ.get(DUE_RUN) else f". {halt.goes_on.removesuffix('.')}"


def _halt_fields(halt: Halt | None) -> dict[str, str]:
    """For whoever decides when the next run begins, and for alerts: what the service did, and when it takes calls again."""
    if halt is None:
        return {}
    again = {"again_at": _iso(halt.again_at)} if halt.again_at else {}
    return {"trouble": halt.trouble.value, **again}


def _iso(at: datetime) -> str:
    return at.astimezone().isoformat(timespec="seconds")
