"""A value in a few words on one line, for a list: the first argument of a call, what a model said or called."""

from collections.abc import Mapping

from tracing.span import JsonValue

GIST_CHARS = 120
_LISTED = 10
_LOOKED_AT = 600  # characters of a value that are turned into one line


def gist(value: JsonValue) -> str:
    """At most 120 characters; "" of nothing."""
    line = " ".join("".join(char if char.isprintable() else " " for char in _text(value)[:_LOOKED_AT]).split())
    return line if len(line) <= GIST_CHARS else f"{line[: GIST_CHARS - 1]}…"


def _text(value: JsonValue) -> str:
    if isinstance(value, Mapping):
        name, first = next(iter(value.items()), ("", ""))
        return f"{len(first)} {name}: {_listed(first)}" if isinstance(first, list) and _listed(first) else _text(first)
    if isinstance(value, list):
        return _of_blocks(value) or _listed(value) or _text(value[0] if value else "")
    return "" if value is None else str(value)


def _listed(values: list[JsonValue]) -> str:
    """Of several texts the first ones; "" of anything else."""
    texts = [one for one in values if isinstance(one, str)]
    return ", ".join(texts[:_LISTED]) if len(texts) == len(values) > 1 else ""


def _of_blocks(blocks: list[JsonValue]) -> str:
    """Of a model's answer: which tools it calls, else what it says."""
    given = [block for block in blocks if isinstance(block, Mapping)]
    called = [str(block.get("name")) for block in given if block.get("type") in {"tool_use", "tool_call"}]
    said = [text for block in given if isinstance(text := block.get("text") or block.get("content"), str)]
    return ", ".join(called) or " ".join(said)
