"""Traces as files of steps, one JSON object a line: each step a model's turn and the call it made. Lenient: anything may be missing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from tracing.failures.observed import Ending, Observed, Subject, stop_reason
from tracing.span import JsonValue, SpanKind, TraceStatus

_NO_TOOL = frozenset({"", "none", "null", "(no action)", "no_action"})
_GOAL_KEYS = ("goal", "task", "question", "query", "instruction", "problem_statement")


def read_steps(record: Mapping[str, JsonValue]) -> tuple[Subject, list[Observed], Ending]:
    """A run as detectors see it, in time order; steps that are no objects are passed over."""
    steps = record.get("steps")
    listed = [step for step in steps if isinstance(step, Mapping)] if isinstance(steps, list) else []
    spans = [span for place, step in enumerate(listed) for span in _spans(step, place)]
    agent = next((str(step["agent"]) for step in listed if step.get("agent")), _text(record.get("source")))
    return (
        Subject(trace_id=_text(record.get("trace_id")), agent=agent, goal=_first_text(record, _GOAL_KEYS)),
        _with_own_ids(spans),
        _ending(record.get("outcome")),
    )


def _with_own_ids(spans: list[Observed]) -> list[Observed]:
    """A nested span may stand in several steps: the later ones get a number."""
    times = Counter[str]()
    own: list[Observed] = []
    for span in spans:
        times[span.span_id] += 1
        number = times[span.span_id]
        own.append(span if number == 1 else replace(span, span_id=f"{span.span_id}-{number}"))
    return own


def _ending(outcome: JsonValue) -> Ending:
    passed = bool(outcome) if isinstance(outcome, bool | int | float) else None
    status = {True: TraceStatus.SUCCESS, False: TraceStatus.ERROR, None: TraceStatus.RUNNING}[passed]
    return Ending(status=status, passed=passed)


def _spans(step: Mapping[str, JsonValue], place: int) -> Iterator[Observed]:
    """The model's turn, and the call where there was one; time is only an order: a step each 10 ns."""
    tool = _text(step.get("tool")).strip()
    span_id = _text(step.get("span")) or f"step-{step.get('i', place)}"
    agent = _text(step.get("agent"))
    parent = f"agent-{agent}" if agent else None
    called = tool.lower() not in _NO_TOOL
    said: JsonValue = [{"type": "tool_use", "name": tool, "input": step.get("args")}] if called else _said(step)
    yield Observed(
        span_id=f"{span_id}-turn" if called else span_id,
        parent_span_id=parent,
        kind=SpanKind.LLM,
        name=_text(step.get("model")) or agent or "model",
        started_at_ns=place * 10 + 1,
        ended_at_ns=place * 10 + 4,
        output=said,
        stop_reason=stop_reason(_text(step.get("finish"))),
        input_tokens=_count(step.get("ptok")),
        output_tokens=_count(step.get("ctok")),
        error=_text(step.get("obs")) if step.get("err") and not called else "",
    )
    if called:
        yield Observed(
            span_id=span_id,
            parent_span_id=parent,
            kind=SpanKind.TOOL,
            name=tool,
            started_at_ns=place * 10 + 5,
            ended_at_ns=place * 10 + 9,
            is_error=bool(step.get("err")),
            input=step.get("args"),
            output=_whole(step),
        )


def _said(step: Mapping[str, JsonValue]) -> JsonValue:
    """What the model said where it called nothing; beside an error, `obs` is somebody's complaint about it."""
    return step.get("args") or (None if step.get("err") else step.get("obs") or "")


def _whole(step: Mapping[str, JsonValue]) -> JsonValue:
    """The result, with how much was cut off: two results that begin alike are not the same for that."""
    output, length = step.get("obs"), _count(step.get("obs_len"))
    if isinstance(output, str) and length > len(output) >= 1_000:
        return f"{output}\n[{length} characters in all]"
    return output


def _text(value: JsonValue) -> str:
    return "" if value is None else str(value)


def _first_text(record: Mapping[str, JsonValue], keys: Iterable[str]) -> str:
    return next((text for key in keys if (text := _text(record.get(key)))), "")


def _count(value: JsonValue) -> int:
    return int(value) if isinstance(value, int | float) and value > 0 else 0
