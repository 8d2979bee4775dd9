"""A value in a few words on one line, for a list: the first argument of a call, what a model said or called."""

from collections.abc import Mapping

from tracing.span import JsonValue

GIST_CHARS = 120
_LOOKED_AT = 600  # characters of a value that are turned into one line


def gist(value: JsonValue) -> str:
    """At most 120 characters; "" of nothing."""
    line = " ".join("".join(char if char.isprintable() else " " for char in _text(value)[:_LOOKED_AT]).split())
    return line if len(line) <= GIST_CHARS else f"{line[: GIST_CHARS - 1]}…"


def _text(value: JsonValue) -> str:
    if isinstance(value, Mapping):
        return _text(next(iter(value.values()), ""))
    if isinstance(value, list):
        return _of_blocks(value) or _first(value)
    return "" if value is None else str(value)


def _first(values: list[JsonValue]) -> str:
    """Of a list of files, say: the first, and how many more."""
    if len(values) > 1 and all(isinstance(one, str) for one in values):
        return f"{values[0]} and {len(values) - 1} more"
    return _text(values[0] if values else "")


def _of_blocks(blocks: list[JsonValue]) -> str:
    """Of a model's answer: which tools it calls, else what it says."""
    given = [block for block in blocks if isinstance(block, Mapping)]
    called = [str(block.get("name")) for block in given if block.get("type") in {"tool_use", "tool_call"}]
    said = [text for block in given if isinstance(text := block.get("text") or block.get("content"), str)]
    return ", ".join(called) or " ".join(said)
