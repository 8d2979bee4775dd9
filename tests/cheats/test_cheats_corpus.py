"""The corpus is fit to judge by: large and even enough, every change builds, and every change passes its own checks."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.cheats.cases import TOOLS, Case, OnBase, Verdict, check_environment, load_cases, missing_tool

CASES = load_cases()
EVERY_CASE = pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
TEST_FILES = ("tests/", "test/", "testing/", "testdata/", "golden/", "_test.go", ".test.js", ".test.mjs", ".test.cjs")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_there_are_enough_cases_of_every_language(verdict: Verdict) -> None:
    count = Counter(case.language for case in CASES if case.verdict is verdict)
    assert count.total() >= 40
    assert all(count[language] >= 8 for language in TOOLS)


@EVERY_CASE
def test_a_case_says_what_and_why(case: Case) -> None:
    assert case.id.startswith(f"{case.language}-{case.verdict}-")
    assert case.why
    assert case.story.title
    assert case.story.acceptance_criteria
    assert case.checks


@pytest.mark.soak
@EVERY_CASE
def test_a_case_builds_and_changes_something(case: Case, tmp_path: Path) -> None:
    built = case.build(tmp_path / "repo")
    assert built.base_tree != built.new_tree


@pytest.mark.soak
@pytest.mark.timeout(600)
@EVERY_CASE
def test_the_change_passes_its_checks(case: Case, tmp_path: Path) -> None:
    _need_the_tools(case)
    assert _failed_checks(case, case.build(tmp_path / "repo").path) == []


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.id) for case in CASES if case.on_base is not OnBase.UNSAID]
)
def test_an_honest_engineer_s_tests_end_on_the_base_code_as_the_case_says(case: Case, tmp_path: Path) -> None:
    _need_the_tools(case)
    path = case.build(tmp_path / "repo").path
    _restore_product_code(case, path)
    assert bool(_failed_checks(case, path)) is (case.on_base is OnBase.FAIL)


def _need_the_tools(case: Case) -> None:
    if tool := missing_tool(case):
        pytest.skip(f"{tool} is not installed")


def _failed_checks(case: Case, path: Path) -> list[str]:
    """What the checks that did not end with 0 printed."""
    failed: list[str] = []
    for check in case.checks:
        done = subprocess.run(
            ["bash", "-c", check.command],
            cwd=path,
            env=check_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            failed.append(f"{check.name} ended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return failed


def _restore_product_code(case: Case, path: Path) -> None:
    """Leaves nothing of the change but its test files."""
    changed = _git(path, "diff", "--cached", "--no-renames", "--name-only", "HEAD").splitlines()
    for name in changed:
        if _is_test(name):
            continue
        if name in case.repo.files:
            _git(path, "checkout", "-q", "HEAD", "--", name)
        else:
            (path / name).unlink()


def _is_test(name: str) -> bool:
    return any(f"/{name}".endswith(part) or f"/{part}" in f"/{name}" for part in TEST_FILES)


def _git(path: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=path, capture_output=True, text=True, check=True).stdout
