"""From where on a rule speaks. One place for the defaults; None switches the threshold off."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracing.finding import Severity


@dataclass(frozen=True)
class Thresholds:
    failed_every_s: int = 300  # at most one message an agent in so long; the rest is counted in the next one
    session_usd: float | None = 10.0
    day_usd: float | None = (
        None  # what a day is expected to cost; None: as much as a dear day of the last 14 that cost anything
    )
    day_over_percent: float = 20.0
    limit_percents: tuple[int, ...] = (50, 80, 95)
    unknown_usd: float | None = 1.0  # reserved, and nobody knows whether it was spent
    session_median_s: int | None = None
    session_p95_s: int | None = None
    call_median_s: int | None = 60
    call_p95_s: int | None = 300
    latency_window_s: int = 3_600
    latency_least: int = 20  # so many in the window, or nothing is said
    tool_error_percent: float | None = 5.0
    tool_window_s: int = 900
    tool_least: int = 20
    finding_severity: Severity | None = Severity.CRITICAL
    finding_kinds: tuple[str, ...] = ()  # of these detectors whatever their severity
    scores: Mapping[str, float] = field(default_factory=dict)  # the average below which a score of this name is told
    score_last: int = 20
    schedule_grace_s: int = 1_800
