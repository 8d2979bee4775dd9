"""An Anthropic-compatible model that plays a script: the real SDK talks to it, no network and no key are needed.

`ScriptedModel([calls("bash", {"command": "ls"}), finish_done("Listed.")]).client()` is an `anthropic.Anthropic`. A script is a
sequence of turns, or a function from the request to the turn. What it does not know: tools, stories, budgets.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Protocol, cast

import httpx2

from ralph.replay.sse import Answer, Json, Usage, dumps, error_answer, render
from ralph.replay.stalls import Stalls, Wait, wait_for
from ralph.replay.transport import Transport
from ralph.replay.turn import (
    Call,
    Failure,
    Text,
    Thinking,
    Turn,
    calls,
    cut_tool_json,
    drops,
    error_midway,
    fails,
    finish_blocked,
    finish_done,
    garbage_lines,
    hangs_up,
    malformed_data,
    malformed_tool_json,
    never_answers,
    no_message_stop,
    refuses,
    says,
    stalls,
    stops,
)

if TYPE_CHECKING:
    import anthropic

__all__ = [
    "Bill",
    "Call",
    "Request",
    "Script",
    "ScriptError",
    "ScriptedModel",
    "Text",
    "Thinking",
    "Turn",
    "calls",
    "cut_tool_json",
    "drops",
    "error_midway",
    "fails",
    "finish_blocked",
    "finish_done",
    "garbage_lines",
    "hangs_up",
    "malformed_data",
    "malformed_tool_json",
    "never_answers",
    "no_message_stop",
    "refuses",
    "says",
    "stalls",
    "stops",
]


@dataclass(frozen=True)
class Request:
    """A request that the model accepted. `number` counts from 1."""

    number: int
    body: Json

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def messages(self) -> list[Json]:
        return cast("list[Json]", self.body["messages"])


class Script(Protocol):
    """Where the turns come from."""

    def __call__(self, request: Request) -> Turn: ...


class ScriptError(Exception):
    """The script cannot answer this request. It reaches the client as HTTP 400 with this text."""


@dataclass(frozen=True)
class Bill:
    """What the provider charges for one answered request, seen by the client or not."""

    number: int
    model: str
    usage: Usage


class ScriptedModel:
    """Answers requests to the Messages API from a script.

    `kind` (scripted, recording, by-hand) goes out with every answer as the header `Ralph-Model`.
    """

    def __init__(self, script: Sequence[Turn] | Script, *, kind: str = "scripted", wait: Wait = wait_for) -> None:
        self._script: Script = script if callable(script) else _in_order(script)
        self.kind = kind
        self.stalls = Stalls(wait)
        self.requests: list[Json] = []
        self.bills: list[Bill] = []
        self._lock = Lock()

    @property
    def billed(self) -> Usage:
        """The provider's own sum over all answers, broken streams included."""
        return sum((bill.usage for bill in self.bills), Usage())

    def transport(self) -> Transport:
        return Transport(self.respond, self.stalls)

    def client(self, **options: object) -> "anthropic.Anthropic":
        """An SDK client that talks to this model in the same process. Close it when done."""
        import anthropic  # noqa: PLC0415 takes a second to import

        settings: dict[str, object] = {"api_key": "scripted", "max_retries": 0, "open_telemetry": False} | options
        http_client = httpx2.Client(transport=self.transport())
        return anthropic.Anthropic(http_client=http_client, **settings)  # type: ignore[arg-type]

    def release(self) -> None:
        """Streams that stand still go on."""
        self.stalls.release()

    def respond(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to one HTTP request. Only the end of the path counts, so any prefix will do."""
        with self._lock:
            answer = self._respond(method, path, headers, body)
        return Answer(answer.status, (*answer.headers, ("ralph-model", self.kind)), answer.parts, answer.usage)

    def _respond(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return self._message(json.loads(body))

    def _message(self, body: Json) -> Answer:
        number = len(self.requests) + 1
        self.requests.append(body)
        request = Request(number, body)
        try:
            turn = self._script(request)
        except ScriptError as error:
            return error_answer(Failure(400, "invalid_request_error", str(error)), f"req_script_{number:06d}")
        return self._played(turn, request)

    def _played(self, turn: Turn, request: Request) -> Answer:
        usage = Usage(uncached_input_tokens=len(dumps(request.body)) // 4)
        answer = render(
            turn,
            number=request.number,
            model=request.model,
            max_tokens=cast("int", request.body["max_tokens"]),
            stream=bool(request.body.get("stream")),
            input_usage=usage,
        )
        if answer.usage != Usage():
            self.bills.append(Bill(request.number, request.model, answer.usage))
        return answer


def _in_order(turns: Sequence[Turn]) -> Script:
    left = iter(turns)

    def script(request: Request) -> Turn:
        turn = next(left, None)
        if turn is None:
            raise ScriptError(f"the script has {len(turns)} turns and this is request {request.number}. Add a turn.")
        return turn

    return script
