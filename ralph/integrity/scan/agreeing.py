"""Values made to equal anything, and runners, assertions, clocks or modules replaced by product code."""

import ast
import re
from collections.abc import Iterator

from ralph.integrity.change import FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding, judged
from ralph.integrity.scan.lines import added_code
from ralph.integrity.scan.python_tests import Function, parse
from ralph.integrity.scan.text import Language
from ralph.integrity.testfiles import is_test_file

COMPARISONS = {
    "__eq__": True,
    "__ne__": False,
    "__contains__": True,
    "__le__": True,
    "__ge__": True,
    "__bool__": True,
    "__instancecheck__": True,
    "__subclasscheck__": True,
}
AGREES = re.compile(
    r"(?:equals|isEqual|asymmetricMatch|deepEqual)\s*(?:\([^)]*\)|[:=][^=>]*=>)\s*(?:\{\s*return\s+)?true\b"
    r"|func\s*\(\w+\s+\*?\w+\)\s*Equal\([^)]*\)\s*bool\s*\{\s*return true\b|fn\s+eq\s*\([^)]*\)\s*->\s*bool\s*\{\s*(?:return\s+)?true\b"
    r"|\[Symbol\.toPrimitive\]\s*[(:][^\n]*return\s+(?:expected|true)"
)
RUNNER = re.compile(
    r"^\s*(?:_pytest[\w.]*|pytest\.\w+|unittest(?:\.\w+)+|builtins\.(?:AssertionError|isinstance|len|open|__import__|eval|all|any|sorted|sum|print)|AssertionError(?:\.\w+)?|TestCase\.\w+|self\.assert\w+)\s*=[^=]"
    r"|setattr\(\s*(?:_?pytest|unittest|TestCase|builtins|AssertionError)\b"
    r"|(?:global|globalThis|window)\.(?:expect|assert|describe|it|test)\s*=[^=]|^\s*(?:expect|assert)(?:\.\w+)*\s*=[^=>]"
    r"|require\(['\"](?:node:)?assert(?:/strict)?['\"]\)\.\w+\s*=[^=]|expect\.extend\(\s*\{[^}]*\b(?:toBe|toEqual|toStrictEqual|toThrow|toContain|toMatch)\s*[(:]"
    r"|^\s*(?:it|test|describe)\s*=\s*(?:it|test|describe)\.(?:skip|only)|specFilter|Module\._(?:load|resolveFilename)\s*=|Module\.prototype\.require\s*="
    r"|(?:Object\.(?:is|keys|entries)|Array\.prototype\.\w+|String\.prototype\.\w+|Error\.prototype\.\w+|Promise\.prototype\.\w+|JSON\.\w+|Number\.prototype\.\w+)\s*=[^=]"
)
MODULES = re.compile(
    r"sys\.modules\s*\[[^\]]+\]\s*=[^=]|sys\.modules\.update\(|sys\.meta_path\.(?:insert|append)|sys\.modules\.setdefault\("
)
CLOCK = re.compile(
    r"^\s*(?:time\.(?:time|sleep|monotonic|perf_counter)|random\.(?:random|randint|choice|shuffle)|datetime\.\w+|os\.environ|subprocess\.\w+|Math\.random|Date\.now|globalThis\.Date|global\.Date|global\.setTimeout)\s*=[^=]"
)


def agreeing_values(facts: Facts) -> Iterator[Finding]:
    for file in facts.files(Language.PYTHON):
        yield from _python(file)
    for file in facts.files(Language.SCRIPT, Language.GO, Language.RUST):
        known = {" ".join(found[0].split()) for found in AGREES.finditer(file.old_text)}
        for found in AGREES.finditer(file.new_text):
            if " ".join(found[0].split()) not in known:
                line = file.new_text.count("\n", 0, found.start()) + 1
                yield finding(
                    "always-equal", HARD, "a comparison was written that always agrees", file.path, line, found[0]
                )


def replaced_machinery(facts: Facts) -> Iterator[Finding]:
    for file in facts.files(Language.PYTHON, Language.SCRIPT):
        for line in added_code(file):
            if RUNNER.search(line.code):
                text = "what decides whether a test passes was replaced"
                yield finding("runner-replaced", HARD, text, file.path, line.number, line.text)
            elif not is_test_file(file.path) and MODULES.search(line.code):
                permitted = facts.permit.asks(
                    (
                        "import hook",
                        "import hooks",
                        "sys.modules",
                        "plugin loader",
                        "lazy import",
                        "lazy imports",
                        "alias",
                    )
                )
                found = finding(
                    "module-replaced", 60, "product code replaces a module", file.path, line.number, line.text
                )
                yield judged(found, permitted=permitted)
            elif not is_test_file(file.path) and CLOCK.search(line.code):
                text = "product code replaces the clock, chance or another part of the language's library"
                yield finding("library-replaced", 80, text, file.path, line.number, line.text)


def _python(file: FileChange) -> Iterator[Finding]:
    old, new = _agreeing(file.old_text), _agreeing(file.new_text)
    for name, line in new.items():
        if name not in old:
            text = f"{name} was written to agree with anything"
            yield finding(
                "always-equal", HARD, text, file.path, line, f"def {name.rsplit('.', 1)[-1]}(...): always the same"
            )


def _agreeing(text: str) -> dict[str, int]:
    tree = parse(text) if "__" in text else None
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)] if tree else []
    return {
        f"{node.name}.{item.name}": item.lineno
        for node in classes
        for item in node.body
        if isinstance(item, Function) and item.name in COMPARISONS and item.name != "__bool__" and _constant(item)
    }


def _constant(function: Function) -> bool:
    """Whether the method gives the agreeing answer wherever it returns; `NotImplemented` is no answer."""
    returned = [ast.unparse(node.value) for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
    answers = {value for value in returned if value != "NotImplemented"}
    return answers == {str(COMPARISONS[function.name])}
