"""What somebody says of a trace or a span as a number: a person's thumb, a judge's mark, a test's share. Plain data."""

from dataclasses import dataclass
from enum import StrEnum


class ScoreSource(StrEnum):
    """Who says so."""

    PERSON = "person"
    JUDGE = "judge"  # a model
    CODE = "code"


@dataclass(frozen=True)
class Score:
    """One score. One with the `id` of another replaces it, so that it can be sent again, or corrected."""

    id: str
    trace_id: str
    name: str  # what is judged: "helpful"; alerts average those of one name
    value: float  # finite; which scale is the name's matter
    at_ns: int
    span_id: str = ""  # "": of the whole trace
    comment: str = ""
    source: ScoreSource = ScoreSource.CODE


@dataclass(frozen=True)
class ScoreAverage:
    """The average of an agent's latest scores of one name, and the lowest of them."""

    agent_id: str
    average: float
    count: int
    lowest: Score
