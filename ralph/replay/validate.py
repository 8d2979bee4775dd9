"""What the real service would refuse in a request, in its words, so that a bug of the harness shows up in a test.

Knows nothing about scripts or caches. Only rules that a harness can break are here; it is not the whole API.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import cast

from ralph.replay.sse import Json

MAX_OUTPUT_TOKENS = 128_000
_KNOWN_FIELDS = frozenset({
    "model", "max_tokens", "messages", "system", "tools", "tool_choice", "stream", "metadata", "stop_sequences",
    "thinking", "output_config", "cache_control", "container", "diagnostics", "inference_geo", "service_tier",
    "speed", "context_management", "mcp_servers", "user_profile_id", "workspace_id",
})  # fmt: skip
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ROLES = ("user", "assistant", "system")


def problem(body: object) -> str | None:
    """The service's message for the first thing that is wrong; None: the request is fine."""
    if not isinstance(body, dict):
        return "Input should be a valid dictionary or object to extract fields from"
    return next((text for rule in _RULES for text in rule(cast("Json", body))), None)


def _required(body: Json) -> Iterator[str]:
    return (f"{name}: Field required" for name in ("model", "max_tokens", "messages") if name not in body)


def _unknown_fields(body: Json) -> Iterator[str]:
    return (f"{name}: Extra inputs are not permitted" for name in body if name not in _KNOWN_FIELDS)


def _max_tokens(body: Json) -> Iterator[str]:
    wanted = body["max_tokens"]
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        yield "max_tokens: Input should be a valid integer"
    elif wanted < 1:
        yield "max_tokens: must be greater than or equal to 1"
    elif wanted > MAX_OUTPUT_TOKENS:
        yield (
            f"max_tokens: {wanted} > {MAX_OUTPUT_TOKENS}, which is the maximum allowed number of output tokens for "
            f"{body['model']}"
        )


def _forced_tool(body: Json) -> Iterator[str]:
    choice = cast("Json", body.get("tool_choice") or {}).get("type", "auto")
    if choice in {"any", "tool"}:
        yield f'tool_choice: forced tool use (type "{choice}") is not supported by this model'


def _thinking(body: Json) -> Iterator[str]:
    if cast("Json", body.get("thinking") or {}).get("type") == "disabled":
        yield '"thinking.type.disabled" is not supported for this model. Use "thinking.type.adaptive"'


def _tools(body: Json) -> Iterator[str]:
    tools = cast("list[Json]", body.get("tools") or [])
    names = [str(tool.get("name", "")) for tool in tools]
    for index, (name, tool) in enumerate(zip(names, tools, strict=True)):
        if not _TOOL_NAME.fullmatch(name):
            yield f"tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        if "input_schema" not in tool and "type" not in tool:
            yield f"tools.{index}.custom.input_schema: Field required"
    if len(set(names)) < len(names):
        yield "tools: Tool names must be unique."


def _message_shape(body: Json) -> Iterator[str]:
    messages = body["messages"]
    if not isinstance(messages, list):
        yield "messages: Input should be a valid list"
    elif not messages:
        yield "messages: at least one message is required"
    else:
        for index, message in enumerate(messages):
            yield from _one_message(f"messages.{index}", message)


def _one_message(place: str, message: Json) -> Iterator[str]:
    if message.get("role") not in _ROLES:
        yield f"{place}.role: Input should be 'user', 'assistant' or 'system'"
    content = message.get("content")
    if not isinstance(content, str | list):
        yield f"{place}.content: Input should be a valid string or a valid list"
    elif not content:
        yield f"{place}: all messages must have non-empty content except for the optional final assistant message"
    elif isinstance(content, list):
        for index, block in enumerate(content):
            if block.get("type") == "text" and not str(block.get("text", "")).strip():
                yield f"{place}.content.{index}: text content blocks must contain non-whitespace text"


def _order(body: Json) -> Iterator[str]:
    messages = cast("list[Json]", body["messages"])
    if messages[0]["role"] != "user":
        yield 'messages: first message must use the "user" role'
    if messages[-1]["role"] == "assistant":
        yield ("This model does not support assistant message prefill. The conversation must end with a user message.")


def _answered_calls(body: Json) -> Iterator[str]:
    messages = cast("list[Json]", body["messages"])
    yield from _unexpected_results(0, [], _result_ids(messages[0]))
    for index, (message, following) in enumerate(pairwise(messages)):
        calls = [str(block.get("id")) for block in _blocks(message) if block.get("type") == "tool_use"]
        results = _result_ids(following)
        missing = [call for call in calls if call not in results]
        if missing:
            yield (
                f"messages.{index + 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
                "message."
            )
        yield from _unexpected_results(index + 1, calls, results)


def _unexpected_results(index: int, calls: Sequence[str], results: Sequence[str]) -> Iterator[str]:
    for position, result in enumerate(results):
        place = f"messages.{index}.content.{position}"
        if result not in calls:
            yield (
                f"{place}: unexpected `tool_use_id` found in `tool_result` blocks: {result}. Each `tool_result` block "
                "must have a corresponding `tool_use` block in the previous message."
            )
        elif result in results[:position]:
            yield f"{place}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {result}"


def _unique_calls(body: Json) -> Iterator[str]:
    calls = [
        block.get("id")
        for message in cast("list[Json]", body["messages"])
        for block in _blocks(message)
        if block.get("type") == "tool_use"
    ]
    if len(set(calls)) < len(calls):
        yield "messages: `tool_use` ids must be unique"


def _blocks(message: Json) -> list[Json]:
    content = message["content"]
    return content if isinstance(content, list) else []


def _result_ids(message: Json) -> list[str]:
    """The results that stand at the front, where the service wants them."""
    ids = []
    for block in _blocks(message):
        if block.get("type") != "tool_result":
            break
        ids.append(str(block.get("tool_use_id")))
    return ids


_RULES: tuple[Callable[[Json], Iterator[str]], ...] = (
    _required,
    _unknown_fields,
    _max_tokens,
    _forced_tool,
    _thinking,
    _tools,
    _message_shape,
    _order,
    _answered_calls,
    _unique_calls,
)
