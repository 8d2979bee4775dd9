"""The reports of several checks as one.

A test that one check runs and another skips has run: the order is another than within one check (`ralph.checks.report`), where
two endings of a test come over one channel and the one that claims less is believed.
"""

from collections.abc import Iterable

from ralph.checks.report import Outcome, RunnerReport

WORST_FIRST = (Outcome.FAILED, Outcome.XFAILED, Outcome.PASSED, Outcome.SKIPPED)


def joined(reports: Iterable[RunnerReport | None]) -> RunnerReport:
    """One report of them all; an empty one of none."""
    heard = [report for report in reports if report is not None]
    outcomes: dict[str, Outcome] = {}
    for report in heard:
        for test_id, outcome in report.outcomes.items():
            outcomes[test_id] = min(outcome, outcomes.get(test_id, outcome), key=WORST_FIRST.index)
    return RunnerReport(
        outcomes=outcomes,
        passed=sum(report.passed for report in heard),
        failed=sum(report.failed for report in heard),
        skipped=sum(report.skipped for report in heard),
        xfailed=sum(report.xfailed for report in heard),
        deselected=sum(report.deselected for report in heard),
        complete=all(report.complete for report in heard),
        uncollected=tuple(name for report in heard for name in report.uncollected),
    )
