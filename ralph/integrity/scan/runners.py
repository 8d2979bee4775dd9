"""What a test runner leaves around the code that it runs: modules, variables, words on the command line.

A pattern is judged by what it would match: one that finds a runner's name and no ordinary one looks for runners, however it
is spelt. Names that are put together from pieces on one line are read as one; names that are computed otherwise are not.
"""

import base64
import binascii
import re
from collections.abc import Iterator


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


MODULES = _names(
    "pytest _pytest pluggy xdist pytest_cov pytest_asyncio unittest unittest.case unittest.mock nose nose2 "
    "doctest hypothesis conftest jest vitest mocha ava jasmine tap qunit karma node:test nextest cargo-nextest "
    "py.test "
)
VARIABLES = _names(
    "PYTEST_CURRENT_TEST PYTEST_VERSION PYTEST_XDIST_WORKER PYTEST_XDIST_WORKER_COUNT PYTEST_ADDOPTS "
    "PYTEST_PLUGINS JEST_WORKER_ID VITEST VITEST_WORKER_ID VITEST_POOL_ID VITEST_MODE NODE_TEST_CONTEXT "
    "NODE_TEST_WORKER_ID MOCHA_COLORS AVA_PATH TAP TAP_CHILD_ID NODE_V8_COVERAGE CARGO_TARGET_TMPDIR NEXTEST "
    "NEXTEST_RUN_ID NEXTEST_EXECUTION_MODE RUST_TEST_THREADS COVERAGE_RUN COV_CORE_SOURCE COV_CORE_CONFIG "
    "COVERAGE_PROCESS_START TEST_WORKER_INDEX PLAYWRIGHT_TEST GOCOVERDIR npm_lifecycle_event "
    "npm_lifecycle_script TOX_ENV_NAME "
)
COMMANDS = _names(
    "/usr/bin/pytest py.test pytest/__main__.py /venv/bin/pytest unittest/__main__.py node_modules/.bin/jest "
    "node_modules/.bin/vitest node_modules/mocha/bin/mocha.js --test --test-reporter -test.v -test.run "
    "-test.timeout /var/go-build1/b001/kit.test kit.test target/debug/deps/kit-0a1b test/app.test.js "
    "tests/test_app.py app_test.go app.spec.ts __tests__ tests/ /tests /test/ test_app.py "
)
FRAMES = (
    COMMANDS
    | MODULES
    | {"testing.tRunner", "TestRun", "test_total", "_test.go", "runTest", "node:internal/test_runner"}
)
ORDINARY = _names(
    "PATH HOME LANG LC_ALL USER SHELL TERM CI DEBUG PWD NODE_ENV NODE_OPTIONS NODE_PATH PYTHONPATH "
    "PYTHONUNBUFFERED EDITOR NO_COLOR GITHUB_ACTIONS test production development APP_CONTEXT APP_TOKEN APP_DEBUG MYAPP_CONFIG SERVICE_URL "
    "CARGO_HOME GOPATH npm_config_registry LOG_LEVEL TMPDIR sys os json re app app.main requests numpy main.py "
    "index.js server.js /usr/bin/node /usr/bin/python3 --help --verbose serve build /usr/local/bin/app "
    "src/app.js app lib.rs main main.go handler worker run "
)
LITERAL = re.compile(
    r"(?<![\w)\]])/(?P<regex>(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[*])(?:\\.|[^/\\\n])*)/[a-z]*|[rbuf]*(?P<quote>['\"`])(?P<text>(?:\\.|(?!(?P=quote))[^\\\n])*)(?P=quote)"
)
GLUED = re.compile(r"(?<!\\)(['\"])\s*(?:\+\s*|\.\.\s*)?(['\"])(?=[\w.-])")
SHORTEST = 3
LONGEST = 200


def looks_for(code: str, names: frozenset[str]) -> bool:
    """Whether a literal of the code, a text or a pattern, finds one of the names and no ordinary one."""
    return any(_finds(text, names) for text in _spelt(code))


def _spelt(code: str) -> Iterator[str]:
    """The literals of the code, also glued together, backwards, and decoded."""
    glued = GLUED.sub(lambda found: "" if found[1] == found[2] else found[0], code)
    for version in dict.fromkeys((code, glued)):
        found = [(item["regex"] or item["text"] or "")[:LONGEST] for item in LITERAL.finditer(version)]
        yield from found
        if re.search(r"join|concat|\+", version) and 1 < len(found) < 20:
            yield "".join(found)
        if re.search(r"::-1|reverse", version):
            yield from (text[::-1] for text in found)
        if re.search(r"b64|atob|base64|fromhex|unhex|hex", version):
            yield from filter(None, map(_decoded, found))


def _decoded(text: str) -> str:
    try:
        if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
            return bytes.fromhex(text).decode()
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _finds(text: str, names: frozenset[str]) -> bool:
    if len(text) < SHORTEST:
        return False
    if text in names:
        return True
    if text in ORDINARY:
        return False
    plain = text.lower()
    part = any(plain in name.lower() for name in names) and bool(re.search(r"[a-z]", plain))
    if part and not any(plain in name.lower() for name in ORDINARY):
        return True
    return bool(re.search(r"[\^$*+?|\[(\\]", text)) and _pattern_finds(text, names)


def _pattern_finds(text: str, names: frozenset[str]) -> bool:
    if re.search(r"\)[*+{?]|\\\d|[*+}][*+{]", text):  # a repeated group may take for ever
        return False
    try:
        pattern = re.compile(text, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError):
        return False
    return any(map(pattern.search, names)) and not any(map(pattern.search, ORDINARY))
