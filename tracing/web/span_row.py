"""One span as a row of the trace's tree, in words: what it is, what it did, how long, how much. Knows nothing about trees."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tracing.failures.observed import StopReason, stop_reason
from tracing.span import SpanKind, SpanStatus
from tracing.store import SpanLine
from tracing.words import length, money, percent, plain, tokens

KINDS: Mapping[SpanKind, str] = {
    SpanKind.AGENT: "agent",
    SpanKind.CHAIN: "step",
    SpanKind.LLM: "model",
    SpanKind.TOOL: "tool",
    SpanKind.RETRIEVER: "retrieval",
    SpanKind.EMBEDDING: "embedding",
    SpanKind.RERANKER: "reranker",
    SpanKind.GUARDRAIL: "guard",
    SpanKind.EVALUATOR: "check",
    SpanKind.PROMPT: "prompt",
    SpanKind.DECISION: "decision",
    SpanKind.UNKNOWN: "other",
}
STOPS: Mapping[StopReason, str] = {
    StopReason.TOOL_USE: "",
    StopReason.END: "",
    StopReason.UNKNOWN: "",
    StopReason.OTHER: "",
    StopReason.PAUSE: "paused",
    StopReason.MAX_TOKENS: "cut at max_tokens",
    StopReason.CONTEXT: "context full",
    StopReason.REFUSAL: "refused",
}
SHELL = re.compile(r"(?i)bash|shell|terminal|command")
ASSIGNED = re.compile(r"""^(?:[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|[^\s"'$`]*)\s+)+(?=\S)""")  # VAR=value before a command
CUTS = {StopReason.MAX_TOKENS, StopReason.CONTEXT}


@dataclass(frozen=True)
class Words:
    """The texts of a row; "" is nothing to say."""

    label: str
    gist: str
    note: str
    duration: str
    tokens: str
    cost: str


def words(line: SpanLine, turn: int = 0) -> Words:
    """`turn` is the number of a model call among those of its trace, from 1."""
    return Words(
        label=label(line, turn),
        gist=shown_gist(line),
        note=note(line),
        duration=length(line.ended_at_ns - line.started_at_ns) if line.ended_at_ns is not None else "",
        tokens=f"{tokens(line.input_tokens)} → {tokens(line.output_tokens)}" if _used(line) else "",
        cost=money(line.cost_micros - line.unseen_micros) if line.cost_micros else "",
    )


def shown_gist(line: SpanLine) -> str:
    """Of a shell's command not the variables that are set for it: they hide what is run."""
    if line.gist == line.name:
        return ""
    is_command = line.kind is SpanKind.EVALUATOR or (line.kind is SpanKind.TOOL and SHELL.search(line.name))
    return ASSIGNED.sub("", line.gist) if is_command else line.gist


def _used(line: SpanLine) -> bool:
    return bool(line.input_tokens or line.output_tokens)


def label(line: SpanLine, turn: int = 0) -> str:
    if line.is_call:
        return f"turn {turn}" if turn else plain(line.name)
    return _named(line.name) or KINDS[line.kind]


@lru_cache(maxsize=4_096)
def _named(name: str) -> str:
    """A trace of 30,000 spans has a few dozen names."""
    return plain(name.removeprefix("execute_tool "))


def note(line: SpanLine) -> str:
    """A few words at the end of the row: what is out of the ordinary."""
    if line.failed_as_it_should:
        return as_it_should(line.why)
    if line.is_call:
        said = [STOPS[stop_reason(line.stop_reason)], *_of_call(line)]
    else:
        said = [f"exit {line.exit_code}" if line.exit_code else "", _of_check(line)]
    if line.status is SpanStatus.INTERRUPTED:
        said.append("interrupted")
    elif line.status is SpanStatus.ERROR:
        said.append(plain(line.error)[:80] or "error")
    return ", ".join(filter(None, said))


def as_it_should(why: str) -> str:
    return f"failed, as it should: {plain(why).partition(',')[0]}"


def _of_call(line: SpanLine) -> list[str]:
    return [
        "cache broken" if line.cache_break else "",
        f"{line.attempts} attempts" if line.attempts > 1 else "",
        f"{percent(line.cache_read_tokens, line.input_tokens)} cached" if line.cache_read_tokens else "",
    ]


def _of_check(line: SpanLine) -> str:
    return "" if line.passed is None else "passed" if line.passed else "failed"


def is_cut(line: SpanLine) -> bool:
    return line.is_call and stop_reason(line.stop_reason) in CUTS


def state(line: SpanLine) -> str:
    """One of: open, failed, interrupted, expected (it failed, as it should), ok."""
    if line.ended_at_ns is None:
        return "open"
    if line.status is SpanStatus.INTERRUPTED:
        return "interrupted"
    if line.failed_as_it_should:
        return "expected"
    return "failed" if line.problem else "ok"


def numbered(lines: Iterable[SpanLine]) -> Mapping[str, int]:
    """The model calls by number, from 1, in the order they began."""
    return {line.span_id: number for number, line in enumerate((one for one in lines if one.is_call), 1)}
