"""A model and tools that take no time, so that what is left is the loop around them: ours, and a bare one over the SDK.

The model's answers are rendered before the clock starts and do not look at the request, however long it is.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import anthropic
import httpx2

from ralph.agents.native import NativeAgent, NativeSession, Task
from ralph.finish import Ending
from ralph.model.call import Model
from ralph.model.client import sdk_client
from ralph.prompts import SYSTEM, prompt
from ralph.replay.sse import Usage, render
from ralph.replay.turn import calls, finish_done
from ralph.tools.result import ToolResult
from ralph.tools.schema import all_schemas
from tracing.budget import NO_LIMIT_MICROS, Ledger, Limit
from tracing.meter import Meter
from tracing.prices import PriceBook
from tracing.redact import Redactor
from tracing.store import TraceStore
from tracing.tracer import Tracer

MODEL = "claude-opus-5-5"
MAX_TOKENS = 64_000
RESULT_BYTES = 2_000
TASK = "Story: US-001 - List the folder, again and again."
USAGE = Usage(uncached_input_tokens=10, cache_read_tokens=5_000, cache_write_5m_tokens=600)


def noise(size_bytes: int, seed: int) -> str:
    """Text that is the same in each run and that compresses about as badly as words do."""
    dice = random.Random(seed)
    words = (f"{dice.getrandbits(20):x}" for _ in range(size_bytes // 5))
    return " ".join(words)[:size_bytes]


class InstantModel(httpx2.BaseTransport):
    """Plays `turns` calls of `bash`, then `finish`; remembers how big each request was and what it took here."""

    def __init__(self, turns: int) -> None:
        listing = [calls("bash", {"command": f"ls {n}"}, saying=noise(300, n)) for n in range(turns)]
        script = [*listing, finish_done("Listed.")]
        self.turns = turns
        self._answers = [_body(turn, number) for number, turn in enumerate(script, 1)]
        self.own_ns: list[int] = []
        self.request_bytes: list[int] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        began_ns = time.perf_counter_ns()
        self.request_bytes.append(int(request.headers["content-length"]))
        body = self._answers[len(self.own_ns)]
        answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body, request=request)
        self.own_ns.append(time.perf_counter_ns() - began_ns)
        return answer


def _body(turn: Any, number: int) -> bytes:
    answer = render(turn, number=number, model=MODEL, max_tokens=MAX_TOKENS, stream=True, input_usage=USAGE)
    return b"".join(part for part in answer.parts if isinstance(part, bytes))


@cache
def _result(number: int) -> str:
    return noise(RESULT_BYTES, number)


@dataclass
class InstantTools:
    """Knows every tool and answers each call at once with a text of its own. `on_call` is told how many there were."""

    on_call: Callable[[int], None] = lambda _count: None
    schemas: list[dict[str, Any]] = field(default_factory=lambda: list(all_schemas()))
    read_only: frozenset[str] = frozenset()
    _count: int = 0

    def validate(self, name: str, given: object) -> str | None:
        del name, given
        return None

    def run(
        self,
        name: str,
        given: Mapping[str, Any],
        *,
        timeout_cap_s: float = 0.0,
        cancel: threading.Event | None = None,
    ) -> ToolResult:
        del name, given, timeout_cap_s, cancel
        self._count += 1
        self.on_call(self._count)
        return ToolResult(_result(self._count), exit_code=0)

    def close(self) -> None:
        """Holds nothing."""


def run_harness(folder: Path, model: InstantModel, on_call: Callable[[int], None] = lambda _count: None) -> None:
    """A whole session of Ralph's own loop with budget, ledger, tracer and redaction, on the disk of `folder`."""
    with _session(folder, model, InstantTools(on_call)) as session:
        finish = session.work(TASK)
    assert finish.ending is Ending.DONE, finish


@contextmanager
def _session(folder: Path, transport: InstantModel, tools: InstantTools) -> Iterator[NativeSession]:
    with closing(TraceStore.open(folder / "traces.db")) as store, closing(Ledger.open(folder / "ledger.db")) as ledger:
        client = sdk_client(api_key="none", transport=transport)
        tracer = Tracer(store, redact=Redactor(["a-known-secret"]))
        limits = [Limit(scope, NO_LIMIT_MICROS - 1) for scope in ("story:s", "run:r", "day:2026-01-01")]
        with (
            closing(Model(client, Meter(ledger, PriceBook()), MODEL)) as model,
            tracer.start_trace("invoke_agent ralph") as trace,
            NativeAgent(model, tracer, ledger).session(
                Task("US-001", lambda: limits, turns=transport.turns + 1, context_cap_tokens=10**9),
                trace,
                lambda: tools,
            ) as session,
        ):
            yield session


def run_bare(model: InstantModel) -> None:
    """A whole bare session."""
    for _ in bare_turns(model):
        pass


def bare_turns(model: InstantModel) -> Generator[None, None, None]:
    """The least that talks to the SDK, a turn at a time: stream, append, answer. No budget, no trace, no retries."""
    tools = InstantTools()
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": TASK}]}]
    with closing(sdk_client(api_key="none", transport=model)()) as client:
        while True:
            content = _answer(client, tools.schemas, messages)
            call = content[-1]
            messages.append({"role": "assistant", "content": content})
            if call["name"] == "finish":
                return
            result = tools.run(call["name"], call["input"]).content
            messages.append(
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": result}]}
            )
            yield


def _answer(
    client: anthropic.Anthropic | anthropic.AnthropicBedrock | anthropic.AnthropicVertex,
    schemas: Sequence[dict[str, Any]],
    messages: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    request: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": MAX_TOKENS,
        "system": prompt(SYSTEM),
        "tools": schemas,
        "cache_control": {"type": "ephemeral"},
        "messages": messages,
    }
    blocks: list[dict[str, Any]] = []
    raw = ""
    with client.messages.create(**request, stream=True) as stream:
        for event in stream:
            if event.type == "content_block_start":
                blocks.append(event.content_block.to_dict())
                raw = ""
            elif event.type == "content_block_delta" and event.delta.type == "text_delta":
                blocks[-1]["text"] += event.delta.text
            elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                raw += event.delta.partial_json
            elif event.type == "content_block_stop" and raw:
                blocks[-1]["input"] = json.loads(raw)
    return blocks
