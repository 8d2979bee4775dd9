"""Words that several rules share. No rule."""

from tracing.alerts.message import Fact
from tracing.store import TraceRow
from tracing.words import cut, length, money, plain

TITLE_CHARS = 120
ERROR_CHARS = 400
S_NS = 1_000_000_000


def who(agent_id: str) -> str:
    return cut(plain(agent_id), 40) or "an agent without a name"


def titled(agent_id: str, words: str) -> str:
    """One line: whose trouble it is, and what."""
    return cut(f"{who(agent_id)}: {plain(words)}", TITLE_CHARS)


def error_words(error: str) -> str:
    return cut(plain(error), ERROR_CHARS)


def about_trace(trace: TraceRow) -> tuple[Fact, ...]:
    facts = [Fact("Agent", who(trace.agent_id)), Fact("Trace", cut(plain(trace.name), 80))]
    if trace.session_id:
        facts.append(Fact("Session", cut(plain(trace.session_id), 60)))
    return (*facts, Fact("Cost", money(trace.told_micros)), Fact("Took", length(trace.duration_ns)))


def share(part: int, whole: int) -> str:
    """With a decimal where that says more: "5.3 %"."""
    value = 100 * part / whole
    return f"{value:.1f} %" if value < 10 else f"{value:.0f} %"
