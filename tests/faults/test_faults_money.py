"""Never over: many processes, random kills, a service that fails in every way and keeps a bill of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.money.told_usage import serving

World = Any
ROOT = Path(__file__).parents[2]
IN_FULL = os.environ.get("RALPH_SOAK") == "1"


def storm(workers: int, calls: int, seed: int) -> dict[str, Any]:
    options = ["--workers", str(workers), "--calls", str(calls), "--seed", str(seed), "--json"]
    command = [sys.executable, "-m", "tests.faults.money.storm", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    sys.stderr.write(f"\n{done.stderr}")  # the report, for `make soak`
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assert_sound(report: dict[str, Any]) -> None:
    assert report["over_micros"] == dict.fromkeys(("call", "agent", "run", "story", "day"), 0)
    assert report["below_bill"] == report["torn_totals"] == report["broken"] == 0
    assert report["billed_micros"] <= report["counted_micros"]
    assert report["billed_after_micros"] <= report["counted_after_micros"] <= report["counted_micros"]
    assert report["integrity"] == "ok"
    assert report["killed"] > 8
    assert report["unknown"] > 0  # something was killed between its request and its answer
    assert report["full"]["day"] > 0
    assert report["full"]["call"] > 0


def test_whatever_is_killed_and_whatever_fails_not_a_micro_dollar_is_spent_over_any_limit() -> None:
    assert_sound(storm(8, 400, 7))


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.skipif(not IN_FULL, reason="32 processes and 10,000 calls: RALPH_SOAK=1")
def test_nor_over_32_processes_and_10_000_calls() -> None:
    assert_sound(storm(32, 10_000, 11))


@pytest.mark.slow
def test_a_call_dearer_than_its_worst_case_stops_the_run_and_the_next_one_until_a_person_has_looked(
    world: World, tools: Any
) -> None:
    world.start_repo(tools.a_story(1))
    with serving() as service:
        service.at_end = '{"output_tokens": 900000}'
        url = f"http://127.0.0.1:{service.server_port}"
        first, again = (world._finished(["run", "--json"], None, url) for _ in range(2))
        assert (first.exit_code, again.exit_code, service.asked) == (6, 6, 1)
    told = [json.loads(line) for line in first.out.splitlines()]
    (warned,) = [event for event in told if event["event"] == "warning" and "reservation" in event]
    assert "cost $18.0" in warned["text"]
    assert warned["text"].endswith("then run `ralph costs reconcile 1 --accept`.")
    assert "ralph costs reconcile 1 --accept" in again.err
    assert [detail.trace.status for detail in world.traces()] == ["over_budget"]
    assert world.charged_micros() > 18_000_000  # the whole amount is booked

    settled = world._finished(["costs", "reconcile", "1", "--accept", "--note", "a new price"], None, None)
    assert settled.exit_code == 0, settled.err
    done = world.ralph(script=tools.solves(1))
    assert done.exit_code == 0, done.out + done.err
