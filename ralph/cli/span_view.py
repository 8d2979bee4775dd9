"""One span whole, for a person: attributes, events, input, output, and what a model call was sent."""

import json
from collections.abc import Iterator

from tracing.span import JsonValue
from tracing.store import SpanRow
from tracing.words import length, local_time, plain, plain_lines


def span_lines(span: SpanRow) -> list[str]:
    return list(_lines(span))


def _lines(span: SpanRow) -> Iterator[str]:
    yield f"span {span.span_id} of trace {span.trace_id}"
    yield f"  {plain(span.name)} ({span.kind.value}): {span.status.value}"
    yield f"  began {local_time(span.started_at_ns, '%Y-%m-%d %H:%M:%S')}, took {length(span.duration_ns)}"
    if span.error:
        yield f"  error: {plain(span.error)}"
    yield from _section("attributes", [f"{name} = {plain(value)}" for name, value in sorted(span.attributes.items())])
    yield from _section(
        "events",
        [
            f"{local_time(event.at_ns, '%H:%M:%S')} {plain(event.name)} "
            + ", ".join(f"{name} = {plain(value)}" for name, value in event.attributes.items())
            for event in span.events
        ],
    )
    yield from _section("system", _text(span.system()))
    yield from _section("tools", _text(_tool_names(span.tools())))
    for number, message in enumerate(span.messages(), 1):
        role = message.get("role") if isinstance(message, dict) else ""
        content = message.get("content") if isinstance(message, dict) else message
        yield from _section(f"message {number}, {plain(role)}", _text(content))
    yield from _section("input", _text(span.input()))
    yield from _section("output", _text(span.output()))


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}".rstrip() for line in lines)


def _tool_names(tools: JsonValue) -> JsonValue:
    """By name: their schemas are the same in every call, and `--json` has them."""
    if not isinstance(tools, list):
        return tools
    return ", ".join(plain(tool.get("name")) for tool in tools if isinstance(tool, dict)) + " (--json has the schemas)"


def _text(value: JsonValue) -> list[str]:
    """Text as it stands; blocks of a message one after the other; anything else as JSON."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return plain_lines(value.rstrip("\n"))
    if isinstance(value, list) and all(isinstance(block, dict) and "type" in block for block in value):
        return [line for block in value for line in _block(block)]
    return plain_lines(json.dumps(value, ensure_ascii=False, indent=2))


def _block(block: JsonValue) -> list[str]:
    assert isinstance(block, dict)
    if block["type"] == "text":
        return _text(block.get("text"))
    if block["type"] == "tool_use":
        return [f"[call {plain(block.get('name'))}]", *_arguments(block.get("input"))]
    if block["type"] == "tool_result":
        return [f"[result{', an error' if block.get('is_error') else ''}]", *_text(block.get("content"))]
    return plain_lines(json.dumps(block, ensure_ascii=False))


def _arguments(given: JsonValue) -> list[str]:
    if not isinstance(given, dict):
        return _text(given)
    lines: list[str] = []
    for name, value in given.items():
        first, *rest = _text(value) or [""]
        lines += [f"  {plain(name)}: {first}", *(f"    {line}" for line in rest)]
    return lines
