"""One case before the guard. The checks run for real, or what they said when they did is read from `recorded/ID.json`.

Trees are known by their SHA, so a record is used only for the very same files. `python -m pytest tests/cheats -m soak` with
RALPH_RECORD=1 writes the records anew; without it, it holds them against what is said now.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ralph.checks.baseline import BaseResult
from ralph.checks.check import Check, CheckResult
from ralph.checks.runner import run_check
from ralph.integrity.guard import Judgement
from ralph.integrity.inquiry import Case as Evidence
from ralph.integrity.inquiry import inquire
from ralph.integrity.permit import Permit
from ralph.sandbox.base import NoSandbox
from ralph.workspace.repo import Repo
from tests.cheats.cases import Built, Case, check_environment

RECORDED = Path(__file__).resolve().parent / "recorded"


ENVIRONMENT = {"PATH": check_environment()["PATH"]}


class NotRecordedError(Exception):
    """The record does not have this tree: the guard asked for another one than it did when the record was made."""


@dataclass
class Trial:
    """Judges one case in `folder`; `live` runs the checks, else the record is asked."""

    case: Case
    folder: Path
    live: bool
    known: dict[str, dict[str, object]] = field(default_factory=dict)

    def judge(self) -> Judgement:
        if not self.live:
            self.known = json.loads(self._record.read_text(encoding="utf-8"))
        built = self.case.build(self.folder / "repo")
        names = [check.name for check in self.case.checks]
        base = [BaseResult.of(result) for result in self._results(built, built.base_tree, names)]
        work = self._results(built, built.new_tree, names)
        assert all(result.passed for result in work), [result.excerpt for result in work]
        evidence = Evidence(
            Repo.open(built.path), built.base_tree, built.new_tree, Permit.of(self.case.story), base, work
        )
        return inquire(evidence, lambda tree, some, _words: self._results(built, tree, some))

    def write_record(self) -> None:
        RECORDED.mkdir(exist_ok=True)
        self._record.write_text(json.dumps(self.known, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @property
    def _record(self) -> Path:
        return RECORDED / f"{self.case.id}.json"

    def _results(self, built: Built, tree: str, names: Sequence[str]) -> list[CheckResult]:
        return [self._result(built, tree, check) for check in self._checks() if check.name in names]

    def _result(self, built: Built, tree: str, check: Check) -> CheckResult:
        key = f"{tree} {check.name}"
        if self.live and key not in self.known:
            self.known[key] = _facts(self._run(built, tree, check))
        if key not in self.known:
            raise NotRecordedError(f"{self.case.id}: {key}; write the records anew")
        base = BaseResult.model_validate({"name": check.name, "excerpt": "", **self.known[key]})
        return CheckResult(
            check.name,
            check.command,
            base.passed,
            base.exit_code,
            base.timed_out,
            0.0,
            "",
            self.folder,
            base.failures,
            base.failing,
            report=base.report,
        )

    def _run(self, built: Built, tree: str, check: Check) -> CheckResult:
        checkout = self.folder / "checkout"
        subprocess.run(["rm", "-rf", checkout], check=True)
        checkout.mkdir()
        archive = subprocess.run(["git", "archive", tree], cwd=built.path, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x"], cwd=checkout, input=archive, check=True)
        return run_check(check, checkout, sandbox=NoSandbox(), scratch=self.folder / "scratch")

    def _checks(self) -> list[Check]:
        return [Check(name=check.name, command=check.command, env=ENVIRONMENT) for check in self.case.checks]


def _facts(result: CheckResult) -> dict[str, object]:
    facts = BaseResult.of(result).model_dump(mode="json")
    return {key: facts[key] for key in ("passed", "exit_code", "timed_out", "failures", "failing", "report")}
