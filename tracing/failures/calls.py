"""When two calls are the same call, and when two outcomes are the same outcome: normalised, then only digests are kept.

Knows nothing about tools: what changes state is said in `state_change`, what a repeat means in the detectors.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tracing.failures.observed import Observed
from tracing.span import JsonValue, SpanKind

CALLS = frozenset({SpanKind.TOOL, SpanKind.RETRIEVER})
"""The kinds of span in which an agent asks for something and something comes back."""

_NORMALISED_CHARS = 8_192  # at each end of a long text; what lies between is hashed as it stands
_PARSED_CHARS = 65_536  # a longer text is not tried as JSON

_NOISE = re.compile(  # each way begins with a set of letters, so that most places are passed over at once; (?<!\w.) is \b before it
    r"""
    \d(?<!\w\d)(?:
        \d{3}-\d\d-\d\d (?: [T ]\d\d:\d\d(:\d\d([.,]\d+)?)? (?:Z|[+-]\d\d:?\d\d)? )?   # dates, with a time or without
        | \d?:\d\d(:\d\d([.,]\d+)?)?\b(?:\s?[AaPp]\.?[Mm]\b)?                              # times of day
        | (?<=1)[5-9]\d{8}(?:\d{3})?(?:\.\d+)?\b                                             # seconds since the epoch
        | (?<=0)x[0-9a-fA-F]{4,}\b                                                             # addresses
        | \d*(\.\d+)?(e-?\d+)?\s?(?:ns|us|µs|ms|s|secs?|seconds?|mins?|minutes?|h|hours?)\b   # durations
        | \d*(\.\d+)?\s?[kKMGT]?i?[Bb](?:/s|ps)\b                                             # speeds
    )
    | [0-9a-fA-F](?<!\w.)[0-9a-fA-F]{7}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b              # UUIDs
    | [rcmts](?<!\w.)(?:eq|equest|all|hatcmpl|sg|un|esp|oolu|race|pan)[_-](?=\w*\d)\w{6,}   # ids of requests
    | [Pp](?<!\w.)[Ii][Dd]\b\W{0,3}\d+                                                      # processes
    | [aArRtTiI](?<!\w.)(?:ttempt|etry|ry|equest|teration)\s\#?\d+                           # counters
    | /(?:tmp/(?:tmp|pytest-of-)[\w./-]+|var/folders/[\w./+-]+)                              # temporary files
    """,
    re.VERBOSE,
)
_ERROR_START = re.compile(
    r"\s*(?:[\[<(*#]*\s*)?(?:(?:\w+\.)*\w*(?:error|exception)\b|traceback \(most|failed\b|failure\b|invalid\b|cannot\b)",
    re.IGNORECASE,
)
_NOTHING_FOUND = re.compile(
    r"\bno (?:\w+ ){0,2}(?:results?|match(?:es)?|files?|entries|records?|items?|data)\b|\bnot found\b|\bnothing found\b"
    r"|\b(?:0|zero) (?:results?|match(?:es)?)\b|\bdoes not exist\b|\bcould not find\b|\bunable to\b",
    re.IGNORECASE,
)
_SHORT_CHARS = 400  # only a short text is judged by words in it: a long one may quote anything


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def text_of(value: JsonValue) -> str:
    """A value as text; of content blocks what they say."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list) and value and all(isinstance(block, Mapping) and "text" in block for block in value):
        return "\n".join(str(block["text"]) for block in value if isinstance(block, Mapping))
    return json.dumps(value, sort_keys=True, default=str)


def arguments(value: JsonValue) -> JsonValue:
    """Without what does not matter: order of keys, white space, arguments that are empty; JSON in a text is read."""
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, Mapping):
        given = {str(key): arguments(item) for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
        return {key: item for key, item in given.items() if key and item not in (None, "", {}, [])} or None
    if isinstance(value, list):
        return [arguments(item) for item in value] or None
    return value


def _from_text(text: str) -> JsonValue:
    if text[:1] in {"{", "["} and len(text) <= _PARSED_CHARS:
        try:
            return arguments(json.loads(text))
        except (ValueError, RecursionError):
            pass
    return " ".join(text.split()) or None


def without_noise(text: str) -> str:
    """With times, durations, addresses, ids and counters made alike, as far as they stand near the ends of a long text."""
    if len(text) <= 2 * _NORMALISED_CHARS:
        return _quiet(text)
    between = text[_NORMALISED_CHARS:-_NORMALISED_CHARS]
    return f"{_quiet(text[:_NORMALISED_CHARS])} {digest(between)} {_quiet(text[-_NORMALISED_CHARS:])}"


def _quiet(text: str) -> str:
    return " ".join(_NOISE.sub("~", text).split())


def reads_like_an_error(text: str) -> bool:
    """Whether it begins as errors do; a text that only mentions one does not."""
    return bool(_ERROR_START.match(text[:_SHORT_CHARS]))


def reads_like_nothing(text: str) -> bool:
    """Whether a short answer says that there is nothing: no results, not found."""
    return len(text) <= _SHORT_CHARS and bool(_NOTHING_FOUND.search(text))


@dataclass(frozen=True)
class Call:
    """What is kept of a finished call: small whatever its arguments and its outcome were."""

    call: str  # digest of tool and arguments
    outcome: str  # digest of the outcome without noise
    tool: str
    failed: bool
    empty_handed: bool  # failed, or brought nothing, in words
    outcome_chars: int

    @property
    def says_little(self) -> bool:
        """Whether the outcome is too short to prove that nothing moved: "ok", "clicked", ""."""
        return self.outcome_chars <= _LITTLE_CHARS

    @property
    def both(self) -> str:
        return self.call + self.outcome


_LITTLE_CHARS = 40


def call_of(span: Observed) -> Call:
    """A finished tool call, in digests."""
    outcome = without_noise(span.error or text_of(span.output))
    failed = span.is_error or bool(span.exit_code) or reads_like_an_error(outcome)
    return Call(
        call=digest(json.dumps([span.name, arguments(span.input)], sort_keys=True, default=str)),
        outcome=digest(f"{failed}{span.exit_code}{outcome}"),
        tool=span.name,
        failed=failed,
        empty_handed=failed or reads_like_nothing(outcome),
        outcome_chars=len(outcome),
    )
