"""`true` in each sandbox that works here, limits included, in turn with `true` as it is."""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure
from ralph.errors import RalphError
from ralph.home import Home
from ralph.sandbox import Sandbox, choose_sandbox

ADDED_MS = 10.0
LEVELS = ("bwrap", "landlock")


def measure(folder: Path, *, count: int = 40) -> list[Figure]:
    home = Home(folder / "state")
    tree = home.folder("worktrees", "one")
    return [figure for sandbox in _that_work(home) for figure in _figures(sandbox, tree, count)]


def _that_work(home: Home) -> list[Sandbox]:
    """Each by its name, or what there is instead."""
    found: list[Sandbox] = []
    for level in LEVELS:
        try:
            found.append(choose_sandbox(level, home)[0])
        except RalphError:
            continue
    return found or [choose_sandbox("auto", home)[0]]


def _figures(sandbox: Sandbox, tree: Path, count: int) -> list[Figure]:
    pairs = [
        (_ms(lambda: sandbox.wrap(["true"], cwd=tree, writable=[tree])), _ms(lambda: ["true"]))
        for _ in range(count + 1)
    ][1:]
    ours, bare = (median(column) for column in zip(*pairs, strict=True))
    user = "root" if os.geteuid() == 0 else "user"
    added = median(one - other for one, other in pairs)
    return [
        Figure(f"a command in the sandbox ({sandbox.level}, {user})", ours, "ms", bare, "the same without"),
        Figure(f"added by {sandbox.level} and its limits", added, "ms", at_most=ADDED_MS),
    ]


def _ms(make: Callable[[], Sequence[str]]) -> float:
    """Making the command counts, too."""
    began_s = time.perf_counter()
    subprocess.run(make(), check=True)
    return (time.perf_counter() - began_s) * 1000
