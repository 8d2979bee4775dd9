"""The text of a progress log: standing notes with `## Codebase Patterns` at the top, one entry a story below.

Works on text alone and changes no line that it does not have to; knows nothing about files or branches.
"""

import re
from collections.abc import Sequence

HEADING = "## Codebase Patterns"
MOST_LINES = 60  # of the section; older ones are in git's history
MOST_HEAD_CHARS = 4_000
MOST_ENTRIES_CHARS = 4_000
_HEADING_LINE = re.compile(r"##\s+Codebase Patterns\b", re.IGNORECASE)
_SECTION_END = re.compile(r"#{1,2}\s|-{3,}\s*$")
_BLANK_LINES = re.compile(r"(?<=\n)(?:\r?\n)+\Z")
_ENTRY = re.compile(
    r"^##\s+(?!Codebase Patterns\b)(?=.*(?:\d{4}-\d\d-\d\d|\b[A-Z]{1,10}-?\d+\b|(?i:\b(?:iteration|session|story|task)\s+#?\d)))",
    re.MULTILINE,
)


def with_patterns(text: str, patterns: Sequence[str]) -> str:
    """The text with those of the patterns that are not in its section yet at the section's end; the oldest go first."""
    lines = text.split("\n")
    start = next((at for at, line in enumerate(lines) if _HEADING_LINE.match(line)), None)
    end = len(lines) if start is None else _end(lines, start)
    known = {_gist(line) for line in lines[:end]} if start is not None else set()
    fresh = list(dict.fromkeys(pattern for pattern in patterns if _gist(pattern) not in known))
    if not fresh:
        return text
    ending = "\r" if "\r\n" in text else ""
    added = [f"- {pattern}{ending}" for pattern in fresh]
    if start is None:
        at = 1 if lines[0].startswith("# ") else 0
        lines[at:at] = [HEADING + ending, *added, f"---{ending}"]
    else:
        lines[start + 1 : end] = _newest([*lines[start + 1 : end], *added])
    return "\n".join(lines)


def with_entry(text: str, entry: str) -> str:
    """The text with the entry at its end, in the text's own line ends."""
    gap = "" if not text or text.endswith("\n") else "\n"
    added = gap + entry
    return text + (added.replace("\n", "\r\n") if "\r\n" in text else added)


def split_entries(text: str) -> tuple[str, str]:
    """The standing notes, and the entries of stories: from the first heading with a date, a story or a number on."""
    found = _ENTRY.search(text)
    if not found:
        return text, ""
    blank = _BLANK_LINES.search(text, 0, found.start())
    cut = blank.start() if blank else found.start()
    return text[:cut], text[cut:]


def in_short(text: str) -> str:
    """The standing notes and the newest entries, bounded, for the prompt."""
    head, entries = (part.strip() for part in split_entries(text))
    if len(head) > MOST_HEAD_CHARS:
        head = f"{head[:MOST_HEAD_CHARS]}\n[...]"
    if len(entries) > MOST_ENTRIES_CHARS:
        tail = entries[-MOST_ENTRIES_CHARS:]
        whole = _ENTRY.search(tail)
        entries = f"[... earlier entries left out ...]\n{tail[whole.start() :] if whole else tail}"
    return "\n\n".join(part for part in (head, entries) if part)


def _end(lines: Sequence[str], start: int) -> int:
    """Where new lines of the section go: before what follows it, and before blank lines."""
    end = next((at for at in range(start + 1, len(lines)) if _SECTION_END.match(lines[at])), len(lines))
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return end


def _newest(lines: list[str]) -> list[str]:
    """At most `MOST_LINES` from the end, beginning with a whole pattern."""
    kept = lines[-MOST_LINES:]
    while len(kept) < len(lines) and kept and kept[0].startswith((" ", "\t")):
        kept = kept[1:]
    return kept


def _gist(line: str) -> str:
    """What makes two patterns the same: their words."""
    return " ".join(line.strip().lstrip("-* ").casefold().rstrip(". ").split())
