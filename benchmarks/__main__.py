"""`python -m benchmarks [NAME ...] [--write]`: measures, prints the table, and with --write puts it into the page."""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import big, detectors, memory, money, nights, per_turn, redaction, sandboxed, spans, startup, storage
from benchmarks.figure import Figure, put_between_markers, table

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BENCHMARKS: Mapping[str, Callable[[Path], list[Figure]]] = {
    "turn": per_turn.measure,
    "span": spans.measure,
    "redaction": redaction.measure,
    "ledger": money.measure,
    "help": startup.measure,
    "storage": storage.measure,
    "memory": memory.measure,
    "sandbox": sandboxed.measure,
    "viewer": big.measure,
    "detectors": detectors.measure,
    "nights": nights.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what Ralph costs by itself.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(BENCHMARKS)} [default: all]")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md (all of them)")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown or (given.write and given.names):
        parser.error(f"no such benchmark: {', '.join(unknown)}" if unknown else "--write wants all of them, not a few")
    figures = [figure for name in given.names or BENCHMARKS for figure in _measured(name)]
    print(table(figures))
    if given.write:
        text = f"{_machine()}\n\n{table(figures)}"
        PAGE.write_text(put_between_markers(PAGE.read_text("utf-8"), text), "utf-8")


def _measured(name: str) -> list[Figure]:
    print(f"measuring: {name} ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="ralph-bench-") as folder:
        return BENCHMARKS[name](Path(folder))


def _machine() -> str:
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"Measured on {datetime.now(UTC):%Y-%m-%d} on {where}, with `python -m benchmarks --write`."


if __name__ == "__main__":
    main()
