"""A page's dataclass as JSON: the same names as the fields, values that every JSON reader takes. Knows nothing about pages."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import Field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum, IntEnum
from pathlib import Path
from types import UnionType

from tracing.span import JsonValue


def twin(value: object) -> JsonValue:
    """Fields by name, enums by their value (numbered ones by their name in small letters), paths and times as text.

    Left out: fields that start with "_" or are kept out of the repr (loaders), and anything that can only be called.
    A number that is not finite is null.
    """
    if value is None or isinstance(value, bool):
        return value
    for kind, turned in _TURNED:
        if isinstance(value, kind):
            return turned(value)
    return {name: twin(inner) for name, inner in _fields(value)} if is_dataclass(value) else str(value)


def twin_bytes(value: object) -> bytes:
    """As UTF-8; half of a surrogate pair (which a broken text may hold) stays an escape."""
    text = json.dumps(twin(value), ensure_ascii=False, allow_nan=False, indent=1)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(twin(value), allow_nan=False, indent=1).encode()


def _fields(value: object) -> list[tuple[str, object]]:
    assert is_dataclass(value)
    shown = [field for field in fields(value) if _is_shown(field)]
    found = [(field.name, getattr(value, field.name)) for field in shown]
    return [(name, inner) for name, inner in found if not callable(inner)]


def _is_shown(field: "Field[object]") -> bool:
    return field.repr and not field.name.startswith("_")


def _key(key: object) -> object:
    return key.value if isinstance(key, Enum) else key


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


_TURNED: tuple[tuple[type | UnionType, Callable[..., JsonValue]], ...] = (
    (IntEnum, lambda value: value.name.lower()),
    (Enum, lambda value: twin(value.value)),
    (float, _finite),
    (int, int),
    (str, "".join),  # without what a subclass adds
    (bytes, lambda value: value.decode(errors="replace")),
    (datetime, datetime.isoformat),
    (date, date.isoformat),
    (Path, str),
    (Mapping, lambda value: {str(_key(key)): twin(inner) for key, inner in value.items()}),
    (set | frozenset, lambda value: sorted((twin(inner) for inner in value), key=str)),
    (list | tuple, lambda value: [twin(inner) for inner in value]),
)
