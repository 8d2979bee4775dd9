"""What the span of one model call says about its answer and its attempts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ralph.model.cache_health import hit_ratio
from ralph.model.pace import Streak
from ralph.model.reply import Reply
from tracing import attributes as names
from tracing.meter import Meter

if TYPE_CHECKING:
    from tracing.tracer import Span

HIT_RATIO = "ralph.cache.hit_ratio"
BROKEN_MICROS = "ralph.cost.broken_micros"  # the part of the cost that failed attempts left behind
EXCEEDED_MICROS = "ralph.cost.exceeded_micros"  # by how much a call was dearer than its worst case
PLAYED_BY = "ralph.model.played_by"
REFUSAL = "ralph.refusal"  # the category of a refusal and its explanation
USAGE_ESTIMATED = "ralph.usage.estimated"  # no counts came: bounds stand in, and the whole reservation is charged

USAGE_REFUSED = "ralph.usage.refused"  # which count could not be believed
MOST_TOLD = (
    60  # failed attempts of one call of which the span says more than that they were: a night offline has hundreds
)


@dataclass
class Attempts:
    """What the attempts of one call have left behind so far."""

    started_s: float
    streak: Streak
    sent: int = 0  # requests that were paid for and went out
    failed: int = 0
    errors: list[str] = field(default_factory=list)  # of the first ones, and of the last one
    broken_micros: int = 0
    unseen_micros: int = 0  # of these: bounds, since nobody saw how the attempt ended
    first_token_s: float | None = None

    def note(self, error: str) -> None:
        """One more attempt has failed."""
        self.failed += 1
        self.errors[MOST_TOLD - 1 :] = [error]


@contextmanager
def costed(span: "Span", attempts: Attempts, meter: Meter) -> Iterator[None]:
    """However the call ends, its span says what the failed attempts cost, and which cost too much."""
    known = len(meter.broken_assumptions)
    try:
        yield
    finally:
        for broken in meter.broken_assumptions[known:]:
            span.event(
                "worst_case_exceeded",
                {"reserved_micros": broken.reserved_micros, "charged_micros": broken.charged_micros},
            )
            span.set({EXCEEDED_MICROS: broken.charged_micros - broken.reserved_micros})
        if not attempts.sent:
            span.set({names.CALL_ATTEMPTS: 0})
        if attempts.failed or attempts.broken_micros:
            span.set(
                {
                    BROKEN_MICROS: attempts.broken_micros,
                    names.COST_MICROS: attempts.broken_micros,
                    names.UNSEEN_MICROS: attempts.unseen_micros,
                    names.USAGE_COST_USD: attempts.broken_micros / 1e6,
                    names.CALL_ATTEMPTS: attempts.failed,
                    names.CALL_ATTEMPT_ERRORS: attempts.errors,
                }
            )


def describe(span: "Span", reply: Reply, attempts: Attempts, *, ended_s: float, price_version: str) -> None:
    usage, first_s = reply.usage, attempts.first_token_s
    span.set_output(list(reply.content))
    span.set(
        names.llm_response_attributes(
            model=reply.model,
            stop_reason=reply.raw_stop_reason,
            uncached_input_tokens=usage.uncached_input_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_5m_tokens=usage.cache_write_5m_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
            output_tokens=usage.output_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            cost_micros=reply.cost_micros + attempts.broken_micros,
            price_version=price_version,
            latency_ms=(ended_s - attempts.started_s) * 1000,
            time_to_first_token_ms=None if first_s is None else (first_s - attempts.started_s) * 1000,
            attempts=attempts.failed + 1,
            attempt_errors=attempts.errors,
            response_id=reply.response_id,
        )
        | {HIT_RATIO: hit_ratio(usage)}
    )
    if reply.refusal:
        span.set({REFUSAL: reply.refusal})
    if reply.usage_is_bound:
        span.set({USAGE_ESTIMATED: True})
    if reply.usage_refused:
        span.set({USAGE_REFUSED: reply.usage_refused})
    if reply.played_by:
        span.set({names.COST_SIMULATED: True, PLAYED_BY: reply.played_by})
