"""All detectors, in the order in which they are asked. A change of what any of them finds raises VERSION: stored findings are then made anew."""

from tracing.failures.detector import Detector
from tracing.failures.observed import Subject
from tracing.failures.retry_loop import RetryLoop
from tracing.failures.tool_schema import ToolSchema

VERSION = 1

DETECTORS: tuple[type[Detector], ...] = (
    RetryLoop,
    ToolSchema,
)  # fmt: skip


def detectors(subject: Subject) -> tuple[Detector, ...]:
    """Fresh ones, for one trace."""
    return tuple(detector(subject) for detector in DETECTORS)
