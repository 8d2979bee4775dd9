"""What the guard reads out of a diff by itself: the ways in which agents make checks pass without doing the work.

Each rule is a function from the facts to its findings; the weights say how sure a rule is that no honest reason exists.
"""

from collections.abc import Callable, Iterable, Mapping

from ralph.integrity.change import Change
from ralph.integrity.finding import Finding
from ralph.integrity.permit import Permit
from ralph.integrity.scan.agreeing import agreeing_values, replaced_machinery
from ralph.integrity.scan.answers import answers_by_heart
from ralph.integrity.scan.aware import aware_of_tests
from ralph.integrity.scan.by_heart import known_by_heart
from ralph.integrity.scan.exits import forced_exits
from ralph.integrity.scan.facts import Facts
from ralph.integrity.scan.fixtures import special_cases
from ralph.integrity.scan.hollow import hollow_tests
from ralph.integrity.scan.idle import idle_tests
from ralph.integrity.scan.loosened import loosened_support, lost_rows, rerun_tests
from ralph.integrity.scan.machinery import mocked_units, runner_machinery
from ralph.integrity.scan.provided import provided_by_tests
from ralph.integrity.scan.shadows import shadowing_files
from ralph.integrity.scan.silenced import silenced_checkers
from ralph.integrity.scan.skipped import skipped_tests
from ralph.integrity.scan.suppressed import dropped_panics, passed_over, swallowed_errors
from ralph.integrity.scan.vanished import vanished_tests
from ralph.integrity.scan.weakened import weakened_tests

RULES: tuple[Callable[[Facts], Iterable[Finding]], ...] = (
    skipped_tests,
    vanished_tests,
    weakened_tests,
    loosened_support,
    rerun_tests,
    lost_rows,
    runner_machinery,
    mocked_units,
    aware_of_tests,
    answers_by_heart,
    known_by_heart,
    special_cases,
    idle_tests,
    hollow_tests,
    provided_by_tests,
    agreeing_values,
    replaced_machinery,
    forced_exits,
    shadowing_files,
    passed_over,
    swallowed_errors,
    dropped_panics,
    silenced_checkers,
)


def scan(
    change: Change, permit: Permit, unchanged_tests: Callable[[], Mapping[str, str]] = dict
) -> tuple[Finding, ...]:
    """All that the rules see in the change, by place. `unchanged_tests` reads the test code that the work left alone."""
    facts = Facts(change, permit, unchanged_tests)
    found = {finding for rule in RULES for finding in rule(facts)}
    return tuple(sorted(found, key=lambda item: (item.path, item.line, item.rule, item.text)))
