"""What an installation writes and runs, as data: shown by `--dry-run`, carried out otherwise. Knows no service manager."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from ralph.errors import RalphError

MARK = "Written by `ralph schedule install`; `ralph schedule uninstall` removes it."


class InstallError(RalphError):
    """The service cannot be set up here; the message says what else can be done."""


@dataclass(frozen=True)
class Service:
    """What is to be started, and what it needs of the shell that it will not have."""

    python: str  # absolute; Ralph's own interpreter
    home: Path  # RALPH_HOME
    search_path: str  # PATH, so that git and the project's tools are found
    instance: str = ""  # tells the services of several state folders apart; empty for the usual folder

    @property
    def command(self) -> tuple[str, ...]:
        return (self.python, "-P", "-m", "ralph", "daemon")

    @property
    def environment(self) -> dict[str, str]:
        return {"RALPH_HOME": str(self.home), "PATH": self.search_path, "PYTHONUNBUFFERED": "1"}

    @property
    def name(self) -> str:
        return f"ralph-{self.instance}" if self.instance else "ralph"

    @property
    def log(self) -> Path:
        """Where the daemon's own lines go, where the manager has no journal."""
        return self.home / "schedule" / "daemon.log"


@dataclass(frozen=True)
class File:
    """A file to write; one that is there and does not carry MARK is somebody else's."""

    path: Path
    text: str


@dataclass(frozen=True)
class Command:
    """A command to run; `remedy` is what to do when it fails. One that `may_fail` stops nothing, and with no remedy is silent."""

    argv: tuple[str, ...]
    remedy: str = ""
    may_fail: bool = False
    stdin: str | None = None

    def __str__(self) -> str:
        return shlex.join(self.argv)


@dataclass(frozen=True)
class Plan:
    """Files first, then commands; for a removal `before` run while the files are still there."""

    manager: str
    files: tuple[File, ...] = ()
    commands: tuple[Command, ...] = ()
    before: tuple[Command, ...] = ()
    notes: tuple[str, ...] = ()
