"""Redaction of what agents read and write, against one plain pass over the same text: each word looked at once."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, Judged
from tracing.redact import Redactor

SOURCES = Path(__file__).parent.parent
PASSES = 12.0
KNOWN = tuple(f"known-secret-{number}-a1B2c3" for number in range(8))
_WORD = re.compile(r"\w+")


def measure(_folder: Path, *, rounds: int = 5) -> list[Figure]:
    texts = _observations()
    size_mb = sum(map(len, texts)) / 1e6
    redactor = Redactor(KNOWN)
    pairs = [(_seconds(redactor.text, texts), _seconds(_plain_pass, texts)) for _ in range(rounds)]
    ours, plain = (1_000 * median(column) / size_mb for column in zip(*pairs, strict=True))
    return [
        Figure("redaction of agent text, 8 known values", ours, "ms/MB", plain, "a plain pass", PASSES, Judged.RATIO),
        Figure("redaction of agent text, throughput", 1_000 / ours, "MB/s", 1_000 / plain, "a plain pass"),
    ]


def _observations() -> list[str]:
    """Sources and pages of this repository with line numbers, in pieces as a tool gives them."""
    files = sorted([*SOURCES.glob("tracing/**/*.py"), *SOURCES.glob("prd/**/*.py"), *SOURCES.glob("docs/*.md")])
    listings = (
        "\n".join(f"{number:6}\t{line}" for number, line in enumerate(file.read_text("utf-8").splitlines(), 1))
        for file in files
    )
    return [text[at : at + 4_000] for text in listings for at in range(0, len(text), 4_000)]


def _seconds(act: Callable[[str], object], texts: list[str]) -> float:
    began_s = time.process_time()
    for text in texts:
        act(text)
    return time.process_time() - began_s


def _plain_pass(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))
