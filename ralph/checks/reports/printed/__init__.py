"""What runners printed, read where they have no other way to speak. The code under test prints to the same place."""

from collections.abc import Iterator
from pathlib import Path

from ralph.checks.report import RunnerReport
from ralph.checks.reports.printed import cargo, go, sums
from ralph.excerpts import clean_text

MOST_READ_BYTES = 8_000_000


def printed(output: Path, heard: frozenset[str] = frozenset()) -> Iterator[RunnerReport]:
    """What each runner said in a check's output, less those that were `heard` elsewhere."""
    size = output.stat().st_size
    with output.open("rb") as file:
        file.seek(max(0, size - MOST_READ_BYTES))
        text = clean_text(file.read().decode(errors="replace"))
    reports = [report for read in (go.read, cargo.read) if (report := read(text))]
    for report in [*reports, *sums.read(text, heard=heard)]:
        yield report if size <= MOST_READ_BYTES else report.model_copy(update={"complete": False})
