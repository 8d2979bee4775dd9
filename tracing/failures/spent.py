"""What calls cost: a tool call itself costs time; the model's turn that asked for it costs tokens and money."""

from dataclasses import dataclass, field

from tracing.failures.calls import CALLS
from tracing.failures.observed import Observed
from tracing.finding import Waste
from tracing.span import SpanKind


def of(span: Observed) -> Waste:
    """What one span cost itself."""
    return Waste(span.tokens, span.cost_micros, span.duration_ns)


@dataclass
class Turns:
    """Counts the model's turns, and says what asking for the latest call cost. Feed it every span that ended."""

    number: int = 0  # the turn that is under way; where no model call is traced, the number of calls
    _turns: int = 0
    _calls: int = 0
    _asking: Waste = field(default_factory=Waste)

    def ended(self, span: Observed) -> Waste:
        """For a tool call: what it cost with the turn that led to it; several calls of one turn pay for it once."""
        if span.kind is SpanKind.LLM:
            self._turns += 1
            self._asking += of(span)
        elif span.kind in CALLS:
            self._calls += 1
            spent, self._asking = self._asking + of(span), Waste()
            self.number = self._turns or self._calls
            return spent
        self.number = self._turns or self._calls
        return Waste()
