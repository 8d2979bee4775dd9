"""What the viewer's pages cost: a list and a search in a store of a million spans, against the same in one of ten thousand, and a
look of the alerts at both; a trace of 30,000 spans, against one of 300.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.big_store import START_NS, write_traces
from benchmarks.figure import Figure, Judged
from benchmarks.nights import looking
from tracing import TraceFilter, TraceStore
from tracing.web.page import Query
from tracing.web.pages.trace import trace_page
from tracing.web.row_lines import rows_page

SMALL, BIG = 10_000, 1_000_000
TIMES = 15
ROWS = 50
SHORT, LONG = 300, 30_000  # spans of one trace
GROWTH = 5.0
LOOK = "a look of all alert rules"
ASKED = {
    "list of the newest traces": TraceFilter(limit=ROWS),
    "search for a common word": TraceFilter(text="cache", limit=ROWS),
    "search for two common words": TraceFilter(text="cache ledger", limit=ROWS),
    "search for a rare word": TraceFilter(text="pangolin", limit=ROWS),
}


def measure(folder: Path, *, small: int = SMALL, big: int = BIG, short: int = SHORT, long: int = LONG) -> list[Figure]:
    few, many = (_times_ms(folder / str(spans) / "traces.db", spans) for spans in (small, big))
    words = f"at {small:,} spans"
    few_of_trace, many_of_trace = (_trace_ms(folder / f"trace-{spans}" / "traces.db", spans) for spans in (short, long))
    grown = 2.0 * long / short
    of_lists = [
        Figure(f"{name}, at {big:,} spans", many[name], "ms", few[name], words, GROWTH, Judged.RATIO)
        for name in (*ASKED, LOOK)
    ]
    return of_lists + [
        Figure(
            f"{name}, of {long:,} spans",
            many_of_trace[name],
            "ms",
            few_of_trace[name],
            f"of {short:,}",
            grown,
            Judged.RATIO,
        )
        for name in few_of_trace
    ]


def _times_ms(path: Path, spans: int) -> dict[str, float]:
    path.parent.mkdir(parents=True)
    write_traces(path, spans)
    with closing(TraceStore.open(path)) as store:
        found = {name: _median_ms(partial(store.traces, wanted)) for name, wanted in ASKED.items()}
    with looking(path.parent) as look:
        return found | {LOOK: _median_ms(look)}


def _trace_ms(path: Path, spans: int) -> dict[str, float]:
    """A trace opened for the first time, and what is asked of it afterwards."""
    path.parent.mkdir(parents=True)
    (trace_id,) = write_traces(path, spans, spans_per_trace=spans)

    def opened() -> None:
        with closing(TraceStore.open(path)) as fresh:  # nothing is kept of it
            trace_page(Query(fresh, {"trace_id": trace_id}, {}, START_NS))

    with closing(TraceStore.open(path)) as store:
        query = Query(store, {"trace_id": trace_id}, {}, START_NS)
        last = store.span_rows(trace_id)[-1].span_id
        asked: dict[str, Callable[[], object]] = {
            "a trace opened": opened,
            "a trace's rows for the script": partial(rows_page, query),
            "one span's panel in a trace": partial(trace_page, replace(query, args={"span": last})),
        }
        return {name: _median_ms(ask) for name, ask in asked.items()}


def _median_ms(ask: Callable[[], object]) -> float:
    ask()  # the first one reads the disk
    return median(_ms(ask) for _ in range(TIMES))


def _ms(ask: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    ask()
    return (time.perf_counter() - began_s) * 1000
