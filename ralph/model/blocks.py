"""Content blocks as the Messages API sends and takes them, made safe to send back."""

from collections.abc import Sequence
from typing import Any

Block = dict[str, Any]  # the API's own shape, replayed unchanged: the parser's edge

IMAGE_TOKENS = 8_000  # more than the service bills for any image; its base64 text is not tokenised


def scrub(value: Any) -> Any:
    """The same value without what a request cannot carry: NULs and lone surrogates."""
    if isinstance(value, str):
        clean = value.replace("\0", "")
        return clean if clean.isascii() else clean.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {scrub(key): scrub(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrub(inner) for inner in value]
    return value


def text(words: str) -> Block:
    return {"type": "text", "text": scrub(words) or "(nothing)"}


def replayable(content: Sequence[Block]) -> list[Block]:
    """What may be sent back of an answer: no empty text, no thinking that was cut before its signature."""
    return [block for block in content if not _is_hollow(block)]


def _is_hollow(block: Block) -> bool:
    if block["type"] == "text":
        return not str(block.get("text", "")).strip()
    return block["type"] == "thinking" and not block.get("signature")


def append_text(result: Block, words: str) -> Block:
    """A tool result with `words` inside its content.

    Text beside tool results teaches the model to end its turn, so what the harness has to say goes into the last one.
    """
    content = result["content"]
    if isinstance(content, str):
        return {**result, "content": f"{content}\n\n{scrub(words)}"}
    return {**result, "content": [*content, text(words)]}


def with_words(blocks: Sequence[Block], words: str) -> list[Block]:
    """A user message with something that the harness has to say: inside its last tool result, else as a text of its own."""
    if blocks and blocks[-1]["type"] == "tool_result":
        return [*blocks[:-1], append_text(blocks[-1], words)]
    return [*blocks, text(words)]
