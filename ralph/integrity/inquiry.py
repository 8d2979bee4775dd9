"""Gathers the evidence for the guard out of git and of further runs of the checks, and has it judged."""

import json
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO

from ralph.checks.baseline import BaseResult
from ralph.checks.check import CheckResult
from ralph.integrity.change import Change, read_change
from ralph.integrity.graft import base_with_new_tests, touches_base_tests, touches_tests, work_with_base_tests
from ralph.integrity.guard import Evidence, Judgement, Reports, judge
from ralph.integrity.permit import Permit
from ralph.integrity.programs import programs
from ralph.integrity.renames import renames
from ralph.integrity.testfiles import is_test_code
from ralph.workspace.repo import Repo

MOST_FILES_READ = 400
MOST_BYTES_READ = 400_000
MOST_LEADS = 20
NO_TEXT = re.compile(
    r"\.(?:png|jpe?g|gif|ico|svg|pdf|zip|gz|whl|jar|so|woff2?|ttf|mp[34]|lock|snap|min\.js)$|(?:^|/)(?:node_modules|vendor|dist|package-lock\.json|go\.sum)(?:/|$)"
)
LEADS = re.compile(r"(?:^|/)(?:[Mm]akefile|[Jj]ustfile|package\.json)$")
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
    read = read_change(case.repo, case.base_tree, case.work_tree)
    change = replace(read, neighbours=cache(lambda: _neighbours(case, read)))
    base, work = _reports(case.base), _reports(case.work)
    names = [name for name in work if work[name] is not None or base.get(name) is not None]

    names_given = renames(change, case.permit)

    def rerun_base_tests(without: Collection[str]) -> Reports:
        tree = work_with_base_tests(case.repo, change, case.work_tree, without, names_given)
        return _reports(run(tree, names, "the old tests on the work, check"))

    def run_new_tests_on_base() -> Reports:
        return _reports(
            run(
                base_with_new_tests(case.repo, change, case.base_tree),
                names,
                "the new tests without the work, where some should fail, check",
            )
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
            programs=_programs(case),
            renames=names_given,
        )
    )


def _reports(results: Sequence[BaseResult] | Sequence[CheckResult]) -> Reports:
    return {result.name: result.report for result in results}


def _programs(case: Case) -> frozenset[str]:
    """The scripts that the checks run, also by way of a Makefile or of the scripts of a manifest, on the base."""
    leads = [path for path in _listing(case, case.base_tree) if LEADS.search(path)][:MOST_LEADS]
    texts = _texts(case, case.base_tree, leads).items()
    led = [_scripts(text) if path.endswith(".json") else text for path, text in texts]
    return programs([*(result.command for result in case.work), *led])


def _scripts(text: str) -> str:
    """The commands of a `package.json`, one a line."""
    try:
        scripts = json.loads(text).get("scripts", {})
        return "\n".join(map(str, scripts.values()))
    except (ValueError, AttributeError):
        return ""


def _unchanged_tests(case: Case, change: Change) -> Mapping[str, str]:
    """The test code that the work left alone, as far as it is of a size that people write."""
    paths = [path for path in _listing(case, case.work_tree) if is_test_code(path) and path not in change.by_path]
    return _texts(case, case.work_tree, paths[:MOST_FILES_READ])


def _neighbours(case: Case, change: Change) -> Mapping[str, str]:
    """The text files that the work left alone, tests or not: who imports what, and what else speaks of a name."""
    paths = [path for path in _listing(case, case.work_tree) if path not in change.by_path and not NO_TEXT.search(path)]
    return _texts(case, case.work_tree, paths[:MOST_FILES_READ])


def _listing(case: Case, tree: str) -> Sequence[str]:
    return case.repo.store.names("ls-tree", "-r", "-z", "--name-only", tree)


def _texts(case: Case, tree: str, paths: Sequence[str]) -> dict[str, str]:
    """The files' texts, read by one process; those that are too large are left out."""
    wanted = [path for path in paths if "\n" not in path]
    if not wanted:
        return {}
    names = "".join(f"{tree}:{path}\n" for path in wanted)
    data = BytesIO(case.repo.store.run("cat-file", "--batch", stdin=os.fsencode(names)))
    found: dict[str, str] = {}
    for path in wanted:
        head = data.readline()
        if b" blob " in head:
            text = data.read(int(head.rpartition(b" ")[2]) + 1)[:-1]
            if len(text) <= MOST_BYTES_READ:
                found[path] = text.decode(errors="replace")
    return found
