"""Bytes that one turn adds to traces.db, early and late in a conversation; against the request that it sent."""

from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, Judged
from benchmarks.instant import InstantModel, run_harness
from tracing.sqlite import connect

EARLY, LATE = 10, 100
AROUND = 8  # pages are 4 KB, so a turn's growth is the mean over this many turns to either side
GROWTH = 1.2


def measure(folder: Path, *, early: int = EARLY, late: int = LATE, around: int = AROUND) -> list[Figure]:
    sizes: list[int] = []
    path = folder / "traces.db"
    model = InstantModel(late + around + 1)
    run_harness(folder, model, lambda _count: sizes.append(_size_bytes(path)))
    first, last = (_mean_growth(sizes, turn, around) for turn in (early, late))
    sent = [median(model.request_bytes[turn - around : turn + around]) for turn in (early, late)]
    return [
        Figure(f"stored at turn {late}", last, "bytes", first, f"at turn {early}", GROWTH, Judged.RATIO),
        Figure(f"sent at turn {late}, for comparison", sent[1], "bytes", sent[0], f"at turn {early}"),
    ]


def _mean_growth(sizes: list[int], turn: int, around: int) -> float:
    return (sizes[turn + around - 1] - sizes[turn - around - 1]) / (2 * around)


def _size_bytes(path: Path) -> int:
    """Of the whole file, what waits in the write-ahead log included."""
    with closing(connect(path, synchronous="NORMAL")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return path.stat().st_size
