"""What a detector has to say of a trace: which spans, what was seen, what it cost, what to do. Plain data."""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How soon a person should look."""

    NOTE = 1
    WARNING = 2
    CRITICAL = 3


class Verdict(StrEnum):
    """What is to happen before the agent's next call, where the finding is made while it works."""

    NOTE = "note"
    NUDGE = "nudge"
    STOP = "stop"


@dataclass(frozen=True)
class Waste:
    """What the trouble cost; 0 is "nothing, or nobody knows". `tokens` counts input and output."""

    tokens: int = 0
    cost_micros: int = 0
    duration_ns: int = 0

    def __add__(self, other: "Waste") -> "Waste":
        return Waste(
            self.tokens + other.tokens, self.cost_micros + other.cost_micros, self.duration_ns + other.duration_ns
        )


@dataclass(frozen=True)
class Finding:
    """One thing that went wrong. A later finding with the same `key` is the same trouble, seen further: it replaces this one."""

    detector: str
    severity: Severity
    title: str  # one line of 90 characters or so, for a list
    evidence: str  # what was seen, in words for a tired person; may have lines
    remedy: str  # what to do now
    span_ids: tuple[str, ...]  # the guilty one first
    waste: Waste = field(default_factory=Waste)
    verdict: Verdict = Verdict.NOTE
    nudge: str = ""  # what the agent is told where the verdict is NUDGE; "" takes the title

    @property
    def span_id(self) -> str:
        """The span to look at first; "" where the trouble is the whole trace."""
        return self.span_ids[0] if self.span_ids else ""

    @property
    def key(self) -> tuple[str, str]:
        return self.detector, self.span_id
