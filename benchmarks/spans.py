"""A span with 5 KB of input, durable when it starts and when it ends; redaction apart; against two bare commits."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure
from benchmarks.instant import noise
from tracing.redact import Redactor
from tracing.span import JsonValue, SpanKind
from tracing.sqlite import connect, transaction
from tracing.store import TraceStore
from tracing.tracer import Trace, Tracer

INPUT_BYTES = 5_000
SPAN_MS = 1.0
REDACTION_MS = 1.0


class KeepsAll(Redactor):
    """Redacts nothing: the difference to a real one is the price of redaction."""

    def text(self, text: str) -> str:
        return text

    def value(self, value: JsonValue) -> tuple[JsonValue, bool]:
        return value, False


def measure(folder: Path, *, count: int = 400) -> list[Figure]:
    inputs = [noise(INPUT_BYTES, seed) for seed in range(count)]
    with (
        closing(TraceStore.open(folder / "plain.db")) as plain_store,
        closing(TraceStore.open(folder / "redacted.db")) as redacted_store,
        closing(_bare(folder / "bare.db")) as connection,
        Tracer(plain_store, redact=KeepsAll(), watch=None).start_trace("plain") as plain,
        Tracer(redacted_store, redact=Redactor(["a-known-secret"]), watch=None).start_trace("redacted") as redacted,
        closing(TraceStore.open(folder / "watched.db")) as watched_store,
        Tracer(watched_store, redact=KeepsAll()).start_trace("watched") as watched,
    ):
        times = [
            (
                _ms(partial(_span, plain, text)),
                _ms(partial(_span, redacted, text)),
                _ms(partial(_two_commits, connection, text)),
                _ms(partial(_span, watched, text)),
            )
            for text in inputs
        ]
    without, real, bare, seen = (median(column) for column in zip(*times, strict=True))
    return [
        Figure("span start + end, 5 KB input, without redaction", without, "ms", bare, "two bare commits", SPAN_MS),
        Figure("redaction of that span", real - without, "ms", at_most=REDACTION_MS),
        Figure("detectors on that span", seen - without, "ms"),
    ]


def _ms(act: Callable[[], None]) -> float:
    began_ns = time.perf_counter_ns()
    act()
    return (time.perf_counter_ns() - began_ns) / 1e6


def _span(trace: Trace, text: str) -> None:
    trace.start_span("execute_tool read", kind=SpanKind.TOOL, input=text).end()


def _bare(path: Path) -> sqlite3.Connection:
    connection = connect(path, synchronous="NORMAL")
    connection.execute("CREATE TABLE spans(id INTEGER PRIMARY KEY, input TEXT, ended INTEGER)")
    return connection


def _two_commits(connection: sqlite3.Connection, text: str) -> None:
    with transaction(connection, "benchmark"):
        row = connection.execute("INSERT INTO spans(input) VALUES (?)", (text,)).lastrowid
    with transaction(connection, "benchmark"):
        connection.execute("UPDATE spans SET ended = 1 WHERE id = ?", (row,))
