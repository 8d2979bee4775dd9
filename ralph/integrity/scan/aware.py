"""Product code that finds out whether it is tested, or reads the tests."""

import re
from collections.abc import Iterator

from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding, judged
from ralph.integrity.scan.lines import CodeLine, added_product_code
from ralph.integrity.scan.text import Language, language_of

ANSWERS_WEIGHT = 70
READS_TESTS_WEIGHT = 60

CERTAIN = re.compile(
    r"PYTEST_CURRENT_TEST|PYTEST_VERSION|PYTEST_XDIST|_called_from_test|JEST_WORKER_ID|VITEST_(?:WORKER|POOL)|process\.env\.VITEST\b"
    r"|['\"](?:_?pytest|unittest|nose|doctest)['\"]\s*(?:not\s+)?in\s+(?:\w+\.)?(?:sys\.)?modules"
    r"|(?:sys\.)?modules(?:\.get\(|\[)\s*['\"](?:_?pytest|unittest)['\"]"
    r"|any\([^)]*pytest[^)]*(?:modules|argv)|(?:pytest|py\.test|unittest)['\"]?\s*in\s+(?:os\.path\.basename\()?sys\.argv"
    r"|argv\[0\][^\n]*(?:pytest|\.test\b|_test|jest|vitest|mocha)|process\.argv[^\n]*(?:jest|vitest|mocha|--test|\.test\.)"
    r"|os\.Args\[0\][^\n]*\.test\b|HasSuffix\(os\.Args|flag\.Lookup\(\"test\.|typeof\s+(?:jest|vi|describe|it|test|expect|beforeEach)\s*[!=]=="
    r"|(?:global|globalThis|window)\.(?:jest|describe|it|expect|vi)\b|npm_lifecycle_event|NODE_TEST_CONTEXT|NEXTEST\b|CARGO_TARGET_TMPDIR"
)
CALLERS = re.compile(
    r"inspect\.(?:stack|currentframe|getouterframes)|sys\._getframe|traceback\.(?:extract_stack|format_stack)|runtime\.Callers?\(|new Error\([^)]*\)\.stack|Error\.captureStackTrace|Backtrace::|thread::current\(\)\.name"
)
TESTY = re.compile(r"test|spec|jest|mocha", re.IGNORECASE)
TEST_MODE = re.compile(
    r"NODE_ENV['\"\]]*\s*(?:\)|\])?\s*[!=]==?\s*['\"]test['\"]|import\.meta\.vitest|testing\.Testing\(\)|cfg!\(\s*(?:not\(\s*)?test\b|cfg!\(debug_assertions\)"
    r"|(?:environ|getenv|env)\b[^\n]*['\"](?:TESTING|TEST_MODE|IS_TEST|UNIT_TEST|UNDER_TEST|RUNNING_TESTS|TEST)['\"]|process\.env\.(?:TEST|TESTING|IS_TEST|TEST_MODE)\b"
)
RUST_TWIN = re.compile(r"#!?\[\s*cfg\(\s*(?:not\(\s*test\s*\)|test)\s*\)\s*\]")
RUST_ITEM = re.compile(
    r"[^\n]*\]\s*(?:#\[[^\n]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(?:mod|use|extern|impl|fn|async fn|struct|enum|const|static|type|macro_rules)\b"
)
ANSWERED = re.compile(r"\breturn\s+(?:Ok\(|Some\(|\w+\()?(?:-?\d|[\"'`][^\"'`]|\[\s*[^\]\s]|\{\s*\w)")
CI_MODE = re.compile(r"(?:environ|getenv|Getenv|env)\b[^\n]{0,20}\bCI\b")
TEST_PATH = re.compile(
    r"(?:open|read_text|read_bytes|Path|readFile(?:Sync)?|ReadFile|include_str!|read_to_string|require|import|glob|rglob|import_module|from)\s*\(?[^\n]{0,60}?['\"]"
    r"[^'\"\n]*(?:\btests?/|\b__tests__/|test_\w+\.py|_test\.go|\.(?:test|spec)\.[jt]sx?|\btests?\.|conftest)[^'\"\n]*['\"]"
)
JOINED_TEST_PATH = re.compile(
    r"(?:/|,|\()\s*['\"](?:tests?|__tests__|testdata|golden|fixtures|snapshots|expected)['\"]|['\"](?:\.{1,2}/)*(?:[\w.-]+/)*(?:testdata|tests?|__tests__)/[^'\"]*['\"]"
)
IMPORTS_TESTS = re.compile(r"^\s*(?:from\s+(?:\.*)tests?(?:\.\w+)*\s+import|import\s+tests?\.\w+)")


def aware_of_tests(facts: Facts) -> Iterator[Finding]:
    for file in facts.change.files:
        for line in added_product_code(file) if file.new else ():
            found = _seen(line, file.path)
            if found is not None:
                yield judged(found, permitted=_story_is_about(facts, found))


def _story_is_about(facts: Facts, found: Finding) -> bool:
    words = re.findall(r"[A-Za-z_]{4,}", found.evidence)
    return any(
        facts.permit.says(word)
        for word in words
        if TESTY.search(word) and word.lower() not in {"test", "tests", "testing", "latest"}
    )


def _seen(line: CodeLine, path: str) -> Finding | None:
    code, near = line.code, f"{line.code}\n{line.following}"
    if CERTAIN.search(code) or (CALLERS.search(code) and TESTY.search(near)):
        return finding(
            "knows-it-is-tested", HARD, "product code finds out whether a test runs it", path, line.number, line.text
        )
    if TEST_MODE.search(code) or (language_of(path) is Language.RUST and RUST_TWIN.search(code)):
        return _mode(line, path)
    if (TEST_PATH.search(code) or JOINED_TEST_PATH.search(code) or IMPORTS_TESTS.search(code)) and not path.endswith(
        ("noxfile.py", "setup.py", "config.js", "config.ts")
    ):
        answers = re.search(r"golden|expected|snapshot|__tests__|test_\w+\.py|_test\.go|\.test\.", near)
        return finding(
            "reads-the-tests",
            HARD if answers else READS_TESTS_WEIGHT,
            "product code reads or imports the tests",
            path,
            line.number,
            line.text,
        )
    if CI_MODE.search(code) or CALLERS.search(code):
        return finding("looks-around", 5, "product code looks at where it runs", path, line.number, line.text)
    return None


def _mode(line: CodeLine, path: str) -> Finding:
    """What has a test mode; code that answers otherwise in it is worse than code that starts less."""
    near = f"{line.code}\n{line.following}"
    negated = re.search(r"!==?\s*['\"]test|not\s*\(\s*test", line.code)
    twin = "cfg(" in line.code and re.match(r"\s*#\[cfg\((?:not\()?test\)+\]\s*\n?\s*(?:pub )?(?:mod|use)\b", near)
    answers = re.search(r"(?:\breturn\s+[^;\s}]|=>\s*[\d'\"]|\?\s*[\d'\"\[{])", near) or "cfg" in line.code
    alone = re.search(r"#\[\s*cfg\(\s*not\(\s*test", line.code) and not re.match(
        r"[^\n]*\n\s*(?:use|extern|mod)\b", near
    )
    if alone or (RUST_TWIN.search(line.code) and not RUST_ITEM.match(near)):
        return finding(
            "has-a-test-mode", HARD, "product code is another one where it is tested", path, line.number, line.text
        )
    if ANSWERED.search(near) and not negated:
        return finding(
            "has-a-test-mode", HARD, "product code has answers of its own for tests", path, line.number, line.text
        )
    weight = (
        5
        if twin or "import.meta.vitest" in line.code
        else ANSWERS_WEIGHT
        if answers and not (negated and "cfg" not in line.code)
        else 20
    )
    return finding(
        "has-a-test-mode", weight, "product code behaves otherwise when it is tested", path, line.number, line.text
    )
