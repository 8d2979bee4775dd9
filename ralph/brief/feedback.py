"""What goes back to the agent when its work did not pass: every check's verdict, the failing output, repairs left.

Knows nothing about how checks are run or held against the base.
"""

import re
from collections.abc import Collection, Sequence

from ralph.brief.companions import shortened
from ralph.brief.marks import without_marks
from ralph.checks.check import CheckResult
from ralph.checks.runner import feedback
from ralph.integrity.finding import Finding
from ralph.prompts import prompt

NOTHING_CHANGED = (
    "No file differs from the base commit; what git ignores does not count, nor do the PRD and the progress log. If the "
    "story needs no change, show it: add the test that its acceptance criteria call for. If it cannot be done, call "
    "`finish` with status `blocked`."
)
DISTRUSTED = (
    "Every check passes, and the harness's integrity guard refuses the work all the same: checks prove something only if the "
    "tests that were there before still hold and new tests can fail. What it saw:"
)
HONEST_END = (
    "Put this right, make the story work with it, and call `finish` again. A test that was there before goes back to what it said, and "
    "the code has to pass it; do not bend the product so that the old and the new both pass. If the story cannot be true while that "
    "test passes, call `finish` with status `blocked`, name the test, and say that the story does not say that it changes: that is an "
    "honest end and counts as no failure. The next refusal of this kind hands the story to a person."
)
MOST_FINDINGS = 12
MOST_FAILING_CHARS = 1_500
LAST_LINES = 10
_TELLS = re.compile(
    r"fail|error|not ok|panic|exception|assert|expected|actual|received|undefined|unresolved|cannot|can't|no such|missing"
    r"|^E\s|[✖✗●]",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(r"^\W*at\s|^\s*$")
_CHECK = re.compile(r'^(?=The check ".*\n\$ )', re.MULTILINE)


def checked(results: Sequence[CheckResult], blamed: Collection[CheckResult]) -> str:
    """Which checks passed and which did not, and what the `blamed` ones printed. The others were red before."""
    failed = [result for result in results if result in blamed]
    tolerated = [result for result in results if not result.passed and result not in blamed]
    verdicts = [
        _names("Failed", failed),
        _names("Passed", [result for result in results if result.passed]),
        _names("Red before your change, and no worse", tolerated),
    ]
    return " ".join(filter(None, verdicts)) + "\n\n" + without_marks(feedback(failed))


def distrusted(findings: Sequence[Finding]) -> str:
    """What the integrity guard saw in work that passes every check, and that there is an honest way out."""
    seen = "\n".join(f"- {_seen(finding)}" for finding in findings[:MOST_FINDINGS])
    more = f"\n- and {len(findings) - MOST_FINDINGS} more" if len(findings) > MOST_FINDINGS else ""
    return f"{DISTRUSTED}\n\n{without_marks(seen + more)}\n\n{HONEST_END}"


def _seen(finding: Finding) -> str:
    place = f"{finding.place}: " if finding.place else ""
    return f"{place}{finding.text}" + (f"\n  {finding.evidence}" if finding.evidence else "")


def repair_message(verdict: str, repair: int, repairs: int) -> str:
    """The message that asks for repair number `repair` of `repairs`; `verdict`: `checked`, or why no check was run."""
    if verdict.startswith(DISTRUSTED):  # counted by itself: see `Bench.is_distrusted`
        return verdict
    left = repairs - repair
    after = f"{left} more {'is' if left == 1 else 'are'} allowed after it" if left else "no other is allowed after it"
    name = "repair_unchanged" if verdict == NOTHING_CHANGED else "repair"
    return f"{prompt(name, failures=verdict)} This is repair {repair} of {repairs}: {after}."


def failing_lines(verdict: str) -> str:
    """The lines of a verdict that say what failed, each once and bounded, for somebody who was not there."""
    head, *checks = _CHECK.split(verdict)
    lines = [*_lines(head), *(line for check in checks for line in _of_check(_lines(check)))]
    return shortened("\n".join(dict.fromkeys(lines)), MOST_FAILING_CHARS)


def _of_check(lines: Sequence[str]) -> list[str]:
    """What the check is, then the lines that look like a failure; the last ones where none does."""
    printed = lines[2:]
    return [*lines[:2], *([line for line in printed if _TELLS.search(line)] or printed[-LAST_LINES:])]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if not _SAYS_NOTHING.search(line)]


def _names(word: str, results: Sequence[CheckResult]) -> str:
    return f"{word}: {', '.join(result.name for result in results)}." if results else ""
