"""Any Python value as plain JSON: never raises, never recurses without end. Knows nothing about secrets or storage."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum

from tracing.span import JsonValue

MAX_DEPTH = 60
MAX_REPR_CHARS = 2_000


def json_like(value: object, depth: int = 0) -> JsonValue:
    """The value itself where JSON has it, its fields where it has some, else its (cut) `repr`."""
    if isinstance(value, Enum):
        return json_like(value.value, depth + 1)
    if value is None or isinstance(value, bool | int | float | str):
        return _scalar(value)
    if depth >= MAX_DEPTH:
        return "<nested too deep to record>"
    try:
        return _container(value, depth + 1)
    except Exception as error:  # noqa: BLE001  a stranger's object must not break its host
        return f"<{type(value).__name__} cannot be recorded: {type(error).__name__}>"


def _scalar(value: float | str | None) -> JsonValue:
    """Subclasses of str, int and float become plain, and what JSON lacks (NaN) becomes text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    return float(value) if math.isfinite(value) else repr(float(value))


def _container(value: object, depth: int) -> JsonValue:
    if isinstance(value, Mapping):
        return {_key(key): json_like(item, depth) for key, item in list(value.items())}
    if isinstance(value, list | tuple | AbstractSet):
        return [json_like(item, depth) for item in list(value)]
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: json_like(getattr(value, f.name), depth) for f in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return json_like(dump(mode="json"), depth)
    return repr(value)[:MAX_REPR_CHARS]


def _key(key: object) -> str:
    plain = json_like(key)
    return plain if isinstance(plain, str) else json.dumps(plain)


def to_bytes(value: JsonValue) -> bytes:
    """Compact UTF-8 JSON; the order of keys is kept, because a model sees it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def from_bytes(data: bytes) -> JsonValue:
    value: JsonValue = json.loads(data.decode("utf-8", "surrogatepass"))
    return value


def clean(text: str) -> str:
    """Text that any database takes: lone surrogates become `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def leaf_text(value: JsonValue, limit_chars: int) -> str:
    """The strings and numbers of a value, joined by spaces, at most `limit_chars` long: what a search looks through."""
    parts: list[str] = []
    left = limit_chars
    for leaf in _leaves(value):
        if left <= 0:
            break
        parts.append(leaf[:left])
        left -= len(leaf) + 1
    return clean(" ".join(parts))


def _leaves(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
