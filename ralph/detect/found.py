"""The common shape of all ecosystems: look at one folder, say what is found there.

An ecosystem speaks of its own folder only: names, commands and paths are relative to it. Joining folders and
ecosystems into one proposal is `ralph.detect.join`.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ralph.checks.check import Check
from ralph.detect.proposal import Need, NeedKind
from ralph.detect.tree import Folder, ignored

SETUP_TIMEOUT_S = 1800
SLOW_S = 1800  # compilers that start from nothing in a fresh worktree
CHECK_TIMEOUT_S = 600


class Kind(StrEnum):
    """What a check means. Two ways to the same meaning in one folder are one too many."""

    TEST = "test"
    LINT = "lint"
    FORMAT = "format"
    TYPES = "types"
    VET = "vet"
    BUILD = "build"


@dataclass(frozen=True)
class Host:
    """What detection may know of this machine."""

    which: Callable[[str], str | None]
    prepared: bool = True  # False: nothing runs setup, so checks take what is on PATH

    def has(self, tool: str) -> bool:
        return self.which(tool) is not None


@dataclass(frozen=True)
class Found:
    """What one ecosystem says about one folder."""

    ecosystem: str
    checks: tuple[tuple[Kind, Check], ...] = ()
    setup: Check | None = None
    manifests: tuple[str, ...] = ()
    lock_files: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    hints: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()  # globs of folders below that these checks run as well; "*" crosses "/"
    installs: tuple[str, ...] = ()  # globs of those that setup installs too; others with a setup stand alone


def check(
    kind: Kind, name: str, command: str, timeout_s: float = CHECK_TIMEOUT_S, env: Mapping[str, str] | None = None
) -> tuple[Kind, Check]:
    return kind, Check(name=name, command=command, timeout_s=timeout_s, env=dict(env or {}))


def setup(command: str, env: Mapping[str, str] | None = None) -> Check:
    """A preparation that downloads, so it needs the network."""
    return Check(name="setup", command=command, timeout_s=SETUP_TIMEOUT_S, env=dict(env or {}), network=True)


def tool_needs(host: Host, where: str, **remedies: str) -> tuple[Need, ...]:
    """A need for each named tool that is not on PATH."""
    return tuple(
        Need(NeedKind.TOOL, tool, f"the checks call `{tool}`, which is not on PATH", where, remedy)
        for tool, remedy in remedies.items()
        if not host.has(tool)
    )


def absent_tool(host: Host, where: str, tool: str, remedy: str) -> tuple[Need, ...]:
    """A need for a tool that the repo configures and whose check is left out, since it is not on PATH."""
    why = f"`{tool}` is configured, but not on PATH, so it is not among the checks"
    return () if host.has(tool) else (Need(NeedKind.TOOL, tool, why, where, remedy),)


def unignored(folder: Folder, name: str) -> tuple[str, ...]:
    """A hint where git does not ignore a folder that setup or a check fills."""
    place = folder.place(name)
    if ignored(folder.root, [f"{place}/"]):
        return ()
    return (
        f"{place} is not ignored by git: add `{name}/` to .gitignore, so that what is built there stays out of commits.",
    )


def word(text: str) -> str:
    """The text as one word of a shell command."""
    return shlex.quote(text)
