"""What a list and a search cost in a store of a million spans, against the same in one of ten thousand."""

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.big_store import write_traces
from benchmarks.figure import Figure, Judged
from tracing import TraceFilter, TraceStore

SMALL, BIG = 10_000, 1_000_000
TIMES = 15
ROWS = 50
GROWTH = 5.0
ASKED = {
    "list of the newest traces": TraceFilter(limit=ROWS),
    "search for a common word": TraceFilter(text="cache", limit=ROWS),
    "search for two common words": TraceFilter(text="cache ledger", limit=ROWS),
    "search for a rare word": TraceFilter(text="pangolin", limit=ROWS),
}


def measure(folder: Path, *, small: int = SMALL, big: int = BIG) -> list[Figure]:
    few, many = (_times_ms(folder / str(spans) / "traces.db", spans) for spans in (small, big))
    words = f"at {small:,} spans"
    return [
        Figure(f"{name}, at {big:,} spans", many[name], "ms", few[name], words, GROWTH, Judged.RATIO) for name in ASKED
    ]


def _times_ms(path: Path, spans: int) -> dict[str, float]:
    path.parent.mkdir(parents=True)
    write_traces(path, spans)
    with closing(TraceStore.open(path)) as store:
        return {name: _median_ms(partial(store.traces, wanted)) for name, wanted in ASKED.items()}


def _median_ms(ask: Callable[[], object]) -> float:
    ask()  # the first one reads the disk
    return median(_ms(ask) for _ in range(TIMES))


def _ms(ask: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    ask()
    return (time.perf_counter() - began_s) * 1000
