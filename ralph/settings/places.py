"""Where in a TOML text each setting stands, because `tomllib` keeps no line numbers.

The idea: a statement is the smallest run of lines that `tomllib` reads by itself, so `tomllib` does all the parsing.
Knows nothing about which settings exist.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
ERROR_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)$")


class TomlError(Exception):
    """Not valid TOML; `line` and `column` count from 1 (the end of the text when it stops too early)."""

    def __init__(self, what: str, line: int, column: int) -> None:
        super().__init__(what)
        self.line = line
        self.column = column


def parse(data: bytes) -> dict[str, object]:
    """The tables of a TOML file; a byte order mark is allowed.

    Raises:
        TomlError: with the place.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise TomlError("Not UTF-8 text", before.count(b"\n") + 1, error.start - before.rfind(b"\n")) from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _placed(str(error), text) from error


def find_lines(data: bytes) -> dict[Path, int]:
    """The line (from 1) of every key and table of a valid TOML file, by its path: `("checks", 0, "command")`."""
    context: Path = ()
    tables: dict[Path, int] = {}
    found: dict[Path, int] = {}
    for line, statement in _statements(data.decode("utf-8-sig")):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            context = _enter(parsed, tables)
            _add(found, context, line)
        else:
            for path in _paths(parsed):
                _add(found, context + path, line)
    return found


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest table around it; 1 when nothing of it is written."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _placed(message: str, text: str) -> TomlError:
    found = ERROR_PLACE.search(message)
    if found:
        return TomlError(message[: found.start()].strip(), int(found[1]), int(found[2]))
    lines = text.split("\n")
    return TomlError(message.removesuffix("(at end of document)").strip(), len(lines), len(lines[-1]) + 1)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    start, pending = 1, ""
    for number, line in enumerate(text.split("\n"), start=1):
        start = start if pending else number
        pending += line + "\n"
        if not _is_whole(pending):
            continue
        if tomllib.loads(pending):
            yield start, pending
        pending = ""


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _enter(header: object, tables: dict[Path, int]) -> Path:
    """The path of `[a.b]` or `[[a.b]]`; `tables` counts the elements of each array of tables so far."""
    path: Path = ()
    while header and isinstance(header, dict):
        key, header = next(iter(header.items()))
        path += (key,)
        if isinstance(header, list):
            tables[path] = tables.get(path, -1) + 1
            return (*path, tables[path])
        if path in tables:
            path += (tables[path],)
    return path


def _paths(value: object, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*path, key))


def _add(found: dict[Path, int], path: Path, line: int) -> None:
    for length in range(1, len(path) + 1):
        found.setdefault(path[:length], line)
