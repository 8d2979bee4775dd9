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


def excerpt(source: Path | str, limit_chars: int = LIMIT_CHARS) -> tuple[str, bool]:
    """The text, cut in the middle if it is longer than `limit_chars`, and whether it was cut.

    A file is never read whole: its two ends are enough, however large it is.
    """
    if isinstance(source, str):
        return _cut(clean_text(source), limit_chars, "")
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
    first = clean_text(head.decode("utf-8", "ignore"))[: limit_chars // 2]
    last = clean_text(tail.decode("utf-8", "ignore"))[-(limit_chars // 2) :]
    return _join(first, last, size - len(first.encode()) - len(last.encode()), str(source)), True


def _cut(text: str, limit_chars: int, name: str) -> tuple[str, bool]:
    if len(text) <= limit_chars:
        return text, False
    half = limit_chars // 2
    omitted = len(text[half : len(text) - half].encode())
    return _join(text[:half], text[len(text) - half :], omitted, name), True


def _join(first: str, last: str, omitted_bytes: int, name: str) -> str:
    where = f"; full output: {name}" if name else ""
    return f"{first}\n[… {omitted_bytes} bytes omitted{where}]\n{last}"
