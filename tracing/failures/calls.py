"""When two calls are the same call, and when two outcomes are the same outcome: normalised, then only digests are kept.

Knows nothing about tools: what changes state is said in `state_change`, what a repeat means in the detectors.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from tracing.failures.observed import Observed, once
from tracing.span import JsonValue, SpanKind

What = TypeVar("What")

CALLS = frozenset({SpanKind.TOOL, SpanKind.RETRIEVER})
"""The kinds of span in which an agent asks for something and something comes back."""

_NORMALISED_CHARS = 8_192  # at each end of a long text; what lies between is hashed as it stands
_BEGINNING_CHARS = 2_000  # of an outcome, to see whether it is an error, nothing, or much
_WAITING_CHARS = 500_000  # of outcomes that are kept as they are, in case their calls come again
_CALL_CHARS = 500  # that a call takes beside them
_PARSED_CHARS = 65_536  # a longer text is not tried as JSON

_FRAGMENT = re.compile(
    r"#(?![/!]).*", re.DOTALL
)  # no server hears of it; behind #/ and #! some pages keep their own addresses
_TEMPORARY = re.compile(r"/(?:tmp/(?:tmp|pytest-of-)[\w./-]+|var/folders/[\w./+-]+)")
_UUID_END = re.compile(r"-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b")
_UUID = re.compile(rf"\b[0-9a-fA-F]{{8}}{_UUID_END.pattern}")
_LABELLED = re.compile(r"\b(?:ray|request|reference|trace|correlation|incident)[ _-]?id\W{0,3}[\w-]{6,}", re.IGNORECASE)
_LABELS = ("ID", "Id", " id", "_id", "-id")  # without one of them it need not be looked for
_PROCESS = re.compile(r"\b[Pp][Ii][Dd]\b\W{0,3}\d+")
_REQUEST = re.compile(  # an id of one: looked for where its name ends, since few places have such a character
    r"[_-](?=[^\W\d]{0,40}\d)(?:(?<=\breq.)|(?<=\bmsg.)|(?<=\brun.)|(?<=\bcall.)|(?<=\bresp.)|(?<=\bspan.)|(?<=\btrace.)"
    r"|(?<=\btoolu.)|(?<=\brequest.)|(?<=\bchatcmpl.))\w{6,}"
)
_NUMBER = re.compile(  # most numbers are passed over by what stands after their digits
    r"""
    \d(?<!\w\d)(?:
        (?=\d*+[-:.\s\w])(?:
          \d{3}-\d\d-\d\d (?: [T ]\d\d:\d\d(:\d\d([.,]\d+)?)? (?:Z|[+-]\d\d:?\d\d)? )?   # dates, with a time or without
        | \d?:\d\d(:\d\d([.,]\d+)?)?\b(?:\s?[AaPp]\.?[Mm]\b)?                              # times of day
        | (?<=0)x[0-9a-fA-F]{4,}\b                                                             # addresses
        | \d*+(?:\.\d++)?(?:e-?\d++)?\s?(?:
              (?:ns|us|µs|ms|s|secs?|seconds?|mins?|minutes?|h|hours?)\b                        # durations
            | [kKMGT]?i?[Bb](?:/s|ps)\b ))                                                     # speeds
        | (?<=1)[5-9]\d{8}(?:\d{3})?(?:\.\d+)?\b                                             # seconds since the epoch
        | (?:(?<=[tny]\s\d)|(?<=[tny]\s\#\d))(?:                                              # counters
            (?<=\b[aA]ttempt\s\d)|(?<=\b[rR]etry\s\d)|(?<=\b[tT]ry\s\d)|(?<=\b[rR]equest\s\d)|(?<=\b[iI]teration\s\d)
          | (?<=\b[aA]ttempt\s\#\d)|(?<=\b[rR]etry\s\#\d)|(?<=\b[tT]ry\s\#\d)|(?<=\b[rR]equest\s\#\d)
          | (?<=\b[iI]teration\s\#\d) )\d*+
    )
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
    if text.startswith("http"):
        text = _FRAGMENT.sub("", text)
    return " ".join(text.split()) or None


def without_noise(text: str) -> str:
    """With times, durations, addresses, ids and counters made alike, as far as they stand near the ends of a long text."""
    return " ".join(map(_quiet, _pieces(text)))


def _pieces(text: str) -> tuple[str, ...]:
    """A text's two ends, and a digest of what lies between them."""
    if len(text) <= 2 * _NORMALISED_CHARS:
        return (text,)
    return text[:_NORMALISED_CHARS], digest(text[_NORMALISED_CHARS:-_NORMALISED_CHARS]), text[-_NORMALISED_CHARS:]


def _quiet(text: str) -> str:
    text = _TEMPORARY.sub("~", text)
    if _UUID_END.search(text):
        text = _UUID.sub("~", text)
    if any(word in text for word in ("pid", "PID", "Pid")):
        text = _PROCESS.sub("~", text)
    if any(label in text for label in _LABELS):
        text = _LABELLED.sub("~", text)
    return " ".join(_NUMBER.sub("~", _REQUEST.sub("~", text)).split())


def reads_like_an_error(text: str) -> bool:
    """Whether it begins as errors do; a text that only mentions one does not."""
    return bool(_ERROR_START.match(text[:_SHORT_CHARS]))


def reads_like_nothing(text: str) -> bool:
    """Whether a short answer says that there is nothing: no results, not found."""
    return len(text) <= _SHORT_CHARS and bool(_NOTHING_FOUND.search(text))


@dataclass(eq=False)
class Call:
    """What is kept of a finished call: small whatever its arguments and its outcome were, once its outcome was asked for."""

    call: str  # digest of tool and arguments
    tool: str
    failed: bool
    empty_handed: bool  # failed, or brought nothing, in words
    outcome_chars: int  # without noise; of a long one about
    _ending: str  # what an outcome is beside its text
    _pieces: tuple[str, ...]  # of the outcome's text, with its noise
    _outcome: str = ""
    _as_it_stands: int = 0

    @property
    def outcome(self) -> str:
        """Digest of the outcome without noise. Few calls are made twice, so it is made only when something is compared with it."""
        if not self._outcome:
            self._as_it_stands = self.as_it_stands
            self._outcome = digest(f"{self._ending}{' '.join(map(_quiet, self._pieces))}")
            self._pieces = ()
        return self._outcome

    @property
    def as_it_stands(self) -> int:
        """The outcome with its noise, told from others."""
        return self._as_it_stands or hash((self._ending, self._pieces))

    @property
    def kept_chars(self) -> int:
        return _CALL_CHARS + sum(map(len, self._pieces))

    @property
    def says_little(self) -> bool:
        """Whether the outcome is too short to prove that nothing moved: "ok", "clicked", ""."""
        return self.outcome_chars <= _LITTLE_CHARS

    @property
    def both(self) -> str:
        return self.call + self.outcome


_LITTLE_CHARS = 40


@once
def call_of(span: Observed) -> Call:
    """A finished tool call, in digests."""
    pieces = _pieces(span.error or text_of(span.output))
    outcome = _beginning(pieces)
    failed = span.is_error or bool(span.exit_code) or reads_like_an_error(outcome)
    return Call(
        call=digest(_asked(span)),
        tool=span.name,
        failed=failed,
        empty_handed=failed or reads_like_nothing(outcome),
        outcome_chars=len(outcome),
        _ending=f"{failed}{span.exit_code}",
        _pieces=pieces,
    )


def _asked(span: Observed) -> str:
    try:
        return json.dumps([span.name, arguments(span.input)], sort_keys=True, default=str)
    except RecursionError:
        return f"{span.span_id}: nested too deep to be told from others"


def _beginning(pieces: tuple[str, ...]) -> str:
    """A short outcome as it is without noise, the beginning of a long one: the rest of that is not looked at."""
    beginning = " ".join(pieces[0][:_BEGINNING_CHARS].split())
    return beginning if len(beginning) > _BEGINNING_CHARS / 2 else " ".join(map(_quiet, pieces))


class Made(Generic[What]):
    """What was called and what it brought, with something about it.

    Most calls are made once, so an outcome is kept as it is until its call comes again. If that takes long, only a hash of it is
    left: noise in it then makes it another outcome.
    """

    def __init__(self) -> None:
        self._once: dict[str, tuple[Call, What, int]] = {}  # the newest calls that were made once, by their calls alone
        self._once_chars = 0
        self._long_ago: dict[str, tuple[int, What]] = {}
        self._again: set[str] = set()
        self._made: dict[str, What] = {}

    def find(self, call: Call) -> What | None:
        """What was put down for the same call with the same outcome."""
        if call.call in self._once:
            earlier, what = self._forget(call.call)
            self._made[earlier.both] = what
            self._again.add(call.call)
        elif call.call in self._long_ago:
            as_it_stood, what = self._long_ago.pop(call.call)
            if as_it_stood == call.as_it_stands:
                self._made[call.both] = what
            self._again.add(call.call)
        return self._made.get(call.both) if call.call in self._again else None

    def put(self, call: Call, what: What) -> None:
        if call.call in self._again:
            self._made[call.both] = what
            return
        self._once[call.call] = call, what, call.kept_chars
        self._once_chars += call.kept_chars
        while self._once_chars > _WAITING_CHARS:
            earlier, what_then = self._forget(next(iter(self._once)))
            self._long_ago[earlier.call] = earlier.as_it_stands, what_then

    def _forget(self, name: str) -> tuple[Call, What]:
        call, what, chars = self._once.pop(name)
        self._once_chars -= chars
        return call, what
