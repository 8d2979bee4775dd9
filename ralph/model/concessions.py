"""What one model of one service turned out not to take, learnt from its refusals: older models and compatible servers.

Each feature is given up once, for good. Knows nothing about how a request is sent.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

MOST_OUTPUT_TOKENS = 128_000
LOWER_OUTPUT_TOKENS = {"claude-haiku-4-5": 64_000}  # by the start of the model's name
OUTPUT_TOKENS_WHEN_UNTOLD = 8_192  # after a refusal that names no number
LEAST_OUTPUT_TOKENS = 1_024  # smaller numbers in a refusal are statuses and positions


class Feature(StrEnum):
    EFFORT = "effort"
    MOVING_CACHE = "cache_control"
    LONG_OUTPUT = "max_tokens"


NAMED_BY = {
    Feature.EFFORT: re.compile(r"\b(output_config|effort)\b"),
    Feature.MOVING_CACHE: re.compile(r"(?:(?<![\w.\]])|\bbody\.)cache_control\b"),  # the top-level one only
    Feature.LONG_OUTPUT: re.compile(r"\bmax_tokens\b"),
}


@dataclass
class Concessions:
    """What is still sent to `model`."""

    model: str
    given_up: set[Feature] = field(default_factory=set)
    most_output_tokens: int = MOST_OUTPUT_TOKENS

    def __post_init__(self) -> None:
        for name, tokens in LOWER_OUTPUT_TOKENS.items():
            if self.model.startswith(name):
                self.most_output_tokens = tokens

    def effort(self, wanted: str | None) -> str | None:
        return None if Feature.EFFORT in self.given_up else wanted

    def max_tokens(self, wanted: int) -> int:
        return min(wanted, self.most_output_tokens)

    def learn(self, message: str, sent_max_tokens: int) -> list[Feature]:
        """The features given up because of a refusal with this message; none: it is about something else."""
        named = [feature for feature, words in NAMED_BY.items() if words.search(message)]
        new = [feature for feature in named if feature not in self.given_up]
        if Feature.LONG_OUTPUT in new:
            allowed = _allowed_tokens(message, sent_max_tokens)
            if allowed >= sent_max_tokens:
                new.remove(Feature.LONG_OUTPUT)
            else:
                self.most_output_tokens = allowed
        self.given_up.update(new)
        return new


def _allowed_tokens(message: str, sent: int) -> int:
    """The largest number below what was sent, as in "max_tokens: 64000 > 8192, which is the maximum allowed"."""
    numbers = [int(digits) for digits in re.findall(r"(?<![\w.-])\d+(?![\w-])", message)]
    return max((n for n in numbers if LEAST_OUTPUT_TOKENS <= n < sent), default=OUTPUT_TOKENS_WHEN_UNTOLD)
