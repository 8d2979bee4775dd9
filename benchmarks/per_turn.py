"""What the harness adds to a turn, and whether it stays the same while the conversation grows.

Both loops run in step, a turn of the one and then the same turn of the other, so that a slow moment hits both.
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
    """The same turn of both loops, in ms."""

    ours: float
    bare: float
    model: float  # what the instant model itself took; in neither of the others

    @property
    def added(self) -> float:
        return self.ours - self.bare


def measure(folder: Path, *, at: Sequence[int] = AT, repeats: int = REPEATS) -> list[Figure]:
    count = max(at) + AROUND
    run_bare(InstantModel(1))  # imports and first connections
    runs = [_in_step(folder / str(repeat), count) for repeat in range(repeats)]
    near = {turn: [one for run in runs for one in run[max(0, turn - AROUND - 1) : turn + AROUND]] for turn in at}
    ours = {turn: median(one.ours for one in turns) for turn, turns in near.items()}
    bare = {turn: median(one.bare for one in turns) for turn, turns in near.items()}
    added = {turn: median(one.added for one in turns) for turn, turns in near.items()}
    first, last = min(at), max(at)
    at_first = f"at turn {first}"
    return [
        *(Figure(f"turn {turn}: harness", ours[turn], "ms", bare[turn], "bare SDK loop") for turn in at),
        *(Figure(f"turn {turn}: added by the harness", added[turn], "ms", at_most=OVERHEAD_MS) for turn in at),
        Figure(f"added at turn {last}", added[last], "ms", added[first], at_first, GROWTH, Judged.RATIO),
        Figure(f"bare loop at turn {last}", bare[last], "ms", bare[first], at_first),
        Figure("instant model's own time in a turn", median(one.model for run in runs for one in run), "ms"),
    ]


def _in_step(folder: Path, count: int) -> list[Turn]:
    model, bare_model = InstantModel(count), InstantModel(count)
    bare_ms: list[float] = []
    with closing(bare_turns(bare_model)) as bare:

        def step(_calls: int) -> None:
            began_ns = time.perf_counter_ns()
            next(bare)
            bare_ms.append((time.perf_counter_ns() - began_ns) / 1e6)

        run_harness(folder, model, step)
    own = [(ns / 1e6, bare_ns / 1e6) for ns, bare_ns in zip(model.own_ns, bare_model.own_ns, strict=False)]
    spans_ms = [(after - before) / 1e6 for before, after in pairwise(model.arrived_ns)]
    return [
        Turn(ours=whole - stepped - mine, bare=stepped - others, model=mine)
        for whole, stepped, (mine, others) in zip(spans_ms, bare_ms, own, strict=False)
    ]
