"""What differs between two runs of the same command on two machines, taken out of its output.

Paths, durations, dates, hashes, versions and ruler lines. What remains must be equal for a recording to go on.
"""

import hashlib
import re
from collections.abc import Sequence

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"\x1b\[[0-9;]*[A-Za-z]", ""),
        (r"\r\n?", "\n"),
        (r"^(platform|rootdir|cachedir|configfile|plugins|cwd)\b.*$\n?", ""),
        (r"(?<![\w.])(?:[A-Za-z]:)?(?:/[\w.@+~-]+){2,}/?", "<path>"),
        (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", "<date>"),
        (r"\b\d{1,2}:\d\d:\d\d(?:\.\d+)?\b", "<date>"),
        (r"\b\d+(?:\.\d+)? ?(?:s|ms|us|µs|ns|secs?|seconds?|min|minutes?)\b", "<time>"),
        (r"\b0x[0-9a-fA-F]+\b", "<hash>"),
        (r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b", "<hash>"),
        (r"\bv?\d+\.\d+(?:\.\d+)+\b", "<version>"),
        (r"\b[Pp]ython ?3(?:\.\d+)?\b", "<python>"),
        (r"\b(pid|PID)[ =:]+\d+", r"\1 <number>"),
        (r"([=_-])\1{2,}", r"\1\1\1"),
        (r"[ \t]+$", ""),
    )
)


def normalised(text: str) -> str:
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.strip()


def digest(texts: Sequence[str]) -> str:
    """16 hex digits that two equal lists of normalised texts share."""
    return hashlib.sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()[:16]
