"""What the detectors cost: a turn while it happens, and a span of a short and of a long trace afterwards; their memory beside it.

A turn is one model call and five tool calls with 16 KB of output each, all different: logs, code, JSON, words, a test run.
"""

import gc
import json
import random
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, Judged
from benchmarks.instant import InstantModel, run_harness
from tracing.failures.detectors import detectors
from tracing.failures.observed import Ending, Observed, StopReason, Subject
from tracing.failures.replaying import as_begun, replay
from tracing.failures.watch import Watch
from tracing.span import JsonValue, SpanKind

OUTPUT_CHARS = 16_000
CALLS = 5
TURNS = 100
SHORT, LONG = 300, 30_000  # spans
OFFLINE_CHARS = 1_000  # of an output: what is measured is the detectors, not the memory for texts
TURN_MS = 10.0  # 1 % of a turn in which the model takes a second
GROWTH = 1.5
MEMORY_MB = 20.0
SUBJECT = Subject(
    "t",
    "ralph",
    goal="Let the cache of accounts expire while the ledger merges its nodes",
    criteria=("The ledger parses graphs of accounts", "Balance errors are handled by the index"),
)


def measure(folder: Path, *, turns: int = TURNS, short: int = SHORT, long: int = LONG) -> list[Figure]:
    online_ms = median(_online_ms(turns))
    bare_ms = _bare_turn_ms(folder, turns)
    few_us, many_us = (_us_a_span(spans) for spans in (short, long))
    return [
        Figure("detectors, a turn with five calls of 16 KB, processor time", online_ms, "ms", bare_ms, "the harness's turn", TURN_MS),
        Figure(f"detectors, a span of a trace of {long:,}", many_us, "us", few_us, f"of one of {short:,}", GROWTH, Judged.RATIO),
        Figure(f"memory of the detectors after {long:,} spans", _memory_mb(long), "MB", at_most=MEMORY_MB),
    ]  # fmt: skip


def turns_of(count: int, chars: int) -> Iterator[list[Observed]]:
    dice = random.Random(1)
    for number in range(count):
        yield list(_turn(number, chars, dice))


def _turn(number: int, chars: int, dice: random.Random) -> Iterator[Observed]:
    calls = list(_calls(number, chars, dice))
    asked: list[JsonValue] = [{"type": "tool_use", "name": tool, "input": given} for tool, given, _ in calls]
    said: JsonValue = {
        "type": "text",
        "text": f"Now I look at module {number}, to see how the ledger merges its nodes.",
    }
    at_ns = number * 1_000_000_000
    yield Observed(
        f"m{number}", "root", SpanKind.LLM, "claude-opus-5-5", at_ns, at_ns + 500_000_000, output=[said, *asked],
        input_tokens=9_000 + number, cache_read_tokens=8_900 + number, output_tokens=300, cost_micros=9_000, stop_reason=StopReason.TOOL_USE,
    )  # fmt: skip
    for place, (tool, given, output) in enumerate(calls):
        began_ns = at_ns + 600_000_000 + place * 50_000_000
        yield Observed(
            f"t{number}-{place}", "root", SpanKind.TOOL, tool, began_ns, began_ns + 20_000_000, input=given, output=output,
            exit_code=0 if tool == "bash" else None, changed=number % 10 == 9 if place == 0 else None,
        )  # fmt: skip


def _calls(number: int, chars: int, dice: random.Random) -> Iterator[tuple[str, JsonValue, str]]:
    line = f"2026-11-21 12:{number % 60:02d}:{dice.randrange(60):02d},123 INFO worker[{number}] handled request in {dice.random():.2f} ms\n"
    code = f"def merge_{number}(self, node: Node) -> None:\n    self.nodes[node.key] = node  # of ledger {number}\n\n"
    row = {"id": number, "name": f"account {number}", "tags": ["a", "b"], "balance": dice.random()}
    words = f"account balance cache delete {number} file graph handler index key ledger "
    yield "bash", {"command": f"tail -n 200 logs/{number}.log"}, _filled(line, chars)
    yield "read_file", {"path": f"src/module_{number}.py"}, _filled(code, chars)
    yield "list_accounts", {"page": number}, json.dumps([row] * max(chars // 85, 1))
    yield "search", {"query": f"ledger {number}"}, _filled(words, chars)
    yield (
        "bash",
        {"command": f"python -m pytest tests/{number} -q"},
        f"{_filled('. ', chars)}\n{number + 1} passed in 3.21s",
    )


def _filled(text: str, chars: int) -> str:
    return (text * (chars // len(text) + 1))[:chars]


def _online_ms(turns: int) -> Iterator[float]:
    watch = Watch(detectors(SUBJECT))
    for spans in turns_of(turns, OUTPUT_CHARS):
        pairs = [(as_begun(span), span) for span in spans]
        began_ns = time.process_time_ns()
        for begun, span in pairs:
            watch.began(begun)
            watch.ended(span)
        yield (time.process_time_ns() - began_ns) / 1e6


def _bare_turn_ms(folder: Path, turns: int) -> float:
    """A turn of Ralph's own loop with an instant model and one small call: detectors and all."""
    stops: list[int] = []
    run_harness(folder, InstantModel(turns), lambda _calls: stops.append(time.process_time_ns()))
    return median((after - before) / 1e6 for before, after in pairwise(stops))


def _spans(count: int) -> list[Observed]:
    spans = [span for turn in turns_of(count // (CALLS + 1), OFFLINE_CHARS) for span in turn]
    root = Observed("root", None, SpanKind.AGENT, "ralph", 0, spans[-1].ended_at_ns)
    return [root, *spans]


def _us_a_span(count: int, repeats: int = 3) -> float:
    spans = _spans(count)
    return min(_replayed_us(spans) for _ in range(repeats if count < LONG else 1))


def _replayed_us(spans: Sequence[Observed]) -> float:
    fresh = [replace(span) for span in spans]
    gc.collect()
    began_ns = time.process_time_ns()
    replay(Watch(detectors(SUBJECT)), fresh, Ending())
    return (time.process_time_ns() - began_ns) / 1e3 / len(spans)


def _memory_mb(count: int) -> float:
    """Of what they keep, when each span is forgotten as soon as it was told."""
    watch = Watch(detectors(SUBJECT))
    tracemalloc.start()
    for spans in turns_of(count // (CALLS + 1), OFFLINE_CHARS):
        for span in spans:
            watch.began(as_begun(span))
            watch.ended(span)
    gc.collect()
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept_bytes / 1e6
