"""Daemons under load with SIGKILLs at random moments, for some seconds, and for ten minutes in `make soak`. See `daemon_soak.py`."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.faults.daemon_soak import soaked

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_daemons_that_are_killed_for_some_seconds_lose_and_double_nothing(tmp_path: Path) -> None:
    soaked(tmp_path, 1 / 3, 1)


@pytest.mark.soak
@pytest.mark.timeout(36_000)
@pytest.mark.skipif(not os.environ.get("RALPH_SOAK"), reason="takes minutes: make soak")
def test_daemons_that_are_killed_for_minutes_lose_and_double_nothing(tmp_path: Path) -> None:
    figures = soaked(tmp_path, float(os.environ.get("RALPH_SOAK_MINUTES", "10")), 2)
    sys.stderr.write(f"\n{json.dumps(figures)}\n")  # for `make soak`
