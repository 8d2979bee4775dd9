"""Exit codes that are good whatever happened: exits at import, in tests, at exit, and in the runner's own main function."""

import ast
import re
from collections.abc import Iterator, Sequence

from ralph.integrity.change import FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding
from ralph.integrity.scan.lines import added_code
from ralph.integrity.scan.python_tests import Function, parse
from ralph.integrity.scan.text import Language, closing, language_of, without_strings
from ralph.integrity.testfiles import is_test_file

PYTHON_EXIT = re.compile(
    r"\b(?:os\._exit|sys\.exit|_exit|exit|quit)\(\s*0?\s*\)|\bSystemExit(?:\(\s*0?\s*\))?\s*$|pytest\.exit\([^)\n]*(?:returncode\s*=\s*0|\)\s*$)"
)
HARD_EXIT = re.compile(r"\bos\._exit\(|\bos\.kill\(\s*os\.getpid|signal\.raise_signal|os\.abort\(|pytest\.exit\(")
AT_EXIT = re.compile(
    r"atexit\.register\(|process\.on\(\s*['\"](?:exit|beforeExit|uncaughtException|unhandledRejection)['\"]|signal\.signal\(|sys\.excepthook\s*=|threading\.excepthook\s*="
)
GOOD_END = re.compile(
    r"_exit\(\s*0?\s*\)|process\.exit\(\s*0?\s*\)|process\.exitCode\s*=\s*0|process\.reallyExit|sys\.exit\(\s*0?\s*\)|\(\s*\)\s*=>\s*\{\s*\}"
)
SCRIPT_EXIT = re.compile(r"process\.(?:exit\(\s*0?\s*\)|reallyExit\(|exitCode\s*=\s*0)")
GO_EXIT = re.compile(r"\bos\.Exit\(\s*0\s*\)|\bsyscall\.Exit\(\s*0\s*\)")
RUST_EXIT = re.compile(r"process::exit\(\s*0\s*\)")


def forced_exits(facts: Facts) -> Iterator[Finding]:
    for file in facts.change.files:
        if not file.new:
            continue
        language = language_of(file.path)
        if language is Language.PYTHON:
            yield from _python(file)
        elif language in {Language.SCRIPT, Language.GO, Language.RUST}:
            yield from _compiled(file, language)
        yield from _handlers(file)


def _python(file: FileChange) -> Iterator[Finding]:
    tree = parse(file.new_text)
    at_import = _import_lines(tree.body) if tree and not file.path.endswith("__main__.py") else set()
    script = file.new_text.startswith("#!") or re.search(r"(?:^|/)(?:scripts|bin|tools)/", file.path)
    for line in added_code(file):
        if (
            is_test_file(file.path)
            and (PYTHON_EXIT.search(line.code) or HARD_EXIT.search(line.code))
            and not _main(line.code)
        ):
            yield finding(
                "exit-in-test",
                _in_test(file, line.number),
                "a test or its setup ends the whole run",
                file.path,
                line.number,
                line.text,
            )
        elif PYTHON_EXIT.search(line.code) and line.number in at_import:
            yield finding(
                "exit-at-import",
                20 if script else HARD,
                "the module ends the process well as soon as it is imported",
                file.path,
                line.number,
                line.text,
            )
        elif HARD_EXIT.search(line.code) and not is_test_file(file.path):
            yield finding(
                "hard-exit",
                15 if "fork" in file.new_text else 40,
                "product code ends the process without unwinding",
                file.path,
                line.number,
                line.text,
            )


def _in_test(file: FileChange, number: int) -> int:
    """An exit inside a string that a test runs as its own program is told by its quotes, which the caller cannot see."""
    plain = without_strings(file.new_text, Language.PYTHON).split("\n")
    return HARD if number <= len(plain) and re.search(r"exit|Exit", plain[number - 1]) else 1


def _main(code: str) -> bool:
    return bool(re.search(r"unittest\.main|pytest\.main|sys\.exit\(\s*\w", code))


def _import_lines(body: Sequence[ast.stmt]) -> set[int]:
    """The lines that run when the module is imported."""
    found: set[int] = set()
    for node in body:
        if isinstance(node, Function):
            continue
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            continue
        inner = [part for name in ("body", "orelse", "finalbody") for part in getattr(node, name, [])]
        if inner and all(isinstance(part, ast.stmt) for part in inner):
            found |= _import_lines(inner)
        else:
            found |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def _compiled(file: FileChange, language: Language) -> Iterator[Finding]:
    pattern = {Language.SCRIPT: SCRIPT_EXIT, Language.GO: GO_EXIT, Language.RUST: RUST_EXIT}[language]
    for line in added_code(file):
        if pattern.search(line.plain) and is_test_file(file.path):
            yield finding(
                "exit-in-test", HARD, "a test or its setup ends the whole run well", file.path, line.number, line.text
            )
    if language is Language.GO:
        yield from _go_main(file)
        yield from _go_init(file)


def _go_main(file: FileChange) -> Iterator[Finding]:
    plain = without_strings(file.new_text, language_of(file.path))
    found = re.search(r"^func TestMain\([^)]*\)\s*\{", plain, re.MULTILINE)
    if not found or file.new_text == file.old_text:
        return
    body = plain[found.end() : closing(plain, found.end() - 1)]
    runs = re.search(r"\w+\.Run\(\)", body)
    ignored = (
        runs and re.search(r"os\.Exit\(", body) and not re.search(r"os\.Exit\((?:\w+\.Run\(\)|\w*[a-zA-Z_]\w*)\)", body)
    )
    if not runs or ignored:
        line = plain.count("\n", 0, found.start()) + 1
        why = "does not run the tests" if not runs else "does not pass on how the tests ended"
        yield finding("test-main", HARD, f"TestMain {why}", file.path, line, found[0])


def _go_init(file: FileChange) -> Iterator[Finding]:
    plain = without_strings(file.new_text, Language.GO)
    for found in re.finditer(r"^func init\(\)\s*\{", plain, re.MULTILINE):
        body = plain[found.end() : closing(plain, found.end() - 1)]
        if GO_EXIT.search(body) and not is_test_file(file.path) and GO_EXIT.search(file.old_text) is None:
            line = plain.count("\n", 0, found.start()) + 1
            yield finding(
                "exit-at-import",
                HARD,
                "the package ends the process well as soon as it is loaded",
                file.path,
                line,
                found[0],
            )


def _handlers(file: FileChange) -> Iterator[Finding]:
    for line in added_code(file):
        near = f"{line.code}\n{line.following}"
        if AT_EXIT.search(line.code) and GOOD_END.search(near) and "SIGINT" not in near and "SIGTERM" not in near:
            yield finding(
                "exit-code-forced",
                HARD,
                "the process ends well whatever went wrong in it",
                file.path,
                line.number,
                line.text,
            )
        elif "atexit.register(" in line.code and GOOD_END.search(file.new_text) and "_exit" in file.new_text:
            yield finding(
                "exit-code-forced",
                HARD,
                "a function that ends the process well runs at its exit",
                file.path,
                line.number,
                line.text,
            )
