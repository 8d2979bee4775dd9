"""What a test runner said, by test id where it gives them, in numbers elsewhere. Knows nothing about how it is asked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Outcome(StrEnum):
    """How one test ended. An error in its setup is a failure; an expected failure that passes is one too when strict."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    XFAILED = "xfailed"


WORST_FIRST = (Outcome.FAILED, Outcome.SKIPPED, Outcome.XFAILED, Outcome.PASSED)


class RunnerReport(BaseModel):
    """What all test runners of one check said together.

    Ids start with their runner and are the same on every machine: `pytest:tests/test_a.py::test_x[1]`,
    `node:test/a.test.js > suite > name` (jest and vitest likewise), `go:example.com/shop/cart.TestTotal/empty`, `cargo:shop unittests src/lib.rs::tests::adds`.
    Files are relative to the root of the repo. Counts hold also for a runner that gives no ids.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    outcomes: Mapping[str, Outcome] = {}
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    xfailed: int = 0
    deselected: int = 0
    complete: bool = True
    """False: a runner began and did not come to its own end, whatever its exit code."""
    uncollected: tuple[str, ...] = ()
    """Files or packages whose tests could not even be loaded, relative to the root."""

    @property
    def ran(self) -> int:
        return self.passed + self.failed + self.xfailed

    def ids(self, *outcomes: Outcome) -> frozenset[str]:
        """Ids of the tests that ended so; all ids when nothing is asked for."""
        return frozenset(name for name, outcome in self.outcomes.items() if not outcomes or outcome in outcomes)


def report_of(
    ended: Iterable[tuple[str, Outcome]],
    *,
    deselected: int = 0,
    complete: bool = True,
    uncollected: Iterable[str] = (),
) -> RunnerReport:
    """The report on tests that have ids; of a test that ended twice the worse ending counts, and once."""
    outcomes: dict[str, Outcome] = {}
    for name, outcome in ended:
        known = outcomes.get(name, outcome)
        outcomes[name] = min(known, outcome, key=WORST_FIRST.index)
    counts = Counter(outcomes.values())
    return RunnerReport(
        outcomes=dict(sorted(outcomes.items())),
        passed=counts[Outcome.PASSED],
        failed=counts[Outcome.FAILED],
        skipped=counts[Outcome.SKIPPED],
        xfailed=counts[Outcome.XFAILED],
        deselected=deselected,
        complete=complete,
        uncollected=tuple(sorted(set(uncollected))),
    )


def merged(reports: Iterable[RunnerReport]) -> RunnerReport:
    """All of them as one."""
    parts = list(reports)
    named = report_of(
        (pair for part in parts for pair in part.outcomes.items()),
        deselected=sum(part.deselected for part in parts),
        complete=all(part.complete for part in parts),
        uncollected=(name for part in parts for name in part.uncollected),
    )
    counts = Counter({outcome: getattr(named, outcome) for outcome in Outcome})
    for part in parts:
        counts.update({outcome: getattr(part, outcome) for outcome in Outcome})
        counts.subtract(part.outcomes.values())
    return named.model_copy(update={outcome.value: counts[outcome] for outcome in Outcome})
