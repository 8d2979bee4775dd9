"""Looks at a repo and proposes how Ralph checks it. Reads files, runs nothing of the repo, and never fails on one.

The idea: find the folders that hold a manifest, ask each ecosystem what it sees there, join the answers. Whether the
commands really work here is not known; `ralph init` tries them.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ralph.checks.check import Check
from ralph.detect.ci import read_ci
from ralph.detect.dotnet import find_dotnet
from ralph.detect.found import Found, Host
from ralph.detect.go import find_go
from ralph.detect.java import find_java
from ralph.detect.join import Placed, joined, merged_needs
from ralph.detect.node import find_node
from ralph.detect.packages import package_folders
from ralph.detect.php import find_php
from ralph.detect.proposal import Need, NeedKind, Proposal
from ralph.detect.python import find_python
from ralph.detect.ruby import find_ruby
from ralph.detect.rust import find_rust
from ralph.detect.services import DATABASES, UNKNOWN_DATABASE, service_needs
from ralph.detect.targets import find_targets
from ralph.detect.tree import Folder, open_tree

__all__ = ["Need", "NeedKind", "Proposal", "detect", "detect_checks"]

Which = Callable[[str], str | None]
ECOSYSTEMS: tuple[Callable[[Folder, Host], Found | None], ...] = (
    find_python,
    find_node,
    find_rust,
    find_go,
    find_java,
    find_ruby,
    find_php,
    find_dotnet,
)


def detect(repo: Path, *, which: Which = shutil.which) -> Proposal:
    """How to check the repo: tests first, with the setup they need; no checks when none is found."""
    root = open_tree(repo)
    found = joined(_look(root, Host(which)))
    services, lines = read_ci(root, [check.command for check in found.checks])
    needs = merged_needs([*found.needs, *service_needs(root), *services])
    if {need.name for need in needs} & DATABASES:
        needs = tuple(need for need in needs if need.name != UNKNOWN_DATABASE)
    return replace(found, needs=needs, hints=(*found.hints, *lines))


def detect_checks(repo: Path, *, which: Which = shutil.which) -> list[Check]:
    """The checks for a run without settings: nothing runs setup, so they take what is on PATH."""
    root = open_tree(repo)
    return list(joined(_look(root, Host(which, prepared=False))).checks)


def _look(root: Folder, host: Host) -> list[Placed]:
    places = []
    for path in package_folders(root):
        folder = root.below(path) if path != "." else root
        places += [Placed(path, found) for find in ECOSYSTEMS if (found := find(folder, host)) is not None]
    taken = {kind for placed in places for kind, _ in placed.found.checks}
    targets = find_targets(root, host, taken)
    return [*places, *([Placed(".", targets)] if targets else [])]
