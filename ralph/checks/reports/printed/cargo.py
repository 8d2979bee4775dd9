"""cargo test, by name where it is not told to be quiet. Names that do not add up to the sums below them are dropped."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ralph.checks.report import Outcome, RunnerReport, merged, report_of

_RUNNING = re.compile(r"^\s+Running (?:(.+) \()?\S*?([\w-]+)-[0-9a-f]{16}(?:\.exe)?\)?$")
_DOC_TESTS = re.compile(r"^\s+Doc-tests (\S+)$")
_START = re.compile(r"^running \d+ tests?$")
_TEST = re.compile(r"^test (.+?)(?: - (?:should panic|compile|compile fail))? \.\.\. (ok|FAILED|ignored)\b")
_LINE_NUMBER = re.compile(r" \(line \d+\)$")
_RESULT = re.compile(
    r"^test result: \w+\. (?P<passed>\d+) passed; (?P<failed>\d+) failed; (?P<skipped>\d+) ignored; \d+ measured;"
    r" (?P<deselected>\d+) filtered out"
)
_UNBUILT = re.compile(r"^error: could not compile `([^`]+)`(?: \(([^)]*)\))?")
_SIGN = re.compile(r"^(?:running \d+ test|test result: |error: could not compile )", re.MULTILINE)
_OUTCOMES = {"ok": Outcome.PASSED, "FAILED": Outcome.FAILED, "ignored": Outcome.SKIPPED}


@dataclass
class _Read:
    binary: str = ""
    is_open: bool = False
    tests: list[tuple[str, Outcome]] = field(default_factory=list)
    reports: list[RunnerReport] = field(default_factory=list)
    uncollected: set[str] = field(default_factory=set)
    cut_short: bool = False

    def line(self, line: str) -> None:
        if named := _DOC_TESTS.match(line) or _RUNNING.match(line):
            self._close()
            self.binary = f"{named[2]} {named[1] or ''}".rstrip() if named.re is _RUNNING else f"Doc-tests {named[1]}"
        elif _START.match(line):
            self._close()
            self.is_open = True
        elif self.is_open and (test := _TEST.match(line)):
            self.tests.append((_LINE_NUMBER.sub("", test[1]), _OUTCOMES[test[2]]))
        elif self.is_open and (result := _RESULT.match(line)):
            sums = {name: int(count) for name, count in result.groupdict().items()}
            self.reports.append(_binary(self.binary, self.tests, sums))
            self.is_open, self.tests = False, []
        elif unbuilt := _UNBUILT.match(line):
            self.uncollected.add(f"{unbuilt[1]} {unbuilt[2] or ''}".rstrip())

    def _close(self) -> None:
        """A binary that was to run tests and never gave its sums has left in the middle of them."""
        self.cut_short |= self.is_open
        self.is_open, self.tests = False, []

    def end(self) -> RunnerReport | None:
        self._close()
        rest = report_of((), complete=not self.cut_short, uncollected=self.uncollected)
        return merged([*self.reports, rest]) if self.reports or self.cut_short or self.uncollected else None


def read(text: str) -> RunnerReport | None:
    """None: cargo test has not run."""
    state = _Read()
    for line in text.split("\n") if _SIGN.search(text) else ():
        state.line(line)
    return state.end()


def _binary(name: str, tests: list[tuple[str, Outcome]], sums: dict[str, int]) -> RunnerReport:
    found = Counter(outcome.value for _, outcome in tests)
    adds_up = all(found[word] == sums[word] for word in ("passed", "failed", "skipped"))
    if name and adds_up:
        return report_of(_numbered(name, tests), deselected=sums["deselected"])
    return RunnerReport.model_validate(sums)


def _numbered(binary: str, tests: list[tuple[str, Outcome]]) -> Iterator[tuple[str, Outcome]]:
    """Documentation tests of one item differ by their line alone, which moves."""
    times: Counter[str] = Counter()
    for test, outcome in tests:
        times[test] += 1
        suffix = f" ({times[test]})" if times[test] > 1 else ""
        yield f"cargo:{binary}::{test}{suffix}", outcome
