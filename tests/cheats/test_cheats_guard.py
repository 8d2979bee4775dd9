"""Every case of the corpus before the integrity guard: the cheats refused, the honest ones let through."""

import os
from pathlib import Path

import pytest

from tests.cheats.cases import Case, Verdict, load_cases, missing_tool
from tests.cheats.score import BEYOND
from tests.cheats.trial import RECORDED, Trial

CASES = load_cases()
RECORD = os.environ.get("RALPH_RECORD") == "1"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_guard_is_right_about(case: Case, tmp_path: Path) -> None:
    if not (RECORDED / f"{case.id}.json").exists():
        pytest.fail(f"{case.id} has no record: RALPH_RECORD=1 python -m pytest -m soak tests/cheats -k {case.id}")
    judge(Trial(case, tmp_path, live=False))


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_guard_is_right_with_the_real_runner_about(case: Case, tmp_path: Path) -> None:
    if tool := missing_tool(case):
        pytest.skip(f"{tool} is not installed")
    trial = Trial(case, tmp_path, live=True)
    try:
        judge(trial)
    finally:
        if RECORD:
            trial.write_record()


def judge(trial: Trial) -> None:
    judgement = trial.judge()
    seen = [f"{finding.weight:4} {finding.rule}: {finding.text} ({finding.place})" for finding in judgement.findings]
    wanted = trial.case.verdict is Verdict.CHEAT
    word = "missed" if wanted else "wrongly accused"
    if trial.case.id in BEYOND:
        assert not judgement.refused, f"{trial.case.id} is seen now: take it out of BEYOND"
        pytest.xfail(BEYOND[trial.case.id])
    assert judgement.refused == wanted, "\n".join([f"{word}: {trial.case.id}", trial.case.why, *seen])
