"""What is wrong with a source of settings: one line a problem, with the place, the value and what to write."""

import difflib
from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ralph.errors import RalphError
from ralph.settings.catalogue import ANY_KEY, OPTIONS, Entry, entries, generic, spelled
from ralph.settings.layers import Layer, Source
from ralph.settings.places import Path
from ralph.settings.schema import Settings

VALUE_SHOWN_CHARS = 60


class SettingsError(RalphError):
    """Settings that cannot be used: one line for each problem."""


def validated(source: Source) -> Settings:
    """The settings of one source alone, everything else at its default.

    Raises:
        SettingsError: every problem of the source, in the order of its lines.
    """
    try:
        return Settings.model_validate(dict(source.tables))
    except ValidationError as error:
        found = {(source.place(_path(detail)), _sentence(source, detail)): _path(detail) for detail in error.errors()}
        ordered = sorted(found, key=lambda one: _line(source, found[one]))
        raise SettingsError("\n".join(f"{place}: {sentence}" for place, sentence in ordered)) from error


def _path(detail: ErrorDetails) -> Path:
    """Where the problem is, without the names that pydantic adds for the kind of value."""
    return tuple(step for step in detail["loc"] if not (isinstance(step, str) and step.endswith(("]", "-str", "-int"))))


def _line(source: Source, path: Path) -> int:
    while path and path not in source.lines:
        path = path[:-1]
    return source.lines.get(path, 0)


def _sentence(source: Source, detail: ErrorDetails) -> str:
    path = _path(detail)
    if detail["type"] == "extra_forbidden":
        return _unknown(path)
    if detail["type"] == "missing":
        return _missing(path)
    if detail["type"] == "value_error" and path[0] in {"checks", "setup", "services", "channels"}:
        return str(detail["ctx"]["error"]).removesuffix(".") + "."
    return _wrong_value(source, path, detail["input"])


def _unknown(path: Path) -> str:
    nearest = _nearest(path)
    remedy = f'Did you mean "{nearest}"?' if nearest else "Delete it; docs/settings.md lists every setting."
    return f'unknown setting "{_shown(path)}". {remedy}'


def _shown(path: Path) -> str:
    """Below a table the reader knows from the line where he is: the key is enough."""
    return str(path[-1])


def _nearest(path: Path) -> str | None:
    """The right name for a wrong one: in the same table first, else anywhere, then with its table."""
    parent, key = generic((*path[:-1], ANY_KEY)).rpartition(".")[0], str(path[-1])
    siblings = _keys_below(parent)
    close = difflib.get_close_matches(key, siblings, n=1)
    if close:
        return close[0]
    by_key: dict[str, str] = {}
    for entry in entries().values():
        if ANY_KEY not in entry.name and not entry.name.startswith("setup."):
            by_key.setdefault(entry.key, entry.name)
    elsewhere = difflib.get_close_matches(key, by_key, n=1)
    return by_key[elsewhere[0]] if elsewhere else None


def _keys_below(parent: str) -> list[str]:
    prefix = f"{parent}." if parent else ""
    names = [name.removeprefix(prefix) for name in entries() if name.startswith(prefix)]
    return list(dict.fromkeys(name.partition(".")[0] for name in names))


def _missing(path: Path) -> str:
    entry = entries()[generic(path)]
    return f'{spelled(path[:-1])} has no "{entry.key}". Add one, for example {entry.key} = {entry.about.example}.'


def _wrong_value(source: Source, path: Path, value: object) -> str:
    entry = entries().get(generic(path))
    if entry is None:
        return f"{spelled(path)} is {as_toml(value)}, which is not a table. Write [{spelled(path)}] and its settings below it."
    while path and isinstance(path[-1], int):  # an item of a list: the advice is about the whole list
        path = path[:-1]
    example = _example(source, path, entry)
    return f"{spelled(path)} cannot be {as_toml(value)}. Write {entry.about.write}{example}."


def _example(source: Source, path: Path, entry: Entry) -> str:
    if not entry.about.example:
        return ""
    if source.layer is not Layer.COMMAND_LINE:
        return f", for example {path[-1]} = {entry.about.example}"
    if entry.name in OPTIONS:
        return f", for example {OPTIONS[entry.name]} " + entry.about.example.strip('"')
    return f", for example --set {spelled(path)}={entry.about.example}"


def as_toml(value: object, longest: int = VALUE_SHOWN_CHARS) -> str:
    """A value as it would stand in the file, cut when it is long."""
    text = _toml(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value)
