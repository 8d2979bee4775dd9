"""What an error of the model call means for the session it happened in."""

from ralph.finish import Ending, Finish
from ralph.model.failures import CallCancelledError, DeadlineError, WorstCaseError
from ralph.model.trouble import ServiceError
from tracing.budget import OverBudgetError

ENDINGS = {
    WorstCaseError: Ending.WORST_CASE,
    DeadlineError: Ending.DEADLINE,
    ServiceError: Ending.SERVICE,
    CallCancelledError: Ending.INTERRUPTED,
}


def finish_after(error: Exception) -> Finish:
    """How the session ends after an error of the model call; what the service did is kept for the run's end."""
    if isinstance(error, ServiceError):
        return Finish(Ending.SERVICE, detail=error.facts, halt=error.halt)
    return Finish(ending_of(error), detail=str(error))


def ending_of(error: Exception) -> Ending:
    """What an error of the model call means for the session."""
    if isinstance(error, OverBudgetError):
        of_run = error.limit.scope.partition(":")[0] not in {"story", "call"}
        return Ending.RUN_BUDGET if of_run else Ending.STORY_BUDGET
    return ENDINGS[type(error)]
