"""Reserve and settle, each on the disk before it returns, under four limits; against two bare commits."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure
from tracing.budget import CALL, NO_LIMIT_MICROS, Ledger, Limit
from tracing.sqlite import connect, transaction

LIMITS = [Limit(scope, NO_LIMIT_MICROS - 1) for scope in (CALL, "story:s", "run:r", "day:2026-01-01")]
BOTH_MS = 5.0


def measure(folder: Path, *, count: int = 300) -> list[Figure]:
    with (
        closing(Ledger.open(folder / "ledger.db")) as ledger,
        closing(connect(folder / "bare.db", synchronous="FULL")) as bare,
    ):
        bare.execute("CREATE TABLE charges(id INTEGER PRIMARY KEY, micros INTEGER)")
        pairs = [(_ledger_ms(ledger), _bare_ms(bare)) for _ in range(count)]
    ours, base = (median(column) for column in zip(*pairs, strict=True))
    return [Figure("ledger reserve + settle, four limits", ours, "ms", base, "two bare durable commits", BOTH_MS)]


def _ledger_ms(ledger: Ledger) -> float:
    began_ns = time.perf_counter_ns()
    ledger.settle(ledger.reserve(1_000, LIMITS, model="m"), 700)
    return (time.perf_counter_ns() - began_ns) / 1e6


def _bare_ms(connection: sqlite3.Connection) -> float:
    began_ns = time.perf_counter_ns()
    with transaction(connection, "bare"):
        row = connection.execute("INSERT INTO charges(micros) VALUES (1000)").lastrowid
    with transaction(connection, "bare"):
        connection.execute("UPDATE charges SET micros = 700 WHERE id = ?", (row,))
    return (time.perf_counter_ns() - began_ns) / 1e6
