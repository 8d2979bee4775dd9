"""What a model was told and what it answered, from a span's attributes in whichever convention, as content blocks.

OTel GenAI has one JSON text, OpenInference and OpenLLMetry spread messages over many attributes; `input.value` and
`output.value` are what is left. Blocks are {"type": "text", "text"} and {"type": "tool_use", "id", "name", "input"}.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from tracing.failures.span_json import FileSpan, parsed
from tracing.span import AttributeValue, JsonValue, SpanKind
from tracing.usage import Attributes, first

ASKED = ("gen_ai.input.messages", "llm.input_messages", "gen_ai.prompt", "traceloop.entity.input")
ANSWERED = ("gen_ai.output.messages", "llm.output_messages", "gen_ai.completion")
INPUTS = ("input.value", "traceloop.entity.input", "langfuse.observation.input")
OUTPUTS = ("output.value", "traceloop.entity.output", "langfuse.observation.output")
ARGUMENTS = ("gen_ai.tool.call.arguments", "tool.parameters", "tool.arguments", "tool_input")
RESULTS = ("gen_ai.tool.call.result", "tool.result", "tool_result")
_TOLD = {"user", "human"}
_ANSWERING = {SpanKind.LLM, SpanKind.AGENT}
_TASKS = ("task", "goal", "question", "query", "instruction", "problem_statement", "prompt", "input")


def given(span: FileSpan) -> JsonValue:
    """A tool's arguments, or what an agent was asked."""
    if span.given is not None:
        return span.given
    if span.kind is SpanKind.TOOL:
        return _value(span.attributes, (*ARGUMENTS, *INPUTS))
    found = _value(span.attributes, INPUTS)
    return next(_said_by_user(span), None) if found is None else found


def result(span: FileSpan) -> JsonValue:
    """A tool's result, or a model's answer."""
    if span.result is not None:
        return span.result
    if span.kind not in _ANSWERING:
        return _value(span.attributes, (*RESULTS, *OUTPUTS))
    answers = [message for name in ANSWERED for message in _messages(span.attributes, name)]
    return [block for message in answers for block in _blocks(message)] or _value(span.attributes, OUTPUTS)


def goal(spans: Sequence[FileSpan]) -> str:
    """What the outermost agent was asked; without one, the first thing that a user says to a model. `spans`: outermost first."""
    outer = [span for span in spans if span.kind is SpanKind.AGENT or not span.parent_span_id]
    models = [span for span in spans if span.kind is SpanKind.LLM]
    chains = [span for span in spans if span.kind is SpanKind.CHAIN]
    asked = (_task(given(span)) for span in outer if span.kind in {SpanKind.AGENT, SpanKind.CHAIN})
    said = (next(_said_by_user(span), "") for span in models)
    started = (_task(given(span)) for span in chains)
    return next((text for text in chain(asked, said, started) if text), "")


def _task(value: JsonValue) -> str:
    """What an agent's input asks for, out of the state that some frameworks pass along with it."""
    value = parsed(value) if isinstance(value, str) else value
    if not isinstance(value, Mapping):
        return first_user_text(value) or text_of(value)
    named = (value[name] for name in _TASKS if isinstance(value.get(name), str) and value[name])
    told = (first_user_text(one) for one in value.values())
    return next((str(text) for text in chain(named, told) if text), text_of(value))


def first_user_text(messages: JsonValue) -> str:
    """The first thing a user says in a conversation; "" where nobody does."""
    listed = messages if isinstance(messages, list) else []
    told = (one for one in listed if isinstance(one, Mapping) and str(one.get("role")).lower() in _TOLD)
    return next((text for one in told if (text := _text_in(_blocks(one)))), "")


def text_of(value: JsonValue) -> str:
    """A value as words: the only text in it, else its JSON."""
    value = parsed(value) if isinstance(value, str) else value
    if isinstance(value, Mapping) and len(value) == 1:
        value = next(iter(value.values()))
    if isinstance(value, str):
        return value
    return "" if not value else json.dumps(value, ensure_ascii=False)


def _said_by_user(span: FileSpan) -> Iterator[str]:
    found: list[JsonValue] = list(span.messages) if isinstance(span.messages, list) else []
    for messages in (found, *(_messages(span.attributes, name) for name in ASKED)):
        if text := first_user_text(list(messages)):
            yield text


def _messages(attributes: Attributes, name: str) -> list[JsonValue]:
    value = attributes.get(name)
    if isinstance(value, str):
        read = parsed(value)
        return read if isinstance(read, list) else []
    if value is not None:
        return [parsed(str(item)) for item in value] if isinstance(value, Sequence) else []
    spread = _nested({key: one for key, one in attributes.items() if key.startswith(f"{name}.")}, name)
    return [one["message"] if isinstance(one, Mapping) and "message" in one else one for one in spread]


def _nested(attributes: Attributes, name: str) -> list[JsonValue]:
    """The list that was spread over "name.0.a", "name.0.b.1", ..."""
    tree: dict[str, JsonValue] = {}
    for key, value in attributes.items():
        inner, parts = tree, key[len(name) + 1 :].split(".")
        for part in parts[:-1]:
            below = inner.setdefault(part, {})
            if not isinstance(below, dict):
                break
            inner = below
        else:
            inner[parts[-1]] = _plain(value)
    read = _listed(tree)
    return read if isinstance(read, list) else []


def _plain(value: AttributeValue) -> JsonValue:
    return value if isinstance(value, str | int | float) else [*value]


def _listed(tree: JsonValue, depth: int = 0) -> JsonValue:
    """Objects whose names are all numbers become lists."""
    if not isinstance(tree, dict) or depth > 20:
        return tree
    inner = {key: _listed(value, depth + 1) for key, value in tree.items()}
    if inner and all(key.isdecimal() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def _blocks(message: JsonValue) -> list[JsonValue]:
    """A message's content as blocks: text first, then the tools it calls."""
    if not isinstance(message, Mapping):
        return [_text(message)] if isinstance(message, str) else []
    parts = first_of(message, ("parts", "contents", "content"))
    found = [_text(parts)] if isinstance(parts, str) and parts else []
    found += [block for part in parts if (block := _block(part)) is not None] if isinstance(parts, list) else []
    calls = first_of(message, ("tool_calls", "function_call"))
    return found + [
        _call(call) for call in (calls if isinstance(calls, list) else [calls]) if isinstance(call, Mapping)
    ]


def _block(part: JsonValue) -> JsonValue:
    if isinstance(part, str):
        return _text(part)
    if not isinstance(part, Mapping):
        return None
    part = part["message_content"] if isinstance(part.get("message_content"), Mapping) else part
    assert isinstance(part, Mapping)
    if part.get("type") in {"tool_call", "tool_use", "function"}:
        return _call(part)
    said = first_of(part, ("text", "content"))
    return _text(said) if isinstance(said, str) and part.get("type") in {"text", "output_text", None} else dict(part)


def _text(text: str) -> JsonValue:
    return {"type": "text", "text": text}


def _call(call: Mapping[str, JsonValue]) -> JsonValue:
    """A call of a tool; its arguments are JSON in a text more often than not."""
    inner = call.get("tool_call")
    call = inner if isinstance(inner, Mapping) else call
    function = call.get("function")
    named = function if isinstance(function, Mapping) else call
    arguments = first_of(named, ("arguments", "input", "args"))
    return {
        "type": "tool_use",
        "id": call.get("id"),
        "name": named.get("name"),
        "input": parsed(arguments) if isinstance(arguments, str) else arguments,
    }


def _text_in(blocks: Sequence[JsonValue]) -> str:
    texts = (block.get("text") for block in blocks if isinstance(block, Mapping) and block.get("type") == "text")
    return "\n".join(text for text in texts if isinstance(text, str)).strip()


def first_of(found: Mapping[str, JsonValue], wanted: Sequence[str]) -> JsonValue:
    return next((found[name] for name in wanted if found.get(name) not in (None, "", [])), None)


def _value(attributes: Attributes, wanted: Sequence[str]) -> JsonValue:
    """As text or as what its JSON says."""
    value = first(attributes, wanted)
    if value is None:
        spread = next((name for name in wanted if any(key.startswith(f"{name}.") for key in attributes)), None)
        return None if spread is None else _spread(attributes, spread)
    return parsed(value) if isinstance(value, str) else _plain(value)


def _spread(attributes: Attributes, name: str) -> JsonValue:
    return {key[len(name) + 1 :]: _plain(value) for key, value in attributes.items() if key.startswith(f"{name}.")}
