"""What differs between two versions of a settings file, setting by setting. Knows nothing about trust and layers."""

from collections.abc import Iterator, Mapping

from ralph.settings.catalogue import spelled
from ralph.settings.places import Path, TomlError, parse
from ralph.settings.problems import as_toml

NOTHING = "not set"
LONGEST_SHOWN_CHARS = 2000  # commands are read before they are trusted


def changes(before: bytes, after: bytes) -> tuple[str, ...]:
    """A line for each setting that was added, removed or given another value, in the order of the files.

    Empty where only comments, order or spelling differ, or where one of the two is not TOML.
    """
    try:
        old, new = dict(_leaves(parse(before))), dict(_leaves(parse(after)))
    except TomlError:
        return ()
    paths = dict.fromkeys([*new, *old])
    return tuple(
        f"{spelled(path)}: {_shown(old, path)} -> {_shown(new, path)}" for path in paths if _differ(old, new, path)
    )


def _differ(old: Mapping[Path, object], new: Mapping[Path, object], path: Path) -> bool:
    return path not in old or path not in new or repr(old[path]) != repr(new[path])  # 1 is not true


def _shown(values: Mapping[Path, object], path: Path) -> str:
    return as_toml(values[path], LONGEST_SHOWN_CHARS) if path in values else NOTHING


def _leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every value that is no table; of several tables with names (checks, services) each goes by its name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        names = [item.get("name", number) for number, item in enumerate(value)]
        keys = names if len(set(map(str, names))) == len(names) else range(len(value))
        for key, item in zip(keys, value, strict=True):
            yield from _leaves(item, (*path, key if isinstance(key, int) else str(key)))
    else:
        yield path, value
