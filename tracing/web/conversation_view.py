"""A model call's conversation, ready to be read: which of its messages are new in this call, and which call a result answers.

`tracing.web.blocks` reads each message; dialects are not known here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tracing.span import JsonValue
from tracing.web.blocks import Block, BlockKind, Message, Text, blocks, message, shown_text
from tracing.web.visible import SHOWN_CHARS
from tracing.words import plain


@dataclass(frozen=True)
class Tool:
    name: str
    description: Text


@dataclass(frozen=True)
class Conversation:
    """`earlier` is what the call before was told too; `echo` is the answer that it gave then, repeated; `new` is the rest."""

    earlier: tuple[Message, ...]
    echo: tuple[Message, ...]
    new: tuple[Message, ...]
    answer: tuple[Message, ...]
    system: tuple[Block, ...]
    tools: tuple[Tool, ...]
    broken: bool = False  # it does not go on where the call before stood: a new conversation, or a compaction


def conversation(
    told: Sequence[JsonValue],
    answered: Sequence[JsonValue],
    before: Sequence[JsonValue],
    *,
    system: JsonValue = None,
    tools: JsonValue = None,
    most_chars: int = SHOWN_CHARS,
) -> Conversation:
    """`before` is what the call before this one was told; [] for a first call."""
    kept = common(before, told)
    shown = _named([message(one, number, most_chars) for number, one in enumerate(told, 1)])
    new = shown[kept:]
    echoes = next((count for count, one in enumerate(new) if one.role != "assistant"), len(new)) if kept else 0
    return Conversation(
        earlier=tuple(shown[:kept]),
        echo=tuple(new[:echoes]),
        new=tuple(new[echoes:]),
        answer=tuple(message(one, 0, most_chars) for one in answered),
        system=tuple(blocks(system, most_chars)),
        tools=tuple(_tools(tools)),
        broken=bool(before) and kept < len(before),
    )


def _named(messages: Sequence[Message]) -> list[Message]:
    """Each result of a tool gets the name of the call that it answers."""
    calls = {block.call_id: block.name for one in messages for block in one.blocks if block.kind is BlockKind.CALL}
    return [replace(one, blocks=tuple(_with_name(block, calls) for block in one.blocks)) for one in messages]


def _with_name(block: Block, calls: Mapping[str, str]) -> Block:
    return replace(block, name=calls.get(block.call_id, "")) if block.kind is BlockKind.RESULT else block


def common(before: Sequence[JsonValue], now: Sequence[JsonValue]) -> int:
    """How many messages both begin with."""
    same = 0
    for old, new in zip(before, now, strict=False):
        if old != new:
            break
        same += 1
    return same


def _tools(given: JsonValue) -> Iterator[Tool]:
    for one in given if isinstance(given, list) else []:
        function = one.get("function") if isinstance(one, Mapping) else None
        source = function if isinstance(function, Mapping) else one
        if isinstance(source, Mapping):
            yield Tool(
                plain(source.get("name") or source.get("type") or "?"), shown_text(source.get("description"), 2_000)
            )
