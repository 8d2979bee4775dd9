"""All detectors, in the order in which they are asked. A change of what any of them finds raises VERSION: stored findings are then made anew."""

from tracing.failures.anomaly import CostAnomaly, LatencyAnomaly
from tracing.failures.answer_loop import AnswerLoop
from tracing.failures.cache_breaks import CacheBreaks
from tracing.failures.context_growth import ContextGrowth
from tracing.failures.contradicted_claim import ContradictedClaim
from tracing.failures.detector import Detector
from tracing.failures.failure_cascade import FailureCascade
from tracing.failures.goal_drift import GoalDrift
from tracing.failures.observed import Subject
from tracing.failures.provider_retries import ProviderRetries
from tracing.failures.repeated_work import RepeatedWork
from tracing.failures.retry_loop import RetryLoop
from tracing.failures.silent_model_error import SilentModelError
from tracing.failures.sub_agents import SubAgents
from tracing.failures.token_exhaustion import TokenExhaustion
from tracing.failures.tool_schema import ToolSchema

VERSION = 5

DETECTORS: tuple[type[Detector], ...] = (
    RetryLoop,
    RepeatedWork,
    AnswerLoop,
    ProviderRetries,
    TokenExhaustion,
    ToolSchema,
    FailureCascade,
    ContextGrowth,
    CacheBreaks,
    SubAgents,
    SilentModelError,
    ContradictedClaim,
    CostAnomaly,
    LatencyAnomaly,
    GoalDrift,
)  # fmt: skip


def detectors(subject: Subject) -> tuple[Detector, ...]:
    """Fresh ones, for one trace."""
    return tuple(detector(subject) for detector in DETECTORS)
