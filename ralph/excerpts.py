"""Makes the output of any command fit to be shown: clean text, bounded, the beginning and the end kept.

Verdicts stand at the end of a test run, the first error of a compiler at its beginning; so both ends stay and the
middle is left out. Cuts fall on code points. Binary output is described instead of shown.
"""

import re
from pathlib import Path

LIMIT_CHARS = 16_000
SNIFF_BYTES = 8192
MAX_UTF8_BYTES = 4

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC and other strings: titles, links
    r"|\x1b[ -/]*[0-~]?",
    re.MULTILINE,
)
_LAST_WORD = re.compile(r"(?<![\w.,])[\w.,]{1,100}\Z")
_FIRST_WORD = re.compile(r"[\w.,]{1,100}(?![\w.,])")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Without ANSI sequences, control characters, NULs and lone surrogates, which an API would refuse; LF line ends."""
    plain = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_TEXT.sub("", plain)


def looks_binary(head: bytes) -> bool:
    """A NUL in the first 8 KB, or more than 30 % of it unprintable."""
    head = head[:SNIFF_BYTES]
    if b"\0" in head:
        return True
    text = _ESCAPES.sub("", head.decode("utf-8", "ignore"))
    strange = sum(1 for char in text if not char.isprintable() and char not in "\t\n\r")
    undecodable = len(head) - len(head.decode("utf-8", "ignore").encode())
    return (strange + undecodable) * 10 > len(head) * 3


def excerpt(source: Path | str, limit_chars: int = LIMIT_CHARS, *, whole: str = "") -> tuple[str, bool]:
    """The text, cut in the middle if it is longer than `limit_chars`, and whether it was cut.

    A file is never read whole: its two ends are enough, however large it is. `whole`: which file a text is from.
    """
    if isinstance(source, str):
        return _cut(clean_text(source), limit_chars, whole)
    size = source.stat().st_size
    window = limit_chars * MAX_UTF8_BYTES
    with source.open("rb") as file:
        head = file.read(window)
        if looks_binary(head):
            return f"[binary output, {size} bytes, not shown; it is in {source}]", True
        if size <= 2 * window:
            return _cut(clean_text((head + file.read()).decode("utf-8", "replace")), limit_chars, str(source))
        file.seek(size - window)
        tail = file.read(window)
    first = _beginning(clean_text(head.decode("utf-8", "ignore")), limit_chars // 2)
    last = _end(clean_text(tail.decode("utf-8", "ignore")), limit_chars // 2)
    return _join(first, last, size - len(first.encode()) - len(last.encode()), str(source)), True


def _cut(text: str, limit_chars: int, name: str) -> tuple[str, bool]:
    if len(text) <= limit_chars:
        return text, False
    first, last = _beginning(text, limit_chars // 2), _end(text, limit_chars // 2)
    omitted = len(text[len(first) : len(text) - len(last)].encode())
    return _join(first, last, omitted, name), True


def _beginning(text: str, limit_chars: int) -> str:
    """As many whole lines as fit; of a long line as many whole words."""
    if len(text) <= limit_chars:
        return text
    piece = text[:limit_chars]
    line_end = piece.rfind("\n") + 1
    if line_end * 2 > limit_chars:
        return piece[:line_end]
    word = _LAST_WORD.search(piece)
    return piece[: word.start()] if word and text[limit_chars : limit_chars + 1].isalnum() else piece


def _end(text: str, limit_chars: int) -> str:
    """The same from the end of the text."""
    at = len(text) - limit_chars
    if at <= 0:
        return text
    piece = text[at:]
    line_end = text.find("\n", at - 1) + 1
    if 0 < line_end <= at + limit_chars // 2:
        return text[line_end:]
    word = _FIRST_WORD.match(piece)
    return piece[word.end() :] if word and text[at - 1 : at].isalnum() else piece


def _join(first: str, last: str, omitted_bytes: int, name: str) -> str:
    where = f"; full output: {name}" if name else ""
    return f"{first}\n[… {omitted_bytes} bytes omitted{where}]\n{last}"
