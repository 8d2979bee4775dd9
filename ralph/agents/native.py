"""The native agent: our own turn loop over the model and the tools, one session a story."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from ralph.agents.task import Task
from ralph.agents.tool_calls import Tools
from ralph.agents.turns import TurnLoop
from ralph.events import Event, Reporter
from ralph.finish import Finish
from ralph.model.call import Model
from ralph.model.call_span import HIT_RATIO
from ralph.spending import Spending
from tracing.budget import LedgerLike

if TYPE_CHECKING:
    from tracing.tracer import Trace, Tracer

__all__ = ["ClosingTools", "NativeAgent", "NativeSession", "Task"]


class ClosingTools(Tools, Protocol):
    """Tools that hold something which the end of the session gives back."""

    def close(self) -> None: ...


def _unheard(event: Event) -> None:
    del event


@dataclass(frozen=True)
class NativeAgent:
    """Opens sessions; the model's client is shared by all of them."""

    model: Model
    tracer: "Tracer"
    ledger: LedgerLike
    report: Reporter = _unheard

    def session(self, task: Task, trace: "Trace", tools: Callable[[], ClosingTools]) -> "NativeSession":
        """A session about one story; `tools` is asked once and closed with the session."""
        return NativeSession(self, task, trace, tools())


class NativeSession:
    """One story's conversation. Use it as a context manager, or close it."""

    def __init__(self, agent: NativeAgent, task: Task, trace: "Trace", tools: ClosingTools) -> None:
        self._trace, self._tools = trace, tools
        spending = Spending(agent.ledger, task.limits)
        self._loop = TurnLoop(
            task,
            model=agent.model,
            tools=tools,
            tracer=agent.tracer,
            trace=trace,
            spending=spending,
            report=agent.report,
        )

    def work(self, message: str) -> Finish:
        try:
            return self._loop.work(message)
        finally:
            self._trace.root.set({HIT_RATIO: self.cache_hit_ratio})

    @property
    def cache_hit_ratio(self) -> float:
        """Share of all input so far that came from the prompt cache [0, 1]."""
        return self._loop.cache_hit_ratio

    def close(self) -> None:
        self._tools.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
