"""Added lines as code: what stands in comments is no code, and in Rust a module of tests is no product."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ralph.integrity.change import FileChange
from ralph.integrity.scan.text import (
    LONGEST_LINE,
    Language,
    added_lines,
    closing,
    language_of,
    line_number,
    without_comments,
    without_strings,
)
from ralph.integrity.testfiles import is_test_file

RUST_TESTS = re.compile(r"#\[cfg\((?:all\()?\s*test\b[^\n]*\]\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+\s*\{")


@dataclass(frozen=True)
class CodeLine:
    number: int
    text: str  # as it stands
    code: str  # without comments
    plain: str  # without comments and without what stands in strings
    following: str  # the code of the next lines, up to three


@lru_cache(maxsize=64)
def added_code(file: FileChange) -> tuple[CodeLine, ...]:
    """The added lines of the file that hold code."""
    return tuple(_added_code(file))


def _added_code(file: FileChange) -> Iterator[CodeLine]:
    language = language_of(file.path)
    code = without_comments(file.new_text, language).split("\n")
    plain = without_strings(file.new_text, language).split("\n")
    for line in added_lines(file):
        place = line.number - 1
        if place < len(code) and code[place].strip():
            after = "\n".join(text[:LONGEST_LINE] for text in code[place + 1 : place + 4])
            yield CodeLine(line.number, line.text, code[place][:LONGEST_LINE], plain[place][:LONGEST_LINE], after)


def added_product_code(file: FileChange) -> Iterator[CodeLine]:
    """The added lines that run outside of tests."""
    if is_test_file(file.path) or language_of(file.path) is Language.OTHER:
        return
    tests = list(_rust_tests(file)) if language_of(file.path) is Language.RUST else []
    for line in added_code(file):
        if not any(first <= line.number <= last for first, last in tests):
            yield line


def _rust_tests(file: FileChange) -> Iterator[tuple[int, int]]:
    plain = without_strings(file.new_text, Language.RUST)
    for found in RUST_TESTS.finditer(plain):
        end = closing(plain, found.end() - 1)
        yield line_number(plain, found.start()), line_number(plain, end)
