"""What a sandbox is to its callers: something that turns a command into a command that can do less."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Sandbox(Protocol):
    """A way to run a command with less reach. `level` is its name in traces and messages."""

    @property
    def level(self) -> str: ...

    def wrap(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        writable: Sequence[Path],
        read_only: Sequence[Path] = (),
        network: bool = False,
        tmp: Path | None = None,
    ) -> list[str]:
        """The command that runs `argv` in `cwd`, able to write only below `writable`.

        `read_only` wins over `writable` where they overlap; a path of it that is hidden otherwise becomes visible.
        `tmp` is the folder shown as /tmp, for files that must last from one command to the next; None: an empty one.
        """
        ...


@dataclass(frozen=True)
class NoSandbox:
    """Runs the command as it is. `launcher` starts the launcher, which without a rule only ends what is left of a command
    when that ends or Ralph dies; empty where there is none.
    """

    launcher: tuple[str, ...] = ()
    level = "none"

    def wrap(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,  # noqa: ARG002 - part of the role
        writable: Sequence[Path],  # noqa: ARG002
        read_only: Sequence[Path] = (),  # noqa: ARG002
        network: bool = False,  # noqa: ARG002
        tmp: Path | None = None,  # noqa: ARG002
    ) -> list[str]:
        supervised = [*self.launcher, "--ralph", str(os.getpid()), "--"] if self.launcher else []
        return [*supervised, *argv]
