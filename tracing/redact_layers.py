"""Secrets inside of Base64 and percent-encoding: runs are decoded, and where that brings a secret to light, they are cut.

A run of Base64 goes as a whole; of an encoded URL or form the decoded text stays, without the secret.
"""

import binascii
import codecs
import re
import urllib.parse
from collections.abc import Callable

from tracing.redact_marks import MARK, mark

_RUN = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:(?:[A-Za-z0-9+/]{64,76}(?:(?:\\{1,8}r)?\\{1,8}n|\r?\n))+[A-Za-z0-9+/]*|[A-Za-z0-9+/_-]{16,})={0,2}"
)
_LINE_END = re.compile(r"\\+[rn]|[\r\n]")
_PERCENT = re.compile(r"(?<![^\s\"'<>`|\\])[^\s\"'<>`|\\%]*%[0-9A-Fa-f]{2}[^\s\"'<>`|\\]*")
_STANDARD = str.maketrans("-_", "+/")
_LOOK_CHARS = 16
_READABLE = re.compile(r"[\t\n\r\x1b -~\x80-\U0010ffff]*")
Redact = Callable[[str], str]


def cut_base64(text: str, redact: Redact) -> str:
    """The text without runs of Base64 in which `redact` finds something."""

    def replace(run: re.Match[str]) -> str:
        if found := _redacted(run[0], redact):
            return found
        *_, last = [0, *(end.start() for end in _LINE_END.finditer(run[0]))]
        found = _redacted(run[0][:last], redact)  # what follows its last line may be a word
        return found + run[0][last:] if found else run[0]

    return _RUN.sub(replace, text)


def cut_percent(text: str, redact: Redact) -> str:
    """The text with those percent-encoded runs decoded in which `redact` finds something."""

    def replace(run: re.Match[str]) -> str:
        plain = urllib.parse.unquote(run[0])
        redacted = redact(plain)
        return redacted if redacted != plain else run[0]

    return _PERCENT.sub(replace, text) if "%" in text else text


def _redacted(run: str, redact: Redact) -> str:
    """Every place at which the bytes may begin is tried: a letter of an escape may stand before the first."""
    if run.islower() or run.isupper():
        return ""  # a name, a path, a hash
    packed = _LINE_END.sub("", run).translate(_STANDARD).rstrip("=")
    for skipped in range(4):
        if _bytes(packed[skipped : skipped + _LOOK_CHARS]).isascii() and (plain := _text(packed[skipped:])):
            found = set(MARK.findall(redact(plain))) - set(MARK.findall(plain))
            if found:
                return run[:skipped] + mark(min(found))
    return ""


def _text(packed: str) -> str:
    """The text in the Base64, or "" where it holds none."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(_bytes(packed))
    except UnicodeDecodeError:
        return ""
    return text if _READABLE.fullmatch(text) else ""


def _bytes(packed: str) -> bytes:
    """What the letters stand for; one too many at the end is left out."""
    usable = packed[: len(packed) - (len(packed) % 4 == 1)]
    return binascii.a2b_base64(usable + "=" * (-len(usable) % 4))
