"""Every setting is read by something: one that nobody reads is a promise that nobody keeps."""

import ast
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from ralph.settings.schema import Settings

ROOT = Path(__file__).resolve().parents[2]
DECLARED_IN = {"schema.py", "sections.py", "unwatched.py", "alerting.py"}


def sections() -> Iterator[tuple[str, str]]:
    """Each setting with its section; "" for those in none."""
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from ((name, setting) for setting in kind.model_fields)
        else:
            yield "", name


def read() -> Iterator[tuple[str, str]]:
    """What is read of what: `settings.report.at` is ("report", "at"); `limits.micros("per_run_usd")` is ("limits", "per_run_usd")."""
    paths = [path for package in ("ralph", "tracing") for path in (ROOT / package).rglob("*.py")]
    for path in paths:
        if path.parent != ROOT / "ralph/settings" or path.name not in DECLARED_IN:
            yield from _read_in(ast.parse(path.read_text(encoding="utf-8")))


def _read_in(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield _last_name(node.value), node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "micros":
            yield from (("limits", str(word.value)) for word in node.args if isinstance(word, ast.Constant))


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_every_setting_is_read_by_something() -> None:
    found = frozenset(read())
    unread = [one for one in sections() if not any((holder, one[1]) in found for holder in holders(one[0]))]
    assert unread == [("alerts", "findings")]  # `Alerts.thresholds` makes `finding_severity` of it
    assert ("thresholds", "finding_severity") in found


def holders(section: str) -> set[str]:
    """What a variable that holds a section is called."""
    return {name for holder in (section, "thresholds", "settings") for name in (holder, f"_{holder}")}
