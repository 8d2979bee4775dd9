"""Different calls, each made a second time for nothing: an agent that has lost track of what it knows already.

One call made twice happens to the best. What is made three times or goes round in circles is `retry_loop`'s. Never stops a run.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tracing.failures.calls import CALLS, Made, call_of
from tracing.failures.detector import Detector
from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.owners import Owners
from tracing.failures.spent import Turns
from tracing.failures.state_change import Effect, effect_known
from tracing.finding import Finding, Severity, Waste
from tracing.gist import gist
from tracing.words import cut

LEAST_CALLS = 2
_LEAST_SHARE = 1 / 50  # of all calls: in a long run a few do not matter
_MADE_TWICE = 2
_NAMED = 3
_SPANS_NAMED = 20


@dataclass
class _Repeat:
    """A reading call and how often it brought the same since something changed."""

    turn: int
    times: int = 1
    span_id: str = ""  # of the second time
    words: str = ""
    waste: Waste = field(default_factory=Waste)

    def again(self, span: Observed, turn: int, spent: Waste) -> None:
        self.times += 1
        self.waste += spent
        if self.times == _MADE_TWICE:
            self.span_id = span.span_id
            self.words = f"{span.name} `{cut(gist(span.input), 60)}` (turns {self.turn} and {turn})"


class _Agent:
    def __init__(self) -> None:
        self.turns = Turns()
        self.calls = 0
        self.changes = 0
        self.made = Made[_Repeat]()
        self.twice: list[_Repeat] = []


class RepeatedWork(Detector):
    """Says at the end what was done again for nothing."""

    name = "repeated_work"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._owners = Owners()
        self._agents: dict[str, _Agent] = {}
        self._changes = 0

    def began(self, span: Observed) -> Iterable[Finding]:
        self._owners.began(span)
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        if span.span_id in self._agents:  # a sub-agent that is over repeats nothing any more
            self._agents[span.span_id].made = Made()
        agent = self._agents.setdefault(self._owners.ended(span), _Agent())
        spent = agent.turns.ended(span)
        if span.kind in CALLS:
            self._called(agent, span, spent)
        return ()

    def closed(self, ending: Ending) -> Iterable[Finding]:
        del ending
        for agent in self._agents.values():
            twice = [made for made in agent.twice if made.times == _MADE_TWICE]
            if len(twice) >= max(LEAST_CALLS, agent.calls * _LEAST_SHARE):
                yield _finding(twice, agent.calls)

    def _called(self, agent: _Agent, span: Observed, spent: Waste) -> None:
        call = call_of(span)
        agent.calls += 1
        if effect_known(span) is not Effect.READS:
            self._changes += 1
        if agent.changes != self._changes:
            agent.changes, agent.made = self._changes, Made()
        made = agent.made.find(call)
        if made is None:
            agent.made.put(call, _Repeat(agent.turns.number))
            return
        made.again(span, agent.turns.number, spent)
        if made.times == _MADE_TWICE:
            agent.twice.append(made)


def _finding(twice: list[_Repeat], calls: int) -> Finding:
    more = f" and {len(twice) - _NAMED} more" if len(twice) > _NAMED else ""
    return Finding(
        detector=RepeatedWork.name,
        severity=Severity.NOTE,
        title=f"{len(twice)} of {calls} calls asked again for what was known already",
        evidence="Nothing had changed and the results were the same: "
        + ", ".join(made.words for made in twice[:_NAMED]) + more + ".",
        remedy="Look whether earlier results were dropped from the conversation or drowned in it: shorter results, a compaction "
        "that keeps what was found, or notes that the agent writes for itself.",
        span_ids=tuple(made.span_id for made in twice[:_SPANS_NAMED]),
        waste=sum((made.waste for made in twice), Waste()),
    )  # fmt: skip
