"""The runner's own extension points: hooks that change outcomes, lists of files not collected, the unit replaced by a mock."""

import ast
import re
import sys
from collections.abc import Iterator

from ralph.integrity.change import FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding, judged
from ralph.integrity.scan.lines import added_code
from ralph.integrity.scan.python_tests import Function, parse
from ralph.integrity.scan.text import Language
from ralph.integrity.testfiles import is_product_code, is_test_file

OUTCOMES = {
    "pytest_runtest_makereport", "pytest_runtest_logreport", "pytest_report_teststatus", "pytest_sessionfinish", "pytest_runtest_protocol",
    "pytest_runtest_call", "pytest_pyfunc_call", "pytest_exception_interact", "pytest_unconfigure", "pytest_cmdline_main", "pytest_runtestloop",
    "pytest_runtest_setup", "pytest_runtest_teardown", "pytest_configure", "pytest_sessionstart", "pytest_cmdline_parse",
}  # fmt: skip
COLLECTING = {
    "pytest_collection_modifyitems",
    "pytest_ignore_collect",
    "pytest_itemcollected",
    "pytest_collect_file",
    "pytest_pycollect_makeitem",
    "pytest_collection_finish",
    "pytest_deselected",
    "load_tests",
    "pytest_collection",
}
CHANGES_OUTCOME = re.compile(
    r"outcome\s*=(?!=)|\.passed\s*=|exitstatus\s*=(?!=)|testsfailed\s*=|testscollected\s*=|wasxfail\s*=|longrepr\s*=|force_result|force_exception|excinfo\s*=|os\._exit|\.exitstatus\b\s*=|setattr\(|\.shouldfail|\.failed\s*=|exit\(|return ['\"(]*passed"
)
DROPS = re.compile(
    r"items\[:\]\s*=|items\.(?:remove|clear|pop)|del items|deselected|add_marker\([^)\n]*(?:skip|xfail)|return True|TestSuite\(\)|=\s*\[\]"
)
ASKED_FOR = re.compile(r"getoption|getini|environ|keywords|get_closest_marker|sys\.platform|which\(|find_spec")
NOT_COLLECTED = {"collect_ignore", "collect_ignore_glob"}
SPIED = re.compile(
    r"\b(?:mock\.method|sinon\.stub|(?:jest|vi)\.spyOn)\(\s*(?P<owner>\w+)[\w.]*\s*,\s*['\"](?P<name>\w+)['\"]"
    r"\s*(?:,|\)\s*\.\s*(?:mock(?:Return|Impl|Resol|Reject)|returns|resolves|callsFake))"
)
OUTSIDE = {
    "console", "Date", "Math", "fs", "process", "global", "globalThis", "window", "performance", "crypto", "http",
    "axios", "os", "path", "Storage", "localStorage", "document", "navigator",
}  # fmt: skip
MADE = re.compile(r"\b(?:def|class|function)\s+(\w+)|^\s+(?:async\s+)?(\w+)\([^()\n]*\)\s*\{", re.MULTILINE)
REPLACES = re.compile(r"monkeypatch\.setattr|(?:mock\.)?patch(?:\.object)?\(|mocker\.patch")


def runner_machinery(facts: Facts) -> Iterator[Finding]:
    for file in facts.files(Language.PYTHON):
        yield from (
            judged(item, permitted=facts.permit.names(file.path) and item.weight < HARD) for item in _hooks(file)
        )
        yield from _fixtures(file, facts)
        yield from _odd_tests(file)


def mocked_units(facts: Facts) -> Iterator[Finding]:
    """Tests that replace what they call."""
    old = {(case.path, case.name) for case in facts.old_tests if _mocked(case.source)}
    made = _changed_names(facts)
    for case in facts.new_tests:
        name = _mocked(case.source)
        if name and (case.path, case.name) not in old and not case.skip:
            text = f"the test {case.short} replaces {name}, the very thing that it calls"
            yield finding("unit-mocked", HARD if name in made else 80, text, case.path, case.line, name)
    for file in facts.files(Language.SCRIPT):
        yield from _script_mocks(file)


def _mocked(source: str) -> str:
    """The function that a test replaces by a value and then calls itself."""
    for found in re.finditer(
        r"(?:patch|patch\.object|monkeypatch\.setattr|mocker\.patch(?:\.object)?)\(\s*(?:f?['\"](?P<path>[\w.]+)['\"]|(?P<owner>[\w.]+)\s*,\s*['\"](?P<name>\w+)['\"])",
        source,
    ):
        target = found["path"] or f"{found['owner']}.{found['name']}"
        root, name = target.split(".", 1)[0], target.rsplit(".", 1)[-1]
        if root in sys.stdlib_module_names:
            continue
        rest = source[: found.start()] + source[found.end() :]
        called = re.search(rf"(?<![\w\"'])(?<!def ){re.escape(name)}\(", rest)
        if called and not re.search(rf"(?:original|real)_?{re.escape(name)}|wraps\s*=|def {re.escape(name)}\b", source):
            return name
    spied = SPIED.search(source)
    name = spied["name"] if spied and spied["owner"] not in OUTSIDE else ""
    return name if name and re.search(rf"\.{re.escape(name)}\(", source) else ""


def _script_mocks(file: FileChange) -> Iterator[Finding]:
    if not is_test_file(file.path):
        return
    unit = re.sub(r"[.\-_](?:test|spec)s?\.[cm]?[jt]sx?$", "", file.path.rsplit("/", 1)[-1])
    for line in added_code(file):
        found = re.search(r"\b(?:jest|vi)\.(?:mock|doMock)\(\s*['\"](\.{1,2}/[^'\"]+)['\"]", line.code)
        if (
            found
            and re.sub(r"\.[cm]?[jt]sx?$", "", found[1].rsplit("/", 1)[-1]) == unit
            and not re.search(r"requireActual|importActual|importOriginal", line.code + line.following)
        ):
            yield finding(
                "unit-mocked", 80, f"the tests of {unit} replace {unit} itself", file.path, line.number, line.text
            )


def _hooks(file: FileChange) -> Iterator[Finding]:
    old, new = _functions(file.old_text), _functions(file.new_text)
    for name, node in new.items():
        body = ast.unparse(node)
        if name in old and ast.unparse(old[name]) == body:
            continue
        before = ast.unparse(old[name]) if name in old else ""
        if name in OUTCOMES and CHANGES_OUTCOME.search(body) and not CHANGES_OUTCOME.search(before):
            plain = name == "pytest_configure" and not re.search(r"outcome|exitstatus|_exit|passed|failed", body)
            stored = re.search(r"setattr\(item, ['\"]rep_", body) and not re.search(
                r"outcome\s*=\s*['\"]|exitstatus\s*=|_exit|passed\s*=", body
            )
            weight = 10 if plain or stored else HARD
            yield finding(
                "outcome-changed",
                weight,
                f"the hook {name} changes how tests or the run end",
                file.path,
                node.lineno,
                f"def {name}",
            )
        elif name in COLLECTING and DROPS.search(body) and not DROPS.search(before):
            weight = 30 if ASKED_FOR.search(body) and not re.search(r"environ[^\n]*CI", body) else HARD
            yield finding(
                "collection-changed", weight, f"{name} leaves tests out", file.path, node.lineno, f"def {name}"
            )
    yield from _ignored(file)


def _functions(text: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = parse(text) if "pytest_" in text or "load_tests" in text else None
    return {node.name: node for node in ast.walk(tree) if isinstance(node, Function)} if tree else {}


def _ignored(file: FileChange) -> Iterator[Finding]:
    if not any(name in file.new_text for name in (*NOT_COLLECTED, "__test__")):
        return
    tree = parse(file.new_text)
    for node in ast.walk(tree) if tree else ():
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr):
            continue
        text = ast.unparse(node)
        if text in file.old_text:
            continue
        if re.match(r"collect_ignore(?:_glob)?(?:\s*\+?=(?!\s*\[\]$)|\.(?:append|extend))", text):
            weight = 30 if node.col_offset else HARD
            yield finding(
                "collection-changed", weight, "test files are left out of the run", file.path, node.lineno, text
            )
        elif re.fullmatch(r"(?:\w+\.)*__test__ = False", text) and is_test_file(file.path):
            yield finding("collection-changed", 40, "something was marked as no test", file.path, node.lineno, text)


def _fixtures(file: FileChange, facts: Facts) -> Iterator[Finding]:
    """Fixtures that every test gets unasked, and that replace a part of the product."""
    tree = parse(file.new_text) if "autouse" in file.new_text and is_test_file(file.path) else None
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, Function) and any("autouse=True" in ast.unparse(item) for item in node.decorator_list):
            body = ast.unparse(node)
            if body not in _normal(file.old_text) and REPLACES.search(body):
                name = next(
                    (name for name in _changed_names(facts) if re.search(rf"['\"](?:[\w.]+\.)?{name}['\"]", body)), ""
                )
                text = f"a fixture that every test gets replaces {name or 'something'}"
                yield finding("unit-mocked", HARD if name else 30, text, file.path, node.lineno, f"def {node.name}")


def _changed_names(facts: Facts) -> set[str]:
    """The functions, methods and classes of product files in the change."""
    texts = [file.new_text for file in facts.change.files if is_product_code(file.path)]
    return {name for text in texts for found in MADE.findall(text) for name in found if name}


def _normal(text: str) -> str:
    tree = parse(text)
    return ast.unparse(tree) if tree else text


def _odd_tests(file: FileChange) -> Iterator[Finding]:
    """Tests that Python or the runner passes over: a second one of the same name, one that yields."""
    if not is_test_file(file.path):
        return
    old, new = _test_counts(file.old_text), _test_counts(file.new_text)
    for name, (count, line, yields) in new.items():
        before = old.get(name, (0, 0, False))
        if count > 1 and count > before[0]:
            text = f"there are {count} tests of the name {name}: the runner sees the last one only"
            yield finding("test-shadowed", HARD if before[0] else 50, text, file.path, line, name)
        if yields and not before[2] and before[0]:
            yield finding(
                "test-hidden", HARD, f"the test {name} now yields: no runner runs its body", file.path, line, name
            )


def _test_counts(text: str) -> dict[str, tuple[int, int, bool]]:
    tree = parse(text)
    found: dict[str, tuple[int, int, bool]] = {}
    for prefix, body in _bodies(tree) if tree else ():
        for node in body:
            if isinstance(node, Function) and node.name.startswith("test"):
                name = prefix + node.name
                count = found.get(name, (0, 0, False))[0] + 1
                found[name] = (
                    count,
                    node.lineno,
                    any(isinstance(item, ast.Yield | ast.YieldFrom) for item in _own(node)),
                )
    return found


def _bodies(tree: ast.Module) -> Iterator[tuple[str, list[ast.stmt]]]:
    yield "", tree.body
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield f"{node.name}.", node.body


def _own(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes of the function that no inner function holds."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
