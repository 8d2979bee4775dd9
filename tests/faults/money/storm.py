"""Many processes spend at once, are killed at random and replaced, against a service that keeps its own bill.

    python -m tests.faults.money.storm --workers 32 --calls 10000

prints what was billed, what the ledger counts, and by how much any limit was exceeded: it must be nothing.
"""

import argparse
import http.client
import json
import mmap
import os
import random
import signal
import sqlite3
import struct
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import anthropic  # noqa: F401  # once, here: each process is a fork of this one

from tests.faults.money.provider import Provider
from tests.faults.money.spender import CAPS, work
from tracing.budget import CALL, Ledger
from tracing.prices import PriceBook
from tracing.reconcile import Books

DAYS = 8
USUAL_CALL_MICROS = 26_000
CALLS_PER_KILL = 12
STUCK_S = 0.3


@dataclass
class Report:
    calls: int = 0  # attempts that reached the service
    reserved: int = 0  # rows of the ledger
    killed: int = 0
    billed_micros: int = 0
    counted_micros: int = 0
    unknown: int = 0  # reservations of killed processes, and calls whose end was never seen
    unknown_micros: int = 0
    broken: int = 0
    full: dict[str, int] = field(default_factory=dict)  # kind of limit -> how many were filled to nine tenths
    over_micros: dict[str, int] = field(default_factory=dict)  # kind of limit -> the most that one was exceeded by
    below_bill: int = 0  # reservations that count with less than was billed for them
    torn_totals: int = 0  # scopes whose total is not the sum of their rows
    integrity: str = ""
    billed_after_micros: int = 0  # once every open reservation was settled by the bill
    counted_after_micros: int = 0
    seconds: float = 0.0

    @property
    def is_sound(self) -> bool:
        wrong = (self.below_bill, self.torn_totals, self.broken, *self.over_micros.values())
        return not any(wrong) and self.integrity == "ok" and self.billed_micros <= self.counted_micros


class Shared:
    """Two counters that all processes see: calls served, and the day by the clock of the storm."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)

    def get(self, place: int) -> int:
        return int(struct.unpack_from("q", self._memory, place * 8)[0])

    def add(self, place: int) -> None:
        struct.pack_into("q", self._memory, place * 8, self.get(place) + 1)


SERVED, DAY = 0, 1


def storm(folder: Path, *, workers: int, calls: int, seed: int) -> Report:
    """Let it rage until so many attempts were served, then add up."""
    began_s = time.monotonic()
    shared, dice = Shared(), random.Random(seed)
    Ledger.open(folder / "ledger.db").close()
    PriceBook().check("claude-opus-5-5")  # the table is parsed once, before the forks
    provider = Provider(seed, lambda: shared.add(SERVED))
    port, day_cap = provider.server_port, calls // DAYS * USUAL_CALL_MICROS * 3 // 4
    server = os.fork()
    if not server:
        provider.serve_forever()
    provider.server_close()

    def start(number: int) -> int:
        child = os.fork()
        if not child:
            work(folder, port, lambda: shared.get(DAY), day_cap, seed * 10_000 + number, by_sdk=number % 2 == 0)
        return child

    crew = [start(number) for number in range(workers)]
    report = Report(killed=_rage(crew, start, shared, dice, calls))
    bill = _bill(port)
    os.kill(server, signal.SIGKILL)
    os.waitpid(server, 0)
    _add_up(report, folder / "ledger.db", bill, CAPS | {"day": day_cap})
    _settle_by_the_bill(report, folder / "ledger.db", bill)
    report.seconds = round(time.monotonic() - began_s, 1)
    return report


def _rage(crew: list[int], start: object, shared: Shared, dice: random.Random, calls: int) -> int:
    assert callable(start)
    killed, moved_s, seen = 0, time.monotonic(), 0
    next_kill = CALLS_PER_KILL
    while (served := shared.get(SERVED)) < calls:
        now_s = time.monotonic()
        moved_s, seen = (now_s, served) if served != seen else (moved_s, seen)
        if shared.get(DAY) < served * DAYS // calls or now_s - moved_s > STUCK_S:
            shared.add(DAY)
            moved_s = now_s
        if served >= next_kill:
            victim = dice.randrange(len(crew))
            _end(crew[victim])
            killed += 1
            crew[victim] = start(killed + len(crew))
            next_kill = served + dice.randint(1, 2 * CALLS_PER_KILL)
        time.sleep(dice.random() * 0.004)
    for pid in crew:
        _end(pid)
    return killed + len(crew)


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), f"a spender ended by itself: {status}"


def _bill(port: int) -> dict[str, list[int]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/")
        found: dict[str, list[int]] = json.loads(connection.getresponse().read())
        return found


def _add_up(report: Report, path: Path, bill: Mapping[str, list[int]], caps: Mapping[str, int]) -> None:
    report.calls = sum(map(len, bill.values()))
    report.billed_micros = sum(map(sum, bill.values()))
    with closing(sqlite3.connect(path)) as raw:
        rows = raw.execute(
            "SELECT id, coalesce(charged_micros, reserved_micros), state = 'held' OR unseen = 1 FROM reservations ORDER BY id"
        ).fetchall()
        scopes = raw.execute("SELECT reservation_id, scope FROM reservation_scopes").fetchall()
        totals = dict(raw.execute("SELECT scope, settled_micros + held_micros FROM scope_totals"))
        report.integrity = raw.execute("PRAGMA integrity_check").fetchone()[0]
        report.broken = raw.execute("SELECT count(*) FROM broken_assumptions").fetchone()[0]
    counted = {row_id: micros for row_id, micros, _ in rows}
    unknown = [micros for _, micros, is_unknown in rows if is_unknown]
    report.reserved, report.counted_micros = len(rows), sum(counted.values())
    report.unknown, report.unknown_micros = len(unknown), sum(unknown)
    billed = _billed_by_reservation(scopes, bill)
    report.below_bill = sum(billed.get(row_id, 0) > micros for row_id, micros in counted.items())
    spent, sums = Counter[str](), Counter[str]()
    for row_id, scope in scopes:
        spent[scope] += billed.get(row_id, 0)
        sums[scope] += counted[row_id]
    report.torn_totals = sum(sums[scope] != total for scope, total in totals.items())
    for kind, cap in caps.items():
        of_kind = list(billed.values()) if kind == CALL else [n for s, n in spent.items() if s.startswith(f"{kind}:")]
        filled = [n for s, n in sums.items() if s.startswith(f"{kind}:")] if kind != CALL else list(counted.values())
        report.over_micros[kind] = max(0, *(n - cap for n in of_kind), *(n - cap for n in filled))
        report.full[kind] = sum(n >= cap * 0.9 for n in filled)


def _billed_by_reservation(scopes: list[tuple[int, str]], bill: Mapping[str, list[int]]) -> dict[int, int]:
    """The attempts of one call follow each other, so the first that was billed is the first that was reserved."""
    attempts: dict[str, list[int]] = defaultdict(list)
    for row_id, scope in sorted(scopes):
        if scope.startswith("name:"):
            attempts[scope.removeprefix("name:")].append(row_id)
    assert bill.keys() <= attempts.keys(), "something was served that was never reserved"
    assert all(len(micros) <= len(attempts[name]) for name, micros in bill.items())
    return {row_id: micros for name in bill for row_id, micros in zip(attempts[name], bill[name], strict=False)}


def _settle_by_the_bill(report: Report, path: Path, bill: Mapping[str, list[int]]) -> None:
    """As a person would with the invoice: everything open is settled, and the sums still hold."""
    with closing(sqlite3.connect(path)) as raw:
        billed = _billed_by_reservation(
            raw.execute("SELECT reservation_id, scope FROM reservation_scopes").fetchall(), bill
        )
    with closing(Books.open(path)) as books:
        for one in books.open_reservations():
            books.settle(one.id, billed.get(one.id, 0), made_by="storm")
        assert not books.open_reservations()
    with closing(sqlite3.connect(path)) as raw:
        report.counted_after_micros = raw.execute("SELECT sum(charged_micros) FROM reservations").fetchone()[0]
    report.billed_after_micros = sum(billed.values())


def told(report: Report) -> str:
    full = ", ".join(f"{count} {kind}" for kind, count in report.full.items())
    return "\n".join([
        f"calls served              {report.calls} ({report.reserved} reserved) in {report.seconds} s",
        f"processes killed          {report.killed}",
        f"billed by the service     {_usd(report.billed_micros)}",
        f"counted by the ledger     {_usd(report.counted_micros)}",
        f"  of it unknown           {_usd(report.unknown_micros)} in {report.unknown} calls",
        f"  once settled by hand    {_usd(report.counted_after_micros)}",
        f"limits nearly used up     {full}",
        f"over                      {_usd(max(report.over_micros.values()))} ({', '.join(report.over_micros)})",
        f"integrity_check           {report.integrity}",
    ])  # fmt: skip


def _usd(micros: int) -> str:
    return f"${micros / 1e6:.6f}"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--workers", type=int, default=8)
    options.add_argument("--calls", type=int, default=400)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = storm(Path(folder), workers=chosen.workers, calls=chosen.calls, seed=chosen.seed)
    sys.stderr.write(f"{told(report)}\n")
    if chosen.json:
        sys.stdout.write(json.dumps(asdict(report)))
    raise SystemExit(not report.is_sound)


if __name__ == "__main__":
    main()
