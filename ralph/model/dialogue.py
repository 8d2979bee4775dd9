"""One conversation with the model: append-only, its bytes stable from call to call, so that the prompt cache holds.

Knows what was sent and what the service counted, and bounds from that what the next call can be billed for.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from ralph.model.blocks import IMAGE_TOKENS, Block, replayable, scrub
from tracing.prices import TokenUsage

CACHED: Mapping[str, str] = {"type": "ephemeral"}
BLOCKS_PER_BREAKPOINT = 15  # the service looks back over 20 blocks for what it has cached
SPARE_BREAKPOINTS = 2  # four in all: the system text and the moving tail have one each
FIRST_CALL_OVERHEAD_TOKENS = 2_048  # what the service adds by itself for tools
OVERHEAD_TOKENS = 64


class Recorded(Protocol):
    """Where each message is kept for the trace; `head` names all of them."""

    @property
    def head(self) -> str | None: ...
    def append(self, message: Mapping[str, object]) -> object: ...


class Dialogue:
    """System text and tools are fixed for good; messages are only ever added."""

    def __init__(self, system: str, tools: Sequence[Block], recorded: Recorded) -> None:
        self.system: list[Block] = [{"type": "text", "text": system, "cache_control": dict(CACHED)}]
        self.tools = list(tools)
        self.recorded = recorded
        self.messages: list[Block] = []
        self._reported_tokens = 0  # what the last call had in and out, by the service's own count
        self._new_tokens = FIRST_CALL_OVERHEAD_TOKENS + bound_tokens(self.system) + bound_tokens(self.tools)
        self._blocks = 0
        self._blocks_at_last_call = 0

    @property
    def input_bound_tokens(self) -> int:
        """More than the next call can have as input: one token per UTF-8 byte that the service has not counted yet."""
        return self._reported_tokens + self._new_tokens

    @property
    def reported_tokens(self) -> int:
        """Length of the conversation as the service last counted it; 0 before the first call."""
        return self._reported_tokens

    @property
    def new_blocks(self) -> int:
        """Blocks added since the last call was answered, the answer included."""
        return self._blocks - self._blocks_at_last_call

    def hear(self, content: Sequence[Block]) -> None:
        """Add a user message."""
        clean = scrub(list(content))
        self._new_tokens += bound_tokens(clean)
        self._add({"role": "user", "content": clean})

    def answered(self, content: Sequence[Block], usage: TokenUsage) -> None:
        """Add the model's answer. One of which nothing can be sent back leaves only its count."""
        self._reported_tokens = usage.input_tokens + usage.output_tokens
        self._new_tokens = OVERHEAD_TOKENS
        self._blocks_at_last_call = self._blocks
        if kept := replayable(content):
            self._add({"role": "assistant", "content": kept})

    def wire_system(self, *, marked: bool = True) -> list[Block]:
        return self.system if marked else [_bare(block) for block in self.system]

    def wire_messages(self, *, marked: bool = True, tail: bool = False) -> list[Block]:
        """The messages with breakpoints where one turn added more blocks than the service looks back over.

        `tail` marks the last block too, for services that take no moving breakpoint; unmarked, there are none at all.
        """
        marks = {self._blocks_at_last_call + BLOCKS_PER_BREAKPOINT * n for n in range(1, SPARE_BREAKPOINTS + 1)}
        marks = {mark for mark in marks if mark < self._blocks and self._blocks_at_last_call}
        marks |= {self._blocks} if tail else set()
        return list(self._marked(marks)) if marked and marks else self.messages

    def _marked(self, marks: set[int]) -> Iterator[Block]:
        place, due = 0, False
        for message in self.messages:
            content = []
            for block in message["content"]:
                place += 1
                due |= place in marks
                mark_it = due and block["type"] in {"text", "tool_use", "tool_result"}
                content.append({**block, "cache_control": dict(CACHED)} if mark_it else block)
                due &= not mark_it
            yield {**message, "content": content}

    def _add(self, message: Block) -> None:
        self.messages.append(message)
        self._blocks += len(message["content"])
        self.recorded.append(message)


def _bare(block: Block) -> Block:
    return {name: value for name, value in block.items() if name != "cache_control"}


def first_call_bound(system: str, tools: Sequence[Block], message: str) -> int:
    """As `Dialogue.input_bound_tokens` before a first call with this message, to say what it may cost."""
    dialogue = Dialogue(system, tools, _Unrecorded())
    dialogue.hear([{"type": "text", "text": message}])
    return dialogue.input_bound_tokens


class _Unrecorded:
    head = None

    def append(self, message: Mapping[str, object]) -> None:
        """Kept nowhere."""


def bound_tokens(value: object) -> int:
    """At most so many tokens: no tokeniser makes more than one of a byte."""
    if isinstance(value, list):
        return sum(bound_tokens(inner) + 1 for inner in value)
    if isinstance(value, dict):
        if value.get("type") == "image":
            return IMAGE_TOKENS
        return sum(bound_tokens(key) + bound_tokens(inner) + 4 for key, inner in value.items())
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
