"""What a model said and called, and what a shell was told to run, whichever system wrote the span. Knows no detector."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tracing.failures.observed import Observed, once
from tracing.span import JsonValue, SpanKind

_CALLS = {"tool_use", "tool_call", "function_call", "server_tool_use", "mcp_tool_use", "tooluse"}
_COMMAND_KEYS = ("command", "cmd", "script", "code", "input", "shell_command", "commandline")
_HEREDOC = re.compile(r"<<-?[ \t]*(['\"]?)(\w+)\1")
_SEPARATORS = re.compile(r"&&|\|\||[;|&\n]")
_MOST_COMMAND = 20_000  # characters of a command that are looked at
_SPACE = re.compile(r"\s{2,}")


@dataclass(frozen=True)
class Call:
    """A tool that a model asked for."""

    name: str
    arguments: JsonValue


@dataclass(frozen=True)
class Answer:
    """A model's answer. `understood` is False where its form is strange: nothing can be said of what it lacks."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    understood: bool = True


def answer(output: JsonValue) -> Answer:
    """The words and the calls of a model's output: text, content blocks, a message, or a provider's choices."""
    parts = list(_parts(output))
    return Answer(
        text="\n".join(part for part in parts if isinstance(part, str)).strip(),
        calls=tuple(part for part in parts if isinstance(part, Call)),
        understood=not any(part is None for part in parts),
    )


@once
def answered(span: Observed) -> Answer:
    """What a model said and called in this span."""
    return answer(span.output)


def _parts(value: JsonValue) -> Iterator[str | Call | None]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, Mapping):
        yield from _of_mapping(value)


def _of_mapping(value: Mapping[str, JsonValue]) -> Iterator[str | Call | None]:
    kind = str(value.get("type") or "").lower()
    if kind in _CALLS or isinstance(value.get("function"), Mapping):
        yield _call(value)
    elif kind in {"thinking", "redacted_thinking", "reasoning"}:
        return
    elif not (known := [value[key] for key in _HOLDERS if value.get(key) is not None]):
        yield None if not (value.keys() & set(_HOLDERS)) and value else ""
    else:
        for part in known:
            yield from _parts(part)


_HOLDERS = ("text", "content", "tool_calls", "message", "messages", "choices", "parts", "output_text", "refusal")


def _call(value: Mapping[str, JsonValue]) -> Call:
    inner = value.get("function")
    source = inner if isinstance(inner, Mapping) else value
    arguments = next((source[key] for key in ("input", "arguments", "args") if key in source), None)
    return Call(str(source.get("name") or value.get("name") or ""), arguments)


@once
def command_of(span: Observed) -> str:
    """What a tool call told a shell to run, without what it only writes to a file; "" where there is no command."""
    return command_in(span.input) if span.kind is SpanKind.TOOL else ""


def command_in(arguments: JsonValue) -> str:
    arguments = decoded(arguments)
    if isinstance(arguments, Mapping):
        arguments = next((arguments[key] for key in _COMMAND_KEYS if arguments.get(key)), None)
    if isinstance(arguments, list) and all(isinstance(word, str) for word in arguments):
        arguments = " ".join(str(word) for word in arguments)
    return squeezed(_without_heredocs(arguments[:_MOST_COMMAND])) if isinstance(arguments, str) else ""


def squeezed(text: str) -> str:
    """With single spaces and without empty lines: patterns that allow for space go over long ones again and again."""
    return _SPACE.sub(lambda found: "\n" if "\n" in found[0] else " ", text)


def _without_heredocs(text: str) -> str:
    """The lines that a shell runs, not those that it hands to a program."""
    if "<<" not in text:
        return text
    kept, end = [], ""
    for line in text.split("\n"):
        if not end:
            kept.append(line)
            found = _HEREDOC.search(line)
            end = found[2] if found else ""
        elif line.strip() == end:
            end = ""
    return "\n".join(kept)


def decoded(arguments: JsonValue) -> JsonValue:
    """Arguments that came as the text of a JSON object; anything else as it is."""
    if not isinstance(arguments, str) or not arguments.lstrip().startswith("{") or len(arguments) > _MOST_COMMAND:
        return arguments
    try:
        parsed: JsonValue = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    return parsed


def commands(text: str) -> list[str]:
    """The single commands of a shell line, roughly: quotes are not read."""
    return [part.strip() for part in _SEPARATORS.split(text) if part.strip()]
