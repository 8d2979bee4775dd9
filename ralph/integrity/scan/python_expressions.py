"""How much a Python assertion can notice."""

import ast

from ralph.integrity.scan.model import Assertion, Strength

METHODS = {
    "equal": Strength.EXACT,
    "equals": Strength.EXACT,
    "almostequal": Strength.EXACT,
    "allclose": Strength.EXACT,
    "dictequal": Strength.EXACT,
    "listequal": Strength.EXACT,
    "setequal": Strength.EXACT,
    "tupleequal": Strength.EXACT,
    "countequal": Strength.EXACT,
    "multilineequal": Strength.EXACT,
    "isnone": Strength.PART,
    "isnotnone": Strength.PRESENCE,
    "isinstance": Strength.PRESENCE,
    "notequal": Strength.PART,
    "in": Strength.PART,
    "notin": Strength.PART,
    "greater": Strength.PART,
    "greaterequal": Strength.PART,
    "less": Strength.PART,
    "lessequal": Strength.PART,
    "regex": Strength.PART,
}
BROAD = {"Exception", "BaseException"}
ALWAYS_IN = {"object"}


def of_assert(node: ast.Assert) -> Assertion:
    test = node.test
    left, right = _sides(test)
    return Assertion(ast.unparse(test), strength(test), subject(left), node.lineno, tolerance_of(test), expected=right)


def of_call(node: ast.Call) -> Assertion | None:
    """The assertion that a call makes, as `self.assertEqual(a, b)` and `pytest.raises(E)` do; None for other calls."""
    name = called(node)
    plain = name.lower().replace("_", "")
    if name in {"raises", "warns"} or plain.startswith(("assertraises", "assertwarns")):
        return _raising(node)
    if not plain.startswith(("assert", "expect", "verify", "check", "fail")):
        return None
    kind = plain.removeprefix("assert")
    first = node.args[0] if node.args else None
    text = ast.unparse(node)
    if kind in {"true", "false", ""} and first is not None:
        inner = first if kind != "false" else ast.UnaryOp(ast.Not(), first)
        left, right = _sides(first)
        return Assertion(text, strength(inner), subject(left), node.lineno, expected=right)
    same = len(node.args) > 1 and ast.dump(node.args[0]) == ast.dump(node.args[1])
    found = Strength.NOTHING if same else METHODS.get(kind, Strength.EXACT)
    expected = ast.unparse(node.args[1]) if len(node.args) > 1 else ""
    return Assertion(text, found, subject(first), node.lineno, tolerance_of(node), expected=expected)


def strength(node: ast.expr) -> Strength:
    """The most that a true/false expression can notice."""
    if isinstance(node, ast.BoolOp):
        inner = [strength(value) for value in node.values]
        if isinstance(node.op, ast.And):
            return max(inner)
        if any(_always_true(value) for value in node.values):
            return Strength.NOTHING
        return min(inner) if min(inner) < Strength.EXACT else Strength.PART
    if isinstance(node, ast.Compare):
        return _comparison(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return Strength.NOTHING if isinstance(node.operand, ast.Constant) else Strength.PRESENCE
    return Strength.NOTHING if _always_true(node) else Strength.PRESENCE


def subject(node: ast.expr | None) -> str:
    """What is looked at, without what wraps it: `len(x)`, `bool(x)` and `x.y` are about `x`."""
    while isinstance(node, ast.Call) and called(node) in {"len", "bool", "str", "list", "sorted", "isinstance", "set"}:
        if not node.args:
            break
        node = node.args[0]
    while isinstance(node, ast.UnaryOp | ast.NamedExpr | ast.Await):
        node = node.operand if isinstance(node, ast.UnaryOp) else node.value
    return ast.unparse(node) if node is not None else ""


def called(node: ast.Call) -> str:
    function = node.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def tolerance_of(node: ast.AST) -> float:
    """The widest tolerance that the expression names: `rel`, `abs`, `delta`, `places`, and `abs(a - b) < t`."""
    found = [0.0]
    for inner in ast.walk(node):
        if isinstance(inner, ast.keyword) and isinstance(inner.value, ast.Constant):
            value = inner.value.value
            if isinstance(value, int | float) and not isinstance(value, bool):
                if inner.arg in {"rel", "abs", "delta", "rel_tol", "abs_tol", "rtol", "atol", "tolerance", "eps"}:
                    found.append(float(value))
                elif inner.arg in {"places", "decimal"}:
                    found.append(10.0 ** -min(300.0, float(value)))
        elif _is_distance(inner):
            found.append(float(inner.comparators[0].value))  # type: ignore[attr-defined]  # what _is_distance says
    return max(found)


def _is_distance(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Call)
        and called(node.left) == "abs"
        and isinstance(node.ops[0], ast.Lt | ast.LtE)
        and isinstance(node.comparators[0], ast.Constant)
        and isinstance(node.comparators[0].value, int | float)
    )


def _sides(node: ast.expr) -> tuple[ast.expr, str]:
    if isinstance(node, ast.Compare):
        left, right = node.left, node.comparators[0]
        if isinstance(left, ast.Constant) and not isinstance(right, ast.Constant):
            left, right = right, left
        return left, ast.unparse(right)
    return node, ""


def _raising(node: ast.Call) -> Assertion:
    kind = node.args[0] if node.args else None
    names = {ast.unparse(item) for item in (kind.elts if isinstance(kind, ast.Tuple) else [kind] if kind else [])}
    matched = any(word.arg == "match" for word in node.keywords) or "regex" in called(node).lower()
    broad = bool(names & BROAD)
    found = Strength.PRESENCE if broad and not matched else Strength.EXACT
    return Assertion(ast.unparse(node), found, "raises", node.lineno)


def _comparison(node: ast.Compare) -> Strength:
    operator, right = node.ops[0], node.comparators[0]
    if _is_decided(node, operator, right):
        return Strength.NOTHING
    constant = right.value if isinstance(right, ast.Constant) else ...
    if isinstance(operator, ast.Eq | ast.Is) and isinstance(constant, bool):
        return Strength.PRESENCE
    if isinstance(operator, ast.Eq):
        return Strength.EXACT
    if isinstance(operator, ast.IsNot) or (isinstance(operator, ast.NotEq) and constant is None):
        return Strength.PRESENCE
    if isinstance(operator, ast.GtE) and constant == 0 and not isinstance(constant, bool):
        counted = isinstance(node.left, ast.Call) and called(node.left) in {"len", "abs"}
        return Strength.NOTHING if counted else Strength.PRESENCE
    return Strength.PART


def _is_decided(node: ast.Compare, operator: ast.cmpop, right: ast.expr) -> bool:
    """Whether the comparison ends the same whatever the code does."""
    constants = isinstance(node.left, ast.Constant) and isinstance(right, ast.Constant)
    if len(node.ops) == 1 and (constants or ast.dump(node.left) == ast.dump(right)):
        return True
    return isinstance(operator, ast.NotEq) and _is_empty(right) and _always_true(node.left)


def _is_empty(node: ast.expr) -> bool:
    empty = isinstance(node, ast.Tuple | ast.List) and not node.elts
    return empty or (isinstance(node, ast.Constant) and not node.value)


def _always_true(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, ast.Call) and called(node) == "isinstance" and len(node.args) == 2:
        return ast.unparse(node.args[1]) in ALWAYS_IN
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return any(_always_true(value) for value in node.values)
    return isinstance(node, ast.Lambda) or (isinstance(node, ast.Tuple | ast.List) and bool(node.elts))
