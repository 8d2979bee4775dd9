"""One source of settings: a file's bytes or the command line, as values by path that remember where they stand."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path as FilePath

from ralph.settings.catalogue import OPTIONS, entries, generic, spelled
from ralph.settings.places import Path, find_lines, line_of, parse
from ralph.trust import sha256_of

SECTIONS = frozenset(
    {name.partition(".")[0] for name in entries() if "." in name} - {"checks", "setup", "services", "channels"}
)


class Layer(StrEnum):
    DEFAULT = "default"
    USER = "user"  # config.toml in RALPH_HOME
    REPO = "repo"  # ralph.toml
    COMMAND_LINE = "command line"


@dataclass(frozen=True)
class SettingsFile:
    """The bytes of a settings file, read once and pinned: later changes of the file do not matter."""

    path: FilePath
    data: bytes
    name: str  # as messages call it

    @property
    def sha256(self) -> str:
        return sha256_of(self.data)


@dataclass(frozen=True)
class Origin:
    """Where a value came from; `place` is "ralph.toml:12", "--max-cost" or "default"."""

    layer: Layer
    place: str


@dataclass(frozen=True)
class Source:
    """What one layer says. `tables` is its content, `name` and `lines` tell where each part of it stands."""

    layer: Layer
    tables: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    lines: Mapping[Path, int] = field(default_factory=dict)

    def place(self, path: Path) -> str:
        if self.layer is Layer.COMMAND_LINE:
            return option_for(path)
        return f"{self.name}:{line_of(self.lines, path)}"

    def values(self) -> dict[Path, object]:
        """The settings of this layer, each whole: a check list is one value, a model's prices are one value."""
        return dict(_leaves(self.tables))


def file_source(layer: Layer, file: SettingsFile) -> Source:
    """Read a settings file.

    Raises:
        TomlError: it is not valid TOML.
    """
    return Source(layer, parse(file.data), file.name, find_lines(file.data))


def command_line_source(overrides: Mapping[str, object]) -> Source:
    """Values by dotted name, as in `{"limits.per_run_usd": "2.50"}`; a text is read as TOML where it is TOML."""
    tables: dict[str, object] = {}
    for name, value in overrides.items():
        if value is not None:
            _put(tables, tuple(_dotted(name)), _read_text(name, value))
    return Source(Layer.COMMAND_LINE, tables)


def parse_set_option(text: str) -> tuple[str, str]:
    """The name and the value of `--set agent.turns=200`.

    Raises:
        ValueError: there is no "=" or no name.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ValueError(f'--set: "{text}" has no name and value. Write for example --set agent.turns=200.')
    return name.strip(), value.strip()


def option_for(path: Path) -> str:
    name = generic(path)
    return OPTIONS.get(name, f"--set {spelled(path)}")


def merged(*sources: Mapping[Path, object]) -> dict[str, object]:
    """Tables made of all values, a later source's value winning."""
    tables: dict[str, object] = {}
    for values in sources:
        for path, value in values.items():
            _put(tables, path, value)
    return tables


def _leaves(tables: Mapping[str, object]) -> Iterator[tuple[Path, object]]:
    for key, value in tables.items():
        if key in SECTIONS and isinstance(value, Mapping):
            for inner, setting in value.items():
                yield (key, inner), setting
        else:
            yield (key,), value


def _put(tables: dict[str, object], path: Path, value: object) -> None:
    *outer, last = path
    for key in outer:
        inner = tables.setdefault(str(key), {})
        if not isinstance(inner, dict):
            return
        tables = inner
    tables[str(last)] = value


def _dotted(name: str) -> list[str]:
    """The keys of a dotted TOML name, quoted parts included; a name that is not one stays whole."""
    try:
        value: object = tomllib.loads(f"{name} = 0")
    except tomllib.TOMLDecodeError:
        return [name]
    keys: list[str] = []
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        keys.append(key)
    return keys


def _read_text(name: str, value: object) -> object:
    """`"5"` is the number 5 where a number is wanted; where a text is wanted it stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        parsed: object = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value
    return parsed if isinstance(parsed, str) or not _wants_text(name) else value


def _wants_text(name: str) -> bool:
    entry = entries().get(name)
    return entry is not None and entry.about.example.startswith('"')
