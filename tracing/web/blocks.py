"""A message and its blocks, as text to be read: what was said, thought, called and told.

Takes plain messages of any dialect. What an attacker may have written is only ever text here.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tracing.span import JsonValue
from tracing.web.messages import parsed
from tracing.web.visible import SHOWN_CHARS, beginning
from tracing.words import plain

ARGUMENT_CHARS = 4_000
LINE_CHARS = 90


class BlockKind(StrEnum):
    TEXT = "text"
    THINKING = "thinking"
    CALL = "call"
    RESULT = "result"
    FILE = "file"  # an image or a document, by its kind and size
    OTHER = "other"


@dataclass(frozen=True)
class Text:
    """What is shown of a text, and how many characters are not."""

    shown: str
    left_out_chars: int = 0

    @property
    def first_line(self) -> str:
        return self.shown.lstrip().partition("\n")[0][:LINE_CHARS]

    @property
    def is_long(self) -> bool:
        return "\n" in self.shown or len(self.shown) > LINE_CHARS


@dataclass(frozen=True)
class Argument:
    name: str
    value: Text
    is_code: bool = False


@dataclass(frozen=True)
class Block:
    """One part of a message. `name` and `arguments` are of a tool's call, `call_id` ties its result to it."""

    kind: BlockKind
    text: Text = Text("")
    name: str = ""
    call_id: str = ""
    arguments: tuple[Argument, ...] = ()
    is_error: bool = False


@dataclass(frozen=True)
class Message:
    """`number` counts from 1 in the conversation; 0 is the answer."""

    role: str
    blocks: tuple[Block, ...]
    number: int = 0

    @property
    def speaker(self) -> str:
        """Who says it: what providers send as the user's words are often results of tools and nothing else."""
        is_results = bool(self.blocks) and all(block.kind is BlockKind.RESULT for block in self.blocks)
        return "tools" if is_results else self.role or "message"

    @property
    def results(self) -> int:
        return sum(block.kind is BlockKind.RESULT for block in self.blocks)


def message(value: JsonValue, number: int = 0, most_chars: int = SHOWN_CHARS) -> Message:
    if not isinstance(value, Mapping):
        return Message("", tuple(blocks(value, most_chars)), number)
    role = plain(value.get("role") or "")
    content = next((value[name] for name in ("content", "parts", "contents") if value.get(name)), None)
    if role == "tool":
        call_id = plain(value.get("tool_call_id") or "")
        if not _is_result(content):
            return Message(role, (Block(BlockKind.RESULT, shown_text(content, most_chars), call_id=call_id),), number)
    said = [*_reasoning(value, most_chars), *blocks(content, most_chars), *blocks(value.get("refusal"), most_chars)]
    calls = value.get("tool_calls")
    return Message(role, (*said, *(_call(one) for one in (calls if isinstance(calls, list) else []))), number)


def _reasoning(value: Mapping[str, JsonValue], most_chars: int) -> list[Block]:
    thought = value.get("reasoning_content") or value.get("reasoning")
    return [Block(BlockKind.THINKING, shown_text(thought, most_chars))] if isinstance(thought, str) else []


def _is_result(content: JsonValue) -> bool:
    return isinstance(content, list) and any(isinstance(one, Mapping) and _type(one) in _RESULTS for one in content)


def blocks(content: JsonValue, most_chars: int = SHOWN_CHARS) -> Iterator[Block]:
    """The blocks of a message's content: text, or a list of blocks of any dialect."""
    if content is None or content == "":
        return
    for one in content if isinstance(content, list) else [content]:
        yield _block(one, most_chars)


_TEXTS = {"text", "input_text", "output_text", "refusal"}
_THOUGHTS = {"thinking", "reasoning", "redacted_thinking"}
_CALLS = {"tool_use", "tool_call", "function_call", "server_tool_use", "mcp_tool_use"}
_RESULTS = {"tool_result", "tool_call_response", "function_call_output", "mcp_tool_result", "web_search_tool_result"}
_FILES = {"image", "image_url", "input_image", "document", "file", "input_file", "audio", "input_audio", "blob", "uri"}


def _block(value: JsonValue, most_chars: int) -> Block:
    if not isinstance(value, Mapping):
        return Block(BlockKind.TEXT, shown_text(value, most_chars))
    if isinstance(inner := value.get("message_content"), Mapping):
        value = inner
    kind = _type(value)
    if kind in _CALLS:
        return _call(value)
    if kind in _RESULTS:
        return _result(value, most_chars)
    if kind in _FILES:
        return Block(BlockKind.FILE, Text(_file(value, kind)))
    return _said(value, kind, most_chars)


def _said(value: Mapping[str, JsonValue], kind: str, most_chars: int) -> Block:
    said = next(
        (value[name] for name in ("text", "thinking", "content", "refusal") if isinstance(value.get(name), str)), None
    )
    if kind in _THOUGHTS:
        return Block(BlockKind.THINKING, shown_text(said or _thought(value), most_chars))
    if said is not None and (kind in _TEXTS or not kind):
        return Block(BlockKind.TEXT, shown_text(said, most_chars))
    return Block(BlockKind.OTHER, shown_text(dict(value), most_chars), name=kind)


def _type(value: Mapping[str, JsonValue]) -> str:
    return plain(value.get("type") or "")


def _thought(value: Mapping[str, JsonValue]) -> JsonValue:
    if value.get("summary"):
        return value["summary"]
    return "(the provider keeps it to itself)"


def _call(value: JsonValue) -> Block:
    """A call, flat or as OpenAI nests it (`function`), or as OpenInference does (`tool_call`)."""
    if not isinstance(value, Mapping):
        return Block(BlockKind.OTHER, shown_text(value, ARGUMENT_CHARS))
    if isinstance(inner := value.get("tool_call"), Mapping):
        value = inner
    function = value.get("function")
    source = function if isinstance(function, Mapping) else value
    given = next((source[name] for name in ("input", "arguments", "args") if name in source), None)
    call_id = value.get("id") or value.get("call_id") or ""
    return Block(
        BlockKind.CALL,
        name=plain(source.get("name") or "?"),
        call_id=plain(call_id),
        arguments=arguments(parsed(given) if isinstance(given, str) else given),
    )


def _result(value: Mapping[str, JsonValue], most_chars: int) -> Block:
    told = next(
        (value[name] for name in ("content", "response", "result", "output") if value.get(name) is not None), ""
    )
    call_id = next((value[name] for name in ("tool_use_id", "call_id", "id") if value.get(name)), "")
    return Block(
        BlockKind.RESULT, shown_text(told, most_chars), call_id=plain(call_id), is_error=bool(value.get("is_error"))
    )


def _file(value: Mapping[str, JsonValue], kind: str) -> str:
    """As in "image/png, 12 kB": it is never drawn, for nobody knows what is in it."""
    source = value.get("source") if isinstance(value.get("source"), Mapping) else value
    assert isinstance(source, Mapping)
    what = plain(
        source.get("media_type") or source.get("mime_type") or kind.removeprefix("input_").removesuffix("_url")
    )
    chars = max((len(inner) for inner in _strings(value)), default=0)
    return f"{what[:60]}, {max(1, round(chars * 0.75 / 1000))} kB" if chars > 200 else f"{what[:60]}, not kept here"


def _strings(value: JsonValue | Mapping[str, JsonValue]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)


def arguments(given: JsonValue) -> tuple[Argument, ...]:
    """The arguments of a call by name, each as text: a command as it was typed, lists and objects as JSON."""
    if given is None or given == {}:
        return ()
    if not isinstance(given, Mapping):
        return (Argument("", shown_text(given, ARGUMENT_CHARS)),)
    return tuple(
        Argument(plain(name), shown_text(value, ARGUMENT_CHARS), is_code=name in CODE or not isinstance(value, str))
        for name, value in given.items()
    )


CODE = {
    "command",
    "cmd",
    "code",
    "script",
    "pattern",
    "query",
    "sql",
    "path",
    "file_path",
    "old_string",
    "new_string",
    "content",
}


def shown_text(value: JsonValue, most_chars: int) -> Text:
    return Text(*beginning(as_text(value), most_chars))


def as_text(value: JsonValue) -> str:
    """A text as it stands, the texts of blocks below each other, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        texts = [one.get("text") if isinstance(one.get("text"), str) else None for one in value]  # type: ignore[union-attr]
        if all(text is not None for text in texts):
            return "\n".join(str(text) for text in texts)
        files = [_file(one, _type(one)) if _type(one) in _FILES else as_text(one) for one in value]  # type: ignore[arg-type]
        return "\n".join(files)
    return json.dumps(value, ensure_ascii=False, indent=2)
