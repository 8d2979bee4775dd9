"""`ralph --help` as a whole process, in turn with a Python that does nothing."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure

HELP_MS = 150.0


def measure(folder: Path, *, count: int = 20) -> list[Figure]:
    del folder
    pairs = [(_ms(ralph(), "--help"), _ms([sys.executable], "-c", "pass")) for _ in range(count + 1)][1:]
    ours, bare = (median(column) for column in zip(*pairs, strict=True))
    return [Figure("ralph --help, whole process", ours, "ms", bare, "python -c pass", HELP_MS)]


def ralph() -> list[str]:
    """The installed command, else the module."""
    script = Path(sys.executable).with_name("ralph")
    return [str(script)] if script.exists() else [sys.executable, "-m", "ralph"]


def _ms(command: Sequence[str], *arguments: str) -> float:
    began_s = time.perf_counter()
    subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began_s) * 1000
