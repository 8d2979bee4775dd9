"""Tests that are gone: deleted, emptied, commented out, or renamed so that no runner finds them.

A test whose assertions stand in other tests now was moved or merged; one whose subject is gone went with it.
"""

import re
from collections.abc import Iterator

from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding, judged
from ralph.integrity.scan.model import TestCase
from ralph.integrity.scan.text import removed_lines
from ralph.integrity.testfiles import is_product_code

KEPT_SHARE = 0.6
SUBJECT_GONE_WEIGHT = 30
DEFINED = re.compile(
    r"\b(?:def|class|function|func(?:\s*\([^)]*\))?|fn|struct|enum|trait|const|let|var|interface|type)\s+(\w+)"
)


def vanished_tests(facts: Facts) -> Iterator[Finding]:
    gone = _removed_names(facts)
    for pair in facts.pairs:
        if pair.new is None and not _stands_elsewhere(pair.old, facts):
            yield _deleted(pair.old, facts, gone)


def _deleted(case: TestCase, facts: Facts, gone: frozenset[str]) -> Finding:
    hidden = _hidden_name(case, facts)
    if hidden:
        text = f"the test {case.short} is now {hidden}, a name that the runner does not find"
        return finding("test-hidden", HARD, text, case.path, 0, hidden)
    used = gone & set(re.findall(r"\w+", case.source))
    asked = facts.permit.removes(case.short, case.path, *used)
    text = f"the test {case.short} was deleted, and nothing stands in its place"
    found = finding(
        "test-deleted", SUBJECT_GONE_WEIGHT if used else HARD, text, case.path, 0, case.source.split("\n")[0]
    )
    return judged(found, permitted=asked or facts.allows_test(case))


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
    added = {item.text for new in facts.born for item in new.live} | {
        line.strip() for new in facts.born for line in new.source.split("\n")
    }
    rewritten = {item.text for pair in facts.pairs if pair.new for item in set(pair.new.live) - set(pair.old.live)}
    kept = [text for text in wanted if text in added or text in rewritten]
    return bool(wanted) and len(kept) >= KEPT_SHARE * len(wanted)


def _removed_names(facts: Facts) -> frozenset[str]:
    """What product code defined and defines no more."""
    old: set[str] = set()
    new: set[str] = set()
    for file in facts.change.files:
        new.update(DEFINED.findall(file.new_text))
        if is_product_code(file.old_path or file.path):
            old.update(name for line in removed_lines(file) for name in DEFINED.findall(line.text))
    return frozenset(old - new)
