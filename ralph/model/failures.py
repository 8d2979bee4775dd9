"""What a failed attempt means: may it be tried again, and what stays charged for it. Tables, tested case by case.

Knows the SDK's and the transport's exceptions, because a stream that breaks half-way raises neither the SDK's classes
nor an error status: an `error` event comes as status 200, a cut connection as an httpx2 error.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from ralph.errors import ExitCode, RalphError
from ralph.model.client import credential_errors
from ralph.model.reset_time import regained_at, reset_at
from ralph.model.trouble import Trouble

if TYPE_CHECKING:
    import anthropic

    from tracing.budget import BrokenAssumption

# The second line of each is how Bedrock says it.
RATE_TYPES = {
    "rate_limit_error",
    "throttlingException",
}  # fmt: skip
DOWN_TYPES = {
    "overloaded_error", "api_error", "timeout_error",
    "internalServerException", "serviceUnavailableException", "modelStreamErrorException", "modelTimeoutException",
}  # fmt: skip
TROUBLES = dict.fromkeys(RATE_TYPES, Trouble.RATE) | dict.fromkeys(DOWN_TYPES, Trouble.DOWN)
RATE_STATUS = 429
RETRIED_STATUSES = {408, 409, 424, 425, RATE_STATUS}
UNREAD_STATUSES = {400, 413, 422}  # the request itself is what the service does not like
SPENT_OUT_CODES = ("spend_limit", "on_hold", "billing", "credit")
SPENT_OUT_WORDS = (
    "credit balance", "spend limit", "spending limit", "specified api usage limits", "insufficient_quota",
    "exceeded your current quota", "budget has been exceeded", "on hold",
)  # fmt: skip
TOO_LONG_WORDS = (
    "prompt is too long", "input is too long", "too many tokens", "context window", "maximum context", "context limit",
    "context length", "context size", "context_length_exceeded", "exceed_context_size", "contextwindowexceeded",
)  # fmt: skip


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
    trouble: Trouble = Trouble.DOWN
    retry_after_s: float | None = None  # None: the service did not say
    refused_request: bool = False  # because of what is in the request
    dropped: tuple[str, ...] = ()  # what is left out from now on, because of this failure


class ContextTooLongError(Exception):
    """The service refused the conversation as too long; start a shorter one."""


class DeadlineError(Exception):
    """The deadline of the run came before an answer did."""


class CallCancelledError(Exception):
    """The user asked the run to stop while it waited for the service."""


class WorstCaseError(RalphError):
    """A call cost more than was reserved for it: no limit can be promised any more, so nothing more is called."""

    exit_code = ExitCode.RECONCILE

    def __init__(self, broken: "BrokenAssumption") -> None:
        self.broken = broken
        super().__init__(str(broken))


class BrokenStreamError(Exception):
    """The stream ended cleanly but without `message_stop`: what arrived may be cut anywhere."""


REMEDIES = {
    400: "The service did not accept the request; look at it with `ralph trace`.",
    401: "Set ANTHROPIC_API_KEY to a valid key.",
    402: "Add credit to the account or raise its spend limit, or use another key.",
    403: "Check that the key may use this model.",
    404: "Check the model's name (`model` in ralph.toml or --model).",
}
AWS_ACCESS = "Check the AWS credentials (`aws sso login`), and that the account has access to the model in this region."
GOOGLE_ACCESS = "Check the Google credentials (`gcloud auth application-default login`), and that the project has the model enabled."
CLOUD_REMEDIES = {
    "bedrock": {401: AWS_ACCESS, 403: AWS_ACCESS},
    "vertex": {401: GOOGLE_ACCESS, 403: GOOGLE_ACCESS, 404: f"{REMEDIES[404]} {GOOGLE_ACCESS}"},
}


def classify(error: Exception, now: datetime, provider: str = "anthropic") -> Failure:
    """What `error` means for the next attempt. `now` turns times into waits, `provider` chooses the remedies."""
    import anthropic  # noqa: PLC0415  # a second of import that only a run pays
    import httpx2  # noqa: PLC0415

    remedies = REMEDIES | CLOUD_REMEDIES.get(provider, {})
    if isinstance(error, anthropic.APIStatusError):
        return _status_failure(error, now, remedies)
    if isinstance(error, anthropic.APIConnectionError):
        sent = not isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
        said = _in_words(error.__cause__ or error)
        if sent:
            return Failure(Verdict.RETRY, Charge.WORST, said)
        return Failure(Verdict.RETRY, Charge.NOTHING, said, trouble=Trouble.OFFLINE)
    if isinstance(error, credential_errors()):
        return _unsigned(error, remedies[401])
    if isinstance(error, TypeError | anthropic.AnthropicError) and not isinstance(error, anthropic.APIError):
        return Failure(Verdict.GIVE_UP, Charge.NOTHING, _in_words(error), remedies[401], Trouble.REFUSED)
    return Failure(Verdict.RETRY, Charge.WORST, _in_words(error))


def _unsigned(error: Exception, remedy: str) -> Failure:
    """The cloud's library could not sign the request: it was never sent. Its own network may be down for a while."""
    passing = any(word in type(error).__name__ for word in ("Transport", "Connection", "Timeout", "HTTPClient"))
    passing |= bool(getattr(error, "retryable", False))
    verdict, trouble = (Verdict.RETRY, Trouble.OFFLINE) if passing else (Verdict.GIVE_UP, Trouble.REFUSED)
    return Failure(verdict, Charge.NOTHING, _in_words(error), remedy, trouble)


def _status_failure(error: "anthropic.APIStatusError", now: datetime, remedies: Mapping[int, str]) -> Failure:
    kind, status, message = str(error.type or ""), error.status_code, _said(error)
    label = f"{status} {kind}".strip() if status >= 400 else f"{kind or 'error'} in the middle of the stream"
    spent_out = _is_spent_out(error, kind, message)
    resets_at = regained_at(message, now) if spent_out else _resets_at(error, message, now)
    verdict = Verdict.GIVE_UP if spent_out else _status_verdict(error, kind, message, waits=resets_at is not None)
    return Failure(
        verdict=verdict,
        charge=Charge.NOTHING if status >= 400 else Charge.WORST,
        text=f"{label}: {message}",
        remedy=remedies[402] if spent_out else remedies.get(status, ""),
        trouble=Trouble.SPENT if spent_out else _status_trouble(error, kind, verdict, waits=resets_at is not None),
        retry_after_s=(resets_at - now).total_seconds() if resets_at else None,
        refused_request=status in UNREAD_STATUSES and not spent_out and verdict is not Verdict.RETRY,
    )


def _is_spent_out(error: "anthropic.APIStatusError", kind: str, message: str) -> bool:
    """No money, as opposed to too many calls: trying again soon does not help, whatever a header says."""
    if kind == "billing_error" or error.status_code == 402:
        return True
    return _mentions(str(error.error_code or ""), SPENT_OUT_CODES) or _mentions(message, SPENT_OUT_WORDS)


def _resets_at(error: "anthropic.APIStatusError", message: str, now: datetime) -> datetime | None:
    """When to come back, where the service says so. Words count in a refusal for a rate only: others may quote anything."""
    is_rate = error.status_code == RATE_STATUS or error.type in RATE_TYPES
    return reset_at(message if is_rate else "", error.response.headers, now)


def _status_verdict(error: "anthropic.APIStatusError", kind: str, message: str, *, waits: bool) -> Verdict:
    status = error.status_code
    is_unread = status in UNREAD_STATUSES or kind in {"invalid_request_error", "validationException"}
    if status == 413 or (is_unread and _mentions(message, TOO_LONG_WORDS)):
        return Verdict.TOO_LONG
    told = error.response.headers.get("x-should-retry")
    if told in {"true", "false"} and status >= 400 and not (waits and status == RATE_STATUS):
        return Verdict.RETRY if told == "true" else Verdict.GIVE_UP
    if kind in TROUBLES or status in RETRIED_STATUSES or status >= 500:
        return Verdict.RETRY
    return Verdict.GIVE_UP


def _status_trouble(error: "anthropic.APIStatusError", kind: str, verdict: Verdict, *, waits: bool) -> Trouble:
    if waits or error.status_code == RATE_STATUS:
        return Trouble.RATE
    if error.status_code >= 500 or verdict is Verdict.RETRY:
        return TROUBLES.get(kind, Trouble.DOWN)
    return TROUBLES.get(kind, Trouble.REFUSED)


def _said(error: "anthropic.APIStatusError") -> str:
    """The service's own words: Anthropic nests them, Bedrock, Vertex and the frameworks of local servers each have a place."""
    body = error.body[0] if isinstance(error.body, list) and error.body else error.body
    if error.api_message or not isinstance(body, dict):
        return error.api_message or error.message
    inner = body.get("error")
    found = inner.get("message") if isinstance(inner, dict) else inner
    return _plain(found or body.get("message") or body.get("detail")) or error.message


def _plain(said: object) -> str:
    if isinstance(said, list):  # pydantic's: [{"loc": ["body", "x"], "msg": "..."}]
        return "; ".join(_plain(entry) for entry in said)
    if isinstance(said, dict) and "msg" in said:
        return f"{'.'.join(map(str, said.get('loc', ())))}: {said['msg']}"
    return str(said) if said else ""


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text.lower() for word in words)


def _in_words(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"an event of the stream is not JSON: {error}"
    return f"{type(error).__name__}: {error}"
