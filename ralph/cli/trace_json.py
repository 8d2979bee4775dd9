"""Traces, spans and costs as plain data for `--json`. Money in micro-dollars and dollars, times in ISO 8601 and ns."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TypeAlias

from ralph.history.costs import CostGroup
from tracing.finding import Finding
from tracing.span import AttributeValue, JsonValue
from tracing.store import SpanRow, TraceDetail, TraceRow
from tracing.words import MICROS_PER_USD, iso_time

Facts: TypeAlias = dict[str, JsonValue | AttributeValue | object]


def trace_facts(row: TraceRow) -> Facts:
    return {
        **asdict(row),
        "started_at": iso_time(row.started_at_ns),
        "ended_at": iso_time(row.ended_at_ns),
        "duration_ns": row.duration_ns,
        "cost_usd": row.known_micros / MICROS_PER_USD,
        "cache_hit_ratio": row.cache_hit_ratio,
    }


def cost_facts(group: CostGroup, by: str) -> Facts:
    """`unseen_micros` is reserved by calls whose end was never seen; it counts against limits, and is no known cost."""
    return {
        "by": by,
        **asdict(group.row),
        "cost_usd": group.known_micros / MICROS_PER_USD,
        "unknown_usd": group.row.unseen_micros / MICROS_PER_USD,
        "unknown_calls": group.unknown_calls,
        "under_way_micros": group.under_way_micros,
    }


def detail_facts(detail: TraceDetail, findings: Sequence[Finding] = ()) -> Facts:
    """The trace, what detectors found in it, and every span. A call's request stands as what is new in it: the first `messages_kept` messages are those
    of the call before, so that the whole is as long as the conversation and not its square.
    """
    before: list[JsonValue] = []
    spans: list[Facts] = []
    for span in detail.spans:
        facts = span_facts(span)
        if span.refs.conversation is not None:
            messages = span.messages()
            kept = _common(before, messages)
            facts |= {"messages_kept": kept, "messages": messages[kept:]}
            before = messages
        spans.append(facts)
    found = [{**asdict(one), "severity": one.severity.name.lower()} for one in findings]
    return {**trace_facts(detail.trace), "findings_found": found, "spans": spans}


def span_facts(span: SpanRow, *, whole: bool = False) -> Facts:
    """One span; `whole` adds a model call's request in full."""
    facts: Facts = {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "name": span.name,
        "kind": span.kind.value,
        "status": span.status.value,
        "error": span.error,
        "started_at": iso_time(span.started_at_ns),
        "started_at_ns": span.started_at_ns,
        "ended_at_ns": span.ended_at_ns,
        "duration_ns": span.duration_ns,
        "model": span.model,
        "input_tokens": span.input_tokens,
        "cache_read_tokens": span.cache_read_tokens,
        "cache_write_tokens": span.cache_write_tokens,
        "output_tokens": span.output_tokens,
        "cost_micros": span.cost_micros,
        "unseen_micros": span.unseen_micros,
        "attributes": dict(span.attributes),
        "events": [asdict(event) for event in span.events],
        "input": span.input(),
        "output": span.output(),
        "hashes": asdict(span.refs),
    }
    request: Facts = {"system": span.system(), "tools": span.tools(), "messages": span.messages()} if whole else {}
    return facts | request


def _common(before: list[JsonValue], now: list[JsonValue]) -> int:
    """How many messages both begin with."""
    same = 0
    for old, new in zip(before, now, strict=False):
        if old != new:
            break
        same += 1
    return same
