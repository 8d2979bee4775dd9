"""What one model of one service turned out not to take, learnt from its refusals: older models and compatible servers.

Each feature is given up once, for good; the length of an answer is given up step by step. Knows nothing about how a
request is sent.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MOST_OUTPUT_TOKENS = 128_000
LOWER_OUTPUT_TOKENS = {"claude-haiku-4-5": 64_000}  # by a part of the model's name
OUTPUT_TOKENS_WHEN_UNTOLD = 8_192  # after a refusal that names no number
LEAST_OUTPUT_TOKENS = 1_024  # smaller numbers in a refusal are statuses and positions


class Feature(StrEnum):
    EFFORT = "effort"
    MOVING_CACHE = "cache_control"  # at the top level; without it the last block is marked instead
    CACHE_MARKS = "cache_control on blocks"
    LONG_OUTPUT = "max_tokens"


UNSUPPORTED: Mapping[str, Collection[Feature]] = {"bedrock": {Feature.MOVING_CACHE}, "vertex": {Feature.MOVING_CACHE}}
"""What a provider is known to refuse; https://platform.claude.com/docs/en/build-with-claude/prompt-caching#edge-cases."""

EFFORT = re.compile(r"\b(output_config|effort)\b")
CACHE = re.compile(r"\bcache_control\b")
CACHE_ON_TOP = re.compile(r"(?:(?<![\w.\]])|\bbody\.)cache_control\b")
OUTPUT = re.compile(r"\b(max_tokens|max_completion_tokens|output tokens|in the completion)\b")

WINDOW = re.compile(r"context (?:length|window|size)(?: is| of)?(?: only)? (\d+)")
INPUT = re.compile(
    r"(\d+) (?:input tokens|(?:tokens )?(?:in|from) the (?:messages|input|prompt))|prompt contains (?:at least )?(\d+)"
)


@dataclass(frozen=True)
class Taken:
    """What had been given up when a request went out."""

    given_up: frozenset[Feature]
    most_output_tokens: int


@dataclass
class Concessions:
    """What is still sent to `model`."""

    model: str
    given_up: set[Feature] = field(default_factory=set)
    most_output_tokens: int = MOST_OUTPUT_TOKENS

    def __post_init__(self) -> None:
        for name, tokens in LOWER_OUTPUT_TOKENS.items():
            if name in self.model:
                self.most_output_tokens = tokens

    @property
    def marks_blocks(self) -> bool:
        return Feature.CACHE_MARKS not in self.given_up

    @property
    def marks_tail(self) -> bool:
        """Whether the last block has to carry the breakpoint that nothing at the top level stands for."""
        return Feature.MOVING_CACHE in self.given_up and self.marks_blocks

    def effort(self, wanted: str | None) -> str | None:
        return None if Feature.EFFORT in self.given_up else wanted

    def max_tokens(self, wanted: int) -> int:
        return min(wanted, self.most_output_tokens)

    def taken(self) -> Taken:
        return Taken(frozenset(self.given_up), self.most_output_tokens)

    def given_up_since(self, sent: Taken) -> list[Feature]:
        """What was given up after a request went out, so that its refusal may be about what is not sent any more."""
        shorter = [Feature.LONG_OUTPUT] if self.most_output_tokens < sent.most_output_tokens else []
        return sorted({*(self.given_up - sent.given_up), *shorter})

    def learn(self, message: str, sent_max_tokens: int) -> list[Feature]:
        """The features given up because of a refusal with this message; none: it is about something else."""
        new = [feature for feature in _named(message, self.given_up) if feature not in self.given_up]
        self.given_up.update(new)
        return new + self._learn_length(message, sent_max_tokens)

    def learn_window(self, message: str, sent_max_tokens: int) -> list[Feature]:
        """Like `learn`, for a conversation that was refused as too long together with its answer."""
        if not (window := WINDOW.search(message)) or not (given := INPUT.search(message)):
            return []
        room = int(window[1]) - int(given[1] or given[2])
        again = Feature.LONG_OUTPUT in self.given_up  # then by half at least: the conversation grows with every turn
        return self._shorten(min(room, sent_max_tokens // 2) if again else room, sent_max_tokens)

    def _learn_length(self, message: str, sent: int) -> list[Feature]:
        if Feature.LONG_OUTPUT in self.given_up or not OUTPUT.search(message):
            return []
        return self._shorten(_allowed_tokens(message, sent), sent)

    def _shorten(self, tokens: int, sent: int) -> list[Feature]:
        if not LEAST_OUTPUT_TOKENS <= tokens < sent:
            return []
        self.given_up.add(Feature.LONG_OUTPUT)
        self.most_output_tokens = tokens
        return [Feature.LONG_OUTPUT]


def _named(message: str, given_up: Collection[Feature]) -> list[Feature]:
    found = [Feature.EFFORT] if EFFORT.search(message) else []
    if CACHE_ON_TOP.search(message) and Feature.MOVING_CACHE not in given_up:
        found.append(Feature.MOVING_CACHE)
    elif CACHE.search(message):
        found.append(Feature.CACHE_MARKS)
    return found


def _allowed_tokens(message: str, sent: int) -> int:
    """The largest number below what was sent, as in "max_tokens: 64000 > 8192, which is the maximum allowed"."""
    numbers = [int(digits) for digits in re.findall(r"(?<![\w.-])\d+(?![\w-])", message)]
    return max((n for n in numbers if LEAST_OUTPUT_TOKENS <= n < sent), default=OUTPUT_TOKENS_WHEN_UNTOLD)
