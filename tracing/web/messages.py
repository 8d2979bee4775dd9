"""What a model call was told and what it answered, read from whichever dialect a span was written in: plain messages.

Ours (stored conversations), OTel GenAI (`gen_ai.input.messages`), OpenInference (`llm.input_messages.0...`) and its
forerunners. Knows nothing about how they are shown.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from tracing.span import AttributeValue, JsonValue
from tracing.store import SpanRow

Attributes: TypeAlias = Mapping[str, AttributeValue]
Nested: TypeAlias = dict[str, "Nested | JsonValue"]

INPUTS, OUTPUTS = ("gen_ai.input.messages", "gen_ai.output.messages")
INDEXED_INPUTS = ("llm.input_messages", "gen_ai.prompt")
INDEXED_OUTPUTS = ("llm.output_messages", "gen_ai.completion")


def told(span: SpanRow) -> list[JsonValue]:
    """The messages of a model call, oldest first; [] where nobody kept them."""
    return (
        span.messages()
        or _listed(span.attributes.get(INPUTS))
        or _indexed(span.attributes, INDEXED_INPUTS)
        or _messages_in(given(span))
    )


def answered(span: SpanRow) -> list[JsonValue]:
    """The messages that a model call brought; usually one."""
    found = _listed(span.attributes.get(OUTPUTS)) or _indexed(span.attributes, INDEXED_OUTPUTS)
    brought_value = brought(span)
    if found or brought_value is None:
        return found
    return _messages_in(brought_value) or [{"role": "assistant", "content": brought_value}]


def instructions(span: SpanRow) -> JsonValue:
    """The system text; in most dialects it is a message like others, and then None here."""
    stored = span.system()
    return stored if stored is not None else parsed(span.attributes.get("gen_ai.system_instructions"))


def definitions(span: SpanRow) -> JsonValue:
    """The tools that a model could call."""
    stored = span.tools()
    return stored if stored is not None else parsed(span.attributes.get("gen_ai.tool.definitions"))


def given(span: SpanRow) -> JsonValue:
    """The input, stored or among the attributes."""
    return _value(span.input(), span.attributes, ("input.value", "gen_ai.tool.call.arguments", "tool.parameters"))


def brought(span: SpanRow) -> JsonValue:
    """The output, stored or among the attributes."""
    return _value(span.output(), span.attributes, ("output.value", "gen_ai.tool.call.result"))


def parsed(value: AttributeValue | None) -> JsonValue:
    """JSON where the text is JSON of a list or an object, else the text."""
    if not isinstance(value, str):
        return list(value) if isinstance(value, list | tuple) else value  # type: ignore[return-value]
    if value.lstrip()[:1] not in {"{", "["}:
        return value
    try:
        found: JsonValue = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found


def _value(stored: JsonValue, attributes: Attributes, names: tuple[str, ...]) -> JsonValue:
    if stored is not None:
        return stored
    return next((parsed(attributes[name]) for name in names if name in attributes), None)


def _listed(value: AttributeValue | None) -> list[JsonValue]:
    found = parsed(value)
    return found if isinstance(found, list) else []


def _messages_in(value: JsonValue) -> list[JsonValue]:
    """Of a request (`messages`), an answer (`choices`), or a list of messages."""
    if isinstance(value, dict):
        choices = value.get("choices")
        if isinstance(choices, list):
            return [one["message"] for one in choices if isinstance(one, dict) and isinstance(one.get("message"), dict)]
        if isinstance(value.get("role"), str):
            return [value]
        return _messages_in(value.get("messages"))
    if isinstance(value, list) and value and all(isinstance(one, dict) and "role" in one for one in value):
        return value
    return []


def _indexed(attributes: Attributes, prefixes: tuple[str, ...]) -> list[JsonValue]:
    """`llm.input_messages.0.message.role` and the like, put together."""
    for prefix in prefixes:
        named = {name[len(prefix) + 1 :]: value for name, value in attributes.items() if name.startswith(f"{prefix}.")}
        if named:
            return [_unwrapped(message, "message") for message in _in_order(_nested(named))]
    return []


def _nested(named: Attributes) -> Nested:
    found: Nested = {}
    for name, value in named.items():
        *path, last = name.split(".")
        place = found
        for part in path:
            inner = place.setdefault(part, {})
            place = inner if isinstance(inner, dict) else {}
        place[last] = parsed(value) if last == "arguments" else value  # type: ignore[assignment]
    return found


def _in_order(numbered: Nested) -> Iterator[JsonValue]:
    for _, value in sorted(numbered.items(), key=lambda one: int(one[0]) if one[0].isdecimal() else 1 << 30):
        yield _lists(value)


def _lists(value: JsonValue) -> JsonValue:
    """Objects whose every key is a number are lists."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return list(_in_order(value))
    return {key: _lists(inner) for key, inner in value.items()}


def _unwrapped(value: JsonValue, wrapper: str) -> JsonValue:
    inner = value.get(wrapper) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else value
