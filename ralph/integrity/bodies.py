"""Finds the tests in a file's text: each test's name with its source. By indentation and braces, for four languages.

Good enough to tell whether a test is still there under another name; what really ran is known from the runner's report.
"""

import ast
import re
from pathlib import PurePosixPath

JS_TEST = re.compile(r"(?<![\w.])(?:it|test|specify)(?:\.\w+)*\s*\(\s*(['\"`])((?:\\.|(?!\1).)*)\1")
GO_TEST = re.compile(r"^func\s+((?:Test|Fuzz|Example|Benchmark)\w*)\s*\(", re.MULTILINE)
RUST_TEST = re.compile(
    r"#\[(?:\w+::)*(?:test|rstest|case)\b[^\]]*\](?:\s*#\[[^\]]*\])*\s*(?:pub\s+)?(?:async\s+)?fn\s+(\w+)", re.MULTILINE
)
SKIPPED = re.compile(
    r'//[^\n]*|/\*.*?\*/|r#"(?:.*?)"#|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|\'(?:[^\'\\\n]|\\.)*\'(?!\w)', re.DOTALL
)


def test_bodies(path: str, text: str) -> dict[str, str]:
    """Test name -> source. A method is known by its own name; one name twice: both sources, joined."""
    ending = PurePosixPath(path).suffix
    if ending in {".py", ".pyi"}:
        return _python(text)
    if ending == ".go":
        return _braced(GO_TEST, 1, text)
    if ending == ".rs":
        return _braced(RUST_TEST, 1, text)
    if re.fullmatch(r"\.[cm]?[jt]sx?", ending):
        return _braced(JS_TEST, 2, text)
    return {}


def block_end(text: str, start: int) -> int:
    """Where the first `{...}` or `(...)` after `start` ends; the end of the text when it is not closed."""
    blanked = SKIPPED.sub(lambda match: " " * len(match[0]), text[start:])
    depth = 0
    for offset, char in enumerate(blanked):
        if char in "{(":
            depth += 1
        elif char in "})" and depth:
            depth -= 1
            if depth == 0 and (char == "}" or "{" not in _line_after(blanked, offset)):
                return start + offset + 1
    return len(text)


def _line_after(text: str, offset: int) -> str:
    end = text.find("\n", offset)
    return text[offset : end if end >= 0 else len(text)]


def _python(text: str) -> dict[str, str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    lines = text.splitlines()
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.lower().startswith("test"):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            _add(found, node.name, "\n".join(lines[first - 1 : node.end_lineno]))
    return found


def _braced(pattern: re.Pattern[str], group: int, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in pattern.finditer(text):
        head = match.start() if pattern is JS_TEST else match.end()
        _add(found, match[group], text[match.start() : block_end(text, head)])
    return found


def _add(found: dict[str, str], name: str, body: str) -> None:
    found[name] = f"{found[name]}\n{body}" if name in found else body
