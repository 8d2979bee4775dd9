"""What the spans of Ralph's own runs say in words: what the agent handed to `finish`, and the verdicts on its work."""

from collections.abc import Mapping

from tracing.span import JsonValue, SpanKind
from tracing.store import SpanRow

FINISH = "finish"


def finish_call(span: SpanRow) -> Mapping[str, JsonValue]:
    """What the agent handed to `finish` in this turn; empty where it did not call it."""
    given = next((call.get("input") for call in tool_calls(span.output()) if call.get("name") == FINISH), None)
    return given if isinstance(given, Mapping) else {}


def verdict_of(span: SpanRow) -> Mapping[str, JsonValue]:
    """`passed` and `text` of a verification; empty for every other span."""
    if span.kind is not SpanKind.CHAIN or span.name != "verify":
        return {}
    output = span.output()
    return output if isinstance(output, Mapping) else {}


def blocked_reason(given: Mapping[str, JsonValue]) -> str:
    """Why the agent says that it cannot be done; "" where it says nothing like that."""
    if given.get("status") != "blocked":
        return ""
    return str(given.get("blocked_reason") or given.get("summary") or "")


def tool_calls(output: JsonValue) -> list[Mapping[str, JsonValue]]:
    return [block for block in blocks(output) if block.get("type") == "tool_use"]


def blocks(output: JsonValue) -> list[Mapping[str, JsonValue]]:
    return [block for block in output if isinstance(block, Mapping)] if isinstance(output, list) else []
