"""The tools as the model sees them, and the check of every call against them.

The list is read from `schemas.json` and never changes during a run: the prompt cache hangs on its bytes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

LONGEST_TIMEOUT_S = 600
BOUNDS: Mapping[tuple[str, str], tuple[int, int]] = {
    ("bash", "timeout_s"): (1, LONGEST_TIMEOUT_S),
    ("read", "offset"): (1, 1_000_000_000),
    ("read", "limit"): (1, 1_000_000),
    ("grep", "context"): (0, 50),
    ("grep", "limit"): (1, 1_000),
}
NOT_EMPTY = {
    ("bash", "command"),
    ("edit", "old_string"),
    ("grep", "pattern"),
    ("glob", "pattern"),
    *((tool, "file_path") for tool in ("read", "edit", "write")),
}
_UNUSABLE = re.compile(r"[\x00\ud800-\udfff]")


@cache
def all_schemas() -> tuple[Schema, ...]:
    return tuple(json.loads(Path(__file__).with_name("schemas.json").read_text(encoding="utf-8")))


def validate(schemas: Sequence[Schema], name: str, given: object) -> str | None:
    """What is wrong with the call, for the model; None when it fits the schema."""
    by_name = {schema["name"]: schema for schema in schemas}
    if name not in by_name:
        return f"No such tool: {_short(name)}. Available: {', '.join(by_name)}."
    return _check(given, by_name[name]["input_schema"], name, "") or _check_meaning(name, given)


def _check(value: object, schema: Schema, tool: str, where: str) -> str | None:
    """Invalid input in words; `where` is the path of the value inside the input."""
    problem = _wrong_type(value, schema["type"])
    if problem:
        return f"{tool}: {_label(where)} must be {problem}."
    if isinstance(value, dict):
        return _check_object(value, schema, tool, where)
    if isinstance(value, list):
        items = (_check(item, schema["items"], tool, f"{where}[{index}]") for index, item in enumerate(value))
        return next((problem for problem in items if problem), None)
    return _check_scalar(value, schema, tool, where)


def _check_object(value: Mapping[str, object], schema: Schema, tool: str, where: str) -> str | None:
    known = schema["properties"]
    missing = next((name for name in schema["required"] if name not in value), None)
    lack = f"required parameter {_label(_join(where, missing))} is missing" if missing else ""
    unknown = next((name for name in value if name not in known), None)
    if unknown is not None:
        close = get_close_matches(unknown, known, 1)
        hint = f"Did you mean `{close[0]}`?" if close else f"Known: {', '.join(known)}."
        shown = _label(_join(where, _short(unknown)))
        what = f"{lack}, and {shown} is unknown" if lack else f"unknown parameter {shown}"
        return f"{tool}: {what}. {hint}"
    if lack:
        return f"{tool}: {lack}."
    parts = (_check(item, known[name], tool, _join(where, name)) for name, item in value.items())
    return next((problem for problem in parts if problem), None)


def _check_scalar(value: object, schema: Schema, tool: str, where: str) -> str | None:
    if "enum" in schema and value not in schema["enum"]:
        return f"{tool}: {_label(where)} must be one of {', '.join(schema['enum'])}."
    if isinstance(value, str) and _UNUSABLE.search(value):
        return f"{tool}: {_label(where)} holds a NUL or half a surrogate pair. Send it without."
    if (tool, where) in NOT_EMPTY and not value:
        return f"{tool}: {_label(where)} must not be empty."
    low, high = BOUNDS.get((tool, where), (None, None))
    if low is not None and high is not None and isinstance(value, int | float) and not low <= value <= high:
        return f"{tool}: {_label(where)} must be from {low} to {high}."
    return None


def _check_meaning(name: str, given: object) -> str | None:
    """Rules that span several parameters."""
    assert isinstance(given, dict)
    if name == "edit" and given["old_string"] == given["new_string"]:
        return "edit: `old_string` and `new_string` are the same. Send the text that is to stand there instead."
    return _check_finish(given) if name == "finish" else None


def _check_finish(given: Mapping[str, Any]) -> str | None:
    if given["status"] == "blocked" and not given.get("blocked_reason", "").strip():
        return "finish: with status `blocked`, say in `blocked_reason` what stands in the way."
    return None


def unmet_criteria(given: Mapping[str, Any], count: int) -> str | None:
    """What a valid `finish` for a story with `count` acceptance criteria lacks, for the model."""
    if given["status"] != "done" or given.get("criteria") or not count:
        return None
    return (
        f"finish: with status `done`, `criteria` needs one entry for each acceptance criterion of the story ({count})."
    )


def _wrong_type(value: object, wanted: str) -> str:
    """What the value should have been; empty when it is that."""
    is_integer = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )
    right = {
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": is_integer,
    }
    article = "an" if wanted[0] in "aoi" else "a"
    return "" if right[wanted] else f"{article} {wanted}, not {_kind(value)}"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _label(where: str) -> str:
    return f"`{where}`" if where else "the input"


def _short(name: str) -> str:
    return _UNUSABLE.sub("", name)[:60]
