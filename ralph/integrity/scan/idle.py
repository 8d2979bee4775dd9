"""Code of tests that never runs, timers that answer in the place of the product, helpers that lost their teeth, wide tolerances."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from ralph.integrity.change import FileChange, Line
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding, judged
from ralph.integrity.scan.lines import added_code
from ralph.integrity.scan.text import added_lines, closing, language_of, line_number, removed_lines, without_comments
from ralph.integrity.testfiles import is_test_code

NEVER = re.compile(
    r"\brange\s+\w+(?:\.\w+)*\[(?::0|0:0)\]|\bfor\b[^\n]*\bin\s+(?:\[\]|\(\)|range\(0\)|[\w.]+\[:0\]|\w+\[0:0\])\s*:"
    r"|\bfor\s*\([^)]*\bof\s+(?:\[\]|[\w.]+\.slice\(0,\s*0\))\s*\)|\[\]\.(?:forEach|map)\(|\.slice\(0,\s*0\)\.(?:forEach|map)\("
    r"|\bfor\s+[^\n]*\bin\s+(?:0\.\.0\b|&?\w+\[\.\.0\]|&?\[\]\s*\{|[^\n{]*\.take\(0\))|\bfor\b[^\n]*;\s*\w+\s*<\s*0\s*;"
    r"|\b(?:if|while)\s*\(?\s*(?:false|False|0)\s*\)?\s*[:{]|\b(?:it|test|describe)\.each\(\s*\[\s*\]\s*\)|parametrize\([^\n]*,\s*\[\s*\]\s*\)"
)
RACE = re.compile(r"\bPromise\.race\s*\(")
ANSWERS = re.compile(
    r"setTimeout\(\s*(?:\(\)\s*=>\s*)?(?!.*\breject)\w+|\b(?:delay|sleep|wait|timeout|after|setTimeout)\([^()\n]*,\s*[^()\n]+\)"
)
WAITS = re.compile(
    r"\b(?:wait\w*|block\w*|pending|time[ -]?outs?|hang\w*|queue\w*|until|cancel\w*|abort\w*|slow\w*|deadline)\b"
)
NEARNESS = re.compile(r"abs|near|close|approx|toleran|eps|delta|\btol\b|within|almost|diff", re.IGNORECASE)
FLOAT = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])", re.IGNORECASE)
SMALL = 0.5
FACTOR = 50.0
TOLERANCE_WEIGHT = HARD
MUCH_THE_SAME = 0.7
MOST_PAIRS = 10_000


def idle_tests(facts: Facts) -> Iterator[Finding]:
    for file in facts.change.files:
        if file.new and is_test_code(file.path):
            yield from _never(file)
            yield from (judged(found, permitted=facts.permit.changes_tests) for found in _wider(file))
            yield from _raced(file, facts)


def _never(file: FileChange) -> Iterator[Finding]:
    for line in added_code(file):
        if NEVER.search(line.plain):
            text = "code of a test that never runs: its loop has nothing to go over, or its condition is never true"
            yield finding("test-never-runs", HARD, text, file.path, line.number, line.text)


def _raced(file: FileChange, facts: Facts) -> Iterator[Finding]:
    """A race of the product with a timer that gives an answer too: whoever wins, the test has what it expects."""
    if WAITS.search(facts.permit.text.lower()):
        return
    code = without_comments(file.new_text, language_of(file.path))
    fresh = {line.number for line in added_lines(file)}
    for race in RACE.finditer(code):
        line = line_number(code, race.start())
        inside = code[race.end() : closing(code, race.end() - 1)]
        if line in fresh and ANSWERS.search(inside) and "reject" not in inside and "throw" not in inside:
            text = (
                "a test races the code with a timer that answers in its place, so that a call which never ends passes"
            )
            yield finding("timer-answers", HARD, text, file.path, line, file.new_text.splitlines()[line - 1])


def _wider(file: FileChange) -> Iterator[Finding]:
    """Tolerances in helpers and tables that grew; those of assertions are held against each other test by test."""
    before, after = removed_lines(file), added_lines(file)
    if len(before) * len(after) > MOST_PAIRS:
        return
    for line in after:
        old = (
            _likest(line, [item for item in before if NEARNESS.search(item.text)])
            if NEARNESS.search(line.text)
            else None
        )
        if old is not None and _grew(old.text, line.text):
            text = "a tolerance of the tests was widened so far that little can fail"
            yield finding("tolerance-widened", TOLERANCE_WEIGHT, text, file.path, line.number, line.text)


def _likest(line: Line, others: list[Line]) -> Line | None:
    rated = [(SequenceMatcher(None, line.text, other.text, autojunk=False).ratio(), other) for other in others]
    ratio, other = max(rated, key=lambda pair: pair[0], default=(0.0, None))
    return other if ratio >= MUCH_THE_SAME else None


def _grew(old: str, new: str) -> bool:
    if FLOAT.sub("", old) != FLOAT.sub("", new):
        return False
    pairs = zip(map(float, FLOAT.findall(old)), map(float, FLOAT.findall(new)), strict=False)
    return any(0 < before < SMALL and after >= before * FACTOR for before, after in pairs)
