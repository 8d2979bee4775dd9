"""Judges the detectors with the second set of blind traces: `python -m tests.failures.blind2.score [--show]`."""

import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from tests.failures.blind.score import judge, misses, table
from tests.failures.blind2.script import cases


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        judged = [judge(cast("Any", case), Path(folder) / "trace.jsonl") for case in cases()]
    lines = [*table(judged), *(["", *misses(judged)] if "--show" in sys.argv else [])]
    print("\n".join(lines))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
