"""What a scripted model says in one turn, and which way its answer goes wrong.

Plain values and the builders that make them: `says("hi")`, `calls("bash", {"command": "ls"})`, `finish_done("...")`,
`fails(529)`, `drops(says("hi"))`. Knows nothing about HTTP, events or caches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Thinking:
    """`text` is what the model shows; the tokens are billed either way."""

    text: str
    signature: str = "c2lnbmVkIGJ5IGEgc2NyaXB0"


@dataclass(frozen=True)
class Call:
    """One tool call. `id` "" means: the model makes one up. `raw_json` replaces the encoded input on the wire."""

    name: str
    input: Mapping[str, object]
    id: str = ""
    raw_json: str | None = None


Block = Text | Thinking | Call


class Fault(StrEnum):
    """How an answer breaks after the request was accepted."""

    ERROR_EVENT = "error_event"
    DROP = "drop"
    STALL = "stall"
    NO_MESSAGE_STOP = "no_message_stop"
    GARBAGE = "garbage"
    MALFORMED_DATA = "malformed_data"
    CUT_TOOL_JSON = "cut_tool_json"
    HANG_UP = "hang_up"
    NO_ANSWER = "no_answer"


@dataclass(frozen=True)
class Failure:
    """An error of the service: an HTTP status, or, as `Fault.ERROR_EVENT`, an event in the middle of a stream."""

    status: int
    type: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()
    error_code: str | None = None


@dataclass(frozen=True)
class Turn:
    """One answer. `stop_reason` None: what the content implies.

    `after_events` is how many events pass before a fault strikes; None: the fault's usual place.
    `output_tokens` None: estimated from the content.
    """

    content: tuple[Block, ...] = ()
    stop_reason: str | None = None
    stop_details: Mapping[str, object] | None = None
    stop_sequence: str | None = None
    failure: Failure | None = None
    fault: Fault | None = None
    after_events: int | None = None
    output_tokens: int | None = None

    def thinking(self, text: str) -> "Turn":
        """The same turn with a thinking block in front."""
        return replace(self, content=(Thinking(text), *self.content))

    def costing(self, output_tokens: int) -> "Turn":
        """The same turn, billed as if it had taken so many output tokens."""
        return replace(self, output_tokens=output_tokens)

    @property
    def implied_stop_reason(self) -> str:
        if self.stop_reason is not None:
            return self.stop_reason
        return "tool_use" if any(isinstance(block, Call) for block in self.content) else "end_turn"


ERROR_TYPES: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request_error", "The request is not valid."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "model: no-such-model"),
    408: ("timeout_error", "The request timed out."),
    409: ("conflict_error", "The request conflicts with another one."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "The request timed out on the way."),
    529: ("overloaded_error", "Overloaded"),
}
_STATUS_OF_TYPE = {"overloaded_error": 529, "rate_limit_error": 429, "api_error": 500}


def says(text: str) -> Turn:
    """Text and no tool call."""
    return Turn((Text(text),) if text else ())


def calls(name: str, input: Mapping[str, object], *more: tuple[str, Mapping[str, object]], saying: str = "") -> Turn:  # noqa: A002 the API's word
    """One tool call, or several at once: `calls("read", {...}, ("grep", {...}), saying="Look first.")`."""
    text = (Text(saying),) if saying else ()
    return Turn((*text, Call(name, input), *(Call(other, its_input) for other, its_input in more)))


SHOWN = (("what the story asks", "the diff"),)


def finish_done(summary: str, criteria: Sequence[tuple[str, str]] = SHOWN) -> Turn:
    """The call `finish(status="done")`. `criteria` pairs a criterion with its evidence."""
    pairs = [{"criterion": criterion, "evidence": evidence} for criterion, evidence in criteria]
    return calls("finish", {"status": "done", "summary": summary, "criteria": pairs})


def finish_blocked(reason: str, summary: str = "") -> Turn:
    """The call `finish(status="blocked")`."""
    return calls(
        "finish", {"status": "blocked", "summary": summary or reason, "criteria": [], "blocked_reason": reason}
    )


def fails(
    status: int,
    type: str = "",  # noqa: A002 the API's word
    *,
    message: str = "",
    retry_after: str | float | None = None,
    error_code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Turn:
    """An HTTP error with the body of the real service. `retry_after`: seconds, or an HTTP date."""
    usual_type, usual_message = ERROR_TYPES.get(status, ("api_error", f"HTTP status {status}"))
    extra = dict(headers or {})
    if retry_after is not None:
        extra["retry-after"] = str(retry_after)
    failure = Failure(status, type or usual_type, message or usual_message, tuple(extra.items()), error_code)
    return Turn(failure=failure)


def error_midway(type: str = "overloaded_error", *, turn: Turn | None = None, after_events: int | None = None) -> Turn:  # noqa: A002 the API's word
    """A stream that begins well and then carries an `error` event."""
    message = ERROR_TYPES[_STATUS_OF_TYPE.get(type, 400)][1]
    return replace(
        turn or _SOME_TEXT, failure=Failure(200, type, message), fault=Fault.ERROR_EVENT, after_events=after_events
    )


def drops(turn: Turn | None = None, *, after_events: int | None = None) -> Turn:
    """The connection is cut in the middle of the stream."""
    return replace(turn or _SOME_TEXT, fault=Fault.DROP, after_events=after_events)


def stalls(turn: Turn | None = None, *, after_events: int | None = None) -> Turn:
    """The stream stops and the connection stays open, until a time-out, a close or `ScriptedModel.release()`."""
    return replace(turn or _SOME_TEXT, fault=Fault.STALL, after_events=after_events)


def no_message_stop(turn: Turn | None = None, *, after_events: int | None = None) -> Turn:
    """The stream ends cleanly, but too early."""
    return replace(turn or _SOME_TEXT, fault=Fault.NO_MESSAGE_STOP, after_events=after_events)


def garbage_lines(turn: Turn | None = None) -> Turn:
    """Lines that are not server-sent events stand between the events."""
    return replace(turn or _SOME_TEXT, fault=Fault.GARBAGE)


def malformed_data(turn: Turn | None = None, *, after_events: int | None = None) -> Turn:
    """An event whose data is not JSON."""
    return replace(turn or _SOME_TEXT, fault=Fault.MALFORMED_DATA, after_events=after_events)


def cut_tool_json(name: str, input: Mapping[str, object], *, saying: str = "") -> Turn:  # noqa: A002 the API's word
    """A tool call that `max_tokens` cut off in the middle of its JSON."""
    return replace(calls(name, input, saying=saying), fault=Fault.CUT_TOOL_JSON, stop_reason="max_tokens")


def malformed_tool_json(name: str, raw_json: str = '{"command": ls -la}') -> Turn:
    """A complete tool call whose input is not JSON."""
    return Turn((Call(name, {}, raw_json=raw_json),))


def hangs_up() -> Turn:
    """The connection is closed before a status line comes back: sent, and nothing seen."""
    return replace(_SOME_TEXT, fault=Fault.HANG_UP)


def never_answers() -> Turn:
    """No status line ever comes back: the client's read time-out has to end it."""
    return replace(_SOME_TEXT, fault=Fault.NO_ANSWER)


def stops(reason: str, turn: Turn | None = None, *, sequence: str | None = None) -> Turn:
    """The turn ends with this stop reason, whatever its content says. Unknown reasons are passed on."""
    return replace(turn or _SOME_TEXT, stop_reason=reason, stop_sequence=sequence)


def refuses(category: str | None = "cyber", explanation: str = "This request was declined.") -> Turn:
    """Stop reason `refusal` with its details and no content."""
    details = {"type": "refusal", "category": category, "explanation": explanation}
    return Turn((), stop_reason="refusal", stop_details=details)


_SOME_TEXT = Turn((Text("Let me look at the code before I change it."),))
