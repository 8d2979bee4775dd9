"""What the harness adds to a turn, and whether it stays the same while the conversation grows.

Both loops run in step, a turn of the one and then the same turn of the other, so that a slow moment hits both. Growth is
judged on processor time: on a busy machine the wall clock of two moments differs more than the harness could ever grow.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, Judged
from benchmarks.instant import InstantModel, bare_turns, run_bare, run_harness

AT = (10, 50, 100, 250)
AROUND = 8  # a turn's time is the median over this many turns to either side, in all repeats
REPEATS = 5
OVERHEAD_MS = 10.0
GROWTH = 1.25


@dataclass(frozen=True)
class Turn:
    """The same turn of both loops, in ms, without what the instant model took."""

    ours: float
    bare: float
    ours_cpu: float
    bare_cpu: float

    @property
    def added(self) -> float:
        return self.ours - self.bare

    @property
    def added_cpu(self) -> float:
        return self.ours_cpu - self.bare_cpu


def measure(folder: Path, *, at: Sequence[int] = AT, repeats: int = REPEATS) -> list[Figure]:
    count = max(at) + AROUND
    run_bare(InstantModel(1))  # imports and first connections
    model = InstantModel(count)
    runs = [_in_step(folder / str(repeat), model if repeat == 0 else InstantModel(count)) for repeat in range(repeats)]
    near = {turn: [one for run in runs for one in run[max(0, turn - AROUND - 1) : turn + AROUND]] for turn in at}
    ours, bare, added, cpu = (
        {turn: median(getattr(one, name) for one in turns) for turn, turns in near.items()}
        for name in ("ours", "bare", "added", "added_cpu")
    )
    first, last = min(at), max(at)
    at_first = f"at turn {first}"
    return [
        *(Figure(f"turn {turn}: harness", ours[turn], "ms", bare[turn], "bare SDK loop") for turn in at),
        *(Figure(f"turn {turn}: added by the harness", added[turn], "ms", at_most=OVERHEAD_MS) for turn in at),
        Figure(f"added at turn {last}, processor time", cpu[last], "ms", cpu[first], at_first, GROWTH, Judged.RATIO),
        Figure(f"added at turn {last}, wall clock", added[last], "ms", added[first], at_first),
        Figure(f"bare loop at turn {last}", bare[last], "ms", bare[first], at_first),
        Figure("instant model's own time in a turn", median(ns / 1e6 for ns in model.own_ns), "ms"),
    ]


def _in_step(folder: Path, model: InstantModel) -> list[Turn]:
    """Our session; at each of its calls the bare one goes a turn further. Turns from one such moment to the next."""
    bare_model = InstantModel(model.turns)
    stops: list[tuple[int, int]] = []  # before and after each bare turn
    cpu_stops: list[tuple[int, int]] = []
    with closing(bare_turns(bare_model)) as bare:

        def step(_calls: int) -> None:
            began_ns, began_cpu_ns = time.perf_counter_ns(), time.process_time_ns()
            next(bare)
            cpu_stops.append((began_cpu_ns, time.process_time_ns()))
            stops.append((began_ns, time.perf_counter_ns()))

        run_harness(folder, model, step)
    wall, cpu = _durations_ms(stops), _durations_ms(cpu_stops)
    own = [(ours / 1e6, bares / 1e6) for ours, bares in zip(model.own_ns, bare_model.own_ns, strict=False)][1:]
    return [
        Turn(ours=wall_ours - mine, bare=wall_bare - others, ours_cpu=cpu_ours - mine, bare_cpu=cpu_bare - others)
        for (wall_ours, wall_bare), (cpu_ours, cpu_bare), (mine, others) in zip(wall, cpu, own, strict=False)
    ]


def _durations_ms(stops: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """(ours, bare) for each turn but the first: ours runs from the end of a bare turn to the beginning of the next."""
    return [
        ((began - ended_before) / 1e6, (ended - began) / 1e6) for (_, ended_before), (began, ended) in pairwise(stops)
    ]
