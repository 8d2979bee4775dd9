"""Answers by heart: product code that compares its input with a value of the tests and gives back what they expect.

Literals alone prove little, so a finding needs the input and the answer, both in one assertion and neither in the story.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ralph.integrity.change import FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding
from ralph.integrity.scan.lines import CodeLine, added_product_code
from ralph.integrity.scan.python_tests import parse
from ralph.integrity.scan.text import Language, added_lines, language_of
from ralph.integrity.testfiles import is_product_code, is_test_file

PAIR_WEIGHT = 45
QUANTITY_WEIGHT = 60
NUMBER_WEIGHT = 70  # from a number to a number: a computation by heart
TABLE_LEAST = 3
LITERAL = r"(?:-?\d+(?:\.\d+)?|\"[^\"\n]*\"|'[^'\n]*'|`[^`\n]*`)"
EQUALS = re.compile(rf"(?:===?|\bis\b|\.equals\(|case)\s*({LITERAL})|({LITERAL})\s*(?:===?|=>)")
RETURNS = re.compile(
    rf"(?:\breturn|=>|[?]|then|:)\s*(?:Some\(|Ok\()?({LITERAL})|(?<![=!<>])=\s*({LITERAL})\s*;?\s*$", re.MULTILINE
)
ENTRY = re.compile(rf"({LITERAL})\s*(?::|=>)\s*({LITERAL})")
HEAD = re.compile(
    r"\s*(?:export\s+|default\s+|pub(?:\([^)]*\))?\s+|static\s+|async\s+)*(?:def|func|fn|function)\b|\s*(?:static\s+|async\s+)*(?!if|for|while|switch|catch|return)\w+\s*\([^;]*\)\s*\{"
)
TRIVIAL = {"0", "1", "-1", "2", "10", "100", "true", "false"}
SHORTEST = 2


@dataclass(frozen=True)
class Answer:
    line: int
    given: str
    returned: str
    seen: str


def answers_by_heart(facts: Facts) -> Iterator[Finding]:
    files = [file for file in facts.change.files if file.new and is_product_code(file.path)]
    answers = {file.path: list(_answers(file)) for file in files}
    if not any(answers.values()) and not any(rows for file in files for _, rows in _tables(file)):
        return
    asserted = _asserted(facts)
    for file in files:
        yield from _whole_tables(file, asserted, facts)
        known = [item for item in answers[file.path] if _by_heart(item, file, asserted, facts)]
        for place, item in enumerate(known):
            weight = _weight(item) + 15 * place
            text = f"the answer to {item.given} is written down, as a test expects it, not worked out"
            yield finding("answer-by-heart", min(HARD, weight), text, file.path, item.line, item.seen)


def _weight(item: Answer) -> int:
    if _is_quantity(item.given):
        return QUANTITY_WEIGHT
    return NUMBER_WEIGHT if _is_number(item.given) and _is_number(item.returned) else PAIR_WEIGHT


def _whole_tables(file: FileChange, asserted: list[str], facts: Facts) -> Iterator[Finding]:
    """Tables of which every row, input and answer, is a test's; names to names are what tables are for."""
    for first, rows in _tables(file):
        known = [row for row in rows if any(_in_text(row[0], text) and _in_text(row[1], text) for text in asserted)]
        if len(rows) < TABLE_LEAST - 1 or len(known) < len(rows):
            continue
        hard = all(_involved(given) and not _in_text(returned, facts.permit.text) for given, returned in rows)
        if hard or not any(_in_text(given, facts.permit.text) for given, _ in rows):
            text = f"the answers to all {len(rows)} inputs of a test are written down in a table, not worked out"
            yield finding("answer-by-heart", HARD if hard else 30, text, file.path, first.number, first.text)


def _tables(file: FileChange) -> Iterator[tuple[CodeLine, list[tuple[str, str]]]]:
    """The rows of literals that stand together, on one added line or on a run of them."""
    rows: list[tuple[str, str]] = []
    first: CodeLine | None = None
    last = 0
    for line in added_product_code(file):
        found = ENTRY.findall(line.code)
        if first is not None and (not found or line.number != last + 1):
            yield first, rows
            first, rows = None, []
        if found:
            first, last = first or line, line.number
            rows += found
    if first is not None:
        yield first, rows


def _involved(literal: str) -> bool:
    """Whether the value is one that a rule works on, and no name: digits among other characters, or many words."""
    bare = _bare(literal)
    return bool(re.search(r"\d", bare) and re.search(r"[^\d.]", bare) and len(bare) >= 3) or bare.count(" ") > 1


def _asserted(facts: Facts) -> list[str]:
    """The assertions and the rows of tables of all tests that the change shows, before and after."""
    lines: list[str] = []
    for file in facts.change.files:
        if is_test_file(file.path):
            lines += [*file.old_text.splitlines()[:5000], *file.new_text.splitlines()[:5000]]
    lines += [line for text in facts.unchanged_tests().values() for line in text.splitlines()[:5000]]
    lines += [item.text for case in (*facts.old_tests, *facts.new_tests) for item in case.asserts]
    return [line for line in dict.fromkeys(lines) if re.search(r"\d|['\"]", line)]


def _by_heart(item: Answer, file: FileChange, asserted: list[str], facts: Facts) -> bool:
    if (
        item.given in TRIVIAL
        or _bare(item.given) == _bare(item.returned)
        or len(_bare(item.given)) < SHORTEST - _is_number(item.given)
    ):
        return False
    if not (_is_quantity(item.given) and _stands_in_old_code(file, item.line)) and _named(item, facts):
        return False
    return any(_in_text(item.given, line) and _in_text(item.returned, line) for line in asserted)


def _named(item: Answer, facts: Facts) -> bool:
    """Whether the story has the input, where it is a name, or the answer."""
    given = _in_text(item.given, facts.permit.text) and not (_involved(item.given) or _is_number(item.given))
    return given or (len(_bare(item.returned)) > 1 and _in_text(item.returned, facts.permit.text))


def _is_quantity(literal: str) -> bool:
    """Whether the text is one that is worked on, as "1.5 KB", "1h30m" and "2026-03-01" are; versions and ordinals are names."""
    bare = _bare(literal)
    if _is_number(literal) or len(bare) < 3 or re.fullmatch(r"v?\d+(?:\.\d+)*|\d(?:st|nd|rd|th|xx|XX|[dD])", bare):
        return False
    return bool(re.match(r"[-+~<>$€£]?\d", bare))


def _stands_in_old_code(file: FileChange, line: int) -> bool:
    """Whether the function that the line stands in was there before: it worked things out."""
    above = reversed(file.new_text.splitlines()[: line - 1])
    head = next((text.strip() for text in above if HEAD.match(text)), "")
    return bool(head) and head in file.old_text


def _answers(file: FileChange) -> Iterator[Answer]:
    if language_of(file.path) is Language.PYTHON and parse(file.new_text) is not None:
        yield from _python(file)
        return
    for line in added_product_code(file):
        for compared in EQUALS.finditer(line.code):
            given = compared[1] or compared[2]
            near = line.code[compared.end() :] + "\n" + "\n".join(line.following.split("\n")[:1])
            returned = RETURNS.search(near)
            if returned:
                yield Answer(line.number, given, returned[1] or returned[2], line.text)


def _python(file: FileChange) -> Iterator[Answer]:
    tree = parse(file.new_text)
    added = {line.number for line in added_lines(file)}
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.If) and node.lineno in added:
            yield from _branch(node, node.test, node.body[0])
        elif isinstance(node, ast.IfExp) and node.lineno in added:
            yield from _branch(node, node.test, ast.Return(node.body))
        elif isinstance(node, ast.Dict) and node.lineno in added and len(node.keys) >= TABLE_LEAST:
            yield from _table(node)
        elif (
            isinstance(node, ast.match_case)
            and isinstance(node.pattern, ast.MatchValue)
            and node.pattern.lineno in added
        ):
            returned = _constant(getattr(node.body[0], "value", None))
            given = _constant(node.pattern.value)
            if given and returned:
                yield Answer(node.pattern.lineno, given, returned, f"case {given}: {returned}")


def _branch(node: ast.If | ast.IfExp, test: ast.expr, first: ast.stmt) -> Iterator[Answer]:
    returned = _constant(first.value) if isinstance(first, ast.Return | ast.Assign) else ""
    for compared in ast.walk(test):
        if isinstance(compared, ast.Compare) and isinstance(compared.ops[0], ast.Eq) and returned:
            given = _constant(compared.comparators[0]) or _constant(compared.left)
            if given:
                yield Answer(node.lineno, given, returned, f"if {ast.unparse(test)}: {ast.unparse(first)}")


def _table(node: ast.Dict) -> Iterator[Answer]:
    """A table from numbers to numbers, or from tuples; names to names are what tables are for."""
    for key, value in zip(node.keys, node.values, strict=True):
        given, returned = _constant(key), _constant(value)
        numbers = _is_number(given) and _is_number(returned)
        if key is not None and returned and (numbers or isinstance(key, ast.Tuple)):
            yield Answer(key.lineno, given, returned, f"{given}: {returned}")


def _constant(node: ast.expr | None) -> str:
    """The literal as it would be written, also of a list or tuple of literals; empty for anything else."""
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float | str)
        and not isinstance(node.value, bool)
    ):
        return repr(node.value)
    if isinstance(node, ast.List | ast.Tuple) and node.elts and all(_constant(item) for item in node.elts):
        return ast.unparse(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return ast.unparse(node)
    return ""


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(?:\.\d+)?", text))


def _bare(text: str) -> str:
    return text.strip("'\"`")


def _in_text(literal: str, text: str) -> bool:
    bare = _bare(literal)
    if not bare:
        return bool(re.search(r"''|\"\"", text))
    if _is_number(literal):
        return bool(re.search(rf"(?<![\w.]){re.escape(bare)}(?![\w]|\.\d)", text.replace("_", "")))
    return bool(re.search(rf"(?<!\w){re.escape(bare.lower())}(?!\w)", text.lower()))
