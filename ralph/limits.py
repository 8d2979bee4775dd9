"""The limits of money that a run keeps to, as the ledger wants them. Knows the settings; reserves nothing."""

from datetime import UTC, datetime

from ralph.settings.schema import Settings
from tracing.budget import CALL, NO_LIMIT_MICROS, Limit, day_scope


def run_scope(run_id: str) -> str:
    return f"run:{run_id}"


def run_limits(settings: Settings, run_id: str) -> list[Limit]:
    """Of the call, the run and this day (UTC). What has no limit is counted all the same: one may be set later."""
    limits = settings.limits
    per_run = limits.micros("per_run_usd")
    assert per_run is not None
    per_call = limits.micros("per_call_usd")
    return [
        *([Limit(CALL, per_call)] if per_call else []),
        Limit(run_scope(run_id), per_run),
        Limit(day_scope(datetime.now(UTC).date()), limits.micros("per_day_usd") or NO_LIMIT_MICROS),
    ]
