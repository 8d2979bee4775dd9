"""Which files of a repo are tests, by the conventions of their language's runners; a repo's own config is not read."""

import re
from pathlib import PurePosixPath

TEST_FOLDERS = {
    "test",
    "tests",
    "__tests__",
    "spec",
    "specs",
    "e2e",
    "testing",
    "testdata",
    "__snapshots__",
    "__mocks__",
}
TEST_NAMES = re.compile(
    r"^(?:test_.*\.pyi?|.*_tests?\.py|conftest\.py|tests?\.py|.*_test\.go|.*[.\-_](?:test|spec)s?\.[cm]?[jt]sx?|.*\.snap"
    r"|.*_spec\.rb|.*_test\.rb|.*Tests?\.(?:java|kt|cs|php)|.*_tests?\.rs|tests?\.rs|.*\.feature)$"
)
CODE = re.compile(r"\.(?:pyi?|[cm]?[jt]sx?|go|rs|rb|java|kt|cs|php|sh|bash)$")


def is_test_file(path: str) -> bool:
    """Whether a runner takes the file for tests, or tests alone need it: fixtures, snapshots, helpers in a test folder."""
    parts = PurePosixPath(path)
    return bool(TEST_NAMES.match(parts.name)) or any(part.lower() in TEST_FOLDERS for part in parts.parts[:-1])


def is_test_code(path: str) -> bool:
    """A test file that is code, as opposed to data that a test reads."""
    return is_test_file(path) and bool(CODE.search(path))


def is_product_code(path: str) -> bool:
    return not is_test_file(path) and bool(CODE.search(path))
