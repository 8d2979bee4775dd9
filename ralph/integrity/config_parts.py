"""A configuration file taken apart into what checks read of it, each part under its dotted name.

What checks do not read (a version, a dependency) is no part. Files in a language with a parser are compared by value, so
that comments, order and layout are no change; the others by their lines.
"""

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping

from ralph.integrity.scan.text import Language, without_comments

Value = str | int | float | bool | None | tuple[str, ...]
Parts = dict[str, Value]

PYTHON_TOOLS = frozenset(
    {
        "pytest", "coverage", "ruff", "mypy", "pyright", "basedpyright", "pylint", "flake8", "black", "isort", "bandit", "tox",
        "nox", "hatch.envs.test", "hatch.envs.default.scripts", "importlinter", "vulture", "pytype", "pyre", "poe", "taskipy",
        "pdm.scripts", "pydocstyle", "interrogate", "mutmut", "ty", "django-stubs", "pytest-enabler", "codespell", "bumpver",
    }
)  # fmt: skip
INI_SECTIONS = re.compile(
    r"pytest|tool:pytest|testenv|tox|flake8|mypy|coverage|pylint|pycodestyle|isort|aliases|run|report|importlinter"
)
PACKAGE_TABLES = {
    "jest",
    "mocha",
    "ava",
    "c8",
    "nyc",
    "eslintConfig",
    "vitest",
    "tap",
    "xo",
    "lint-staged",
    "husky",
    "wireit",
    "nx",
}
PACKAGE_SCRIPTS = re.compile(
    r"test|lint|check|type|tsc|build|cover|ci|verify|valid|^(?:pre|post)(?!pare)|prepare|prepublish", re.IGNORECASE
)
CARGO_TABLES = re.compile(
    r"^(?:test\.|bench\.|lints\.|workspace\.lints\.|profile\.(?:test|dev)\.|lib\.(?:test|doctest|harness)|package\.auto(?:tests|benches)|package\.build$)"
)
TARGETS = re.compile(
    r"test|check|lint|ci|verify|valid|cover|type|build|^all$|^default$|audit|gate|quality|vet", re.IGNORECASE
)
VARIABLES = re.compile(r"TEST|LINT|COV|CHECK|FLAGS|MYPY|RUFF|JEST|^SHELL$|SHELLFLAGS|MAKEFLAGS|^PY", re.IGNORECASE)


def toml_parts(text: str) -> Parts:
    return dict(_leaves(tomllib.loads(text)))


def pyproject_parts(text: str) -> Parts:
    """The tables of tools that judge, and the plugins that pytest would load."""
    found = toml_parts(text)
    return {name: value for name, value in found.items() if _is_tool(name) or "entry-points.pytest11" in name}


def cargo_parts(text: str) -> Parts:
    return {name: value for name, value in toml_parts(text).items() if CARGO_TABLES.search(name)}


def ini_parts(text: str, *, every_section: bool = False) -> Parts:
    reader = configparser.RawConfigParser(strict=False, allow_no_value=True, delimiters=("=", ":"))
    reader.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
    reader.read_string(text if text.lstrip().startswith(("[", "#", ";")) else "[root]\n" + text)
    return {
        f"{section}.{key}": _ini_value(value)
        for section in reader.sections()
        if every_section or INI_SECTIONS.search(section)
        for key, value in reader.items(section)
    }


def whole_ini_parts(text: str) -> Parts:
    return ini_parts(text, every_section=True)


def json_parts(text: str) -> Parts:
    """JSON as editors keep it: comments and trailing commas are read over."""
    plain = re.sub(r",(\s*[}\]])", r"\1", without_comments(text, Language.SCRIPT))
    return dict(_leaves(json.loads(plain)))


def package_parts(text: str) -> Parts:
    return {name: value for name, value in json_parts(text).items() if _is_check_script(name)}


def make_parts(text: str) -> Parts:
    """The recipes of the targets that checks run, and the variables that may reach them."""
    parts: Parts = {}
    target = ""
    for line in text.replace("\\\n", " ").splitlines():
        rule = re.match(r"^([\w.%/-][\w.%/ -]*?)\s*::?(?!=)\s*([^#]*)", line)
        variable = re.match(r"^(?:export\s+|override\s+)*([\w.]+)\s*[:?+!]{0,2}=\s*(.*)", line)
        if line.startswith(("\t", "    ")) and target:
            parts[target] = (*_lines(parts[target]), line.strip())
        elif variable:
            target = ""
            if VARIABLES.search(variable[1]):
                parts[f"variable {variable[1]}"] = variable[2].strip()
        elif rule:
            target = _target(rule[1], rule[2], parts)
        elif line.strip() and not line.startswith("#"):
            target = ""
    return parts


def line_parts(text: str) -> Parts:
    """A file without a parser here: its lines that say something, in order."""
    found = tuple(line.strip() for line in text.splitlines() if line.strip() and not re.match(r"\s*(?:#|//)", line))
    return {"": found} if found else {}


def taken_apart(reader: Callable[[str], Parts], text: str) -> Parts:
    """The parts, by lines where the file does not parse."""
    try:
        return reader(text)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError, configparser.Error):
        return line_parts(text)


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, Value]]:
    if isinstance(value, Mapping):
        if not value:
            yield name, ()
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        if value and all(isinstance(item, Mapping) for item in value):
            for item in value:
                label = item.get("module", item.get("name", item.get("files", item.get("filename", ""))))
                yield from _leaves(item, f"{name}.{json.dumps(label, default=str)}")
        else:
            yield (
                name,
                tuple(
                    item if isinstance(item, str) else json.dumps(item, sort_keys=True, default=str) for item in value
                ),
            )
    elif isinstance(value, str | int | float | bool) or value is None:
        yield name, value
    else:
        yield name, str(value)


def _is_tool(name: str) -> bool:
    inner = name.removeprefix("tool.")
    return name.startswith("tool.") and any(inner == tool or inner.startswith(f"{tool}.") for tool in PYTHON_TOOLS)


def _is_check_script(name: str) -> bool:
    table, _, rest = name.partition(".")
    return table in PACKAGE_TABLES or (table == "scripts" and bool(PACKAGE_SCRIPTS.search(rest)))


def _ini_value(value: str | None) -> Value:
    if value is None:
        return None
    lines = tuple(line.strip() for line in value.strip().splitlines() if line.strip())
    if len(lines) > 1:
        return lines
    plain = value.strip()
    if plain.lower() in {"true", "false", "yes", "no", "on", "off"}:
        return plain.lower() in {"true", "yes", "on"}
    return float(plain) if re.fullmatch(r"-?\d+(?:\.\d+)?", plain) else plain


def _target(names: str, needs: str, parts: Parts) -> str:
    """The part that a rule's recipe belongs to, with what the target needs as its first line."""
    if names == ".PHONY" or (not names.startswith(".") and not any(TARGETS.search(name) for name in names.split())):
        return ""
    key = f"target {names.strip()}"
    parts[key] = (*_lines(parts.get(key)), *([f"needs {needs.strip()}"] if needs.strip() else []))
    return key


def _lines(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
