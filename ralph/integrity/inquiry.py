"""Gathers the evidence for the guard out of git and of further runs of the checks, and has it judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ralph.checks.baseline import BaseResult
from ralph.checks.check import CheckResult
from ralph.integrity.change import Change, read_change
from ralph.integrity.graft import base_with_new_tests, touches_base_tests, touches_tests, work_with_base_tests
from ralph.integrity.guard import Evidence, Judgement, Reports, judge
from ralph.integrity.permit import Permit
from ralph.integrity.testfiles import is_test_code
from ralph.workspace.repo import Repo

MOST_FILES_READ = 400
MOST_BYTES_READ = 400_000
Run = Callable[[str, Sequence[str], str], Sequence[CheckResult]]
"""Runs the checks of these names on a tree; the third is what they are run for, in words."""


@dataclass(frozen=True)
class Case:
    """One piece of work before the guard: two trees, what the checks said of both, and the story's words."""

    repo: Repo
    base_tree: str
    work_tree: str
    permit: Permit
    base: Sequence[BaseResult]
    work: Sequence[CheckResult]
    protected: Sequence[str] = ()


def inquire(case: Case, run: Run) -> Judgement:
    """Judge the work. `run` is called at most twice: for the base's tests on the work, and for the new tests on the base."""
    change = read_change(case.repo, case.base_tree, case.work_tree)
    base, work = _reports(case.base), _reports(case.work)
    names = [name for name in work if work[name] is not None or base.get(name) is not None]

    def rerun_base_tests() -> Reports:
        return _reports(
            run(work_with_base_tests(case.repo, change, case.work_tree), names, "with the tests of the base")
        )

    def run_new_tests_on_base() -> Reports:
        return _reports(
            run(base_with_new_tests(case.repo, change, case.base_tree), names, "the new tests, without the work")
        )

    return judge(
        Evidence(
            change=change,
            permit=case.permit,
            base=base,
            work=work,
            rerun_base_tests=rerun_base_tests if names and touches_base_tests(change) else None,
            run_new_tests_on_base=run_new_tests_on_base if names and touches_tests(change) else None,
            unchanged_tests=lambda: _unchanged_tests(case, change),
            protected=case.protected,
        )
    )


def _reports(results: Sequence[BaseResult] | Sequence[CheckResult]) -> Reports:
    return {result.name: result.report for result in results}


def _unchanged_tests(case: Case, change: Change) -> Mapping[str, str]:
    """The test code that the work left alone, as far as it is of a size that people write."""
    listing = case.repo.store.names("ls-tree", "-r", "-z", "--name-only", case.work_tree)
    paths = [path for path in listing if is_test_code(path) and path not in change.by_path][:MOST_FILES_READ]
    texts = {path: case.repo.store.run("cat-file", "blob", f"{case.work_tree}:{path}") for path in paths}
    return {path: data.decode(errors="replace") for path, data in texts.items() if len(data) <= MOST_BYTES_READ}
