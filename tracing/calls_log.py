"""One structured log record per model call, through stdlib logging, for those who collect logs and not traces.

Logger `tracing.calls`, level INFO; the fields are attributes of the record (`extra`). Everything in it is redacted.
"""

import logging

from tracing import attributes as names
from tracing.span import SpanState, SpanStatus

LOGGER = logging.getLogger("tracing.calls")


def log_call(state: SpanState, *, input_preview: str, output_preview: str) -> None:
    """Say that a model call ended; `latency_ms` is the span's own duration where the caller gave none."""
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    read = state.attributes
    reasons = read.get(names.FINISH_REASONS)
    duration_ms = ((state.ended_at_ns or state.started_at_ns) - state.started_at_ns) / 1_000_000
    fields = {
        "trace_id": state.trace_id,
        "span_id": state.span_id,
        "model": read.get(names.RESPONSE_MODEL) or read.get(names.REQUEST_MODEL),
        "input_tokens": read.get(names.INPUT_TOKENS, 0),
        "output_tokens": read.get(names.OUTPUT_TOKENS, 0),
        "cache_read_tokens": read.get(names.CACHE_READ_TOKENS, 0),
        "cache_write_tokens": read.get(names.CACHE_WRITE_TOKENS, 0),
        "cost_micros": read.get(names.COST_MICROS),
        "latency_ms": read.get(names.LATENCY_MS, duration_ms),
        "stop_reason": reasons[0] if isinstance(reasons, list | tuple) and reasons else None,
        "error": state.error,
        "input_preview": input_preview,
        "output_preview": output_preview,
    }
    level = logging.WARNING if state.status is SpanStatus.ERROR else logging.INFO
    LOGGER.log(level, "model call %s", state.name, extra=fields)
