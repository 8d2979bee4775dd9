"""One question asked in other words again and again, though each time the same comes back: the tool has no more to give.

Calls that differ in a number (a date, a page, an order) go through a list, and may well bring the same; these differ in words alone.
"""

import re
from collections.abc import Mapping

from tracing.failures.calls import digest, text_of, without_noise
from tracing.failures.observed import Observed
from tracing.failures.occurrences import ASKED_CHARS, Group, Seen
from tracing.failures.state_change import Effect
from tracing.span import JsonValue

TELLING_CHARS = 60  # a shorter outcome ("true", "in stock") may well be the right one for several questions
_ECHO_CHARS = range(4, 300)  # of an argument that a result may repeat
_NEAR_CHARS = 300  # results whose lengths differ by more than an echo are not the same
_SIMILAR = 0.5  # at least so much of two calls' words in common
_NUMBERS = re.compile(r"\w*\d\w*")


class Rephrased:
    """What each tool was asked last, since something changed."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Group, Seen]] = {}

    def saw(self, seen: Seen) -> Group | None:
        """The calls that asked the same, if this one does again."""
        call = seen.call
        if seen.effect is not Effect.READS or call.empty_handed or call.outcome_chars < TELLING_CHARS or seen.polls:
            return None
        group, before = self._last.get(call.tool, (None, seen))
        if before.call.call == call.call and group is not None:
            return None  # the very same call: told as such
        if group is None or not _asks_and_brings_the_same(before, seen):
            self._last[call.tool] = seen.group(), seen
            return None
        if (
            group.last_ended_ns <= seen.span.started_at_ns
        ):  # else asked for beside the other, before that one's outcome was known
            group.again(seen)
        self._last[call.tool] = group, seen
        return group


def _asks_and_brings_the_same(before: Seen, seen: Seen) -> bool:
    """The dear comparisons come last."""
    return (
        abs(before.call.outcome_chars - seen.call.outcome_chars) <= _NEAR_CHARS
        and alike(words_of(before.span), words_of(seen.span))
        and _numbers(before.span) == _numbers(seen.span)
        and _brought(before.span) == _brought(seen.span)
    )


def words_of(span: Observed) -> frozenset[int]:
    return frozenset(hash(word) for word in re.findall(r"\w+", text_of(span.input)[:ASKED_CHARS]))


def alike(one: frozenset[int], other: frozenset[int]) -> bool:
    return len(one & other) >= _SIMILAR * max(len(one | other), 1)


def _numbers(span: Observed) -> frozenset[str]:
    return frozenset(_NUMBERS.findall(text_of(span.input)[:ASKED_CHARS]))


def _brought(span: Observed) -> str:
    """The result without the question, which search engines repeat in it."""
    text = text_of(span.output)
    for asked in _texts(span.input):
        if len(asked) in _ECHO_CHARS:
            text = text.replace(asked, "")
    return digest(without_noise(text))


def _texts(asked: JsonValue) -> list[str]:
    if isinstance(asked, Mapping):
        return [value for value in asked.values() if isinstance(value, str)]
    return [asked] if isinstance(asked, str) else []
