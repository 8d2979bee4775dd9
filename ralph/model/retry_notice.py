"""What a person and a log are told when an attempt failed: words, and the fields of the MODEL_RETRY event."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ralph.model.failures import Failure
from ralph.model.pace import in_words

LONG_WAIT_S = 60.0


def retry_notice(
    attempt: int, failure: Failure, wait_s: float, now: datetime
) -> tuple[str, Mapping[str, str | int | float | list[str]]]:
    """The event's text, and its fields. `until` is there where the service said when to come back."""
    fields: dict[str, str | int | float | list[str]] = {"attempt": attempt, "error": failure.text, "wait_s": wait_s}
    if failure.dropped:
        names = ", ".join(failure.dropped)
        return f"the model service does not take {names}; going on without", fields | {"dropped": [*failure.dropped]}
    if failure.retry_after_s is None:
        return f"the model service failed ({failure.text}); trying again in {wait_s:.0f} s", fields
    until = now + timedelta(seconds=wait_s)
    fields["until"] = until.isoformat(timespec="seconds")
    if wait_s < LONG_WAIT_S:
        return f"the model service asked to wait ({failure.text}); trying again in {wait_s:.0f} s", fields
    clock = f"{until.astimezone():%H:%M}" if wait_s < 12 * 3600 else f"{until.astimezone():%Y-%m-%d %H:%M}"
    return f"waiting for the model service until {clock}, in {in_words(wait_s)} ({failure.text}); Ctrl-C stops", fields
