"""What an error of the model call means for the session it happened in."""

from ralph.errors import ServiceError
from ralph.finish import Ending
from ralph.model.failures import CallCancelledError, DeadlineError, WorstCaseError
from tracing.budget import OverBudgetError

ENDINGS = {
    WorstCaseError: Ending.WORST_CASE,
    DeadlineError: Ending.DEADLINE,
    ServiceError: Ending.SERVICE,
    CallCancelledError: Ending.INTERRUPTED,
}


def ending_of(error: Exception) -> Ending:
    """What an error of the model call means for the session."""
    if isinstance(error, OverBudgetError):
        of_run = error.limit.scope.partition(":")[0] not in {"story", "call"}
        return Ending.RUN_BUDGET if of_run else Ending.STORY_BUDGET
    return ENDINGS[type(error)]
