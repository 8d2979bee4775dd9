"""Whole runs die at their failpoints, or their disk fails there, and the next run has to finish: how many did, in figures.

    python -m tests.faults.deaths --variant tracked --points 40 --pairs 20 --errors 20

draws that many failpoints (0: all that are reached), pairs of deaths of which the second one hits the recovery, and errors
of the disk. After each, the same is asserted as in the tests (see `Crashing.assert_sound`).
"""

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e import conftest as whole_runs
from tests.faults.crashing import KILLED, OPTIONS, Crashing, Variant, forking, in_a_copy, make_variant
from tests.forks import Forks

DISK_ERRORS = ("ENOSPC", "EIO", "EMFILE")
WAYS = ("exit", "kill")
IDENTITY = "[user]\n\tname = Sam Doe\n\temail = sam@example.com\n[init]\n\tdefaultBranch = main\n"


@dataclass
class Deaths:
    """What was done to runs of one variant, and what did not come out right."""

    variant: Variant
    folder: Path
    forks: Forks
    dice: random.Random
    runs: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def at_points(self, count: int) -> None:
        for number, point in enumerate(self._drawn(self.variant.points, count)):
            self._play("histories", Crashing.die_and_recover, f"{WAYS[number % 2]}:{point}")

    def in_pairs(self, count: int) -> None:
        points = self.variant.points
        for _ in range(count):
            first, second = self.dice.choice(points), self.dice.randrange(1, len(points))
            ways = self.dice.choices(WAYS, k=2)
            self._play("histories of two", Crashing.die_and_recover, f"{ways[0]}:{first}", f"{ways[1]}:{second}")

    def by_the_disk(self, count: int) -> None:
        points = [point for point in self.variant.points if not point.startswith("after")]
        for number, point in enumerate(self._drawn(points, count)):
            lasting, error = "+" if number % 2 else "", DISK_ERRORS[number % len(DISK_ERRORS)]
            self._play("errors of the disk", Crashing.fail_and_recover, f"error:{point}{lasting}:{error}")

    def _drawn(self, points: Sequence[str], count: int) -> Sequence[str]:
        return self.dice.sample(points, min(count or len(points), len(points)))

    def _play(self, kind: str, act: Callable[..., None], *failpoints: str) -> None:
        copy = self.folder / f"world-{sum(self.runs.values())}"
        tools: dict[str, Any] = {"world": whole_runs.World, "forks": self.forks, "bills": whole_runs.billed_micros}
        with in_a_copy(self.variant, copy, **tools) as run:
            try:
                act(run, *failpoints)
            except AssertionError:
                self.wrong.append(f"{failpoints}: {traceback.format_exc()}\n{run.story}")
            self.runs.update({kind: 1, "runs": len(run.codes), "killed": sum(code in KILLED for code in run.codes)})


def isolate(folder: Path) -> None:
    """As tests/conftest.py does for tests."""
    for name in [
        name for name in os.environ if name.startswith(("ANTHROPIC_", "RALPH_", "GIT_", "OTEL_", "TRACEPARENT"))
    ]:
        del os.environ[name]
    (folder / "gitconfig").write_text(IDENTITY, encoding="utf-8")
    os.environ |= {
        "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "RALPH_HOME": str(folder),
    }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--variant", choices=OPTIONS, default="tracked")
    for name, count in {"points": 20, "pairs": 10, "errors": 10, "seed": 1}.items():
        options.add_argument(f"--{name}", type=int, default=count)
    chosen = options.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name, forking() as forks:
        folder = Path(name)
        isolate(folder)
        variant = make_variant(chosen.variant, folder, forks=forks, whole_runs=whole_runs)
        deaths = Deaths(variant, folder, forks, random.Random(chosen.seed))
        deaths.at_points(chosen.points)
        deaths.in_pairs(chosen.pairs)
        deaths.by_the_disk(chosen.errors)
    names = {point.partition("#")[0] for point in variant.points}
    sys.stdout.write(f"{variant.name}: {len(variant.points)} points of {len(names)} names in an undisturbed run\n")
    for what, count in deaths.runs.items():
        sys.stdout.write(f"{count:>8} {what}\n")
    sys.stdout.write(f"{len(deaths.wrong):>8} came out wrong, {time.monotonic() - began_s:.0f} s\n")
    sys.stdout.writelines(f"{error}\n" for error in deaths.wrong)
    raise SystemExit(bool(deaths.wrong))


if __name__ == "__main__":
    main()
