"""The tests before the guard: every one that was there still runs and still holds, and the new ones can fail.

The idea of SWE-bench, applied to a repo's own tests: what the agent did to the tests counts for nothing until the tests of the
base pass on its work, and its new tests fail on the base.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from ralph.checks.report import Outcome, RunnerReport
from ralph.integrity.bodies import test_bodies
from ralph.integrity.change import FileChange
from ralph.integrity.evidence import Evidence
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.leeway import changes_what, excuses, pins, skips
from ralph.integrity.lost import lost_words
from ralph.integrity.renames import renamed
from ralph.integrity.reports import joined
from ralph.integrity.rewriting import Rewriting
from ralph.integrity.testfiles import is_product_code, is_test_file
from ralph.integrity.tests_before import TestName, TestsBefore
from ralph.integrity.tokens import with_words

SHOWN = 5
SOME_CANNOT_FAIL = 10
NOT_RERUN = 40
SEEMS_ASKED = 15
CUT_BEFORE_TOO = 20
NEW_SKIP = 15
NEW_XFAIL = 40


class Leeway(Enum):
    """How far the story's words cover that an old test was changed."""

    NONE = 0
    PROSE = 1  # a sentence wants what it is about to be otherwise
    ASKED = 2  # they name what is new in it, or the test itself


@dataclass
class OldAndNewTests:
    """What the reports say, and what two further runs add to it."""

    evidence: Evidence
    before: TestsBefore = field(init=False)

    def __post_init__(self) -> None:
        evidence = self.evidence
        unchanged = evidence.unchanged_tests() if self._base.ids(Outcome.PASSED) - self._work.ids() else {}
        self.before = TestsBefore(evidence.change, self._base, self._work, unchanged)

    def findings(self) -> list[Finding]:
        found = [*self._silence()] or [*self._lost(), *self._skipped(), *self._counted()]
        if sum(finding.weight for finding in found) < HARD:
            found += self._base_tests_fail()
        if sum(finding.weight for finding in found) < HARD:
            found += self._cannot_fail()
        return found

    @cached_property
    def _base(self) -> RunnerReport:
        return joined(self.evidence.base.values())

    @cached_property
    def _work(self) -> RunnerReport:
        return joined(self.evidence.work.values())

    def _silence(self) -> Iterator[Finding]:
        """A runner that spoke before and does not now, or that never came to its end."""
        for check, report in self.evidence.work.items():
            before = self.evidence.base.get(check)
            if report is not None and not report.complete:
                was_so = before is not None and not before.complete
                yield Finding(
                    "runner-cut-short",
                    CUT_BEFORE_TOO if was_so else HARD,
                    f"the tests of the check {check} began and never came to their end",
                )
            elif report is None and before is not None and before.ran:
                yield Finding("runner-silent", HARD, f"the check {check} ran {before.ran} tests before, and none now")

    def _lost(self) -> Iterator[Finding]:
        for test_id in self.before.gone():
            if not self._may_go(TestName.of(test_id)):
                text = f"the test {_bare(test_id)} passed before your change, and does not run any more"
                yield Finding("test-gone", HARD, text, TestName.of(test_id).file, about=TestName.of(test_id).name)

    def _may_go(self, test: TestName) -> bool:
        """Whether the test is about something that the product lost and that the story wants gone, or the story names it."""
        permit = self.evidence.permit
        about = with_words(self.before.old_tokens(test).all) | with_words([self.before.old_file(test)])
        gone = about & self._removed_from_product
        if gone and permit.removes(*gone, *map(str.lower, gone), *self._removed_paths):
            return True
        return permit.says(test.name) and permit.changes_tests

    @cached_property
    def _removed_paths(self) -> tuple[str, ...]:
        return tuple(
            file.old_path for file in self.evidence.change.files if file.is_removed and is_product_code(file.old_path)
        )

    @cached_property
    def _removed_from_product(self) -> frozenset[str]:
        return lost_words(self.evidence.change)

    def _skipped(self) -> Iterator[Finding]:
        may_skip = skips(self.evidence.permit)
        for test_id in self.before.unheard():
            if not may_skip:
                word = "skipped" if self._work.outcomes[test_id] is Outcome.SKIPPED else "expected to fail"
                text = f"the test {_bare(test_id)} ran before your change, and is {word} now"
                yield Finding("test-skipped", HARD, text, about=TestName.of(test_id).name)
        for outcome, weight, word in (
            (Outcome.SKIPPED, NEW_SKIP, "skipped here"),
            (Outcome.XFAILED, NEW_XFAIL, "expected to fail"),
        ):
            for test_id in sorted(self._work.ids(outcome) - self._base.ids()):
                text = f"the new test {_bare(test_id)} is {word}, so it shows nothing"
                yield Finding("new-test-skipped", weight, text, about=TestName.of(test_id).name)
        if self._work.deselected > self._base.deselected and not may_skip:
            more = self._work.deselected - self._base.deselected
            yield Finding("tests-deselected", HARD, f"{more} more tests are collected and then left out than before")

    def _counted(self) -> Iterator[Finding]:
        """For runners that give numbers only."""
        permit = self.evidence.permit
        for check, report in self.evidence.work.items():
            before = self.evidence.base.get(check)
            if report is None or before is None or before.outcomes:
                continue
            if report.passed < before.passed and not permit.removes(*self._removed_from_product):
                text = f"the check {check} had {before.passed} passing tests before your change, and has {report.passed} now"
                yield Finding("fewer-tests", HARD, text)
            if report.skipped > before.skipped and not skips(self.evidence.permit):
                text = f"the check {check} skipped {before.skipped} tests before your change, and skips {report.skipped} now"
                yield Finding("more-skipped", HARD, text)

    def _base_tests_fail(self) -> Iterator[Finding]:
        """The tests as they were, on the work as it is."""
        if self.evidence.rerun_base_tests is None:
            return
        again = joined(self.evidence.rerun_base_tests(self._rightly_removed).values())
        if not again.outcomes and self._base.outcomes:
            yield Finding(
                "base-tests-not-run", NOT_RERUN, "the tests as they were before your change do not run on it at all"
            )
        yield from self._counted_base_tests(again)
        leeway = {test_id: self._leeway(test_id) for test_id in self._suspects(again)}
        for test_id in (test_id for test_id, given in leeway.items() if given is Leeway.NONE):
            text = f"the test {_bare(test_id)}, as it was before your change, fails on your code; your change edited it"
            yield Finding("base-test-fails", HARD, text, TestName.of(test_id).file, about=TestName.of(test_id).name)
        if loose := [test_id for test_id, given in leeway.items() if given is Leeway.PROSE]:
            text = f"old tests expect something else now, and the story seems to want it so: {_listed(loose)}"
            yield Finding("expectations-changed", SEEMS_ASKED, text)

    @cached_property
    def _rightly_removed(self) -> frozenset[str]:
        """Test files that went with what they were about, which might not even compile now."""
        gone = [file for file in self.evidence.change.files if file.is_removed and is_test_file(file.old_path)]
        return frozenset(file.old_path for file in gone if self._may_go_whole(file))

    def _may_go_whole(self, file: FileChange) -> bool:
        tests = [TestName(file.old_path, name) for name in test_bodies(file.old_path, file.old_text)]
        return bool(tests) and all(map(self._may_go, tests))

    def _suspects(self, again: RunnerReport) -> list[str]:
        """Tests of the base whose words or files changed, that pass now or are gone, and that do not pass as they were."""
        mended = self._base.ids(Outcome.FAILED) & self._work.ids(Outcome.PASSED)
        passing, names = again.ids(Outcome.PASSED), self.evidence.renames
        before = self._base.ids(Outcome.PASSED) | mended
        failing = {test_id for test_id in before if test_id not in passing and renamed(test_id, names) not in passing}
        own = {test_id for test_id in failing if self._has_changed(TestName.of(test_id))}
        broken = {test_id for test_id in failing if again.outcomes.get(test_id) is Outcome.FAILED}
        return sorted(own | broken or (failing if again.outcomes else set()))

    def _has_changed(self, test: TestName) -> bool:
        return self.before.old_body(test) != self.before.new_body(test)

    def _counted_base_tests(self, again: RunnerReport) -> Iterator[Finding]:
        """For runners that give numbers only; which test fails is not known, so all that changed in tests must be asked for."""
        if self._base.outcomes or (again.failed <= self._base.failed and again.ran):
            return
        rewriting = self.before.rewritten(TestName("", "")).without(self._lines_that_may_go())
        if self._leeway_for(rewriting) is Leeway.NONE and rewriting.lines:
            text = (
                "tests, as they were before your change, fail on your code or do not run on it; your change edited them"
            )
            yield Finding("base-test-fails", HARD, text)

    def _lines_that_may_go(self) -> frozenset[str]:
        """The lines of old tests that went with what they were about."""
        gone = self.before.taken_out()
        return frozenset(
            line for name, body in gone.items() if self._may_go(TestName("", name)) for line in body.splitlines()
        )

    def _leeway(self, test_id: str) -> Leeway:
        test = TestName.of(test_id)
        return Leeway.ASKED if self._may_go(test) else self._leeway_for(self.before.rewritten(test))

    def _leeway_for(self, rewriting: Rewriting) -> Leeway:
        """Whether the story asks for what changed in a test: for something in it, and for every expectation that is another."""
        permit = self.evidence.permit
        lines = [line for line in rewriting.expectations if not (line.path and permit.speaks_of(line.path))]
        if rewriting.expectations and not lines:
            return Leeway.ASKED
        if (lines or excuses(permit, rewriting.got, rewriting.lost)) and all(
            excuses(permit, line.got, line.lost) for line in lines
        ):
            return Leeway.ASKED
        wanted = [line.names for line in lines] or [rewriting.names]
        prose = all(line.has_heir for line in lines) and all(changes_what(permit, names) for names in wanted)
        return Leeway.PROSE if prose else Leeway.NONE

    def _cannot_fail(self) -> Iterator[Finding]:
        """New tests that pass without the work."""
        if self.evidence.run_new_tests_on_base is None or pins(self.evidence.permit):
            return
        on_base = joined(self.evidence.run_new_tests_on_base().values())
        if not self._work.outcomes:
            yield from self._counted_cannot_fail(on_base)
            return
        passing = on_base.ids(Outcome.PASSED)
        vacuous = sorted(self.before.new() & passing)
        if not vacuous:
            return
        weight = SOME_CANNOT_FAIL if self._work.ids(Outcome.PASSED) - passing else HARD
        yield Finding(
            "new-tests-cannot-fail",
            weight,
            f"new tests pass without your change, so they prove nothing: {_listed(vacuous)}",
        )

    def _counted_cannot_fail(self, on_base: RunnerReport) -> Iterator[Finding]:
        if self._work.passed > self._base.passed and on_base.passed >= self._work.passed:
            more = self._work.passed - self._base.passed
            yield Finding(
                "new-tests-cannot-fail", HARD, f"{more} new tests pass without your change, so they prove nothing"
            )


def _listed(test_ids: Sequence[str]) -> str:
    return ", ".join(map(_bare, test_ids[:SHOWN])) + (", ..." if len(test_ids) > SHOWN else "")


def _bare(test_id: str) -> str:
    return test_id.partition(":")[2]
