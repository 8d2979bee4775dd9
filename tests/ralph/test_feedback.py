"""What the agent is told when its work did not pass."""

from pathlib import Path

from ralph.checks.check import CheckResult
from ralph.feedback import checked, repair_message


def a_result(name: str, *, passed: bool) -> CheckResult:
    return CheckResult(name, f"run {name}", passed, 0 if passed else 1, False, 0.1, f"{name} says so\n", Path("log"))


def test_the_message_says_which_checks_passed_which_failed_and_how_many_repairs_are_left() -> None:
    tests, style, lint = (
        a_result("tests", passed=False),
        a_result("style", passed=True),
        a_result("lint", passed=False),
    )
    said = repair_message(checked([tests, style, lint], [tests]), 1, 2)
    assert said == (
        "The harness looked at your change, and it does not pass yet.\n\n"
        "Failed: tests. Passed: style. Red before your change, and no worse: lint.\n\n"
        'The check "tests" failed with exit code 1.\n$ run tests\ntests says so\n\n'
        "Find the cause and fix the code, not the check. Then call `finish` again. If a check cannot be passed honestly, "
        "call `finish` with status `blocked` and say why. This is repair 1 of 2: 1 more is allowed after it."
    )


def test_the_last_repair_is_announced_as_such() -> None:
    assert repair_message("Nothing changed.", 3, 3).endswith("This is repair 3 of 3: no other is allowed after it.")
