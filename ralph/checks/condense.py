"""Makes a test run's output short without losing what failed: runs of passing tests and repeated stacks are left out.

Works on text, whatever runner wrote it; what it does not recognise stays. Knows nothing about checks and files.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

MIN_PASSING_LINES = 4
SAME_LINES = 4
MIN_SAME_CHARS = 200
_TAP = re.compile(r"^(?P<indent>\s*)(?P<failed>not )?ok \d+(?: -)? (?P<name>.*)$")
_TAP_PLAN = re.compile(r"^\s*\d+\.\.\d+$")
_PASSED = re.compile(
    r"^\s*(?:--- PASS: (?P<go>\S+) .*|.* \.\.\. ok|\S+::\S.* PASSED(?:\s+\[\s*\d+%\])?|[✓✔√] .*"
    r"|(?P<dots>[.]{5,})\s*(?:\[\s*\d+%\])?)$"
)
_GO_RUN = re.compile(r"^\s*=== RUN\s+(\S+)$")
_DETAILS = re.compile(r"^(?:=+ (?:FAILURES|ERRORS) =+|failures:|={70})$")  # nothing behind it is about passing tests


def condensed(text: str) -> str:
    """The text without runs of passing tests and without blocks of lines that stand above it already."""
    return "\n".join(_once(_without_passing(text.split("\n"))))


def relative_to(text: str, tree: str) -> str:
    """The text with paths below `tree` as they are in the repository: the folder itself is soon gone."""
    return re.sub(rf"(?:file://)?{re.escape(tree)}(?:(/)|(?![\w.-]))", lambda found: "" if found[1] else ".", text)


@dataclass
class _Passing:
    """What one run of passing tests printed."""

    lines: list[str]
    tests: int

    def shown(self) -> list[str]:
        return (
            self.lines
            if len(self.lines) < MIN_PASSING_LINES
            else [f"[… {self.tests} passing test{'' if self.tests == 1 else 's'} left out]"]
        )


@dataclass
class _Kept:
    parts: list[str | _Passing] = field(default_factory=list)

    def passed(self, lines: Sequence[str], tests: int, announcement: str = "", *, go: str | None = None) -> None:
        """Leave out a test; with the line that announced it, and what stands between: other tests, and what it logged."""
        start = len(self.parts)
        while start and (_is_within_test(self.parts[start - 1]) or (go and _is_log(self.parts[start - 1], go))):
            start -= 1
        if start and self.parts[start - 1] == announcement:
            inner = self.parts[start - 1 :]
            del self.parts[start - 1 :]
            lines = [*(line for part in inner for line in _lines(part)), *lines]
            tests += sum(part.tests for part in inner if isinstance(part, _Passing))
        if self.parts and isinstance(last := self.parts[-1], _Passing):
            last.lines += lines
            last.tests += tests
        else:
            self.parts.append(_Passing(list(lines), tests))

    def lines(self) -> list[str]:
        return [line for part in self.parts for line in (part.shown() if isinstance(part, _Passing) else [part])]


def _without_passing(lines: Sequence[str]) -> list[str]:
    kept, at = _Kept(), 0
    while at < len(lines):
        line = lines[at]
        if _DETAILS.match(line):
            kept.parts += lines[at:]
            break
        if tap := _TAP.match(line):
            block = [line, *_yaml(lines[at + 1 :], tap["indent"])]
            if tap["failed"]:
                kept.parts += block
            else:
                kept.passed(block, 1, f"{tap['indent']}# Subtest: {tap['name']}")
            at += len(block)
            continue
        if passed := _PASSED.match(line):
            kept.passed([line], len(passed["dots"] or "."), f"=== RUN   {passed['go']}", go=passed["go"])
        else:
            kept.parts.append(line)
        at += 1
    return kept.lines()


def _yaml(lines: Sequence[str], indent: str) -> list[str]:
    """The block of details that stands under a TAP line."""
    if not lines or lines[0] != f"{indent}  ---":
        return []
    end = f"{indent}  ..."
    inner = list(takewhile(lambda line: line != end, lines))
    return list(lines[: len(inner) + 1])


def _is_within_test(part: str | _Passing) -> bool:
    return isinstance(part, _Passing) or _TAP_PLAN.match(part) is not None


def _is_log(part: str | _Passing, test: str) -> bool:
    """Whether it can be what a test of go logged or began within itself, which says nothing of how the test ends."""
    if isinstance(part, _Passing) or "--- FAIL" in part or part.startswith("panic:"):
        return False
    begun = _GO_RUN.match(part)
    return begun is None or begun[1].startswith(f"{test}/")


def _lines(part: str | _Passing) -> list[str]:
    return part.lines if isinstance(part, _Passing) else [part]


def _once(lines: Sequence[str]) -> Iterator[str]:
    """Each block of lines where it stands first; a mark where it stands again."""
    first: dict[tuple[str, ...], int] = {}
    at = 0
    while at < len(lines):
        window = tuple(lines[at : at + SAME_LINES])
        size = _same(lines, first.setdefault(window, at), at)
        if size >= SAME_LINES and sum(map(len, lines[at : at + size])) >= MIN_SAME_CHARS:
            yield f"[… {size} lines as above left out]"
            at += size
        else:
            yield lines[at]
            at += 1


def _same(lines: Sequence[str], one: int, other: int) -> int:
    """How many lines from `one` on stand again from `other` on."""
    size = 0
    while one + size < other and other + size < len(lines) and lines[one + size] == lines[other + size]:
        size += 1
    return size
