"""Linters and type checkers told to look away: comments that switch a rule off, on a line or in a whole file."""

import re
from collections import Counter
from collections.abc import Iterator

from ralph.integrity.change import FileChange
from ralph.integrity.finding import Finding
from ralph.integrity.scan.facts import Facts, finding, judged
from ralph.integrity.scan.text import added_lines, removed_lines

LINE_WEIGHT = 8  # of the first in a change; each further one of its file weighs more
NAMELESS_WEIGHT = 15  # without the rule's name
FILE_WEIGHT = 70
MOST_STEPS = 10
IMPORT_WEIGHT = 2  # an untyped library is nobody's fault

WHOLE_FILE = re.compile(
    r"#\s*(?:type:\s*ignore(?=\s*$)|mypy:\s*(?:ignore-errors|disable)|ruff:\s*noqa|flake8[:=]\s*noqa|pylint:\s*(?:skip-file|disable=all)|pyright:\s*(?:basic|ignore))"
    r"|/\*\s*eslint-disable\s*\*/|/\*\s*eslint-disable\s+[^*]*\*/|//\s*@ts-nocheck|/\*\s*(?:istanbul|c8|v8) ignore file|biome-ignore-all|#!\[\s*allow\(|//\s*Code generated .* DO NOT EDIT"
)
ON_LINE = re.compile(
    r"#\s*(?:noqa\b(?P<noqa>:\s*[A-Z]+\d*)?|type:\s*ignore(?P<type>\[[^\]]*\])?|pyright:\s*ignore(?P<pyright>\[[^\]]*\])?|nosec\b|nosemgrep\b|pylint:\s*disable=(?P<pylint>\S+)|pragma:\s*no\s*(?:cover|branch)|fmt:\s*off)"
    r"|//\s*eslint-disable(?:-next)?-line(?P<eslint>\s+[\w@/-]+)?|/\*\s*eslint-disable-(?:next-)?line(?P<eslintb>\s+[\w@/-]+)?|@ts-ignore|@ts-expect-error|//\s*nolint(?P<nolint>:\S+)?|//\s*#nosec|//\s*(?:istanbul|c8|v8) ignore|/\*\s*(?:istanbul|c8|v8) ignore|//lint:ignore|#\[\s*(?:allow|expect)\((?P<allow>[^)]*)\)|biome-ignore\b|#\s*shellcheck disable"
)
IMPORTS = re.compile(
    r"type:\s*ignore\[(?:import|import-untyped|import-not-found)\]|noqa:\s*(?:F401|E402)|no-var-requires"
)
COVERAGE = re.compile(r"no\s*cover|ignore file|(?:istanbul|c8|v8) ignore")
FREE_TO_LEAVE_OUT = re.compile(
    r"TYPE_CHECKING|__main__|NotImplementedError|@abstractmethod|@overload|\.\.\.\s*#|__repr__|platform|assert_never|unreachable",
    re.IGNORECASE,
)


def silenced_checkers(facts: Facts) -> Iterator[Finding]:
    count = 0
    for file in facts.change.files:
        if not file.new or file.path.endswith((".md", ".rst", ".txt")):
            continue
        for line, whole, seen in _added(file):
            weight = FILE_WEIGHT if whole else _weight(line, seen)
            if not whole and weight > IMPORT_WEIGHT:
                weight += 2 * min(count, MOST_STEPS)
                count += 1
            text = (
                "a whole file was taken from a checker's eyes"
                if whole
                else "a checker was told to look away from a line"
            )
            found = finding("checker-silenced", weight, text, file.path, line[0], line[1])
            yield judged(
                found,
                permitted=facts.permit.asks(
                    ("noqa", "type: ignore", "eslint-disable", "suppressions", "nolint", "pragma: no cover")
                ),
            )


def _added(file: FileChange) -> Iterator[tuple[tuple[int, str], bool, str]]:
    """The silencing comments that the file gained; those that moved with their line are none."""
    gone = Counter(
        _key(line.text) for line in removed_lines(file) if ON_LINE.search(line.text) or WHOLE_FILE.search(line.text)
    )
    for line in added_lines(file):
        found = ON_LINE.search(line.text)
        whole = _is_whole(line.text, line.number)
        if not found and not whole:
            continue
        key = _key(line.text)
        if gone[key] > 0:
            gone[key] -= 1
            continue
        yield (line.number, line.text), whole, found[0] if found else ""


def _key(text: str) -> str:
    found = ON_LINE.search(text) or WHOLE_FILE.search(text)
    return found[0].strip() if found else ""


def _is_whole(text: str, number: int) -> bool:
    found = WHOLE_FILE.search(text)
    if not found:
        return False
    return not text[: found.start()].strip() and (number <= 40 or "type:" not in found[0])


def _weight(line: tuple[int, str], seen: str) -> int:
    if IMPORTS.search(line[1]):
        return IMPORT_WEIGHT
    if COVERAGE.search(seen):
        return 4 if FREE_TO_LEAVE_OUT.search(line[1]) else 35
    named = re.search(
        r"[\[(:=]\s*\w|-line\s+\w|expect-error", seen.split("ignore", 1)[-1] if "ignore" in seen else seen
    )
    return LINE_WEIGHT if named else NAMELESS_WEIGHT
