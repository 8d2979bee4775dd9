"""What tests lean on, made to ask for less: helpers that compare more kindly, tests that run until they pass, silence taken for success.

A file of the product that only tests import is one of theirs. Rows of a table are known by their first cell.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from ralph.integrity.change import FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import HELPERS, Facts, Pair, finding, judged
from ralph.integrity.scan.model import Assertion, TestCase
from ralph.integrity.scan.python_tests import Function, parse
from ralph.integrity.scan.text import Language, added_lines, closing, language_of, line_number, without_strings
from ralph.integrity.scan.weakened import compared_tests
from ralph.integrity.testfiles import is_product_code, is_test_code, is_test_file

RERUN = re.compile(r"flaky|\bretr(?:y|ies)|rerun|until_pass|stabili[sz]e|attempts", re.IGNORECASE)
SCRIPT_RERUN = re.compile(
    r"\b(?:jest\.retryTimes|this\.retries|\.retries)\s*\(\s*[1-9]|[{,]\s*(?:retry|retries|repeats?Until\w*)\s*:\s*[1-9]"
)
ASKED_RERUNS = ("rerun", "reruns", "re-run", "retry failed tests", "flaky plugin", "quarantine", "pytest-rerunfailures")
FAILURES = {"AssertionError", "Exception", "BaseException"}
GO_SILENCE = re.compile(
    r"\bcase\s+<-\s*(?:time\.After\([^)]*\)|\w*[tT]im(?:er|eout)\w*(?:\.C)?|ctx\.Done\(\))\s*:(?P<body>[^{}]*?)(?=\bcase\b|\bdefault\b|\})"
)
UNWANTED = re.compile(r"\bcase\b[^:{}]*:=?[^:{}]*:?\s*\w+\.(?:Error|Fatal|Fail)\w*\(")
FAILS = re.compile(r"\b\w+\.(?:Error|Fatal|Fail)\w*\(|panic\(|return\s+\w*err|return\s+false")
STRICT = re.compile(r"['\"](?:node:)?assert/strict['\"]|assert['\"]\)?\.strict\b|\{\s*strict\b")
KIND = re.compile(r"['\"](?:node:)?assert['\"]")
ROW = re.compile(r"^\s*(?:\"[^\"]*\":\s*)?[\[({](?P<cells>.*)[\])}]\s*,?\s*$")
CELL = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|-?\d[\w.]*")
ROW_WEIGHT = 40
MOST_ROWS_WEIGHT = 80
SILENCE_WEIGHT = 80


def loosened_support(facts: Facts) -> Iterator[Finding]:
    """Helpers of the tests that compare more kindly than they did."""
    for old, new in (*facts.helpers, *_supporting(facts)):
        if old.asserts != new.asserts:
            for found in compared_tests(Pair(old, new), new, facts):
                yield judged(replace(found, rule=f"helper-{found.rule}"), permitted=facts.allows_test(old))
        yield from (judged(found, permitted=facts.allows_test(old)) for found in _kinder(old, new))
    for pair in facts.pairs:
        if pair.new is not None:
            yield from (judged(found, permitted=facts.allows_test(pair.old)) for found in _kinder(pair.old, pair.new))


def rerun_tests(facts: Facts) -> Iterator[Finding]:
    """Old tests that may fail now as long as they pass at last; silence that new code of tests takes for an answer."""
    asked = facts.permit.asks(ASKED_RERUNS)
    loops = _loops(facts)
    for pair in facts.pairs:
        seen = _rerun(pair, loops) if pair.new is not None else ""
        if pair.new is not None and seen:
            text = f"the test {pair.new.short} is now run again until it passes"
            found = finding("test-rerun", HARD, text, pair.new.path, pair.new.line, seen)
            yield judged(found, permitted=asked)
    for file in facts.change.files:
        if file.new and is_test_code(file.path):
            yield from _silence(file) if language_of(file.path) is Language.GO else _kind_library(file)


def _kind_library(file: FileChange) -> Iterator[Finding]:
    """Node's assertions without `strict`, for which 1 equals "1", in the place of those with it."""
    if STRICT.search(file.old_text) and not STRICT.search(file.new_text):
        for line in added_lines(file):
            if KIND.search(line.text):
                text = "the assertions of a test file are the ones now that take 1 and '1' for the same"
                yield finding("comparison-loosened", HARD, text, file.path, line.number, line.text)


def lost_rows(facts: Facts) -> Iterator[Finding]:
    """Rows of an old test's table that others took the place of."""
    for pair in facts.pairs:
        if pair.new is None or pair.new.source == pair.old.source:
            continue
        rows = [cells for cells in _rows(pair.old.source) if not _kept(cells, pair.new.source, facts)]
        if rows and len(_rows(pair.new.source)) >= 2:
            asked = facts.permit.removes(*(cell for cells in rows for cell in cells)) or facts.allows_test(pair.old)
            text = f"the test {pair.new.short} lost rows of its table: {', '.join(rows[0][:2])}"
            weight = min(MOST_ROWS_WEIGHT, ROW_WEIGHT * len(rows))
            yield judged(
                finding("rows-replaced", weight, text, pair.new.path, pair.new.line, rows[0][0]), permitted=asked
            )


def _rows(source: str) -> list[tuple[str, ...]]:
    """The rows of literals in a test, each on a line of its own."""
    found = (ROW.match(line) for line in source.split("\n"))
    cells = [tuple(CELL.findall(row["cells"])) for row in found if row]
    return [row for row in cells if len(row) > 1]


def _kept(cells: tuple[str, ...], source: str, facts: Facts) -> bool:
    """Whether the row stands in the test still, perhaps with another end, or somewhere else in the tests."""
    others = [row for row in _rows(source) if row[0] == cells[0] or len(set(row) & set(cells)) * 2 >= len(set(cells))]
    return (
        bool(others)
        or all(cell in source for cell in cells)
        or sum(text.count(cells[0]) for text in [facts.new_source]) > 0
    )


def _supporting(facts: Facts) -> Iterator[tuple[TestCase, TestCase]]:
    """The functions of files that only tests import, before and after."""
    for file in facts.change.files:
        reader = HELPERS.get(language_of(file.path))
        if reader and file.old and file.new and is_product_code(file.path) and _only_for_tests(file, facts):
            old = {case.name: case for case in reader(file.old_text) if case.asserts}
            for case in reader(file.new_text):
                if case.name in old:
                    yield replace(old[case.name], path=file.path), replace(case, path=file.path)


def _only_for_tests(file: FileChange, facts: Facts) -> bool:
    if language_of(file.path) is Language.GO:
        return bool(re.search(r'"testing"|testify|gotest\.tools', file.old_text))
    importing = _importers(file.path, facts)
    return bool(importing) and all(map(is_test_file, importing))


def _importers(path: str, facts: Facts) -> list[str]:
    stem = PurePosixPath(path).stem
    name = re.escape(PurePosixPath(path).parent.name if stem in {"index", "__init__", "mod", "lib"} else stem)
    imports = re.compile(
        rf"(?m)^\s*(?:from|import)\b[^\n]*\b{name}\b|(?:require|import)\s*\(?[^\n]*['\"/]{name}(?:\.\w+)?['\"]|from\s+['\"][^'\"\n]*\b{name}(?:\.\w+)?['\"]|\b(?:mod|use)\b[^\n]*\b{name}\b"
    )
    texts: Mapping[str, str] = {
        **facts.change.neighbours(),
        **{file.path: file.new_text for file in facts.change.files},
    }
    return [
        other
        for other, text in texts.items()
        if other != path and (is_test_code(other) or is_product_code(other)) and imports.search(text)
    ]


def _kinder(old: TestCase, new: TestCase) -> Iterator[Finding]:
    """Comparisons that got a second way to pass, or that change both sides before they look."""
    before = [item for item in old.live if item.text not in {other.text for other in new.asserts}]
    for item in (item for item in new.live if item.text not in {other.text for other in old.asserts}):
        was = next((other for other in before if _excuse(other, item) or _wrapped(other, item)), None)
        if was is not None:
            text = f"{new.short} passes now where it failed before: it asked {was.text[:80]}"
            yield finding("comparison-loosened", HARD, text, new.path, item.line or new.line, item.text)


def _excuse(old: Assertion, new: Assertion) -> bool:
    """Whether the new one is the old with one more condition under which it passes."""
    before, after = _condition(old.text), _condition(new.text)
    if not before or before == after or before not in after:
        return False
    rest = after.replace(before, "", 1)
    fails_on = new.text.startswith("if ")
    return bool(re.search(r"&&" if fails_on else r"\|\||\bor\b", rest))


def _condition(text: str) -> str:
    found = re.match(r"if (?:.*;\s*)?(.*?)\s+\w+\.(?:Error|Fatal|Fail)\w*\(", text)
    return " ".join((found[1] if found else text).split())


def _wrapped(old: Assertion, new: Assertion) -> bool:
    """Whether both sides go through the same function now, and did not."""
    if not old.expected or not new.expected or not old.subject:
        return False
    found = re.fullmatch(r"([\w.]+)\((.*)\)", new.subject, re.DOTALL)
    both = bool(found) and new.expected.startswith(f"{found[1]}(" if found else "")
    return (
        both
        and bool(found)
        and old.subject in new.subject
        and old.expected in new.expected
        and not old.subject.startswith(f"{found[1] if found else ''}(")
    )


def _loops(facts: Facts) -> set[str]:
    """Functions of the change's test code that call something again when it fails."""
    found = set()
    for file in facts.files(Language.PYTHON):
        tree = parse(file.new_text) if is_test_file(file.path) else None
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, Function) and any(map(_tries_again, ast.walk(node))):
                found.add(node.name)
    return found


def _tries_again(node: ast.AST) -> bool:
    tries = (
        [item for item in ast.walk(node) if isinstance(item, ast.Try)] if isinstance(node, ast.For | ast.While) else []
    )
    return any(
        {ast.unparse(handler.type) if handler.type else "Exception"} & FAILURES
        for item in tries
        for handler in item.handlers
    )


def _rerun(pair: Pair, loops: set[str]) -> str:
    """The new words of a test that make it run again; empty where none do."""
    old = {line.strip() for line in pair.old.source.split("\n")}
    for line in (pair.new.source if pair.new else "").split("\n"):
        plain = line.strip()
        if plain in old:
            continue
        named = re.match(r"@([\w.]+)", plain)
        if named and (named[1].rsplit(".", 1)[-1] in loops or RERUN.search(plain)):
            return plain
        called = re.match(r"(?:await\s+|with\s+|return\s+)?([\w.]+)\(", plain)
        if SCRIPT_RERUN.search(plain) or (called and called[1] in loops):
            return plain
    return ""


def _silence(file: FileChange) -> Iterator[Finding]:
    plain = without_strings(file.new_text, Language.GO)
    added = {line.number for line in added_lines(file)}
    for chosen in re.finditer(r"\bselect\s*\{", plain):
        end = closing(plain, chosen.end() - 1)
        inside = plain[chosen.end() - 1 : end + 1]
        late = GO_SILENCE.search(inside)
        line = line_number(plain, chosen.start())
        if late and line in added and not FAILS.search(late["body"]) and not UNWANTED.search(inside):
            text = "a test is content when nothing comes in time"
            yield finding("silence-passes", SILENCE_WEIGHT, text, file.path, line, file.new_text.splitlines()[line - 1])
