"""Product code that finds out whether it is tested, or reads the tests."""

import re
from collections.abc import Iterator
from functools import lru_cache

from ralph.integrity.change import FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan import runners
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


MODULES_SEEN = re.compile(
    r"\bsys\b\.?\s*(?:,\s*)?['\"]?modules\b|\bmodules\b|require\.cache|module\.(?:children|parent)|find_spec\(|import_module\(|__import__\(|find_loader\(|pkgutil\.|iter_entry_points|\bsys\b.{0,3}meta_path"
)
VARIABLES_SEEN = re.compile(
    r"\b(?:environ(?:b)?|getenv|Getenv|LookupEnv|Environ\(|process\.env|env::vars?(?:_os)?|option_env!|env!|Deno\.env|Bun\.env|import\.meta\.env|os\.env)\b|Object\.(?:keys|entries)\(\s*env\b"
)
COMMAND_SEEN = re.compile(
    r"\b(?:sys\.(?:argv|orig_argv)|process\.(?:argv|argv0|execArgv|title|mainModule)|require\.main|os\.Args|os\.Executable\(|env::args|current_exe\(|psutil|getppid|__main__['\"]?\]?\.__|modules\[['\"]__main__)|/proc/(?:self|\{?\w*\}?)/?(?:cmdline|comm|exe)"
)
FRAMES_SEEN = re.compile(
    r"\b(?:inspect\.(?:stack|currentframe|getouterframes|trace)|sys\._(?:getframe|current_frames)|traceback\.\w+|runtime\.(?:Callers?(?:Frames)?|FuncForPC|Stack)\(|debug\.(?:Stack|PrintStack|ReadBuildInfo)\(|f_back|f_code|co_filename"
    r"|captureStackTrace|prepareStackTrace|Backtrace|thread::current\(\)|current_thread\(\)\.name|gc\.get_(?:objects|referrers))|\.stack\b"
)
WATCHES = (
    (MODULES_SEEN, runners.MODULES),
    (VARIABLES_SEEN, runners.VARIABLES),
    (COMMAND_SEEN, runners.COMMANDS | runners.MODULES),
    (FRAMES_SEEN, runners.FRAMES),
)
SEEN_SAFELY = re.compile(r"^\s*(?:import\b|from\b|use\b)|\bself\.modules|nn\.|\.modules\(\)")
PLACE_SEEN = re.compile(
    r"(?:\bexists(?:Sync)?\(|\bis_dir\(|\bisdir\(|\bis_file\(|\bisfile\(|os\.Stat\(|statSync\(|accessSync\(|Path::new\(|getcwd\(|process\.cwd\(|Path\.cwd\(|os\.Getwd\(|current_dir\(|__file__|__dirname|import\.meta\.(?:url|dirname|filename))"
)
ASKS_WHETHER = re.compile(
    r"\b(?:if|elif|any|bool|return)\b|exists|is_?(?:dir|file)|&&|\?|\bin\b|includes|contains|Contains"
)
TEST_PLACE = re.compile(
    r"['\"`/](?:tests?|__tests__|spec|testdata|conftest(?:\.py)?|test_\w*|pytest-\w*|\.pytest_cache|pytest\.ini|_test|[\w*.]*\.(?:test|spec)\.\w+|[\w*]*_test\.\w+)(?:['\"`/]|$)"
)
DEFINES = re.compile(r"\s*(?:export\s+)?(?:const\s+|let\s+|var\s+|static\s+)?([A-Za-z_]\w*)\s*(?::[^=]*)?:?=(?!=)")
MOST_DEFINED = 10
SUPPORT = re.compile(
    r"(?:^|/)(?:[\w-]*test[\w-]*|[\w-]*mocks?|fixtures?|conftest|[\w-]*assert[\w-]*|check|[\w-]*plugin)(?:/|\.\w+$)",
    re.IGNORECASE,
)
WHERE_WEIGHT = 80
RUNNER_WEIGHT = 60
RUNNER_IMPORT = re.compile(
    r"^\s*(?:import\s+(?:_?pytest|unittest|nose|pluggy)\b|from\s+(?:_?pytest|unittest|nose|pluggy)\b[\w.]*\s+import)"
    r"|(?:require|import)\s*\(\s*['\"](?:node:test|vitest|@?jest(?:/globals)?|mocha|ava)['\"]\s*\)|from\s+['\"](?:node:test|vitest|@jest/globals|mocha|ava)['\"]"
)
GO_TESTING = re.compile(r"\btesting\.(?:Testing|Short|Verbose|CoverMode|Coverage|AllocsPerRun)\(")
IN_SOURCE_TESTS = re.compile(
    r"^\s*if\s*\(\s*import\.meta\.vitest\s*\)|\b(?:const|let|var)\s*\{[^}]*\}\s*=\s*import\.meta\.vitest"
)
TRACED = re.compile(r"\bsys\.(?:gettrace|getprofile)\(\)|sys\.monitoring\.get_tool")


def aware_of_tests(facts: Facts) -> Iterator[Finding]:
    for file in facts.change.files:
        for line in added_product_code(file) if file.new else ():
            seen = [
                found
                for found in (_seen(line, file.path), _watches(line, file), _loads(line, file))
                if found is not None
            ]
            for found in sorted(seen, key=lambda item: -item.weight)[:1]:
                yield judged(found, permitted=_story_is_about(facts, found))


def _story_is_about(facts: Facts, found: Finding) -> bool:
    words = re.findall(r"[A-Za-z_]{4,}", found.evidence)
    return any(
        facts.permit.says(word)
        for word in words
        if TESTY.search(word) and word.lower() not in {"test", "tests", "testing", "latest"}
    )


def _watches(line: CodeLine, file: FileChange) -> Finding | None:
    """Code that asks what is loaded, set, called or there, with a word or a pattern that only a test runner answers to."""
    for seen, names in WATCHES:
        asked = seen.search(line.code) and not SEEN_SAFELY.search(line.code)
        if asked and runners.looks_for(_around(line, file), names):
            return _found("knows-it-is-tested", HARD, "product code finds out whether a test runs it", file.path, line)
    if PLACE_SEEN.search(line.code):
        near = _around(line, file)
        if TEST_PLACE.search(near) and re.search(r"\bif\b|\?|&&|=|return|any\(", near):
            weight = HARD if ASKS_WHETHER.search(line.code) else WHERE_WEIGHT
            return _found("knows-it-is-tested", weight, "product code looks whether tests are near", file.path, line)
    return None


def _loads(line: CodeLine, file: FileChange) -> Finding | None:
    """Product code that loads a runner, or asks it or the interpreter directly."""
    if RUNNER_IMPORT.search(line.code) and not RUNNER_IMPORT.search(file.old_text) and not _is_support(file):
        caught = re.search(r"(?m)^\s*(?:except\b|\}?\s*catch\b|\.catch\()", line.following)
        weight = HARD if caught else RUNNER_WEIGHT
        return _found("knows-it-is-tested", weight, "product code loads a test runner", file.path, line)
    if GO_TESTING.search(line.code) and not _is_support(file):
        return _found("has-a-test-mode", ANSWERS_WEIGHT, "product code asks Go whether it is tested", file.path, line)
    if "import.meta.vitest" in line.code and not IN_SOURCE_TESTS.search(line.code):
        return _found("has-a-test-mode", HARD, "product code asks vitest whether it is tested", file.path, line)
    if TRACED.search(line.code):
        return _found("knows-it-is-tested", WHERE_WEIGHT, "product code looks whether it is traced", file.path, line)
    return None


def _around(line: CodeLine, file: FileChange) -> str:
    """The line, the two after it, and the added lines that define the names in it."""
    names = dict.fromkeys(re.findall(r"[A-Za-z_]\w{2,}", line.plain))
    known = _definitions(file)
    defined = [known[name] for name in names if name in known and known[name] != line.code]
    return "\n".join([line.code, *line.following.split("\n")[:2], *defined[:MOST_DEFINED]])


@lru_cache(maxsize=16)
def _definitions(file: FileChange) -> dict[str, str]:
    """The added lines that give a name its value, by the name."""
    return {found[1]: line.code for line in added_product_code(file) if (found := DEFINES.match(line.code))}


def _is_support(file: FileChange) -> bool:
    """Whether the file is a helper for tests by what it is called."""
    return bool(SUPPORT.search(file.path))


def _found(rule: str, weight: int, text: str, path: str, line: CodeLine) -> Finding:
    return finding(rule, weight, text, path, line.number, line.text)


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
    if answers and "cfg!(" in line.code and not negated:
        return finding(
            "has-a-test-mode", HARD, "product code answers otherwise where it is tested", path, line.number, line.text
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
