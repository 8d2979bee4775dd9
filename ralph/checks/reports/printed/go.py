"""go test, by name: its lines with -test.v, or the events that `-json` prints instead.

A test can print lines that look like these. One that ends without having begun is not believed, of two endings the
worse one counts, and a test that began and did not end makes the report incomplete.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ralph.checks.report import Outcome, RunnerReport, report_of

_RUN = re.compile(r"=== RUN\s+(\S+)$")
_END = re.compile(r"--- (PASS|FAIL|SKIP): (\S+) \([\d.]+s\)$")
_PACKAGE = re.compile(r"^(ok|FAIL|\?)\s*\t(\S+)(?:\s+\[(build|setup) failed\])?(?:\s|$)")
_SIGN = re.compile(r'=== RUN|\[(?:build|setup) failed\]|^(?:ok|FAIL|\?)\s?\s?\t|"Action":', re.MULTILINE)
_OUTCOMES = {"PASS": Outcome.PASSED, "FAIL": Outcome.FAILED, "SKIP": Outcome.SKIPPED}


@dataclass
class _Package:
    """The tests since the last package ended; its name comes after them."""

    begun: list[str] = field(default_factory=list)
    ended: list[tuple[str, Outcome]] = field(default_factory=list)

    def named(self, name: str, *, failed: bool) -> Iterator[tuple[str, Outcome]]:
        known = set(self.begun)
        yield from ((f"go:{name}.{test}", outcome) for test, outcome in self.ended if test in known)
        if failed:  # a panic or the time limit came first
            yield from ((f"go:{name}.{test}", Outcome.FAILED) for test in self.unended)

    @property
    def unended(self) -> set[str]:
        return set(self.begun) - {test for test, _ in self.ended}


@dataclass
class _Read:
    ended: list[tuple[str, Outcome]] = field(default_factory=list)
    uncollected: list[str] = field(default_factory=list)
    packages: int = 0
    complete: bool = True
    package: _Package = field(default_factory=_Package)

    def line(self, line: str) -> None:
        if run := _RUN.search(line):
            self.package.begun.append(run[1])
        elif end := _END.search(line):
            self.package.ended.append((end[2], _OUTCOMES[end[1]]))
        elif package := _PACKAGE.match(line):
            self._package(package[1] == "FAIL", package[2], is_unbuilt=bool(package[3]))

    def _package(self, failed: bool, name: str, *, is_unbuilt: bool) -> None:
        self.packages += 1
        if is_unbuilt:
            self.uncollected.append(name)
        self.ended += self.package.named(name, failed=failed)
        self.complete &= failed or not self.package.unended
        self.package = _Package()


def read(text: str) -> RunnerReport | None:
    """None: go test has not run."""
    state = _Read()
    for line in _plain(text) if _SIGN.search(text) else ():
        state.line(line)
    if not state.packages and not state.package.begun:
        return None
    is_over = not state.package.begun
    return report_of(state.ended, complete=state.complete and is_over, uncollected=state.uncollected)


def _plain(text: str) -> Iterator[str]:
    """The lines of `go test -v`, package by package, also where they came as events."""
    events: dict[str, list[str]] = {}
    for line in filter(None, text.split("\n")):
        event = _event(line)
        if event is None:
            yield line
            continue
        name = event.get("Package", "")
        events.setdefault(name, []).append(event.get("Output", ""))
        if event.get("Action") in ("pass", "fail", "skip") and "Test" not in event:
            yield from "".join(events.pop(name)).split("\n")


def _event(line: str) -> dict[str, str] | None:
    if not (line.startswith("{") and '"Action":' in line):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return {name: str(value) for name, value in event.items()} if isinstance(event, dict) else None
