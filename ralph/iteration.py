"""One story, once: worktree -> agent -> checks -> commit. What an ending means is a table; the I/O lives behind roles."""

from dataclasses import dataclass, replace
from enum import StrEnum

from prd.story import Story
from ralph.agents.base import Ending, Finish, Session
from ralph.bench import Bench, prepare
from ralph.board import Board
from ralph.errors import ExitCode
from ralph.model.trouble import Halt
from ralph.verify import Verdict
from ralph.workbench import Workbench
from tracing.span import TraceStatus


class Then(StrEnum):
    """What the run does after an iteration."""

    GO_ON = "go on"
    LIMIT = "limit"
    RECONCILE = "reconcile"
    SERVICE = "service"
    STOP = "stop"


@dataclass(frozen=True)
class Meaning:
    """What an agent's ending means for the story and the run."""

    status: TraceStatus
    to_check: bool = False  # Ralph runs the checks now
    costs_attempt: bool = False
    remembered: bool = False  # the next attempt is told, though this one costs none
    parks: bool = False
    then: Then = Then.GO_ON


FAILED = Meaning(TraceStatus.ERROR, costs_attempt=True)
MEANINGS = {
    Ending.DONE: Meaning(TraceStatus.ERROR, to_check=True, costs_attempt=True),
    Ending.NO_FINISH: Meaning(TraceStatus.ERROR, to_check=True, costs_attempt=True),
    Ending.BLOCKED: Meaning(TraceStatus.BLOCKED, parks=True),
    Ending.TURN_LIMIT: FAILED,
    Ending.STUCK: FAILED,
    Ending.FORMAT_ERRORS: FAILED,
    Ending.REFUSED: FAILED,
    Ending.CUT: FAILED,
    Ending.CONTEXT: FAILED,
    Ending.STORY_BUDGET: Meaning(TraceStatus.OVER_BUDGET, costs_attempt=True),
    Ending.RUN_BUDGET: Meaning(TraceStatus.OVER_BUDGET, then=Then.LIMIT),
    Ending.WORST_CASE: Meaning(TraceStatus.OVER_BUDGET, then=Then.RECONCILE),
    Ending.DEADLINE: Meaning(TraceStatus.TIMEOUT, then=Then.LIMIT),
    Ending.SERVICE: Meaning(TraceStatus.ERROR, then=Then.SERVICE),
    Ending.INTERRUPTED: Meaning(TraceStatus.INTERRUPTED, then=Then.STOP),
    Ending.SKIPPED: Meaning(TraceStatus.INTERRUPTED, parks=True),
    Ending.DISTRUSTED: Meaning(TraceStatus.ERROR, costs_attempt=True, parks=True),
    Ending.OVERTAKEN: Meaning(TraceStatus.ERROR, remembered=True),
}
EXIT_CODE = {
    Then.LIMIT: ExitCode.LIMIT,
    Then.RECONCILE: ExitCode.RECONCILE,
    Then.SERVICE: ExitCode.SERVICE,
    Then.STOP: ExitCode.INTERRUPTED,
}


@dataclass(frozen=True)
class Result:
    """What became of one iteration."""

    story_id: str
    status: TraceStatus
    reason: str  # one line for a person
    then: Then = Then.GO_ON
    commit: str | None = None
    halt: Halt | None = None  # of Then.SERVICE


def iterate(workbench: Workbench, board: Board, story: Story, number: int) -> Result:
    """Have the agent work on `story`, check its work and commit it; or keep the work aside and say why.

    Raises:
        RalphError: the repository or the settings cannot be used; the trace says so.
    """
    with prepare(workbench, board, story, number) as bench, bench.session() as session:
        finish, passed = work_until_checked(bench, session)
        if passed:
            finish, commit = land(workbench, bench, finish)
            if commit:
                return Result(story.id, TraceStatus.SUCCESS, "passed", commit=commit)
        meaning = MEANINGS[finish.ending]
        reason = bench.set_aside(
            finish,
            meaning.status,
            costs_attempt=meaning.costs_attempt,
            remembered=meaning.costs_attempt or meaning.remembered,
            parks=meaning.parks,
        )
        return Result(story.id, meaning.status, reason, meaning.then, halt=finish.halt)


def land(workbench: Workbench, bench: Bench, finish: Finish) -> tuple[Finish, str | None]:
    """Put the work on the branch, one story at a time; where another one landed first, on top of it and checked again."""
    with workbench.landing:
        verdict = bench.rebase()
        if verdict.passed:
            return finish, bench.commit(finish)
    return replace(finish, ending=verdict.stopped or _not_landed(bench, verdict), detail=verdict.text), None


def _not_landed(bench: Bench, verdict: Verdict) -> Ending:
    """What a refusal on top of other stories means: the guard's is no fault of theirs."""
    if not verdict.distrusted:
        return Ending.OVERTAKEN
    return Ending.DISTRUSTED if bench.is_distrusted else Ending.DONE


def work_until_checked(bench: Bench, session: Session) -> tuple[Finish, bool]:
    """The agent works; Ralph checks; failing output goes back to the agent at most `repairs` times."""
    finish = session.work(bench.first_message())
    for repair in range(bench.repairs + 1):
        if not MEANINGS[finish.ending].to_check:
            return finish, False
        verdict = bench.check(finish)
        if verdict.stopped is not None:
            return replace(finish, ending=verdict.stopped, detail=verdict.text), False
        if verdict.passed:
            return finish, True
        if verdict.distrusted and bench.is_distrusted:
            return replace(finish, ending=Ending.DISTRUSTED, detail=verdict.text), False
        if repair == bench.repairs:
            break
        finish = session.work(bench.ask_for_repair(repair + 1, verdict))
    return replace(finish, detail=verdict.text), False
