"""How many tests failed, and which, read from the end of what a test runner printed."""

import re
from dataclasses import dataclass
from pathlib import Path

from ralph.excerpts import clean_text

TAIL_BYTES = 200_000
PYTEST_END = re.compile(r"^=*[ \t]*((?:\d+ [a-z]+(?:, )?)+) in [\d.]+ ?s.*$", re.MULTILINE)
PYTEST_COUNT = re.compile(r"(\d+) (failed|errors?)\b")
PYTEST_NAME = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
CARGO_END = re.compile(r"^test result: \w+\. \d+ passed; (\d+) failed;", re.MULTILINE)
JS_END = re.compile(r"^[ \t]*Tests:?[ \t]+(?:(\d+) failed\b.*|\d+ passed.*)$", re.MULTILINE)
GO_NAME = re.compile(r"^[ \t]*--- FAIL: (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Tally:
    """`failures` None: the output does not say."""

    failures: int | None = None
    failing: tuple[str, ...] = ()


def read_tally(output: Path) -> Tally:
    """The tally of pytest, cargo test, jest or vitest, go test; else an empty one."""
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - TAIL_BYTES))
        return tally(clean_text(file.read().decode(errors="replace")))


def tally(text: str) -> Tally:
    if ends := PYTEST_END.findall(text):
        count = sum(int(number) for number, _ in PYTEST_COUNT.findall(ends[-1]))
        return Tally(count, tuple(sorted(set(PYTEST_NAME.findall(text)))))
    if ends := CARGO_END.findall(text):
        return Tally(sum(int(number) for number in ends))
    if ends := JS_END.findall(text):
        return Tally(int(ends[-1] or 0))
    if names := GO_NAME.findall(text):
        return Tally(len(names), tuple(sorted(set(names))))
    return Tally()
