"""What the harness adds to a turn, and whether it stays the same while the conversation grows."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, Judged
from benchmarks.instant import InstantModel, run_bare, run_harness

AT = (10, 50, 100, 250)
AROUND = 5  # a turn's time is the median over this many turns to either side, in all repeats
REPEATS = 3
OVERHEAD_MS = 10.0
GROWTH = 1.25


def measure(folder: Path, *, at: Sequence[int] = AT, repeats: int = REPEATS) -> list[Figure]:
    turns = max(at) + AROUND
    run_bare(1)  # imports and first connections
    ours, bare = [], []
    for repeat in range(repeats):
        bare.append(run_bare(turns))
        ours.append(run_harness(folder / str(repeat), turns))
    added = {turn: _at(ours, turn) - _at(bare, turn) for turn in at}
    first, last = min(at), max(at)
    return [
        *(Figure(f"turn {turn}: harness", _at(ours, turn), "ms", _at(bare, turn), "bare SDK loop") for turn in at),
        *(Figure(f"turn {turn}: added by the harness", added[turn], "ms", at_most=OVERHEAD_MS) for turn in at),
        Figure(
            f"added at turn {last}",
            added[last],
            "ms",
            added[first],
            f"at turn {first}",
            at_most=GROWTH,
            judged=Judged.RATIO,
        ),
        Figure(f"bare loop at turn {last}", _at(bare, last), "ms", _at(bare, first), f"at turn {first}"),
        Figure("instant model's own time in a turn", median(ns / 1e6 for model in ours for ns in model.own_ns), "ms"),
    ]


def _at(models: Sequence[InstantModel], turn: int) -> float:
    return median(ms for model in models for ms in model.turn_ms()[max(0, turn - AROUND - 1) : turn + AROUND])
