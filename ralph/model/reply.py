"""What the model answered, put together from the raw events of one stream.

Tool input is parsed strictly and only when its block is complete: the SDK's own helper repairs cut JSON, so that an
`edit` without its `new_string` looks like a valid call. Knows nothing about HTTP, money or retries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ralph.model.blocks import Block, scrub
from ralph.stop_reasons import StopReason, stop_reason
from tracing.prices import TokenUsage

if TYPE_CHECKING:
    from anthropic.types import MessageDeltaUsage, RawContentBlockDelta, RawMessageStreamEvent, Usage


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

    @property
    def tool_calls(self) -> tuple[Block, ...]:
        return tuple(block for block in self.content if block["type"] == "tool_use")


class Assembly:
    """Collects the events of one stream; what it knows half-way is what an abnormal end is charged for."""

    def __init__(self) -> None:
        self.complete = False
        self.stop: str | None = None
        self.usage: TokenUsage | None = None  # None: not even message_start was seen
        self._blocks: dict[int, Block] = {}
        self._json: dict[int, list[str]] = {}
        self._malformed: dict[str, str] = {}
        self._model = ""
        self._id = ""
        self._refusal = ""

    def take(self, event: RawMessageStreamEvent) -> None:  # one case per event of the API
        if event.type == "message_start":
            self._model, self._id = event.message.model, event.message.id
            self.usage = usage_of(event.message.usage)
        elif event.type == "content_block_start":
            self._blocks[event.index] = event.content_block.to_dict()
        elif event.type == "content_block_delta":
            self._extend(event.index, event.delta)
        elif event.type == "content_block_stop":
            self._close(event.index)
        elif event.type == "message_delta":
            self.stop = event.delta.stop_reason
            self.usage = _updated(self.usage or TokenUsage(), event.usage)
            if details := event.delta.stop_details:
                self._refusal = f"{details.category or 'no category'}: {details.explanation or 'no explanation'}"
        elif event.type == "message_stop":
            self.complete = self.stop is not None

    def content(self) -> tuple[Block, ...]:
        return tuple(block for _, block in sorted(self._blocks.items()))

    def reply(self, *, cost_micros: int, max_tokens: int, played_by: str) -> Reply:
        assert self.usage is not None
        return Reply(
            content=self.content(),
            stop_reason=stop_reason(self.stop),
            raw_stop_reason=self.stop or "",
            usage=self.usage,
            cost_micros=cost_micros,
            model=self._model,
            response_id=self._id,
            refusal=self._refusal,
            malformed=self._malformed,
            max_tokens=max_tokens,
            played_by=played_by,
        )

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


def usage_of(usage: Usage) -> TokenUsage:
    """The API's counts in our disjoint kinds; a cache write without a breakdown is a 5-minute one."""
    written = usage.cache_creation_input_tokens or 0
    hour = usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation else 0
    return TokenUsage(
        uncached_input_tokens=usage.input_tokens or 0,
        cache_read_tokens=usage.cache_read_input_tokens or 0,
        cache_write_5m_tokens=max(0, written - hour),
        cache_write_1h_tokens=hour,
        output_tokens=usage.output_tokens or 0,
        reasoning_tokens=usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0,
    )


def _updated(so_far: TokenUsage, delta: MessageDeltaUsage) -> TokenUsage:
    """Counts of a delta are running totals; what it leaves out stays as it was. It has no breakdown of cache writes."""
    written = delta.cache_creation_input_tokens
    details = delta.output_tokens_details
    return replace(
        so_far,
        uncached_input_tokens=_given(delta.input_tokens, so_far.uncached_input_tokens),
        cache_read_tokens=_given(delta.cache_read_input_tokens, so_far.cache_read_tokens),
        cache_write_5m_tokens=max(0, _given(written, _written(so_far)) - so_far.cache_write_1h_tokens),
        output_tokens=delta.output_tokens,
        reasoning_tokens=details.thinking_tokens if details else so_far.reasoning_tokens,
    )


def _written(usage: TokenUsage) -> int:
    return usage.cache_write_5m_tokens + usage.cache_write_1h_tokens


def _given(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
