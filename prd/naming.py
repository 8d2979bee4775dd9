"""Ids and titles for stories that have none of their own, made from their text. Knows nothing of files."""

import re
import unicodedata
from collections.abc import Collection

MAX_ID_CHARS = 40
MAX_TITLE_CHARS = 80

LITTLE_WORDS = (
    "a an and as at be but by for from has have if in into is it its must of on or over shall should show shows so "
    "than that the their then this through to under until via was when where whether which while who will with "
    "without"
)

_SENTENCE_END = re.compile(r"(?<=[.!?])\s")


def derived_id(title: str, taken: Collection[str]) -> str:
    """A readable id for a story without one: "Add a login page" becomes "add-a-login-page".

    It hangs on the title alone, so that it stays when stories change places; a second story of that title gets "-2".
    """
    slug = _slug(title)
    number = 1
    while (found := slug if number == 1 else f"{slug}-{number}") in taken:
        number += 1
    return found


def is_derived(story_id: str, title: str) -> bool:
    """Whether the id says nothing that the title does not."""
    return re.fullmatch(re.escape(_slug(title)) + r"(-\d+)?", story_id) is not None


def headline(text: str) -> str:
    """A title on one line: the first line or sentence of the text that says something, shortened at a word."""
    lines = (" ".join(_visible(line).split()) for line in text.splitlines())
    line = next((line for line in lines if line), "")
    sentence = _SENTENCE_END.split(line, maxsplit=1)[0]
    short = _at_a_word(sentence, MAX_TITLE_CHARS, " ")
    return short if short == sentence else short + "..."


def _visible(line: str) -> str:
    return "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} else char for char in line)


def _slug(title: str) -> str:
    plain = "".join(char for char in unicodedata.normalize("NFKD", title.lower()) if not unicodedata.combining(char))
    whole = re.sub(r"[\W_]+", "-", plain).strip("-")
    short = _at_a_word(whole, MAX_ID_CHARS, "-")
    return (short if short == whole else _without_loose_end(short)) or "story"


def _without_loose_end(slug: str) -> str:
    """Without the little words that lead on to what was cut off."""
    words = slug.split("-")
    while len(words) > 1 and words[-1] in LITTLE_WORDS.split():
        words.pop()
    return "-".join(words)


def _at_a_word(text: str, limit_chars: int, between: str) -> str:
    if len(text) <= limit_chars:
        return text
    cut = text[: limit_chars + 1].rpartition(between)[0]
    return (cut or text[:limit_chars]).rstrip(between)
