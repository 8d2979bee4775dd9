"""An Anthropic-compatible model that plays a script: the real SDK talks to it, no network and no key are needed.

`ScriptedModel([calls("bash", {"command": "ls"}), finish_done("Listed.")]).client()` is an `anthropic.Anthropic`. A script is a
sequence of turns, or a function from the request to the turn. What it does not know: tools, stories, budgets.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Protocol, cast

import httpx2

from ralph.replay.cache_sim import CacheControlError, CacheSim
from ralph.replay.clouds import Dialect, dialect_of
from ralph.replay.service import BadRequestError, failure, json_answer, models_answer, parsed, refused
from ralph.replay.sse import Answer, Json, Usage, error_answer, render
from ralph.replay.stalls import Stalls, Wait, wait_for
from ralph.replay.transport import Transport
from ralph.replay.turn import (
    Call,
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
    "HungUpError",
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

MODEL_HEADER = "ralph-model"


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


class ScriptError(BadRequestError):
    """The script cannot answer this request. It reaches the client as HTTP 400 with this text."""


class HungUpError(Exception):
    """Whoever was to answer will not any more. It reaches the client as HTTP 503 with this text."""


@dataclass(frozen=True)
class Bill:
    """What the provider charges for one answered request, seen by the client or not."""

    number: int
    model: str
    usage: Usage


class ScriptedModel:
    """Answers requests to the Messages API from a script.

    `kind` (scripted, recording, by-hand) goes out with every answer as the header `Ralph-Model`. `clock` (seconds) ages the
    prompt cache; `wait` makes time pass in a stalled stream.
    """

    def __init__(
        self,
        script: Sequence[Turn] | Script,
        *,
        kind: str = "scripted",
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = wait_for,
        context_window_tokens: int = 1_000_000,
    ) -> None:
        self._script: Script = script if callable(script) else _in_order(script)
        self.kind = kind
        self.stalls = Stalls(wait)
        self.requests: list[Json] = []
        self.bills: list[Bill] = []
        self.drift: ScriptError | None = None
        """The last request that the script could not answer; a run that ends with one proves nothing."""
        self._cache = CacheSim(clock)
        self._context_window_tokens = context_window_tokens
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
        """The answer to one HTTP request, Bedrock's and Vertex's too. Only the end of the path counts: any prefix will do."""
        cloud = dialect_of(path)
        answer = self._by_cloud(cloud, headers, body) if cloud else self._routed(method, path, headers, body)
        return replace(answer, headers=(*answer.headers, (MODEL_HEADER, self.kind)))

    def _routed(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        refusal = refused(headers, len(body))
        if refusal is not None:
            return error_answer(refusal, "req_script_refused")
        if method == "GET":
            return models_answer(path)
        if not path.endswith(("/v1/messages", "/v1/messages/count_tokens")):
            return error_answer(failure(404, f"No route for {method} {path}"), "req_script_lost")
        return self._posted(body, count_only=path.endswith("/count_tokens"))

    def _by_cloud(self, cloud: Dialect, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            call = cloud.read(headers, body)
        except BadRequestError as error:
            return cloud.write(error_answer(failure(400, str(error)), "req_script_cloud"))
        return cloud.write(self._routed("POST", call.path, call.headers, call.body))

    def _posted(self, raw: bytes, *, count_only: bool) -> Answer:
        number = len(self.requests) + 1
        try:
            body = parsed(raw, count_only=count_only)
            if count_only:
                return json_answer({"input_tokens": self._count(body)}, f"req_script_count_{number:06d}")
            return self._answered(self._accepted(body))
        except HungUpError as error:
            return error_answer(failure(503, str(error)), f"req_script_hung_up_{number:06d}")
        except ScriptError as error:
            self.drift = error
            return error_answer(failure(400, str(error)), f"req_script_drift_{number:06d}")
        except BadRequestError as error:
            return error_answer(failure(400, str(error)), f"req_script_bad_{number:06d}")

    def _answered(self, request: Request) -> Answer:
        turn = self._script(request)
        usage = Usage() if turn.failure and turn.fault is None else self._charged(request.body)
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

    def _accepted(self, body: Json) -> Request:
        size = self._count(body)
        if size > self._context_window_tokens:
            raise BadRequestError(f"prompt is too long: {size} tokens > {self._context_window_tokens} maximum")
        with self._lock:
            self.requests.append(body)
            return Request(len(self.requests), body)

    def _count(self, body: Json) -> int:
        with self._lock:
            return self._cache.count(body)

    def _charged(self, body: Json) -> Usage:
        try:
            with self._lock:
                return self._cache.charge(body)
        except CacheControlError as error:
            raise BadRequestError(str(error)) from error


def _in_order(turns: Sequence[Turn]) -> Script:
    left = iter(turns)

    def script(request: Request) -> Turn:
        turn = next(left, None)
        if turn is None:
            raise ScriptError(f"the script has {len(turns)} turns and this is request {request.number}. Add a turn.")
        return turn

    return script
