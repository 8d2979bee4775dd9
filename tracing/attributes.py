"""Names and builders of span attributes: OTel GenAI and OpenInference side by side ("union profile"), ours as `ralph.*`.

Usage stands on model-call spans only, because every backend sums the spans that carry it. `gen_ai.usage.input_tokens`
includes cache reads and writes, and cache writes go under the old and the new OTel name.
"""

from collections.abc import Mapping, Sequence

from tracing.span import AttributeValue, SpanKind

SPAN_KIND = "openinference.span.kind"
OPERATION = "gen_ai.operation.name"
AGENT_NAME = "gen_ai.agent.name"
CONVERSATION_ID = "gen_ai.conversation.id"
SESSION_ID = "session.id"
PROVIDER = "gen_ai.provider.name"
LEGACY_SYSTEM = "gen_ai.system"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_REASONING = "gen_ai.request.reasoning.level"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK_S = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_CREATION_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
USAGE_COST_USD = "gen_ai.usage.cost"
LLM_MODEL = "llm.model_name"
LLM_PROVIDER = "llm.provider"
LLM_SYSTEM = "llm.system"
LLM_PROMPT_TOKENS = "llm.token_count.prompt"
LLM_COMPLETION_TOKENS = "llm.token_count.completion"
LLM_TOTAL_TOKENS = "llm.token_count.total"
LLM_CACHE_READ_TOKENS = "llm.token_count.prompt_details.cache_read"
LLM_CACHE_WRITE_TOKENS = "llm.token_count.prompt_details.cache_write"
LLM_REASONING_TOKENS = "llm.token_count.completion_details.reasoning"
LLM_COST_USD = "llm.cost.total"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL_ID = "gen_ai.tool.call.id"
OPENINFERENCE_TOOL_NAME = "tool.name"
OPENINFERENCE_TOOL_ID = "tool.id"
ERROR_TYPE = "error.type"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"

PROJECT = "ralph.project"
REPO = "ralph.repo"
RUN_ID = "ralph.run.id"
STORY_ID = "ralph.story.id"
ITERATION = "ralph.iteration"
ATTEMPT = "ralph.attempt"
PHASE = "ralph.phase"
COST_MICROS = "ralph.cost.micros"
UNSEEN_MICROS = "ralph.cost.unseen_micros"  # the part of the cost that is a bound: nobody saw how an attempt ended
PRICE_VERSION = "ralph.price.version"
COST_SIMULATED = "ralph.cost.simulated"
UNCACHED_INPUT_TOKENS = "ralph.usage.uncached_input_tokens"
CACHE_WRITE_5M_TOKENS = "ralph.usage.cache_write_5m_tokens"
CACHE_WRITE_1H_TOKENS = "ralph.usage.cache_write_1h_tokens"
LATENCY_MS = "ralph.latency_ms"
TIME_TO_FIRST_TOKEN_MS = "ralph.time_to_first_token_ms"  # noqa: S105  a measure
CALL_ATTEMPTS = "ralph.call.attempts"
CALL_ATTEMPT_ERRORS = "ralph.call.attempt_errors"
CACHE_BREAK = "ralph.cache.break"
EXIT_CODE = "ralph.tool.exit_code"
DURATION_MS = "ralph.tool.duration_ms"
TRUNCATED = "ralph.tool.truncated"
FULL_OUTPUT = "ralph.tool.full_output"
CHANGED = "ralph.tool.changed"  # whether the call changed what the agent works on
REDACTED = "ralph.redacted"
CHECK_PASSED = "ralph.check.passed"
CHECK_WHY = "ralph.check.why"  # what it was run for; one that "should fail" says so
SHOULD_FAIL = "should fail"
CHECK_EXIT_CODE = "ralph.check.exit_code"
PARENT_TRACE_ID = "ralph.parent.trace_id"
PARENT_SPAN_ID = "ralph.parent.span_id"

USAGE_PREFIXES = ("gen_ai.usage.", "llm.token_count.", "llm.cost.", "ralph.usage.", COST_MICROS)
"""What only a span of kind LLM may carry; aggregates of other spans go under other `ralph.*` names."""

OPERATIONS: Mapping[SpanKind, str] = {
    SpanKind.AGENT: "invoke_agent",
    SpanKind.LLM: "chat",
    SpanKind.TOOL: "execute_tool",
    SpanKind.EMBEDDING: "embeddings",
    SpanKind.RETRIEVER: "retrieval",
}

Attributes = dict[str, AttributeValue]


def common_attributes(kind: SpanKind, *, agent: str = "", session_id: str | None = None) -> Attributes:
    """What every span carries: its kind in both dialects, the agent and (only if there is a real one) the session."""
    found: Attributes = {SPAN_KIND: kind.value}
    if kind in OPERATIONS:
        found[OPERATION] = OPERATIONS[kind]
    if agent:
        found[AGENT_NAME] = agent
    if session_id:
        found |= {CONVERSATION_ID: session_id, SESSION_ID: session_id}
    return found


def llm_request_attributes(
    *, model: str, max_tokens: int, provider: str = "anthropic", stream: bool = True, reasoning_level: str | None = None
) -> Attributes:
    """What is known of a model call before it is made."""
    found: Attributes = {
        PROVIDER: provider,
        LEGACY_SYSTEM: provider,
        LLM_PROVIDER: provider,
        LLM_SYSTEM: provider,
        REQUEST_MODEL: model,
        LLM_MODEL: model,
        REQUEST_MAX_TOKENS: max_tokens,
        REQUEST_STREAM: stream,
    }
    if reasoning_level is not None:
        found[REQUEST_REASONING] = reasoning_level
    return found


def llm_response_attributes(
    *,
    model: str,
    stop_reason: str | None,
    uncached_input_tokens: int,
    output_tokens: int,
    cache_read_tokens: int = 0,
    cache_write_5m_tokens: int = 0,
    cache_write_1h_tokens: int = 0,
    reasoning_tokens: int = 0,
    cost_micros: int | None = None,
    price_version: str = "",
    latency_ms: float | None = None,
    time_to_first_token_ms: float | None = None,
    attempts: int = 1,
    attempt_errors: Sequence[str] = (),
    response_id: str = "",
) -> Attributes:
    """What a finished model call reports. `output_tokens` includes `reasoning_tokens`; `cost_micros` None is unknown."""
    cache_write = cache_write_5m_tokens + cache_write_1h_tokens
    total_input = uncached_input_tokens + cache_read_tokens + cache_write
    found: Attributes = {
        RESPONSE_MODEL: model,
        INPUT_TOKENS: total_input,
        OUTPUT_TOKENS: output_tokens,
        CACHE_READ_TOKENS: cache_read_tokens,
        CACHE_CREATION_TOKENS: cache_write,
        CACHE_WRITE_TOKENS: cache_write,
        REASONING_TOKENS: reasoning_tokens,
        LLM_PROMPT_TOKENS: total_input,
        LLM_COMPLETION_TOKENS: output_tokens,
        LLM_TOTAL_TOKENS: total_input + output_tokens,
        LLM_CACHE_READ_TOKENS: cache_read_tokens,
        LLM_CACHE_WRITE_TOKENS: cache_write,
        LLM_REASONING_TOKENS: reasoning_tokens,
        UNCACHED_INPUT_TOKENS: uncached_input_tokens,
        CACHE_WRITE_5M_TOKENS: cache_write_5m_tokens,
        CACHE_WRITE_1H_TOKENS: cache_write_1h_tokens,
        CALL_ATTEMPTS: attempts,
    }
    given: dict[str, AttributeValue | None] = {
        RESPONSE_ID: response_id or None,
        FINISH_REASONS: [stop_reason] if stop_reason else None,
        PRICE_VERSION: price_version or None,
        LATENCY_MS: latency_ms,
        TIME_TO_FIRST_TOKEN_MS: time_to_first_token_ms,
        TIME_TO_FIRST_CHUNK_S: None if time_to_first_token_ms is None else time_to_first_token_ms / 1000,
        CALL_ATTEMPT_ERRORS: list(attempt_errors) or None,
        COST_MICROS: cost_micros,
        USAGE_COST_USD: None if cost_micros is None else cost_micros / 1_000_000,
        LLM_COST_USD: None if cost_micros is None else cost_micros / 1_000_000,
    }
    return found | {name: value for name, value in given.items() if value is not None}


def tool_attributes(*, name: str, call_id: str = "") -> Attributes:
    """What is known of a tool call before it runs; its arguments are the span's input."""
    found: Attributes = {TOOL_NAME: name, OPENINFERENCE_TOOL_NAME: name, TOOL_TYPE: "function"}
    if call_id:
        found |= {TOOL_CALL_ID: call_id, OPENINFERENCE_TOOL_ID: call_id}
    return found


def tool_result_attributes(
    *,
    exit_code: int | None = None,
    duration_ms: float | None = None,
    truncated: bool = False,
    full_output: str = "",
    changed: bool | None = None,
) -> Attributes:
    """What a finished tool call reports; its result is the span's output."""
    given: dict[str, AttributeValue | None] = {
        EXIT_CODE: exit_code,
        DURATION_MS: duration_ms,
        TRUNCATED: truncated,
        FULL_OUTPUT: full_output or None,
        CHANGED: changed,
    }
    return {name: value for name, value in given.items() if value is not None}
