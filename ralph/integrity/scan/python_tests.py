"""The tests of a Python file, by its syntax tree: pytest's functions and classes, unittest's methods."""

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from copy import copy

from ralph.integrity.scan.model import Assertion, TestCase
from ralph.integrity.scan.python_expressions import called, of_assert, of_call

SKIPPING = re.compile(r"\b(?:skip|skipif|skipIf|skipUnless|xfail|expectedFailure|Skip|disabled|ignore)\b")
CONDITIONAL = re.compile(r"\b(?:skipif|skipIf|skipUnless)\b")
IN_BODY = {"skip", "xfail", "skipTest", "importorskip", "exit", "SkipTest"}
CAUGHT = {"AssertionError", "Exception", "BaseException"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def parse(text: str) -> ast.Module | None:
    """The syntax tree, or None for what Python does not read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def python_tests(text: str) -> tuple[TestCase, ...]:
    tree = parse(text)
    if tree is None:
        return ()
    lines = text.splitlines()
    return tuple(_in_body(_with_marks(tree).body, "", _module_skip(tree), lines))


def _with_marks(tree: ast.Module) -> ast.Module:
    """The tree with marks in the place of the names that the module gives them: `needs_tz = pytest.mark.skipif(...)`."""
    named = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call)
        and SKIPPING.search(ast.unparse(node.value.func))
    }
    for node in ast.walk(tree) if named else ():
        if isinstance(node, Function | ast.ClassDef):
            node.decorator_list = [
                ast.copy_location(copy(named[item.id]), item)
                if isinstance(item, ast.Name) and item.id in named
                else item
                for item in node.decorator_list
            ]
    return tree


def python_helpers(text: str) -> tuple[TestCase, ...]:
    """The functions of the file that are no tests, with what they assert."""
    tree = parse(text) if "assert" in text or "def " in text else None
    lines = text.splitlines()
    found = [node for node in ast.walk(tree) if isinstance(node, Function)] if tree else []
    return tuple(_case(node, "", ("", ""), lines) for node in found if not node.name.startswith("test"))


def _in_body(body: Sequence[ast.stmt], prefix: str, skip: tuple[str, str], lines: list[str]) -> Iterator[TestCase]:
    for node in body:
        if isinstance(node, ast.ClassDef) and _is_test_class(node):
            inner = _marks(node.decorator_list) or _named_mark(node.body) or skip
            yield from _in_body(node.body, f"{prefix}{node.name}.", inner, lines)
        elif isinstance(node, Function) and node.name.startswith("test"):
            yield _case(node, prefix, skip, lines)
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _in_body(node.body, prefix, skip, lines)


def _is_test_class(node: ast.ClassDef) -> bool:
    if any(isinstance(item, ast.Assign) and ast.unparse(item) == "__test__ = False" for item in node.body):
        return False
    return node.name.startswith("Test") or any("Test" in ast.unparse(base) for base in node.bases)


def _case(node: Function, prefix: str, skip: tuple[str, str], lines: list[str]) -> TestCase:
    marked = _marks(node.decorator_list) or _skip_in(node) or skip
    start = min([node.lineno, *(item.lineno for item in node.decorator_list)])
    return TestCase(
        name=prefix + node.name,
        line=node.lineno,
        source="\n".join(lines[start - 1 : node.end_lineno]),
        asserts=tuple(_asserts(node.body, lost=False)),
        skip=marked[0],
        condition=marked[1],
        leaves=_leaves(node.body),
        cases=_rows(node),
    )


def _marks(decorators: Sequence[ast.expr]) -> tuple[str, str] | None:
    for item in decorators:
        text = ast.unparse(item)
        if SKIPPING.search(text.split("(", 1)[0]):
            return text, _condition(item, text)
    return None


def _condition(item: ast.expr, text: str) -> str:
    if not isinstance(item, ast.Call) or not item.args:
        return ""
    first = item.args[0]
    if CONDITIONAL.search(text.split("(", 1)[0]) or ("xfail" in text and not isinstance(first, ast.Constant)):
        always = isinstance(first, ast.Constant) and bool(first.value) is not ("skipUnless" in text)
        return "" if always else ("unless " if "skipUnless" in text else "") + ast.unparse(first)
    return ""


def _named_mark(body: Sequence[ast.stmt]) -> tuple[str, str] | None:
    """A `pytestmark = ...` of a module or a class."""
    for node in body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "pytestmark" for target in node.targets):
            marks = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
            return _marks(marks)
    return None


def _module_skip(tree: ast.Module) -> tuple[str, str]:
    for node in tree.body:
        guard = ast.unparse(node.test) if isinstance(node, ast.If) else _tried(node)
        for call in _calls(node) if isinstance(node, ast.Expr | ast.If | ast.Assign | ast.Raise | ast.Try) else ():
            text = ast.unparse(call)
            if called(call) == "importorskip" or (called(call) in {"skip", "SkipTest"} and "pytest" in text + "Skip"):
                return text, guard or (text if called(call) == "importorskip" else "")
    return _named_mark(tree.body) or ("", "")


def _tried(node: ast.stmt) -> str:
    """The import whose failure is caught; empty where none is."""
    imports = (
        [item for item in node.body if isinstance(item, ast.Import | ast.ImportFrom)]
        if isinstance(node, ast.Try)
        else []
    )
    return (
        f"import_module('{getattr(imports[0], 'module', None) or imports[0].names[0].name}') fails" if imports else ""
    )


def _skip_in(function: Function) -> tuple[str, str] | None:
    for node in function.body:
        guard = ast.unparse(node.test) if isinstance(node, ast.If) else ""
        if isinstance(node, Function | ast.ClassDef):
            continue
        for call in _calls(node):
            text = ast.unparse(call)
            if called(call) in IN_BODY and re.match(
                r"(?:pytest|self|unittest|_pytest)\.|SkipTest|skip\(|importorskip", text
            ):
                needs = text if called(call) == "importorskip" else ""
                return text, (guard or "an error is caught") if isinstance(node, ast.If | ast.Try) else needs
    return None


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (item for item in ast.walk(node) if isinstance(item, ast.Call))


def _leaves(body: Sequence[ast.stmt]) -> str:
    """A return that stands before the first assertion of the function, bare or under a condition."""
    for node in body:
        if any(
            isinstance(item, ast.Assert) or (isinstance(item, ast.Call) and of_call(item)) for item in ast.walk(node)
        ):
            return ""
        if isinstance(node, ast.Return):
            return "return"
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Return):
            return f"if {ast.unparse(node.test)}: return"
    return ""


def _asserts(body: Sequence[ast.stmt], *, lost: bool) -> Iterator[Assertion]:
    """The assertions in order; `lost` ones cannot fail the test."""
    for node in body:
        yield from _in_statement(node, lost=lost)
        if isinstance(node, ast.Return | ast.Raise):
            lost = True


def _in_statement(node: ast.stmt, *, lost: bool) -> Iterator[Assertion]:
    if isinstance(node, ast.Assert):
        yield _with(of_assert(node), lost=lost)
        return
    dead = isinstance(node, ast.If | ast.While) and isinstance(node.test, ast.Constant) and not node.test.value
    swallows = (isinstance(node, ast.Try) and any(map(_swallows, node.handlers))) or (
        isinstance(node, ast.With | ast.AsyncWith) and any(_suppresses(item) for item in node.items)
    )
    for field, value in ast.iter_fields(node):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield from _asserts(value, lost=lost or (field == "body" and (dead or swallows)))
        elif isinstance(value, list) and value and isinstance(value[0], ast.ExceptHandler):
            for handler in value:
                yield from _asserts(handler.body, lost=lost)
        elif not isinstance(node, Function | ast.ClassDef):
            for inner in value if isinstance(value, list) else [value]:
                yield from _in_expression(inner, lost=lost)


def _in_expression(value: object, *, lost: bool) -> Iterator[Assertion]:
    if isinstance(value, ast.AST):
        for call in _calls(value):
            found = of_call(call)
            if found is not None:
                yield _with(found, lost=lost)


def _with(found: Assertion, *, lost: bool) -> Assertion:
    return Assertion(
        found.text, found.strength, found.subject, found.line, found.tolerance, swallowed=lost, expected=found.expected
    )


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Whether a failed assertion ends here: caught, and neither raised again nor turned into a failure."""
    kinds = {ast.unparse(handler.type).split(".")[-1]} if handler.type else {"BaseException"}
    if isinstance(handler.type, ast.Tuple):
        kinds = {ast.unparse(item) for item in handler.type.elts}
    inside = [item for node in handler.body for item in ast.walk(node)]
    fails = any(isinstance(item, ast.Raise | ast.Assert) for item in inside) or any(
        called(item) in {"fail", "exit"} for item in inside if isinstance(item, ast.Call)
    )
    return bool(kinds & CAUGHT) and not fails


def _suppresses(item: ast.withitem) -> bool:
    call = item.context_expr
    if not isinstance(call, ast.Call) or called(call) not in {"suppress", "raises"}:
        return False
    kinds = {ast.unparse(kind) for arg in call.args for kind in (arg.elts if isinstance(arg, ast.Tuple) else [arg])}
    return bool(kinds & (CAUGHT if called(call) == "suppress" else {"AssertionError"}))


def _rows(node: Function) -> int:
    """How many rows its parametrize tables have together; a table that is not a list counts for none."""
    rows = 0
    for item in node.decorator_list:
        if isinstance(item, ast.Call) and called(item) == "parametrize" and len(item.args) > 1:
            table = item.args[1]
            rows += len(table.elts) if isinstance(table, ast.List | ast.Tuple) else 0
    return rows
