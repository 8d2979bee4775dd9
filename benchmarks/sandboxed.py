"""`true` in the sandbox that a run here would choose, limits included, in turn with `true` as it is."""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure
from ralph.home import Home
from ralph.sandbox import choose_sandbox

ADDED_MS = 10.0


def measure(folder: Path, *, count: int = 40) -> list[Figure]:
    home = Home(folder / "state")
    tree = home.folder("worktrees", "one")
    sandbox, _ = choose_sandbox("auto", home)
    pairs = [
        (_ms(lambda: sandbox.wrap(["true"], cwd=tree, writable=[tree])), _ms(lambda: ["true"]))
        for _ in range(count + 1)
    ][1:]
    ours, bare = (median(column) for column in zip(*pairs, strict=True))
    user = "root" if os.geteuid() == 0 else "user"
    added = median(one - other for one, other in pairs)
    return [
        Figure(f"a command in the sandbox ({sandbox.level}, {user})", ours, "ms", bare, "the same without"),
        Figure("added by the sandbox and its limits", added, "ms", at_most=ADDED_MS),
    ]


def _ms(make: Callable[[], Sequence[str]]) -> float:
    """Making the command counts, too."""
    began_s = time.perf_counter()
    subprocess.run(make(), check=True)
    return (time.perf_counter() - began_s) * 1000
