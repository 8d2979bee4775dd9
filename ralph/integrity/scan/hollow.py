"""Tests that look as if they could fail: values compared with themselves, units that the test brings along, code past a jump."""

import ast
import re
from collections.abc import Iterator

from ralph.integrity.change import FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding
from ralph.integrity.scan.lines import CodeLine, added_code
from ralph.integrity.scan.python_tests import Function, parse
from ralph.integrity.scan.text import Language, closing, language_of, line_number, without_comments
from ralph.integrity.testfiles import is_test_code

EXPECTED = r"(?:\w+\.)*(?:want|wanted|expect|expected|exp)(?:_?[A-Z]?\w*)?"
ACTUAL = r"(?:\w+\.)*(?:got|actual|result|received|output)(?:_?[A-Z]?\w*)?"
BENT = re.compile(rf"^\s*(?:let\s+|const\s+|var\s+)?{EXPECTED}\s*:?=\s*&?{ACTUAL}(?:\.clone\(\))?\s*;?\s*$")
TWICE = re.compile(
    r"^\s*(?:await\s+)?(?!assert(?:_eq|_ne)?!?\()(?:check|verify|assert|expect|equal)\w*\(\s*(?:t,\s*)?([A-Za-z_][\w.]*)\s*,\s*\1\s*[,)]"
)
"""Helpers of the tests' own; of a library's assertions the strength is known, and an equality may be tested by itself."""
JUMP = re.compile(r"^\s*(?:continue|break|return)\s*;?\s*$")
ENDS = re.compile(r"\bruntime\.Goexit\(\)")
DROPPED = re.compile(r"(?:^|[{;]|\b_\s*=)\s*recover\(\)\s*(?:$|[;}])")
EXPECT = re.compile(r"(?m)^[ \t]*(?:await\s+)?expect\s*\(")


def hollow_tests(facts: Facts) -> Iterator[Finding]:
    for file in facts.change.files:
        if file.new and is_test_code(file.path):
            for line in added_code(file):
                text = _seen(line, file)
                if text:
                    yield finding("test-cannot-fail", HARD, text, file.path, line.number, line.text)
            yield from _own_units(file) if language_of(file.path) is Language.PYTHON else _unasked(file)


def _seen(line: CodeLine, file: FileChange) -> str:
    """What is wrong with the line; empty: nothing."""
    if BENT.search(line.code):
        return "a test takes what the code gave for what it expects"
    if TWICE.search(line.plain):
        return "a test compares a value with itself"
    if ENDS.search(line.plain) or (JUMP.match(line.plain) and _goes_on(line)):
        return "a test jumps past the code that follows, which never runs"
    if DROPPED.search(line.plain) and file.path.endswith(".go"):
        return "a test drops the panics of what it tests"
    return ""


def _goes_on(line: CodeLine) -> bool:
    """Whether the next line of code stands beside the jump, and not outside of its block or under another case."""
    after = next((text for text in line.following.split("\n") if text.strip()), "")
    same = len(after) - len(after.lstrip()) == len(line.text) - len(line.text.lstrip())
    return (
        same
        and bool(after.strip())
        and not re.match(r"\s*(?:[})\]]|case\b|default\b|el(?:se|if)\b|except\b|finally\b|#)", after)
    )


def _unasked(file: FileChange) -> Iterator[Finding]:
    """`expect(x)` with nothing asked of it."""
    if language_of(file.path) is not Language.SCRIPT:
        return
    code = without_comments(file.new_text, Language.SCRIPT)
    added = {line.number for line in added_code(file)}
    for found in EXPECT.finditer(code):
        line = line_number(code, found.end())
        if line in added and not re.match(r"\s*[.?]", code[closing(code, found.end() - 1) + 1 :][:200]):
            text = "nothing is asked of what a test expects something of"
            yield finding("assertion-empty", 60, text, file.path, line, code[found.start() : found.end() + 60])


def _own_units(file: FileChange) -> Iterator[Finding]:
    """What a test file imports and then defines anew, so that it tests itself; tests that it takes away again."""
    new, old = _redefined(file.new_text), _redefined(file.old_text)
    for name, line in new.items():
        if name not in old:
            text = f"the test file imports or defines {name}, and then puts something else in its place"
            yield finding("unit-replaced", HARD, text, file.path, line, file.new_text.splitlines()[line - 1])


def _redefined(text: str) -> dict[str, int]:
    """Names of the top level that are imported or tests, and that a later statement there binds anew or deletes: name -> line."""
    tree = parse(text)
    known: set[str] = set()
    found: dict[str, int] = {}
    for node in tree.body if tree else ():
        for name in _bound(node):
            if name in known:
                found[name] = node.lineno
        if isinstance(node, ast.ImportFrom | ast.Import):
            known |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, Function):
            known.add(node.name)
    return found


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, Function):
        return [node.name] if not node.decorator_list else []
    targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]
