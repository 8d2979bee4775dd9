"""What the model answered, put together from the raw events of one stream.

Tool input is parsed strictly and only when its block is complete: the SDK's own helper repairs cut JSON, so that an
`edit` without its `new_string` looks like a valid call. Knows nothing about HTTP, money or retries.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ralph.model.blocks import Block, scrub
from ralph.model.dialogue import bound_tokens
from ralph.model.stop_reasons import StopReason, stop_reason
from ralph.model.usage import UsageError, given, updated, usage_of
from tracing.prices import TokenUsage

if TYPE_CHECKING:
    from anthropic.types import (
        Message,
        RawContentBlockDelta,
        RawMessageDeltaEvent,
        RawMessageStreamEvent,
    )


@dataclass(frozen=True)
class Reply:
    """A whole answer: it has a `message_stop`, and its usage is what the provider bills."""

    content: tuple[Block, ...]
    stop_reason: StopReason
    raw_stop_reason: str
    usage: TokenUsage
    cost_micros: int = 0
    model: str = ""
    response_id: str = ""
    refusal: str = ""  # the category and explanation of a refusal
    malformed: Mapping[str, str] = field(default_factory=dict)  # tool call id -> what is wrong with its JSON
    max_tokens: int = 0  # what it was allowed to say; less than asked for when the budget is short
    played_by: str = ""  # "scripted", "recording" or "by-hand" where no real model answered
    usage_is_bound: bool = False  # the service counted nothing; `usage` is the most it can have been
    usage_refused: str = ""  # why its counts were not believed

    @property
    def tool_calls(self) -> tuple[Block, ...]:
        return tuple(block for block in self.content if block["type"] == "tool_use")


class Assembly:
    """Collects the events of one stream; what it knows half-way is what an abnormal end is charged for."""

    def __init__(self) -> None:
        self.complete = False
        self.stop: str | None = None
        self.usage: TokenUsage | None = None  # None: not even message_start was seen, or its counts cannot be believed
        self.usage_refused = ""  # why its counts cannot be believed
        self._blocks: dict[int, Block] = {}
        self._json: dict[int, list[str]] = {}
        self._malformed: dict[str, str] = {}
        self._counted_output = False
        self._model = ""
        self._id = ""
        self._refusal = ""

    def take(self, event: RawMessageStreamEvent) -> None:  # one case per event of the API
        if event.type == "message_start":
            self._begin(event.message)
        elif event.type == "content_block_start":
            self._blocks[event.index] = _whole(event.content_block.to_dict())
        elif event.type == "content_block_delta":
            self._extend(event.index, event.delta)
        elif event.type == "content_block_stop":
            self._close(event.index)
        elif event.type == "message_delta":
            self._end(event)
        elif event.type == "message_stop":
            self.complete = self.stop is not None
            for index in list(self._json):  # a server that ends no block
                self._close(index)

    def content(self) -> tuple[Block, ...]:
        return tuple(block for _, block in sorted(self._blocks.items()))

    @property
    def is_counted(self) -> bool:
        """Whether the service has said what the whole answer took; some local servers leave counts out, or send zeros."""
        if self.stop is None or self.usage is None or not self.usage.input_tokens:
            return False
        return self._counted_output and (self.usage.output_tokens > 0 or not self._blocks)

    def bound(self, input_bound_tokens: int, max_tokens: int) -> TokenUsage:
        """The most an answer of unknown usage can have taken."""
        output_tokens = min(max_tokens, bound_tokens(list(self._blocks.values())))
        if self.usage is not None and self.usage.input_tokens:
            return replace(self.usage, output_tokens=output_tokens)
        return TokenUsage(uncached_input_tokens=input_bound_tokens, output_tokens=output_tokens)

    def reply(self, *, cost_micros: int, max_tokens: int, played_by: str, bound: TokenUsage | None = None) -> Reply:
        """The whole answer; `bound` stands in for a usage that the service did not report."""
        usage = bound or self.usage
        assert usage is not None
        return Reply(
            content=self.content(),
            stop_reason=stop_reason(self.stop),
            raw_stop_reason=self.stop or "",
            usage=usage,
            usage_is_bound=bound is not None,
            usage_refused=self.usage_refused,
            cost_micros=cost_micros,
            model=self._model,
            response_id=self._id,
            refusal=self._refusal,
            malformed=self._malformed,
            max_tokens=max_tokens,
            played_by=played_by,
        )

    def _begin(self, message: Message) -> None:
        self._model, self._id = str(given(message, "model") or ""), str(given(message, "id") or "")
        if usage := given(message, "usage"):
            self._count(lambda: usage_of(usage))

    def _end(self, event: RawMessageDeltaEvent) -> None:
        self.stop = given(event.delta, "stop_reason") or self.stop
        if usage := given(event, "usage"):
            self._count(lambda: updated(self.usage or TokenUsage(), usage))
            self._counted_output |= given(usage, "output_tokens") is not None
        if details := given(event.delta, "stop_details"):
            self._refusal = f"{details.category or 'no category'}: {details.explanation or 'no explanation'}"

    def _count(self, read: Callable[[], TokenUsage]) -> None:
        """One count that cannot be believed makes all of them worthless."""
        try:
            self.usage = None if self.usage_refused else read()
        except UsageError as error:
            self.usage, self.usage_refused = None, str(error)

    def _extend(self, index: int, delta: RawContentBlockDelta) -> None:
        block = self._blocks[index]
        if delta.type == "text_delta":
            block["text"] += delta.text
        elif delta.type == "input_json_delta":
            self._json.setdefault(index, []).append(delta.partial_json)
        elif delta.type == "thinking_delta":
            block["thinking"] += delta.thinking
        elif delta.type == "signature_delta":
            block["signature"] = delta.signature
        elif delta.type == "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta.citation.to_dict()]

    def _close(self, index: int) -> None:
        block = self._blocks[index]
        raw = "".join(self._json.pop(index, []))
        if not raw:
            return
        try:
            block["input"] = scrub(json.loads(raw))
        except ValueError as error:
            block["input"] = {}
            self._malformed[block["id"]] = f"{error}. It began: {raw[:200]}"


def _whole(block: Block) -> Block:
    """A block as it begins, with what a server may have left out of it."""
    if block.get("type") == "tool_use":
        return {"input": {}, **block, "id": block.get("id") or f"toolu_{uuid.uuid4().hex}"}
    empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}}
    return {
        **empty.get(str(block.get("type")), {}),
        **{name: value for name, value in block.items() if value is not None},
    }
