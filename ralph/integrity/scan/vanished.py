"""Tests that are gone: deleted, emptied, commented out, or renamed so that no runner finds them.

A test whose assertions stand in other tests now was moved or merged; one whose subject is gone went with it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from ralph.integrity.change import FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.permit import telling_words
from ralph.integrity.scan.facts import Facts, finding, judged
from ralph.integrity.scan.model import TestCase
from ralph.integrity.scan.text import removed_lines
from ralph.integrity.testfiles import is_product_code
from ralph.integrity.tokens import words_of

VALUES = re.compile(r"'[^'\n]+'|\"[^\"\n]+\"|(?<![\w.])-?\d+(?:\.\d+)?")
FEW_VALUES = 2
MOST_BODIES = 300
KEPT_SHARE = 0.6
SUBJECT_GONE_WEIGHT = 30
RUN_NAMES = re.compile(
    r"(?:^|/)(?:test_[^/]*\.py|[^/]*_test\.py|tests?\.py|[^/]*_test\.go|[^/]*[._-](?:test|spec)s?\.[cm]?[jt]sx?"
    r"|(?:tests?|__tests__)/(?:[^/]+/)*[^/]+\.(?:[cm]?[jt]sx?|rs)|src/(?:[^/]+/)*[^/]+\.rs)$"
)
GO_SYSTEM = re.compile(
    r"_(?:windows|darwin|linux|freebsd|plan9|js|wasm|arm64|386|solaris|android|ios)(?:_\w+)?_test\.go$"
)
DEFINED = re.compile(
    r"\b(?:def|class|function|func(?:\s*\([^)]*\))?|fn|struct|enum|trait|const|let|var|interface|type)\s+(\w+)"
)


def vanished_tests(facts: Facts) -> Iterator[Finding]:
    gone = _removed_names(facts)
    for file in facts.change.files:
        yield from _moved_away(file, facts)
    for pair in facts.pairs:
        if pair.new is None and not _stands_elsewhere(pair.old, facts):
            yield _deleted(pair.old, facts, gone)


def _moved_away(file: FileChange, facts: Facts) -> Iterator[Finding]:
    """A file of tests that got a name that its runner does not look for."""
    if file.moved and file.new and RUN_NAMES.search(file.old_path) and not RUN_NAMES.search(file.path):
        cases = [case for case in facts.old_tests if case.path == file.old_path]
        still = [case.short for case in cases if case.short in file.new_text]
        if still:
            text = f"{file.old_path} with {len(still)} tests was moved to a name that the runner does not look for"
            yield finding("test-hidden", HARD, text, file.path, 0, file.path)
    if file.moved and GO_SYSTEM.search(file.path) and not GO_SYSTEM.search(file.old_path):
        text = f"{file.old_path} was moved to a name that Go runs on one system only"
        yield finding("test-hidden", 70, text, file.path, 0, file.path)


def _deleted(case: TestCase, facts: Facts, gone: frozenset[str]) -> Finding:
    hidden = _hidden_name(case, facts)
    if hidden:
        text = f"the test {case.short} is now {hidden}, a name that the runner does not find"
        return replace(finding("test-hidden", HARD, text, case.path, 0, hidden), about=case.short)
    used = gone & set(re.findall(r"\w+", case.source))
    about = used or facts.lost & _words(case.source)
    asked = facts.permit.removes_tests(case.short, case.path)
    asked = asked or (bool(about) and facts.permit.removes(case.short, case.path, *about))
    text = f"the test {case.short} was deleted, and nothing stands in its place"
    found = finding(
        "test-deleted", SUBJECT_GONE_WEIGHT if used else HARD, text, case.path, 0, case.source.split("\n")[0]
    )
    return judged(replace(found, about=case.short), permitted=asked or facts.allows_test(case))


def _words(source: str) -> set[str]:
    """Its names, and the words that they are made of."""
    names = set(re.findall(r"\w+", source))
    return names | {part for name in names for part in words_of(name)}


def _hidden_name(case: TestCase, facts: Facts) -> str:
    """A function that looks like the test under a name that is no test's."""
    words = case.short.removeprefix("test_").removeprefix("Test").strip("_")
    if not words.isidentifier():
        return ""
    pattern = re.compile(
        rf"\b(?:def|func|function|fn)\s+(?!{re.escape(case.short)}\b)(\w*_?{re.escape(words)})\b", re.IGNORECASE
    )
    known = {item.short for item in facts.old_tests} | {item.short for item in facts.new_tests}
    for file in facts.change.files:
        if case.path in (file.path, file.old_path):
            old = set(pattern.findall(file.old_text))
            for name in pattern.findall(file.new_text):
                if name not in old and name not in known:
                    return str(name)
    return ""


def _stands_elsewhere(case: TestCase, facts: Facts) -> bool:
    """Whether most of its assertions, or of its lines where it has none, stand in a test file now and did not before."""
    wanted = [item.text for item in case.asserts] or [
        line.strip() for line in case.source.split("\n")[1:] if line.strip()
    ]
    kept = [text for text in wanted if text in facts.new_lines]
    if wanted and len(kept) >= KEPT_SHARE * len(wanted):
        return True
    return _became_rows(case, facts) or any(_takes_its_place(case, new) for new in facts.born)


def _takes_its_place(case: TestCase, new: TestCase) -> bool:
    """Whether a new test of the same file looks at the same input under much the same name; what it expects is for the rerun of
    the base's tests to judge.
    """
    if case.path != new.path:
        return False
    values = set(VALUES.findall("\n".join(item.text for item in case.asserts)))
    words = telling_words(case.short)
    shared = sum(value in new.source for value in values)
    return (
        bool(values and words) and 2 * shared >= len(values) and 2 * len(words & telling_words(new.short)) >= len(words)
    )


def _became_rows(case: TestCase, facts: Facts) -> bool:
    """Whether the values that it looked at stand together in a new or rewritten test, as they do in a row of a table."""
    values = set(VALUES.findall("\n".join(item.text for item in case.asserts)))
    values |= set(VALUES.findall(case.source.split("\n", 1)[-1])) if len(values) < FEW_VALUES else set()
    return bool(values) and any(
        sum(value in text for value in values) >= KEPT_SHARE * len(values) for text in facts.new_bodies[:MOST_BODIES]
    )


def _removed_names(facts: Facts) -> frozenset[str]:
    """What product code defined and defines no more."""
    old: set[str] = set()
    new: set[str] = set()
    for file in facts.change.files:
        new.update(DEFINED.findall(file.new_text))
        if is_product_code(file.old_path or file.path):
            old.update(name for line in removed_lines(file) for name in DEFINED.findall(line.text))
    return frozenset(old - new)
