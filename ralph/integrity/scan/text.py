"""Source text as the rules read it: comments and strings blanked, brackets matched, lines of bounded length.

These are readers for rules of thumb, not parsers: on odd input they find less, and never fail.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath

from ralph.integrity.change import FileChange, Line

LONGEST_LINE = 2_000
MOST_LINES = 20_000  # of one file that rules look at
EVIDENCE_LENGTH = 160
FAR = 5_000  # characters after a bracket that nothing closes


class Language(StrEnum):
    PYTHON = "python"
    SCRIPT = "script"  # JavaScript and TypeScript
    GO = "go"
    RUST = "rust"
    SHELL = "shell"
    OTHER = "other"


SUFFIXES = {
    ".py": Language.PYTHON,
    ".pyi": Language.PYTHON,
    ".go": Language.GO,
    ".rs": Language.RUST,
    ".sh": Language.SHELL,
    ".bash": Language.SHELL,
    ".zsh": Language.SHELL,
    **dict.fromkeys((".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte"), Language.SCRIPT),
}
_SLASH_COMMENT = r"(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))"
_QUOTED = r"'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\""
_REGEX = r"(?<=[(,=:\[!&|?{;])[ \t]*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/"
TOKENS = {
    Language.SCRIPT: rf"{_SLASH_COMMENT}|(?P<string>{_QUOTED}|`(?:\\.|[^`\\])*`|{_REGEX})",
    Language.GO: rf"{_SLASH_COMMENT}|(?P<string>{_QUOTED}|`[^`]*`)",
    Language.RUST: rf"{_SLASH_COMMENT}|(?P<string>r(#+)\".*?\"\3|r?\"(?:\\.|[^\"\\])*\"|'(?:\\[^'\n]*|[^\\'\n])')",
    Language.PYTHON: (
        r"(?P<comment>\#[^\n]*)|(?P<string>\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|" + _QUOTED + ")"
    ),
    Language.SHELL: r"(?P<comment>(?<![^\s;])\#[^\n]*)|(?P<string>'[^'\n]*')",
}
_COMPILED = {language: re.compile(pattern, re.DOTALL) for language, pattern in TOKENS.items()}
_OPEN = "([{"


def language_of(path: str) -> Language:
    return SUFFIXES.get(PurePosixPath(path).suffix.lower(), Language.OTHER)


def without_comments(text: str, language: Language) -> str:
    """The text with comments as spaces; every character keeps its place."""
    return _blanked(text, language, strings=False)


def without_strings(text: str, language: Language) -> str:
    """The text with comments, and what stands between quotes, as spaces."""
    return _blanked(text, language, strings=True)


def closing(text: str, opening: int) -> int:
    """The place of the bracket that closes the one at `opening`; some way on where none does."""
    return _brackets(text).get(opening, min(len(text), opening + FAR))


@lru_cache(maxsize=8)
def _brackets(text: str) -> dict[int, int]:
    """Every opening bracket with its closing one, whatever their shapes: a reader for rules of thumb."""
    found: dict[int, int] = {}
    waiting: list[int] = []
    for bracket in re.finditer(r"[()\[\]{}]", text):
        if bracket[0] in _OPEN:
            waiting.append(bracket.start())
        elif waiting:
            found[waiting.pop()] = bracket.start()
    return found


def line_number(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def evidence(text: str) -> str:
    line = " ".join(text[:LONGEST_LINE].split())
    return line if len(line) <= EVIDENCE_LENGTH else line[: EVIDENCE_LENGTH - 1] + "…"


@lru_cache(maxsize=64)
def added_lines(file: FileChange) -> Sequence[Line]:
    """The lines that the file has now and had not, each of bounded length."""
    return tuple(Line(line.number, line.text[:LONGEST_LINE]) for line in file.added[:MOST_LINES])


@lru_cache(maxsize=64)
def removed_lines(file: FileChange) -> Sequence[Line]:
    """The lines that the file had and has no more, each of bounded length."""
    return tuple(Line(line.number, line.text[:LONGEST_LINE]) for line in file.removed[:MOST_LINES])


def _blanked(text: str, language: Language, *, strings: bool) -> str:
    pattern = _COMPILED.get(language)
    if pattern is None:
        return text

    def blank(token: re.Match[str]) -> str:
        if token["comment"] is not None:
            return _spaces(token[0])
        return token[0][0] + _spaces(token[0][1:-1]) + token[0][-1] if strings and len(token[0]) > 1 else token[0]

    return pattern.sub(blank, text)


def _spaces(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
