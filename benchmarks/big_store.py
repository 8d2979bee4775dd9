"""A traces.db of any size, written straight through the store's own writes: what a year of agents leaves behind."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

from tracing import TraceStore
from tracing import attributes as names
from tracing.owner import this_process
from tracing.span import AttributeValue, PayloadRefs, SpanKind, SpanState, SpanStatus, TraceState, TraceStatus
from tracing.store.writes import PutPayload, PutSpan, PutTrace, Write

SPANS_PER_TRACE = 50
START_NS = 1_760_000_000_000_000_000
TRACE_NS = 600_000_000_000
WORDS = (
    "account", "balance", "cache", "delete", "error", "file", "graph", "handler", "index", "json", "key", "ledger",
    "merge", "node", "open", "parse",
)  # fmt: skip


def write_traces(
    path: Path,
    spans: int,
    *,
    seed: int = 1,
    spans_per_trace: int = SPANS_PER_TRACE,
    every_ns: int = TRACE_NS,
    agent: str = "",
) -> list[str]:
    """A store with about `spans` spans; gives the ids of its traces. Sixty of them say "pangolin" once.

    The first one begins at START_NS, each further one so long after it; `agent` "": seven take turns.
    """
    store, dice, ids = TraceStore.open(path), random.Random(seed), []
    batch: list[Write] = []
    count = spans // spans_per_trace
    for number in range(count):
        ids.append(dice.randbytes(16).hex())
        began_ns, rare = START_NS + number * every_ns, number % max(count // 60, 1) == 0
        batch += _trace(
            ids[-1], number, began_ns, dice, agent=agent or f"agent-{number % 7}", spans=spans_per_trace, rare=rare
        )
        if len(batch) > 5_000:
            store.write(batch)
            batch = []
    store.write(batch)
    store.close()
    return ids


def _trace(
    trace_id: str, number: int, began_ns: int, dice: random.Random, *, agent: str, spans: int, rare: bool
) -> Iterator[Write]:
    story = f"US-{number % 300:03d}"
    metadata = {"ralph.story.id": story, "ralph.story.title": _text(dice, 5), "ralph.repo": f"/repos/{number % 20}"}
    root = f"{number:016x}"
    status = dice.choices([TraceStatus.SUCCESS, TraceStatus.ERROR], [9, 1])[0]
    state = TraceState(
        trace_id, root, "invoke_agent", agent, f"night-{number // 10}", status, None, began_ns, began_ns + TRACE_NS // 2,
        metadata, this_process(),
    )  # fmt: skip
    yield PutTrace(state, began_ns)
    for index in range(spans):
        yield from _span(trace_id, root, index, began_ns, dice, more=" pangolin" if rare and index == 20 else "")


def _span(trace_id: str, root: str, index: int, began_ns: int, dice: random.Random, *, more: str) -> Iterator[Write]:
    kind = SpanKind.AGENT if index == 0 else SpanKind.LLM if index % 3 == 1 else SpanKind.TOOL
    text = _text(dice, 30) + more
    data = text.encode()
    payload = PutPayload(hashlib.sha256(data).hexdigest(), len(data), compressed=False, data=b'"' + data + b'"')
    yield payload
    usage: dict[str, AttributeValue] = {
        names.INPUT_TOKENS: 9_000 + index, names.OUTPUT_TOKENS: 300, names.CACHE_READ_TOKENS: 8_000, names.COST_MICROS: 9_000,
        names.REQUEST_MODEL: "claude-opus-5-5",
    }  # fmt: skip
    at_ns = began_ns + index * TRACE_NS // 200
    state = SpanState(
        trace_id, root if index == 0 else dice.randbytes(8).hex(), None if index == 0 else root, f"{kind.value} step", kind,
        SpanStatus.OK, None, at_ns, at_ns + TRACE_NS // 300, usage if kind is SpanKind.LLM else {}, (),
        PayloadRefs(output=payload.hash), text[:60],
    )  # fmt: skip
    yield PutSpan(state, at_ns, (state.name, text))


def _text(dice: random.Random, words: int) -> str:
    return " ".join([*dice.choices(WORDS, k=words), f"w{dice.randrange(1_000_000)}"])
