"""The context grows with every turn and is read again each time: late turns cost several times the first ones. Which single results
made it grow, and whether it comes near the model's window.

Growth is what agents do, and a cache makes most of it cheap. So it is told where it is large, and where most of it was paid for in full.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import median

from tracing.failures.calls import CALLS
from tracing.failures.conversations import Conversations, Resent
from tracing.failures.detector import Detector
from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.result_text import brought_text
from tracing.finding import Finding, Severity, Waste
from tracing.span import SpanKind
from tracing.words import money, percent, tokens

GROWN = 4  # times as many tokens a turn at the end as in the beginning
LARGE_TOKENS = 32_000  # a turn, at the end
REREAD_TOKENS, REREAD_SHARE = 500_000, 0.5  # read again uncached, in all and of all input
LEAST_CALLS = 8
BIG_OUTPUT_TOKENS, HUGE_OUTPUT_TOKENS = 5_000, 20_000  # of one result
REREAD_TIMES = 3  # a huge result is worth a word of its own
FULL = 0.9  # of the model's window
_CHARS_PER_TOKEN = 4
_NAMED = 3
_SMALLEST_WINDOW = 4_000


@dataclass(frozen=True)
class _Output:
    span: str
    tool: str
    size_tokens: int
    before_call: int  # the number of model calls until then


@dataclass
class _Context:
    """What one agent has sent to its models."""

    inputs: list[int] = field(default_factory=list)
    outputs: int = 0
    reread_tokens: int = 0
    cached_tokens: int = 0
    waste: Waste = field(default_factory=Waste)
    waiting: list[_Output] = field(default_factory=list)  # results that no model call has seen yet
    big: list[_Output] = field(default_factory=list)
    largest: str = ""  # the call with most input
    largest_tokens: int = 0

    def add(self, resent: Resent) -> None:
        call = resent.call
        if call.input_tokens > self.largest_tokens:
            self.largest, self.largest_tokens = call.span_id, call.input_tokens
        grew = call.input_tokens - (resent.before.input_tokens if resent.before else 0)
        seen = [output for output in self.waiting if 2 * grew >= output.size_tokens]
        self.big = sorted([*self.big, *seen], key=lambda output: -output.size_tokens)[:_NAMED]
        self.waiting = []
        self.inputs.append(call.input_tokens)
        self.outputs += call.output_tokens
        self.cached_tokens += call.cache_read_tokens
        self.reread_tokens += resent.reread_tokens
        self.waste += Waste(resent.reread_tokens, resent.extra_cost_micros(resent.reread_tokens))


class ContextGrowth(Detector):
    name = "context_growth"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._conversations = Conversations()
        self._contexts: dict[str, _Context] = {}
        self._full: set[str] = set()

    def began(self, span: Observed) -> Iterable[Finding]:
        self._conversations.began(span)
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        context = self._contexts.setdefault(self._conversations.agent_of(span), _Context())
        if span.kind in CALLS:
            size = len(brought_text(span)) // _CHARS_PER_TOKEN
            if size >= BIG_OUTPUT_TOKENS:
                context.waiting.append(_Output(span.span_id, span.name, size, len(context.inputs)))
        elif span.kind is SpanKind.LLM and span.input_tokens:
            resent = self._conversations.ended(span)
            context.add(resent)
            return self._near_the_window(resent)
        return ()

    def closed(self, ending: Ending) -> Iterable[Finding]:
        del ending
        for context in self._contexts.values():
            if _has_grown(context):
                yield self._growth(context)
            else:
                yield from (self._huge(output, times) for output, times in _huge_outputs(context))

    def _near_the_window(self, resent: Resent) -> Iterable[Finding]:
        call = resent.call
        window = _window_tokens(call.name) if call.tokens > _SMALLEST_WINDOW and resent.agent not in self._full else 0
        if not FULL * window <= call.tokens <= window or not window:
            return
        self._full.add(resent.agent)
        yield Finding(
            self.name,
            Severity.WARNING,
            f"The context is {percent(call.tokens, window)} of what {call.name} takes",
            f"This call sent and got {tokens(call.tokens)} tokens; {call.name} takes {tokens(window)}. Answers are cut short or refused "
            "where it is full, and what was said in the beginning is followed less.",
            "Let the agent sum up and go on with a fresh context, or give it smaller tasks and tools that return less.",
            (call.span_id,),
        )

    def _growth(self, context: _Context) -> Finding:
        first, last = _ends(context.inputs)
        total = sum(context.inputs)
        cost = f", about {money(context.waste.cost_micros)} more than from a cache" if context.waste.cost_micros else ""
        cache = "" if context.cached_tokens else " No call reports anything read from a cache."
        big = "".join(
            f"\n- `{output.tool}` returned about {tokens(output.size_tokens)} tokens at once" for output in context.big
        )
        return Finding(
            self.name,
            Severity.WARNING if context.reread_tokens >= 4 * REREAD_TOKENS else Severity.NOTE,
            f"The context grew {last / max(first, 1):.0f}-fold, and {percent(context.reread_tokens, total)} of the input was sent before",
            f"A turn read {tokens(first)} tokens in the beginning and {tokens(last)} at the end, for {tokens(context.outputs)} tokens "
            f"written in {len(context.inputs)} turns. {tokens(context.reread_tokens)} of {tokens(total)} input tokens had been sent by "
            f"the turn before and were not read from a cache{cost}.{cache}{big}",
            "Turn on prompt caching, and keep the beginning of the prompt the same from turn to turn. Have tools return less (a range, "
            "a summary, a path), and start a fresh context for each task.",
            (context.largest, *(output.span for output in context.big)),
            context.waste,
        )

    def _huge(self, output: _Output, times: int) -> Finding:
        return Finding(
            self.name,
            Severity.NOTE,
            f"One result of `{output.tool}` filled the context with about {tokens(output.size_tokens)} tokens",
            f"`{output.tool}` returned about {tokens(output.size_tokens)} tokens at once, and {times} more model calls carried them along.",
            f"Have `{output.tool}` return less: a limit, a range, a search instead of the whole.",
            (output.span,),
            Waste(output.size_tokens * times),
        )


def _ends(inputs: list[int]) -> tuple[int, int]:
    """What is usual in the first and in the last quarter."""
    quarter = max(len(inputs) // 4, 1)
    return int(median(inputs[:quarter])), int(median(inputs[-quarter:]))


def _has_grown(context: _Context) -> bool:
    if len(context.inputs) < LEAST_CALLS or context.reread_tokens < max(
        REREAD_TOKENS, REREAD_SHARE * sum(context.inputs)
    ):
        return False
    first, last = _ends(context.inputs)
    return last >= max(LARGE_TOKENS, GROWN * first)


def _huge_outputs(context: _Context) -> list[tuple[_Output, int]]:
    told = [
        (output, len(context.inputs) - output.before_call)
        for output in context.big
        if output.size_tokens >= HUGE_OUTPUT_TOKENS
    ]
    return [(output, times) for output, times in told if times >= REREAD_TIMES]


@lru_cache(maxsize=256)
def _window_tokens(model: str) -> int:
    """As the price table has it; 0 where it does not know."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - only where a context is large

    try:
        _, found = get_snapshot().find_provider_model(model, None, None, None)
    except LookupError:
        return 0
    return found.context_window or 0
