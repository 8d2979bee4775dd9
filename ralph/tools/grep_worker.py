"""Searches files for a regular expression, as a script of its own that can be killed.

Takes the path of a JSON order, prints `path:line:text` (context lines as `path-line-text`), and `more` as the last line
when the limit cut it short. Exit code 3: the pattern is broken, in words. Imports nothing of Ralph, to start fast.
"""

import json
import os
import re
import stat
import sys
from collections.abc import Iterator

MAX_FILE_BYTES = 20_000_000
MAX_LINE_CHARS = 2_000
SNIFF_BYTES = 8192


def _text(path: str) -> str:
    """The content of a regular text file; empty for everything else."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(number, "rb") as file:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_FILE_BYTES:
            return ""
        head = file.read(SNIFF_BYTES)
        if b"\0" in head:
            return ""
        return (head + file.read()).decode("utf-8-sig", "replace")


def _found(name: str, lines: list[str], pattern: re.Pattern[str], context: int) -> Iterator[tuple[bool, str]]:
    """Lines to show, each with whether it is a match itself, in order and once."""
    shown_to = -1
    for number, line in enumerate(lines):
        if not pattern.search(line):
            continue
        before = range(max(shown_to + 1, number - context), number)
        yield from ((False, f"{name}-{at + 1}-{_cut(lines[at])}") for at in before)
        if number > shown_to:
            yield True, f"{name}:{number + 1}:{_cut(line)}"
        shown_to = max(shown_to, number)
        for at in range(number + 1, min(len(lines), number + context + 1)):
            if pattern.search(lines[at]):
                break
            yield False, f"{name}-{at + 1}-{_cut(lines[at])}"
            shown_to = at


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LINE_CHARS else line[:MAX_LINE_CHARS] + "[…]"


def main(order_path: str) -> int:
    with open(order_path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would double the start
        order = json.load(file)
    try:
        pattern = re.compile(order["pattern"], re.IGNORECASE if order["ignore_case"] else 0)
    except (re.error, OverflowError, RecursionError) as error:
        sys.stdout.write(f"the pattern is not a regular expression: {error}.\n")
        return 3
    left = order["limit"]
    for name in order["files"]:
        lines = _text(os.path.join(order["base"], name)).replace("\r\n", "\n").split("\n")  # noqa: PTH118
        if lines[-1] == "":
            lines.pop()
        for is_match, line in _found(name, lines, pattern, order["context"]):
            if is_match and left == 0:
                sys.stdout.write("more\n")
                return 0
            left -= is_match
            sys.stdout.write(line + "\n")
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1]))
