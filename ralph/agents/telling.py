"""What a session tells of its turns while they happen, as events for whoever watches. Decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from ralph.events import Event, EventKind, EventValue, Reporter
from ralph.model.failures import Failure
from ralph.model.pace import Pace
from ralph.model.reply import Reply
from ralph.model.retry_notice import outage_notice, retry_notice
from ralph.spending import Spending


@dataclass
class Telling:
    """About one story. What the service counted is added up on the way."""

    story_id: str
    spending: Spending
    pace: Pace
    report: Reporter
    input_tokens: int = 0
    cache_read_tokens: int = 0

    @property
    def cache_hit_ratio(self) -> float:
        """Share of all input so far that came from the prompt cache [0, 1]."""
        return self.cache_read_tokens / self.input_tokens if self.input_tokens else 0.0

    def turn(self, number: int, reply: Reply, context_tokens: int) -> None:
        self.input_tokens += reply.usage.input_tokens
        self.cache_read_tokens += reply.usage.cache_read_tokens
        names = [str(call["name"]) for call in reply.tool_calls]
        fields: dict[str, EventValue] = {
            "turn": number,
            "tools": names,
            "cost_usd": reply.cost_micros / 1e6,
            "context_tokens": context_tokens,
            "cache_hit_ratio": round(self.cache_hit_ratio, 4),
            **self.spending.fields(),
        }
        does = ", ".join(names) or reply.raw_stop_reason
        self._tell(EventKind.TURN, f"turn {number}: {does}, {self.spending.text()}", fields)

    def retry(self, attempt: int, failure: Failure, wait_s: float) -> None:
        words, fields = retry_notice(attempt, failure, wait_s, self.pace.now())
        self._tell(EventKind.MODEL_RETRY, words, fields)

    def outage(self, failure: Failure | None, away_s: float) -> None:
        """None: it is over."""
        words, fields = outage_notice(failure, away_s)
        self._tell(EventKind.MODEL_RETRY if failure else EventKind.NOTE, words, fields)

    def note(self, words: str) -> None:
        self._tell(EventKind.NOTE, words, {})

    def _tell(self, kind: EventKind, words: str, fields: Mapping[str, EventValue]) -> None:
        self.report(Event(kind, words, {"story": self.story_id, **fields}))
