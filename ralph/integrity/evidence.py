"""What is known of a piece of work when the guard looks at it. Nothing is run here: the caller says how."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ralph.checks.report import RunnerReport
from ralph.integrity.change import Change
from ralph.integrity.permit import Permit

Reports = Mapping[str, RunnerReport | None]
"""What the runners of each check said, by the check's name."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a piece of work. `rerun_base_tests` and `run_new_tests_on_base` run the checks on other trees; None:
    there is nothing of that kind to run.
    """

    change: Change
    permit: Permit
    base: Reports
    work: Reports
    rerun_base_tests: Callable[[Collection[str]], Reports] | None = None  # without test files of these paths
    run_new_tests_on_base: Callable[[], Reports] | None = None
    unchanged_tests: Callable[[], Mapping[str, str]] = dict
    protected: Sequence[str] = ()
    renames: Mapping[str, str] = field(default_factory=dict)  # names of the product that the work gave another
    programs: frozenset[str] = frozenset()  # scripts of the repo that the checks run
