"""What one span of a trace has to say: a mark, a label, a note beside it and the lines below it.

Spans of Ralph's own runs get words of their own; a span of any other agent shows its name, errors and calls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ralph.history.trace_reading import (
    FINISH,
    blocked_reason,
    blocks,
    failing_lines,
    finish_call,
    tool_calls,
    verdict_of,
)
from ralph.spending import unseen_words
from tracing import attributes as names
from tracing.span import AttributeValue, JsonValue, SpanKind, SpanStatus
from tracing.store import SpanRow, TraceDetail
from tracing.words import money, percent, plain, plain_lines

OUTPUT = "│ "  # leads in a line that a program printed
CHECK_LINES, COMMAND_LINES, CRITERIA, FINDINGS = 12, 4, 12, 8
MARKS = {SpanStatus.ERROR: "✗", SpanStatus.INTERRUPTED: "!"}


@dataclass(frozen=True)
class Turns:
    """The model calls of a trace by number, and which failed verdicts went back to the agent."""

    numbers: Mapping[str, int] = field(default_factory=dict)  # span id -> 1, 2, ...
    repairs: Mapping[str, int] = field(default_factory=dict)  # id of a verify span -> 1, 2, ...
    blocked_reason: str = ""

    @classmethod
    def of(cls, detail: TraceDetail) -> "Turns":
        calls = [span for span in detail.spans if span.kind is SpanKind.LLM]
        failed = [span for span in detail.spans if verdict_of(span).get("passed") is False]
        last_call_ns = calls[-1].started_at_ns if calls else 0
        sent_back = [span for span in failed if span.started_at_ns < last_call_ns]
        ending = next((given for span in reversed(calls) if (given := finish_call(span))), {})
        return cls(
            {span.span_id: number for number, span in enumerate(calls, 1)},
            {span.span_id: number for number, span in enumerate(sent_back, 1)},
            plain(blocked_reason(ending)),
        )


def mark(span: SpanRow) -> str:
    return "…" if span.ended_at_ns is None else MARKS.get(span.status, " ")


def label(span: SpanRow, turns: Turns) -> str:
    if span.kind is SpanKind.LLM:
        called = ", ".join(plain(call.get("name")) for call in tool_calls(span.output()))
        return f"turn {turns.numbers.get(span.span_id, '?')}" + (f": {called}" if called else f": {_said(span)}")
    if span.kind is SpanKind.TOOL:
        return f"{plain(span.name.removeprefix('execute_tool '))} {_gist(span.input())}".strip()
    verdict = verdict_of(span)
    if verdict:
        return f"{plain(span.name)}: {plain(verdict.get('text'))}"
    if span.kind is SpanKind.EVALUATOR and isinstance(command := span.input(), str):
        return f"{plain(span.name)}: {plain(command)}"
    return plain(span.name)


def cost(span: SpanRow) -> str:
    """What is known of a model call's cost; "" where it used tokens and named no price."""
    is_priced = span.cost_micros or names.COST_MICROS in span.attributes or not span.input_tokens + span.output_tokens
    return money(span.cost_micros - span.unseen_micros) if is_priced else ""


def note(span: SpanRow) -> str:
    """A few words at the end of the line."""
    known = span.attributes
    if span.kind is SpanKind.LLM:
        words = [percent(span.cache_read_tokens, span.input_tokens) + " cached"] if span.input_tokens else []
        return ", ".join([*words, *_texts(known.get(names.FINISH_REASONS))])
    words = []
    if names.EXIT_CODE in known:
        words.append(f"exit {known[names.EXIT_CODE]}")
    if names.CHECK_PASSED in known:
        passed = known[names.CHECK_PASSED]
        words.append("passed" if passed else f"failed, exit {known.get('ralph.check.exit_code')}")
    if known.get(names.TRUNCATED):
        words.append("output cut")
    if known.get("ralph.baseline.cached"):
        words.append("known from before")
    return ", ".join(words)


def details(span: SpanRow, turns: Turns) -> list[str]:
    """What a reader must know of this span and its line has no room for."""
    return [*_of_finish(span), *_of_failure(span), *_of_call(span), *_of_verdict(span, turns), *_of_guard(span)]


def _of_finish(span: SpanRow) -> list[str]:
    given = finish_call(span) if span.kind is SpanKind.LLM else {}
    if not given:
        return []
    summary = plain(given.get("summary") or "")
    reason, criteria = plain(blocked_reason(given)), given.get("criteria")
    shown = [one for one in criteria if isinstance(one, Mapping)] if isinstance(criteria, list) else []
    return [
        ": ".join(filter(None, (f"agent, {plain(given.get('status') or FINISH)}", summary))),
        *([f"because: {reason}"] if reason and reason != summary else []),
        *(f"- {plain(one.get('criterion'))}: {plain(one.get('evidence'))}" for one in shown[:CRITERIA]),
    ]


def _of_failure(span: SpanRow) -> list[str]:
    if span.parent_span_id is None:
        return []  # it ended as its trace did, which stands above the tree
    if span.status is SpanStatus.INTERRUPTED:
        return [f"interrupted: {plain(span.error or '')}"]
    exit_code = span.attributes.get(names.EXIT_CODE)
    if span.kind is SpanKind.EVALUATOR and span.attributes.get(names.CHECK_PASSED) is False:
        return [f"{OUTPUT}{line}" for line in failing_lines("\n".join(_lines(span.output())), CHECK_LINES)]
    if span.kind is SpanKind.TOOL and exit_code not in {None, 0}:
        return [f"{OUTPUT}{line}" for line in _last_lines(span.output(), COMMAND_LINES)]
    return [f"error: {plain(span.error)}"] if span.error else []


def _of_call(span: SpanRow) -> list[str]:
    known = span.attributes
    errors, attempts = _texts(known.get(names.CALL_ATTEMPT_ERRORS)), known.get(names.CALL_ATTEMPTS, 1)
    lines = [f"cache broken, likely cause: {plain(known[names.CACHE_BREAK])}"] if names.CACHE_BREAK in known else []
    if span.unseen_micros:
        lines.append(unseen_words(span.unseen_micros).removeprefix(", "))
    if errors:
        lines.append(f"{attempts} attempts; failed ones: {'; '.join(errors)}")
    return lines


def _of_verdict(span: SpanRow, turns: Turns) -> list[str]:
    number = turns.repairs.get(span.span_id)
    return [f"the failing output went back to the agent: repair {number}"] if number else []


def _of_guard(span: SpanRow) -> list[str]:
    """What the integrity guard saw, where it is: without it nobody knows why work that passes was refused."""
    output = span.output() if span.kind is SpanKind.GUARDRAIL else None
    found = output.get("findings") if isinstance(output, Mapping) else None
    seen = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    lines = [f"- {_place(one)}{plain(one.get('text'))}" for one in seen[:FINDINGS]]
    return [*lines, *([f"and {len(seen) - FINDINGS} more"] if len(seen) > FINDINGS else [])]


def _place(finding: Mapping[str, JsonValue]) -> str:
    path, line = plain(finding.get("path") or ""), finding.get("line")
    return f"{path}:{line}: " if path and line else f"{path}: " if path else ""


def _said(span: SpanRow) -> str:
    output = span.output()
    texts = [block.get("text") for block in blocks(output)] if isinstance(output, list) else [output]
    said = plain(" ".join(text for text in texts if isinstance(text, str)))
    return said or plain(span.name)


def _gist(given: JsonValue) -> str:
    """The first argument: the command, the path, the pattern."""
    return plain(next(iter(given.values()), "")) if isinstance(given, Mapping) else plain(given or "")


def _texts(value: AttributeValue | None) -> Sequence[str]:
    return [plain(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str) else []


def _last_lines(output: JsonValue, count: int) -> list[str]:
    return [line for line in _lines(output) if line.strip() and not line.startswith("[exit code")][-count:]


def _lines(output: JsonValue) -> list[str]:
    return plain_lines(output) if isinstance(output, str) else []
