"""What a failed attempt means: may it be tried again, and what stays charged for it. Tables, tested case by case.

Knows the SDK's and the transport's exceptions, because a stream that breaks half-way raises neither the SDK's classes
nor an error status: an `error` event comes as status 200, a cut connection as an httpx2 error.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anthropic

    from tracing.budget import BrokenAssumption

RETRIED_TYPES = {"rate_limit_error", "overloaded_error", "api_error", "timeout_error"}
RETRIED_STATUSES = {408, 409, 429}
SPENT_OUT_WORDS = ("spend_limit", "on_hold", "billing", "credit")
TOO_LONG_WORDS = ("prompt is too long", "too many tokens", "context window", "maximum context", "context limit")


class Verdict(StrEnum):
    RETRY = "retry"
    GIVE_UP = "give_up"
    TOO_LONG = "too_long"  # the conversation has to become shorter


class Charge(StrEnum):
    """What the ledger does with the reservation of a failed attempt."""

    NOTHING = "nothing"  # never sent, or refused with an error status
    WORST = "worst"  # sent: what was seen and the worst output, or the whole reservation


@dataclass(frozen=True)
class Failure:
    """One failed attempt in plain words."""

    verdict: Verdict
    charge: Charge
    text: str  # what happened, for the trace and for a person
    remedy: str = ""  # what the user can do about a GIVE_UP
    retry_after_s: float | None = None  # None: the service did not say
    refused_request: bool = False  # for good, because of what is in the request


class ContextTooLongError(Exception):
    """The service refused the conversation as too long; start a shorter one."""


class DeadlineError(Exception):
    """The deadline of the run came before an answer did."""


class CallCancelledError(Exception):
    """The user asked the run to stop while it waited for the service."""


class WorstCaseError(Exception):
    """A call cost more than was reserved for it: no limit can be promised any more, so nothing more is called."""

    def __init__(self, broken: "BrokenAssumption") -> None:
        super().__init__(
            f"A call cost ${broken.charged_micros / 1e6:.6f} where ${broken.reserved_micros / 1e6:.6f} was reserved as its "
            "worst case: the price table or the bound on the input is wrong. Nothing more is called in this run; "
            "compare the model's price with `[prices]` in config.toml."
        )


class BrokenStreamError(Exception):
    """The stream ended cleanly but without `message_stop`: what arrived may be cut anywhere."""


REMEDIES = {
    400: "The service did not accept the request; look at it with `ralph trace`.",
    401: "Set ANTHROPIC_API_KEY to a valid key.",
    402: "Add credit to the account, or use another key.",
    403: "Check that the key may use this model.",
    404: "Check the model's name (`model` in ralph.toml or --model).",
}


def classify(error: Exception, now: datetime) -> Failure:
    """What `error` means for the next attempt. `now` turns a `retry-after` date into seconds."""
    import anthropic  # noqa: PLC0415  # a second of import that only a run pays
    import httpx2  # noqa: PLC0415

    if isinstance(error, anthropic.APIStatusError):
        return _status_failure(error, now)
    if isinstance(error, anthropic.APIConnectionError):
        sent = not isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
        return Failure(Verdict.RETRY, Charge.WORST if sent else Charge.NOTHING, _in_words(error.__cause__ or error))
    if isinstance(error, TypeError | anthropic.AnthropicError) and not isinstance(error, anthropic.APIError):
        return Failure(Verdict.GIVE_UP, Charge.NOTHING, _in_words(error), REMEDIES[401])
    return Failure(Verdict.RETRY, Charge.WORST, _in_words(error))


def _status_failure(error: "anthropic.APIStatusError", now: datetime) -> Failure:
    kind, status = str(error.type or ""), error.status_code
    message = error.api_message or error.message
    verdict = _status_verdict(error, kind, status, message)
    label = f"{status} {kind}".strip() if status >= 400 else f"{kind or 'error'} in the middle of the stream"
    return Failure(
        verdict=verdict,
        charge=Charge.NOTHING if status >= 400 else Charge.WORST,
        text=f"{label}: {message}",
        remedy=REMEDIES.get(status, ""),
        retry_after_s=_retry_after_s(error.response.headers, now),
        refused_request=status == 400 and verdict is Verdict.GIVE_UP,
    )


def _status_verdict(error: "anthropic.APIStatusError", kind: str, status: int, message: str) -> Verdict:
    if status == 413 or (kind == "invalid_request_error" and _mentions(message, TOO_LONG_WORDS)):
        return Verdict.TOO_LONG
    if kind == "billing_error" or _mentions(str(error.error_code or ""), SPENT_OUT_WORDS):
        return Verdict.GIVE_UP
    told = error.response.headers.get("x-should-retry")
    if told in {"true", "false"} and status >= 400:
        return Verdict.RETRY if told == "true" else Verdict.GIVE_UP
    if kind in RETRIED_TYPES or status in RETRIED_STATUSES or status >= 500:
        return Verdict.RETRY
    return Verdict.GIVE_UP


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text.lower() for word in words)


def _retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (seconds or an HTTP date); None where neither can be read."""
    milliseconds, text = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return _until(text or "", now)


def _until(date: str, now: datetime) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(date) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _in_words(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"an event of the stream is not JSON: {error}"
    return f"{type(error).__name__}: {error}"
