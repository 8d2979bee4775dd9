"""Text that an attacker may have written, made safe to read: what a reader cannot see is shown as a sign.

Escaping HTML is the template's work. This is about what is left: control characters, marks that turn the direction of
writing, characters without width.
"""

import re
import unicodedata

SHOWN_CHARS = 20_000
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m|\x1b\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Colours of a terminal are dropped, unseen characters become signs (`␛`, `⟦U+202E⟧`); lines and tabs stay."""
    return _UNSEEN.sub(_sign, _COLOUR.sub("", text.replace("\r\n", "\n")))


def _sign(found: "re.Match[str]") -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if unicodedata.category(found[0]) == "Cs":
        return "�"
    return f"⟦U+{code:04X}⟧"


def beginning(text: str, most_chars: int) -> tuple[str, int]:
    """The text as shown, and how many characters were left out; `most_chars` 0 is all of it."""
    if not most_chars or len(text) <= most_chars:
        return visible(text), 0
    return visible(text[:most_chars]), len(text) - most_chars
