"""One process that spends: two sub-agents that share its meter, each under its own limits and all limits above it.

Half of them call through the real SDK with all its retries, half through plain HTTP, so that no luck of one client helps.
"""

import http.client
import json
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ralph.model.blocks import text
from ralph.model.cache_health import CacheHealth
from ralph.model.call import CallTerms, Model
from ralph.model.client import sdk_client
from ralph.model.dialogue import Dialogue
from ralph.model.pace import Pace
from ralph.model.trouble import ServiceError
from tracing.budget import CALL, NO_LIMIT_MICROS, Ledger, Limit, OverBudgetError
from tracing.meter import Grant, Meter
from tracing.prices import PriceBook, TokenUsage
from tracing.redact import Redactor
from tracing.store import TraceStore
from tracing.tracer import Tracer

MODEL = "claude-opus-5-5"
CAPS = {CALL: 60_000, "agent": 300_000, "run": 450_000, "story": 350_000}
STORIES = 3
PROMPT = "Implement the story, run the checks, and say what you did. "
AGENTS = 2


@dataclass
class Spender:
    """What the two sub-agents of one process share."""

    folder: Path
    port: int
    day: Callable[[], int]  # by the clock of the storm
    day_cap: int
    dice: random.Random
    meter: Meter
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    later: Counter[str] = field(default_factory=Counter)  # how often a story's limit was met: it goes on as another one

    def limits(self, agent: str, story: int, day: int, name: str) -> list[Limit]:
        key = f"{story}.{day}.{self.later[f'{story}.{day}']}"
        return [
            Limit(CALL, CAPS[CALL]),
            Limit(f"agent:{agent}", CAPS["agent"]),
            Limit(f"run:{self.run}", CAPS["run"]),
            Limit(f"story:{key}", CAPS["story"]),
            Limit(f"day:2026-12-{day + 1:02}", self.day_cap),
            Limit(f"name:{name}", NO_LIMIT_MICROS),
        ]


def spend(spender: Spender, call: Callable[[str, int, Sequence[Limit]], None]) -> None:
    """Call for ever, as one sub-agent: what ends it is a SIGKILL."""
    agent = uuid.uuid4().hex[:8]
    while True:
        day, story = spender.day(), spender.dice.randrange(STORIES)
        claimed = max(day - 1, 0) if spender.dice.random() < 0.05 else day  # a clock that is set back now and then
        name = uuid.uuid4().hex
        try:
            call(name, spender.dice.randint(64, 4_000), spender.limits(agent, story, claimed, name))
        except OverBudgetError as error:
            kind = error.limit.scope.partition(":")[0]
            if kind == "agent":
                agent = uuid.uuid4().hex[:8]
            elif kind == "run":
                spender.run = uuid.uuid4().hex[:8]
            elif kind == "story":
                spender.later[f"{story}.{claimed}"] += 1
            else:
                threading.Event().wait(0.005)  # the day is over: until the clock moves on
        except ServiceError:
            pass  # ten attempts in a row that may have been billed: the next call tries again


def work(folder: Path, port: int, day: Callable[[], int], day_cap: int, seed: int, *, by_sdk: bool) -> None:
    """What a process does until it is killed."""
    with closing(Ledger.open(folder / "ledger.db")) as ledger:
        meter = Meter(ledger, PriceBook(), floor_tokens=16)
        spender = Spender(folder, port, day, day_cap, random.Random(seed), meter)
        call = _sdk_calls(spender) if by_sdk else _plain_calls(spender)
        agents = [threading.Thread(target=spend, args=(spender, call)) for _ in range(AGENTS)]
        for agent in agents:
            agent.start()
        for agent in agents:
            agent.join()


def _sdk_calls(spender: Spender) -> Callable[[str, int, Sequence[Limit]], None]:
    client = sdk_client(api_key="k", base_url=f"http://127.0.0.1:{spender.port}")
    pace = Pace(sleep=lambda _seconds, _cancel: None)
    model = Model(client, spender.meter, MODEL, pace=pace)
    tracer = Tracer(TraceStore.open(spender.folder / f"traces-{spender.run}.db"), redact=Redactor())
    trace = tracer.start_trace("spender")

    def call(name: str, max_tokens: int, limits: Sequence[Limit]) -> None:
        dialogue = Dialogue("You implement one story.", [], tracer.conversation())
        dialogue.hear([text(f"{name} {PROMPT * 8}")])
        terms = CallTerms(limits=lambda: limits, max_tokens=max_tokens)
        model.call(dialogue, terms, trace=trace, health=CacheHealth())

    return call


def _plain_calls(spender: Spender) -> Callable[[str, int, Sequence[Limit]], None]:
    def call(name: str, max_tokens: int, limits: Sequence[Limit]) -> None:
        words = f"{name} {PROMPT * 8}"
        grant = spender.meter.admit(
            MODEL, input_bound_tokens=len(words.encode()), max_tokens=max_tokens, limits=limits, trace_id=name
        )
        _settle(spender.meter, grant, *_ask(spender.port, words, grant.max_tokens))

    return call


def _settle(meter: Meter, grant: Grant, status: int, answer: str) -> None:
    usage = _usage(answer)
    if status >= 400:
        meter.release(grant)
    elif usage and "message_delta" in answer:
        meter.settle_exact(grant, usage)
    else:
        meter.settle_broken(grant, usage_seen=usage)


def _ask(port: int, words: str, max_tokens: int) -> tuple[int, str]:
    """Status and what arrived; status 0: nothing did."""
    body = {"max_tokens": max_tokens, "messages": [{"role": "user", "content": [{"type": "text", "text": words}]}]}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        try:
            connection.request("POST", "/v1/messages", json.dumps(body))
            response = connection.getresponse()
        except OSError:
            return 0, ""
        try:
            return response.status, response.read().decode()
        except http.client.IncompleteRead as cut:
            return response.status, cut.partial.decode()


def _usage(answer: str) -> TokenUsage | None:
    lines = [json.loads(line[6:]) for line in answer.splitlines() if line.startswith("data: ")]
    started = next((line["message"].get("usage") for line in lines if line["type"] == "message_start"), None)
    if not started:
        return None
    ended = next((line["usage"] for line in lines if line["type"] == "message_delta"), {"output_tokens": 0})
    return TokenUsage(
        uncached_input_tokens=started["input_tokens"],
        cache_read_tokens=started["cache_read_input_tokens"],
        cache_write_5m_tokens=started["cache_creation"]["ephemeral_5m_input_tokens"],
        cache_write_1h_tokens=started["cache_creation"]["ephemeral_1h_input_tokens"],
        output_tokens=ended["output_tokens"],
    )
