"""Targets of make, just and Task at the root, for what no other check does: they mostly run the same tools."""

import re

from ralph.checks.check import Check
from ralph.detect.found import Found, Host, Kind, check, tool_needs
from ralph.detect.tree import Folder

RUNNERS = (
    ("make", ("GNUmakefile", "makefile", "Makefile"), r"^([A-Za-z][\w .-]{0,200}?)[ \t]{0,20}::?(?!=)"),
    ("just", ("justfile", "Justfile", ".justfile"), r"^@?([A-Za-z][\w-]*)[ \t]*:(?!=)"),
    ("task", ("Taskfile.yml", "Taskfile.yaml", "taskfile.yml"), r"^(?:  |    |\t)([A-Za-z][\w-]*):[ \t]*$"),
)
WANTED = (
    (Kind.TEST, ("test", "tests", "check")),
    (Kind.LINT, ("lint",)),
    (Kind.TYPES, ("typecheck", "type-check")),
)


def find_targets(folder: Folder, host: Host, taken: set[Kind]) -> Found | None:
    for runner, names, rule in RUNNERS:
        name = folder.first(*names)
        checks = _checks(runner, _targets(folder.text(name), rule), taken) if name else []
        if name and checks:
            needs = tool_needs(host, folder.place(name), **{runner: f"Install {runner}."})
            return Found(ecosystem=runner, checks=tuple(checks), needs=needs)
    return None


def _targets(text: str, rule: str) -> set[str]:
    return {target for match in re.findall(rule, text, re.MULTILINE) for target in match.split()}


def _checks(runner: str, targets: set[str], taken: set[Kind]) -> list[tuple[Kind, Check]]:
    wanted = [(kind, name) for kind, names in WANTED if kind not in taken for name in names if name in targets]
    return [check(kind, name, f"{runner} {name}", 1200) for kind, name in wanted]
