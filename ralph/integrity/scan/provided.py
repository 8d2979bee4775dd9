"""Tests that bring what they test: files of tests that put code into the product as they load, tests that ask stand-ins only.

A stand-in that is handed to the product is what stand-ins are for; here it is all that the test calls. What a helper of the
test file's own does is not followed: it counts as the product.
"""

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath
from textwrap import dedent

from ralph.integrity.change import FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding
from ralph.integrity.scan.model import TestCase
from ralph.integrity.scan.python_expressions import called
from ralph.integrity.scan.python_tests import Function, parse
from ralph.integrity.scan.text import Language, added_lines, closing, language_of, line_number, without_strings
from ralph.integrity.testfiles import is_product_code, is_test_code

MOCKS = {
    "Mock",
    "MagicMock",
    "AsyncMock",
    "NonCallableMock",
    "NonCallableMagicMock",
    "create_autospec",
    "mock_open",
    "PropertyMock",
}
ANSWERS = {"return_value", "side_effect"}
LIBRARIES = {"pytest", "unittest", "mock", "hypothesis", "freezegun", "_pytest"}
AT_LOAD = {
    "pytest_configure",
    "pytest_sessionstart",
    "pytest_load_initial_conftests",
    "setUpModule",
    "setup_module",
    "pytest_collection",
}
INSTALLS = re.compile(
    r"^(?:set|register|use|install|configure|provide|inject|override|plug|hook)(?:_|[A-Z]|$)", re.IGNORECASE
)
GO_LOAD = re.compile(r"^func (?:init\(\)|TestMain\([^)]*\))\s*\{", re.MULTILINE)
GO_SET = re.compile(r"^\s*(?:\w+\.)?(\w+)\s*=(?!=)", re.MULTILINE)
SCRIPT_LOAD = re.compile(r"(?<![\w.$])(?:before|beforeEach|beforeAll|setup)\s*\(")
SCRIPT_SET = re.compile(
    r"(?m)^\s*(?:Object\.(?:assign|definePropert(?:y|ies))\(\s*(?P<given>\w+)|(?P<root>\w+)(?:\.\w+)+\s*=(?!=)\s*(?:async\b|function\b|\([^)\n]*\)\s*=>|\w+\s*=>))"
)
SCRIPT_IMPORT = re.compile(
    r"import\s+(?P<names>[^'\"]*?)\s+from\s+['\"]\.{1,2}/|(?:const|let|var)\s+(?P<required>[^=\n]+?)=\s*require\(\s*['\"]\.{1,2}/"
)
SCRIPT_MOCK = re.compile(
    r"(?m)^\s*(?:const|let|var)\s+(\w+)\s*=(?=[^\n]*(?:\n[^\n]*){0,6}?(?:mock\.fn|jest\.fn|vi\.fn|sinon\.(?:stub|fake|createStubInstance)|createMock|td\.(?:func|object))\b)"
)
SCRIPT_CALL = re.compile(r"(?<![\w.$])([A-Za-z_$][\w$]*)(?:\.[\w$]+|\[[^\]\n]*\])*\s*\(")
SCRIPT_OWN = {
    "it", "test", "describe", "specify", "expect", "assert", "jest", "vi", "mock", "sinon", "td", "function", "if",
    "for", "while", "switch", "catch", "return", "await", "async", "new", "typeof", "Promise", "Object", "JSON", "Array",
    "Math", "Date", "Error", "TypeError", "RangeError", "String", "Number", "Boolean", "Symbol", "Map", "Set", "RegExp",
    "console", "setTimeout", "setImmediate", "structuredClone", "createMock", "t", "done", "context",
}  # fmt: skip


def provided_by_tests(facts: Facts) -> Iterator[Finding]:
    for file in facts.change.files:
        if file.new and is_test_code(file.path):
            for line in sorted(set(_installed(file, facts))):
                text = "a file of tests puts code into the product as it loads, which then does the work that is tested"
                yield finding("code-from-tests", HARD, text, file.path, line, file.new_text.splitlines()[line - 1])
    old = {id(pair.new) for pair in facts.pairs if pair.new and _only_stand_ins(pair.old, facts, before=True)}
    for case in facts.new_tests:
        changed = case.path in facts.change.by_path and id(case) not in old and not case.skip
        if changed and _only_stand_ins(case, facts):
            text = f"the test {case.short} calls nothing but stand-ins that it made itself"
            yield finding("stand-in-tested", HARD, text, case.path, case.line, case.source.split("\n")[0])


def _installed(file: FileChange, facts: Facts) -> Iterator[int]:
    added = {line.number for line in added_lines(file)}
    readers = {Language.PYTHON: _python, Language.GO: _go, Language.SCRIPT: _script}
    reader = readers.get(language_of(file.path))
    return (line for line in reader(file, facts) if line in added) if reader else iter(())


def _python(file: FileChange, facts: Facts) -> Iterator[int]:
    tree = parse(file.new_text)
    ours = _imported(tree, facts) if tree else set()
    own = _modules(facts)
    for node in tree.body if tree else ():
        statements = node.body if isinstance(node, Function) and node.name in AT_LOAD else [node]
        for inner in statements:
            if _sets(inner, ours) or _replaces_module(inner, own):
                yield inner.lineno


def _imported(tree: ast.Module, facts: Facts) -> set[str]:
    """The names that the file has from the repository's own modules."""
    known = _modules(facts)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in known:
            found |= {item.asname or item.name for item in node.names}
        elif isinstance(node, ast.Import):
            found |= {item.asname or item.name.split(".")[0] for item in node.names if item.name.split(".")[0] in known}
    return found


def _modules(facts: Facts) -> set[str]:
    paths = [*facts.change.by_path, *facts.change.neighbours()]
    return {part.removesuffix(".py") for path in paths if is_product_code(path) for part in PurePosixPath(path).parts}


def _sets(node: ast.stmt, ours: set[str]) -> bool:
    """Whether the statement puts something into what the repository's own modules define."""
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Attribute) and _root(target) in ours for target in node.targets)
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    if called(call) == "setattr" and call.args:
        return _root(call.args[0]) in ours
    gives = any(isinstance(item, ast.Lambda | ast.Name) for item in call.args)
    return _root(call.func) in ours and bool(INSTALLS.match(called(call))) and gives


def _replaces_module(node: ast.stmt, own: set[str]) -> bool:
    """Whether one of the repository's own modules gets another in its place."""
    targets = [ast.unparse(target) for target in node.targets] if isinstance(node, ast.Assign) else []
    found = [re.match(r"(?:sys\.)?modules\[['\"](\w+)", target) for target in targets]
    return any(item is not None and item[1] in own for item in found)


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Await):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _go(file: FileChange, facts: Facts) -> Iterator[int]:
    plain = without_strings(file.new_text, Language.GO)
    hooks = {
        name
        for other in facts.change.files
        if other.path.endswith(".go") and is_product_code(other.path)
        for line in added_lines(other)
        for name in re.findall(r"^(?:var\s+|\t)(\w+)\s*(?:=|func\b|[\w.*\[\]]+\s*=)", line.text)
    }
    for head in GO_LOAD.finditer(plain):
        end = closing(plain, head.end() - 1)
        for found in GO_SET.finditer(plain, head.end(), end):
            if found[1] in hooks:
                yield line_number(plain, found.start(1))


def _script(file: FileChange, _facts: Facts) -> Iterator[int]:
    text, plain = file.new_text, without_strings(file.new_text, Language.SCRIPT)
    ours = {
        name
        for found in SCRIPT_IMPORT.finditer(text)
        for name in re.findall(r"\w+", found["names"] or found["required"])
    }
    spans = [(found.end(), closing(plain, found.end() - 1)) for found in SCRIPT_LOAD.finditer(plain)]
    for found in SCRIPT_SET.finditer(plain):
        at_top = plain[: found.start()].count("{") == plain[: found.start()].count("}")
        if (found["given"] or found["root"]) in ours and (
            at_top or any(first < found.start() < last for first, last in spans)
        ):
            yield line_number(plain, found.end())


def _only_stand_ins(case: TestCase, facts: Facts, *, before: bool = False) -> bool:
    language = language_of(case.path)
    if language is Language.PYTHON and any(name in case.source for name in MOCKS):
        file = next((file for file in facts.change.files if case.path in {file.path, file.old_path}), None)
        return _python_stand_ins(case.source, _libraries((file.old_text if before else file.new_text) if file else ""))
    return language is Language.SCRIPT and _script_stand_ins(case.source)


@lru_cache(maxsize=16)
def _libraries(text: str) -> frozenset[str]:
    """The names that a file has from Python's library and from runners."""
    known = sys.stdlib_module_names | LIBRARIES
    tree = parse(text)
    found = {"self", "cls"}
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in known:
            found |= {item.asname or item.name for item in node.names}
        elif isinstance(node, ast.Import):
            found |= {item.asname or item.name.split(".")[0] for item in node.names if item.name.split(".")[0] in known}
    return frozenset(found | set(dir(builtins)))


def _python_stand_ins(source: str, libraries: frozenset[str]) -> bool:
    tree = parse(dedent(source))
    made = {
        target.id
        for node in (ast.walk(tree) if tree else ())
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and called(node.value) in MOCKS
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if not tree or not made:
        return False
    roots = {_root(call.func) for call in _calls(tree)}
    return bool(roots & made) and not {root for root in roots if root} - made - libraries


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """The calls of a test, without those that prepare a stand-in's answers."""
    if isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Attribute) and target.attr in ANSWERS for target in node.targets
    ):
        return
    if isinstance(node, ast.Call):
        yield node
        if called(node) in MOCKS:
            return
    for inner in ast.iter_child_nodes(node):
        yield from _calls(inner)


def _script_stand_ins(source: str) -> bool:
    plain = without_strings(source, Language.SCRIPT)
    made = set(SCRIPT_MOCK.findall(plain))
    if not made:
        return False
    names = set(SCRIPT_CALL.findall(plain)) - SCRIPT_OWN
    defined = set(re.findall(r"(?:const|let|var)\s+(\w+)\s*=\s*(?:async\s*)?(?:\([^)\n]*\)|\w+)\s*=>", plain))
    used = made & set(re.findall(r"(?<![\w.$])(\w+)\s*[.(]", plain))
    return bool(used) and not names - made - defined
