"""Searches files for a regular expression, by ripgrep or Python's re, as a script of its own that can be killed.

Takes the path of a JSON order, prints `path:line:text` (context lines as `path-line-text`, `--` between places that are
apart), and `more` as the last line when the limit cut it short. Exit code 3: the pattern is broken, in words. Imports nothing of Ralph, to start fast.
"""

import base64
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypedDict

MAX_FILE_BYTES = 20_000_000
MAX_LINE_CHARS = 2_000
SNIFF_BYTES = 8192
FILES_AT_ONCE = 1000


class Order(TypedDict):
    """`ripgrep` is its path, or empty where there is none."""

    base: str
    files: list[str]
    pattern: str
    ignore_case: bool
    context: int
    limit: int
    ripgrep: str


class Line(NamedTuple):
    """A line to show; context has `is_match` False."""

    is_match: bool
    name: str
    number: int
    text: str

    def __str__(self) -> str:
        mark = ":" if self.is_match else "-"
        return f"{self.name}{mark}{self.number}{mark}{_cut(self.text)}"

    def follows(self, other: "Line") -> bool:
        return (self.name, self.number) == (other.name, other.number + 1)


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


def _found(name: str, lines: list[str], pattern: re.Pattern[str], context: int) -> Iterator[Line]:
    """Lines to show, in order and once."""
    shown_to = -1
    for number, line in enumerate(lines):
        if not pattern.search(line):
            continue
        before = range(max(shown_to + 1, number - context), number)
        yield from (Line(False, name, at + 1, lines[at]) for at in before)
        if number > shown_to:
            yield Line(True, name, number + 1, line)
        shown_to = max(shown_to, number)
        for at in range(number + 1, min(len(lines), number + context + 1)):
            if pattern.search(lines[at]):
                break
            yield Line(False, name, at + 1, lines[at])
            shown_to = at


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LINE_CHARS else line[:MAX_LINE_CHARS] + "[…]"


def _by_python(order: Order, pattern: re.Pattern[str]) -> Iterator[Line]:
    for name in order["files"]:
        lines = _text(os.path.join(order["base"], name)).replace("\r\n", "\n").split("\n")  # noqa: PTH118
        if lines[-1] == "":
            lines.pop()
        yield from _found(name, lines, pattern, order["context"])


def _by_ripgrep(order: Order) -> Iterator[Line]:
    """The same from ripgrep, which is given the files by name, so that it chooses none itself."""
    files = [name for name in order["files"] if _is_searchable(os.path.join(order["base"], name))]  # noqa: PTH118
    for start in range(0, len(files), FILES_AT_ONCE):
        argv = [*_ripgrep(order), "--", *files[start : start + FILES_AT_ONCE]]
        with subprocess.Popen(argv, cwd=order["base"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            assert child.stdout is not None
            try:
                yield from _told(child.stdout)
            finally:
                child.kill()


def _ripgrep(order: Order) -> list[str]:
    case = ["--ignore-case"] if order["ignore_case"] else []
    fixed = ["--no-config", "--json", "--crlf", "--threads=1", f"--context={order['context']}"]
    return [order["ripgrep"], *fixed, *case, f"--regexp={order['pattern']}"]


def _told(events: Iterable[bytes]) -> Iterator[Line]:
    """Lines from ripgrep's events, a file at a time; what it finds in binary files is left out."""
    pending: list[Line] = []
    for raw in events:
        event = json.loads(raw)
        kind, data = event["type"], event["data"]
        if kind in ("match", "context"):
            line = _plain(data["lines"]).removesuffix("\n").removesuffix("\r").removeprefix("\ufeff")
            pending.append(Line(kind == "match", _plain(data["path"]), data["line_number"], line))
        elif kind == "end":
            if data["binary_offset"] is None:
                yield from pending
            pending = []


def _plain(text: dict[str, str]) -> str:
    return text["text"] if "text" in text else base64.b64decode(text["bytes"]).decode("utf-8", "replace")


def _is_searchable(path: str) -> bool:
    try:
        about = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(about.st_mode) and about.st_size <= MAX_FILE_BYTES


def _ripgrep_takes(order: Order) -> bool:
    """Is it there, and does it know this syntax? It has no look-around and no back-references."""
    if not order["ripgrep"]:
        return False
    argv = [*_ripgrep(order), "--", os.devnull]
    return subprocess.run(argv, capture_output=True, check=False).returncode < 2


def main(order_path: str) -> int:
    with open(order_path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would double the start
        order: Order = json.load(file)
    if _ripgrep_takes(order):
        return _print(_by_ripgrep(order), order)
    try:
        pattern = re.compile(order["pattern"], re.IGNORECASE if order["ignore_case"] else 0)
    except (re.error, OverflowError, RecursionError) as error:
        sys.stdout.write(f"the pattern is not a regular expression: {error}.\n")
        return 3
    return _print(_by_python(order, pattern), order)


def _print(found: Iterator[Line], order: Order) -> int:
    left = order["limit"]
    last: Line | None = None
    for line in found:
        if line.is_match and left == 0:
            sys.stdout.write("more\n")
            break
        if order["context"] and last and not line.follows(last):
            sys.stdout.write("--\n")
        left -= line.is_match
        last = line
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1]))
