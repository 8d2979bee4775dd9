"""What goes back to the agent when its work did not pass: every check's verdict, the failing output, repairs left.

Knows nothing about how checks are run or held against the base.
"""

from collections.abc import Collection, Sequence

from ralph.checks.check import CheckResult
from ralph.checks.runner import feedback
from ralph.prompts import prompt


def checked(results: Sequence[CheckResult], blamed: Collection[CheckResult]) -> str:
    """Which checks passed and which did not, and what the `blamed` ones printed. The others were red before."""
    failed = [result for result in results if result in blamed]
    tolerated = [result for result in results if not result.passed and result not in blamed]
    verdicts = [
        _names("Failed", failed),
        _names("Passed", [result for result in results if result.passed]),
        _names("Red before your change, and no worse", tolerated),
    ]
    return " ".join(filter(None, verdicts)) + "\n\n" + feedback(failed)


def repair_message(verdict: str, repair: int, repairs: int) -> str:
    """The message that asks for repair number `repair` of `repairs`; `verdict`: `checked`, or why no check was run."""
    left = repairs - repair
    after = f"{left} more {'is' if left == 1 else 'are'} allowed after it" if left else "no other is allowed after it"
    return f"{prompt('repair', failures=verdict)} This is repair {repair} of {repairs}: {after}."


def _names(word: str, results: Sequence[CheckResult]) -> str:
    return f"{word}: {', '.join(result.name for result in results)}." if results else ""
