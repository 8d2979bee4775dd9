"""Tests that no longer run, though their code is still there: skipped, narrowed by `only`, left early, rows taken out."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ralph.integrity.finding import HARD, Finding
from ralph.integrity.leeway import skips
from ralph.integrity.scan.facts import Facts, Pair, finding, judged
from ralph.integrity.scan.model import TestCase
from ralph.integrity.testfiles import is_test_file

NEW_SKIP_WEIGHT = 10
NEW_SKIP_ALWAYS_WEIGHT = 40
SKIP_WORDS = ("skip", "skipped", "xfail", "expected failure", "pending", "todo", "placeholder", "ignored", "known bug")
PLATFORM_WEIGHT = 20
CAPABILITY_WEIGHT = 45
HERE_WEIGHT = 70
ROW_WEIGHT = 40

PLATFORM = re.compile(
    r"platform|os\.name|version_info|hexversion|implementation|GOOS|GOARCH|process\.(?:platform|arch|version)|\bos\.(?:uname|type|platform|arch)\b"
    r"|target_os|target_arch|windows|unix|darwin|\blinux\b|\bmacos\b|miri|sys\.maxsize|WINDOWS|IS_WIN|isWindows|amd64|arm64"
    r"|go1\.\d+|\bcgo\b|wasm",
    re.IGNORECASE,
)
CAPABILITY = re.compile(
    r"which\(|find_spec|importorskip|import_module|LookPath|Short\(\)|HAS_|has_|hasattr|exists|available|geteuid|Getuid"
    r"|feature\s*=|integration|e2e|slow|getuid|Root|root|ImportError",
)
EVERYWHERE = re.compile(
    r"\b(?:True|true|1)\b$|^1\s*==\s*1|\b(?:CI|GITHUB_ACTIONS|GITLAB_CI|JENKINS\w*|PYTEST\w*|RALPH\w*)\b|^not False|^ignore$|never"
    r"|^all\(\)$|^any\(\)$|^not (?:any\(\)|test)$|^test$",
)
HERE = re.compile(
    r"version_info\s*>=?\s*\(\s*3|startswith\(['\"]linux|==\s*['\"](?:linux|posix|Linux)['\"]|!=\s*['\"](?:win32|darwin|nt|windows|Windows)['\"]"
    r"|target_os\s*=\s*\"linux\"|^unix$|^not windows$|^!linux$|^not cfg\(unix\)",
)


GATES = (
    (
        re.compile(
            r"(?:environ(?:\.get)?\W{1,3}|[gG]etenv\W{1,3}|LookupEnv\W{1,3}|env::var(?:_os)?\W{1,3}|process\.env(?:\.|\[['\"])|in os\.environ.{0,4}|Deno\.env\.get\W{1,3})(\w+)"
            r"|['\"](\w+)['\"]\s+(?:not\s+)?in\s+(?:os\.)?environ|option_env!\(\"(\w+)"
        ),
        False,
    ),
    (re.compile(r"(?:importorskip|find_spec|import_module)\(\s*['\"]([A-Za-z_]\w*)"), True),
    (re.compile(r"//go:build\s+!?(\w+)|feature\s*=\s*\"(\w+)\""), False),
)
SHUT_WEIGHT = 45


GIVEN_REASONS = re.compile(r"slow|network|manual|needs|require|bench|hardware|credential|strict=True", re.IGNORECASE)


def skipped_tests(facts: Facts) -> Iterator[Finding]:
    for pair in facts.pairs:
        if pair.new is not None:
            yield from (judged(item, permitted=facts.allows_test(pair.old)) for item in _pair(pair, pair.new))
    asked = facts.permit.asks(SKIP_WORDS) or skips(facts.permit)
    yield from _unheard(facts)
    for case in facts.born:
        gate = _gate(case)
        excused = asked or (gate and gate.is_opened(facts)) or GIVEN_REASONS.search(case.skip)
        yield from _new(case, NEW_SKIP_ALWAYS_WEIGHT if excused else HARD)


def _unheard(facts: Facts) -> Iterator[Finding]:
    """New tests behind a gate that nothing in the repo opens; where they are most of what is new, the work is untested."""
    gated = [(case, gate) for case in facts.born if (gate := _gate(case))]
    shut = [(case, gate) for case, gate in gated if not gate.is_opened(facts)]
    most = bool(shut) and len(gated) * 2 >= len(facts.born)
    for case, gate in shut:
        text = (
            f"the new test {case.short} runs only where {gate.name} is there, and nothing in the repository provides it"
        )
        weight = HARD if most else SHUT_WEIGHT
        yield replace(finding("new-test-shut-out", weight, text, case.path, case.line, gate.seen), about=case.short)


@dataclass(frozen=True)
class Gate:
    """What must be there for a test to run: a variable, a package, a build tag."""

    name: str
    seen: str
    package: bool = False

    def is_opened(self, facts: Facts) -> bool:
        """Whether anything beside the tests, or the story, speaks of it."""
        if (self.package and self.name in sys.stdlib_module_names) or facts.permit.says(self.name):
            return True
        name = re.escape(self.name).replace("_", "[-_]") if self.package else re.escape(self.name)
        word = re.compile(rf"(?<![\w-]){name}(?![\w-])", re.IGNORECASE if self.package else re.NOFLAG)
        changed = {file.path: file.new_text for file in facts.change.files}
        texts = {**facts.change.neighbours(), **changed}
        return any(word.search(text) for path, text in texts.items() if not is_test_file(path))


def _gate(case: TestCase) -> Gate | None:
    """The gate of a test that some machines pass and some do not, unless it is the system that they run."""
    when = f"{case.condition} {case.skip}" if case.skip else case.leaves if case.leaves != "return" else ""
    if not when or PLATFORM.search(case.condition or case.leaves):
        return None
    for pattern, package in GATES:
        found = pattern.search(when)
        if found:
            return Gate(next(filter(None, found.groups())), when.strip(), package)
    return None


def _pair(pair: Pair, new: TestCase) -> Iterator[Finding]:
    old = pair.old
    if new.skip and (not old.skip or (old.condition and not new.condition)):
        yield _skip(new)
    if any(item.subject == "should_panic" for item in new.asserts) and "should_panic" not in old.source:
        text = f"the test {new.short} is now expected to fail"
        yield finding("test-inverted", HARD, text, new.path, new.line, "#[should_panic]")
    if new.focus and not old.focus:
        text = f"only the test {new.short} and its like would run: it was marked {new.focus}"
        yield finding("test-focused", HARD, text, new.path, new.line, new.focus)
    if new.leaves and not old.leaves and old.asserts:
        text = f"the test {new.short} now returns before its first assertion"
        weight = 30 if PLATFORM.search(new.leaves) and not EVERYWHERE.search(new.leaves) else HARD
        yield finding("test-left-early", weight, text, new.path, new.line, new.leaves)
    if 0 < new.cases < old.cases:
        lost = old.cases - new.cases
        text = f"the test {new.short} lost {lost} of the {old.cases} rows of its table"
        weight = HARD if new.cases * 2 <= old.cases and lost > 1 else ROW_WEIGHT + 20 * lost
        yield finding("rows-removed", weight, text, new.path, new.line, new.source.split("\n")[0])


def _skip(case: TestCase) -> Finding:
    when = f" when {case.condition}" if case.condition else ""
    text = f"the test {case.short} was skipped{when}: it ran before"
    tagged = case.skip.startswith("//go:build") and not PLATFORM.search(case.condition)
    weight = HARD if tagged else _weight(case.condition)
    return replace(finding("test-skipped", weight, text, case.path, case.line, case.skip), about=case.short)


def _weight(condition: str) -> int:
    """How bad a skip under the condition is for a test that ran; none is the worst."""
    if not condition or EVERYWHERE.search(condition):
        return HARD
    if HERE.search(condition):
        return HERE_WEIGHT
    if PLATFORM.search(condition):
        return PLATFORM_WEIGHT
    return CAPABILITY_WEIGHT if CAPABILITY.search(condition) else HERE_WEIGHT


def _new(case: TestCase, always: int) -> Iterator[Finding]:
    if case.skip:
        weight = NEW_SKIP_WEIGHT if case.condition and not EVERYWHERE.search(case.condition) else always
        text = f"the new test {case.short} is skipped" + (f" when {case.condition}" if case.condition else "")
        yield replace(finding("new-test-skipped", weight, text, case.path, case.line, case.skip), about=case.short)
    if "should_panic" in case.source and "expected" not in case.source and re.search(r"assert_(?:eq|ne)!", case.source):
        text = f"the new test {case.short} passes when its comparisons fail"
        yield finding("test-inverted", HARD, text, case.path, case.line, "#[should_panic]")
    if case.focus:
        text = f"the new test {case.short} is marked {case.focus}: every other test would not run"
        yield finding("test-focused", HARD, text, case.path, case.line, case.focus)
