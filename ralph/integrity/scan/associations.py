"""What new code of the product ties together by literals: keys and values of tables, rows, prefilled caches, branches with answers.

Any table looks the same here, whatever it is called; whether it is one that a story wants is asked elsewhere. Values that are
worked out, and keys that are not written down, are no associations.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ralph.integrity.change import FileChange
from ralph.integrity.scan.answers import EQUALS, RETURNS
from ralph.integrity.scan.lines import added_product_code
from ralph.integrity.scan.python_tests import parse
from ralph.integrity.scan.text import Language, added_lines, language_of
from ralph.integrity.testfiles import is_test_file

DATA = re.compile(r"\.(?:json|jsonl|csv|tsv|txt|ya?ml|toml|ini|dat)$")
NO_DATA = re.compile(
    r"(?:^|/)(?:package(?:-lock)?\.json|tsconfig[\w.]*\.json|pyproject\.toml|Cargo\.toml|requirements[\w-]*\.txt|CHANGE\w*|README\w*|LICENSE\w*|\.[\w.-]+)"
    r"|(?:^|/)docs?/|\.lock$|\.github/"
)
TEXT = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\\n])*`"
ONE = rf"(?:{TEXT}|-?\d[\d_]*(?:\.\d+)?(?![\w.]))"
WRAP = r"(?:[\w.:&]+!?(?:<[^<>\n]*>)?(?:\[\])?(?:\w+)?\s*)?"
ITEM = rf"(?:\w+\s*:\s*)?{ONE}"
MANY = rf"(?:{WRAP}[\[({{]\s*(?:{ITEM}\s*(?:,\s*{ITEM}\s*)*,?)?\s*[\])}}](?:\.\w+\(\))?)"
VALUE = rf"(?:{MANY}|{ONE})"
ENTRY = re.compile(rf"(?P<key>{VALUE})\]?\s*(?::|=>|=(?!=)|,)\s*(?:\w+\()?(?P<value>{VALUE})")
LITERAL = re.compile(ONE)
LINE_OF_TABLE = re.compile(r"^\s*(\S.*?)\s*(?:->|=>|=|:|\t|\||;)\s*(\S.*?)\s*$")
SETTERS = {"setdefault", "set", "put", "insert", "add", "register", "__setitem__", "store"}
MOST_ENTRIES = 500


@dataclass(frozen=True)
class Association:
    """One key with its value, each as the literals in it."""

    line: int
    keys: tuple[str, ...]
    values: tuple[str, ...]  # empty: a collection of keys that something is looked up in
    table: int  # the line on which its table begins; associations with the same one stand together
    seen: str
    branch: bool = False


def associations(file: FileChange) -> list[Association]:
    """Those of the file's new lines, up to a number that nobody reads through."""
    if is_test_file(file.path):
        return []
    return [item for _, item in zip(range(MOST_ENTRIES), _found(file), strict=False)]


def _found(file: FileChange) -> Iterator[Association]:
    language = language_of(file.path)
    if language is Language.PYTHON and parse(file.new_text) is not None:
        yield from _python(file)
    elif language is not Language.OTHER:
        yield from _by_lines((line.number, line.code) for line in added_product_code(file))
        yield from _compared_lines(file)
    elif DATA.search(file.path) and not NO_DATA.search(file.path):
        yield from _by_lines((line.number, line.text) for line in added_lines(file))


def _by_lines(lines: Iterator[tuple[int, str]]) -> Iterator[Association]:
    table = last = -1
    for number, code in lines:
        entries = list(ENTRY.finditer(code))
        if entries and number != last + 1:
            table = number
        for entry in entries:
            keys, values = _literals(entry["key"]), _literals(entry["value"])
            if keys and values:
                yield Association(number, keys, values, table, code)
        last = number if entries else last


def _compared_lines(file: FileChange) -> Iterator[Association]:
    """Comparisons with a literal whose answer, a literal too, stands behind them or on the next line."""
    for line in added_product_code(file):
        for compared in EQUALS.finditer(line.code):
            near = line.code[compared.end() :] + "\n" + line.following.split("\n")[0]
            returned = RETURNS.search(near)
            if returned:
                keys, values = (tuple(map(_bare, filter(None, found.groups()))) for found in (compared, returned))
                yield Association(line.number, keys, values, line.number, line.text, branch=True)


def _literals(text: str) -> tuple[str, ...]:
    return tuple(_bare(found[0]) for found in LITERAL.finditer(text))


def _bare(text: str) -> str:
    return text[1:-1] if text[:1] in "\"'`" else text.replace("_", "")


def _python(file: FileChange) -> Iterator[Association]:
    tree = parse(file.new_text)
    added = {line.number for line in added_lines(file)}
    nowhere = {0} | added  # the cases of a match have no line
    documented = _docstrings(tree) if tree else set()
    for node in ast.walk(tree) if tree else ():
        if getattr(node, "lineno", 0) not in nowhere and not isinstance(
            node, ast.Dict | ast.List | ast.Tuple | ast.Set
        ):
            continue
        for item in _of_node(node, documented):
            if item.line in added:
                yield item


def _docstrings(tree: ast.Module) -> set[int]:
    """The places of texts that stand alone."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _of_node(node: ast.AST, documented: set[int]) -> Iterator[Association]:
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield from _tied(key, value, node.lineno)
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        yield from _rows(node)
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        yield from _tied(node.targets[0].slice, node.value, node.lineno)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "\n" in node.value
        and id(node) not in documented
    ):
        for number, line in enumerate(node.value.split("\n"), node.lineno):
            row = LINE_OF_TABLE.match(line)
            if row:
                yield Association(number, (row[1],), tuple(re.split(r"\s*,\s*", row[2])), node.lineno, line)
    else:
        yield from _branches(node)


def _rows(node: ast.List | ast.Tuple | ast.Set) -> Iterator[Association]:
    """Pairs that stand in a list."""
    pairs = [item for item in node.elts if isinstance(item, ast.Tuple | ast.List) and len(item.elts) > 1]
    if pairs and len(pairs) == len(node.elts):
        for item in pairs:
            yield from _tied(ast.Tuple(item.elts[:-1]), item.elts[-1], node.lineno, item.lineno)


def _call(node: ast.Call) -> Iterator[Association]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in SETTERS and len(node.args) == 2:
        yield from _tied(node.args[0], node.args[1], node.lineno)
    if name == "zip" and len(node.args) == 2 and all(isinstance(item, ast.List | ast.Tuple) for item in node.args):
        left, right = node.args
        for key, value in zip(left.elts, right.elts, strict=False):  # type: ignore[attr-defined]  # they are lists
            yield from _tied(key, value, node.lineno)


def _branches(node: ast.AST) -> Iterator[Association]:
    """A comparison with a literal whose answer is a literal; a membership in a collection of literals."""
    if isinstance(node, ast.match_case) and isinstance(node.pattern, ast.MatchValue | ast.MatchSequence | ast.MatchOr):
        keys = tuple(_flat(node.pattern))
        if keys and node.body:
            yield from _answered(keys, node.body[0], node.body[0].lineno, f"case {', '.join(keys)}")
    if isinstance(node, ast.If | ast.IfExp):
        first = node.body[0] if isinstance(node, ast.If) else ast.Return(node.body)
        for compared in ast.walk(node.test):
            keys = _compared(compared)
            if keys:
                yield from _answered(keys, first, node.lineno, f"if {ast.unparse(node.test)}")
    if (
        isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.In)
        and isinstance(node.comparators[0], ast.Set | ast.Tuple | ast.List)
    ):
        for item in node.comparators[0].elts:
            keys = tuple(_flat(item))
            if keys:
                yield Association(node.lineno, keys, (), node.lineno, ast.unparse(node), branch=True)


def _answered(keys: tuple[str, ...], first: ast.stmt, line: int, seen: str) -> Iterator[Association]:
    value = first.value if isinstance(first, ast.Return | ast.Assign) else None
    values = tuple(_flat(value)) if value is not None else ()
    if values:
        yield Association(line, keys, values, line, seen, branch=True)


def _compared(node: ast.AST) -> tuple[str, ...]:
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.Is):
        return tuple(_flat(node.comparators[0])) or tuple(_flat(node.left))
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"startswith", "fullmatch", "match"}
        and node.args
    ):
        return tuple(_flat(node.args[0]))
    return ()


def _tied(key: ast.expr | None, value: ast.expr, table: int, line: int = 0) -> Iterator[Association]:
    keys, values = tuple(_flat(key)), tuple(_flat(value))
    if keys and values and key is not None:
        seen = f"{ast.unparse(key)}: {ast.unparse(value)}"
        yield Association(line or getattr(key, "lineno", table), keys, values, table, seen)


def _flat(node: ast.AST | None) -> Sequence[str]:
    """The literals of an expression that holds nothing else but what they are put into; empty otherwise."""
    if isinstance(node, ast.Constant):
        known = isinstance(node.value, str | int | float) and not isinstance(node.value, bool)
        return [str(node.value)] if known else []
    if isinstance(node, ast.MatchValue):
        return _flat(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [f"-{item}" for item in _flat(node.operand)]
    inner: Sequence[ast.AST] = ()
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        inner = node.elts
    elif isinstance(node, ast.Dict):
        inner = [item for pair in zip(node.keys, node.values, strict=True) for item in pair if item is not None]
    elif isinstance(node, ast.Call):
        inner = [*node.args, *(word.value for word in node.keywords)]
    elif isinstance(node, ast.MatchSequence | ast.MatchOr):
        inner = node.patterns
    found = [_flat(item) for item in inner]
    return [item for items in found for item in items] if all(found) else []
