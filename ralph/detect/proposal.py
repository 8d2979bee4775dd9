"""What detection says about a repo: the checks it would run, what prepares them, and what they need beside that.

Plain data. Knows nothing about how it was found, tried or written into `ralph.toml`.
"""

from dataclasses import dataclass
from enum import StrEnum

from ralph.checks.check import Check


class NeedKind(StrEnum):
    SERVICE = "service"
    NETWORK = "network"
    FILE = "file"
    TOOL = "tool"


@dataclass(frozen=True)
class Need:
    """Something outside of the repo's tracked files that its checks may need."""

    kind: NeedKind
    name: str  # "postgres", "setup", ".env", "pnpm"
    why: str
    where: str  # the repo-relative file that says so
    remedy: str = ""  # what a person does or writes about it; may have several lines


@dataclass(frozen=True)
class Proposal:
    """How Ralph would check a repo. Paths and globs are relative to its root."""

    ecosystems: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    setup: Check | None = None
    manifests: tuple[str, ...] = ()  # a change of one of these reruns setup
    lock_files: tuple[str, ...] = ()  # only setup writes these
    needs: tuple[Need, ...] = ()
    hints: tuple[str, ...] = ()  # for a person to read; nothing acts on them
