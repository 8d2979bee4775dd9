"""What the rules for loops share: a call that just ended, occurrences of what counts as one thing, and patience with them."""

import re
from dataclasses import dataclass, field

from tracing.failures.calls import Call, text_of
from tracing.failures.observed import Observed
from tracing.failures.state_change import Effect
from tracing.finding import Verdict, Waste
from tracing.gist import gist
from tracing.words import cut

ASKED_CHARS = 2_000
"""So much of a call's arguments is looked at for words."""

_SPANS_NAMED = 20

_POLLING_TOOL = re.compile(r"(?:^|[_\W])(?:sleep|wait|poll|status|health|progress|watch)", re.IGNORECASE)
_POLLING_COMMAND = re.compile(
    r"\bsleep\s+[\d.$]|\btail\s+-\w*[fF]|\b(?:docker|podman|kubectl)\s.*\b(?:ps|get|logs|wait)\b|\bsqueue\b|\bnvidia-smi\b"
    r"|\bgh\s+run\b|\b(?:systemctl|service)\s.*status|\bcurl\b.*(?:health|status|ready)|\btime\.sleep\("
)
_PENDING = re.compile(
    r"\b(?:pending|running|in[ _-]progress|queued|waiting|not (?:yet )?ready|starting|processing|building|initiali[sz]ing)\b",
    re.IGNORECASE,
)
_PENDING_CHARS = 400


def asks_again(span: Observed) -> bool:
    """Whether a call is one of those that wait for something outside, by its name or by what it runs."""
    return bool(_POLLING_TOOL.search(span.name) or _POLLING_COMMAND.search(text_of(span.input)[:ASKED_CHARS]))


@dataclass(frozen=True)
class Patience:
    """At how many occurrences something is noted, the agent is told, and it is stopped."""

    note: int
    nudge: int
    stop: int

    def verdict(self, times: int) -> Verdict | None:
        for limit, verdict in ((self.stop, Verdict.STOP), (self.nudge, Verdict.NUDGE), (self.note, Verdict.NOTE)):
            if times >= limit:
                return verdict
        return None


@dataclass
class Group:
    """Occurrences of what counts as one thing."""

    first_span: str
    first_turn: int
    times: int = 1
    repeats: list[str] = field(default_factory=list)
    waste: Waste = field(default_factory=Waste)
    last_ended_ns: int = 0

    def again(self, seen: "Seen") -> None:
        self.times += 1
        self.waste += seen.spent
        self.last_ended_ns = seen.span.ended_at_ns or 0
        if len(self.repeats) < _SPANS_NAMED:
            self.repeats.append(seen.span.span_id)


@dataclass(frozen=True)
class Seen:
    """A call that just ended, with what the rules ask of it."""

    span: Observed
    call: Call
    effect: Effect
    spent: Waste
    turn: int

    @property
    def polls(self) -> bool:
        """Whether it waits for something outside: by its name, by what it runs, or because the answer is "not yet"."""
        if asks_again(self.span):
            return True
        brought = text_of(self.span.output)
        return not self.call.failed and len(brought) <= _PENDING_CHARS and bool(_PENDING.search(brought))

    @property
    def blind(self) -> bool:
        """Whether the same outcome proves nothing: a click that says "clicked" may have moved things every time."""
        acts = self.effect is Effect.CHANGES or (self.effect is Effect.UNSURE and self.call.says_little)
        return acts and not self.call.failed

    @property
    def label(self) -> str:
        asked = gist(self.span.input)
        return f"{self.span.name} `{cut(asked, 70)}`" if asked else self.span.name

    @property
    def brought(self) -> str:
        return cut(gist(self.span.error or self.span.output), 100) or "an empty result"

    def group(self) -> Group:
        return Group(self.span.span_id, self.turn, last_ended_ns=self.span.ended_at_ns or 0)
