"""What stands in a line of Markdown: plain text, a title, an id, a priority, names of other stories. Knows nothing of blocks."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt

from prd.words import priority_of

MAX_TITLE_CHARS = 120

_MAX_MARKUP_CHARS = 2_000
"""Longer text is shown as it is spelt."""
_MIN_TITLE_CHARS = 12
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\W*[A-Z0-9])|\s+[\u2013\u2014]\s+|;\s+")
_ID = r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-\d+[A-Za-z]?|(?:[A-Z]|US|TASK|STORY|BUG|FEAT)\d+(?:\.\d+)*|#\d+"
_SEPARATOR = r"(?:\s*[:.)\u2013\u2014]\s*|\s+-\s+)"
_LEADING_ID = re.compile(
    rf"(?:\*\*|__|`)?\[?({_ID})\]?(?:(?:\*\*|__|`)?{_SEPARATOR}(?:\*\*|__|`)?\s*|(?:\*\*|__|`|\])\s*)(?=\S)"
)
_BARE_ID = re.compile(r"(#\d+|T\d{3,}|(?:US|STORY|TASK|BUG|FEAT)-\d+)\s+(?=\S)")
_LEADING_PRIORITY = re.compile(
    r"(?:[^\x00-\x7f\w]{1,3}\s*)?"
    r"(?:(?:\*\*|__)?[\[(]?(?P<level>P[0-4])[\])]?(?:\*\*|__)?(?:\s*[:\u2013\u2014)]|\s+-)?(?:\*\*|__)?\s+"
    r"|(?:\*\*|__)?[\[(]?(?P<word>CRITICAL|URGENT|HIGH|MEDIUM|NORMAL|LOW|Critical|Urgent|High|Medium|Low)[\])]?(?:\*\*|__)?"
    r"(?:\s*[:\u2013\u2014]|\s+-)(?:\*\*|__)?\s+"
    r"|(?:\*\*|__)?[\[(](?P<tag>CRITICAL|URGENT|HIGH|MEDIUM|NORMAL|LOW)[\])](?:\*\*|__)?\s+)(?=\S)"
)
_DEPENDS = re.compile(
    r"(?:depends[ _-]on|blocked[ _-]by|dependencies|depends)\b(?:\*\*|__)?\s*:?\s*(?:\*\*|__)?", re.IGNORECASE
)
_IN_BRACKETS = re.compile(
    r"[(\[](?:depends[ _-]on|blocked[ _-]by|dependencies|depends)\b:?\s+([^()\[\]]+)[)\]]", re.IGNORECASE
)
_NOTHING = frozenset({"", "none", "-", "n/a", "na", "nothing", "no", "\u2013", "\u2014"})


@dataclass(frozen=True)
class Lead:
    """The text of a story, taken apart."""

    id: str | None
    priority: int | None
    text: str
    """What is left, as it is spelt."""
    depends_on: tuple[str, ...]


def plain_text(spelt: str) -> str:
    """On one line, without markup, comments and control characters."""
    if len(spelt) > _MAX_MARKUP_CHARS:
        return _one_line(spelt)
    children = _parser().parseInline(spelt)[0].children or []
    shown = (token for token in children if not (token.type == "html_inline" and token.content.startswith("<!--")))
    return _one_line("".join(" " if "break" in token.type else token.content for token in shown))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("strikethrough")


def _one_line(text: str) -> str:
    return " ".join("".join(char if _is_visible(char) else " " for char in text).split())


def _is_visible(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def title_of(text: str) -> str:
    """A plain text itself when it is short; else its first sentence, or as many whole words as fit."""
    if len(text) <= MAX_TITLE_CHARS:
        return text
    cuts = (found.start() for found in _SENTENCE.finditer(text, 0, MAX_TITLE_CHARS + 3))
    cut = next((at for at in cuts if _MIN_TITLE_CHARS <= at <= MAX_TITLE_CHARS), None)
    if cut is not None:
        return text[:cut]
    return (text[: MAX_TITLE_CHARS - 2].rpartition(" ")[0] or text[: MAX_TITLE_CHARS - 3]) + "..."


def lead_of(spelt: str) -> Lead:
    """Takes an id and a priority off the front of a story's text, in either order, and `(depends on ...)` out of it."""
    priority, text = _priority(spelt)
    story_id, text = _id(text)
    if priority is None:
        priority, text = _priority(text)
    depends_on = tuple(name for found in _IN_BRACKETS.finditer(text) for name in names_in(found[1]))
    return Lead(story_id, priority, text, depends_on)


def _id(text: str) -> tuple[str | None, str]:
    found = _LEADING_ID.match(text) or _BARE_ID.match(text)
    if found is None or priority_of(found[1]) is not None:
        return None, text
    return found[1], _balanced(text, found.end())


def _priority(text: str) -> tuple[int | None, str]:
    found = _LEADING_PRIORITY.match(text)
    if found is None:
        return None, text
    return priority_of(found["level"] or found["word"] or found["tag"]), _balanced(text, found.end())


def _balanced(text: str, at: int) -> str:
    """The rest of the text; with what was opened before it and closes in it, as in `**T3: Title**`, opened again."""
    taken, rest = text[:at], text[at:]
    for mark in ("**", "__", "`"):
        if taken.count(mark) % 2 and rest.count(mark) % 2:
            return mark + rest
    return rest


def dependencies_line(text: str) -> tuple[str, ...] | None:
    """The names after `Depends on:` when the text is such a line; None when it is not."""
    bare = text.lstrip("*_ ")
    found = _DEPENDS.match(bare)
    if found is None or ":" not in found[0]:
        return None
    return names_in(bare[found.end() :])


def names_in(text: str) -> tuple[str, ...]:
    """The names of a list like "US-001, `US-002` and US-003"; none for "none"."""
    parts = (
        part.strip(" \t`*_.[]()\"'")
        for part in re.split(r",|;|(?<![\w-])and(?![\w-])|&", re.sub(r"(?<=\w)\s*\([^()]*\)", "", text))
    )
    return tuple(part for part in parts if part.lower() not in _NOTHING)
