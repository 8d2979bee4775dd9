"""What an examination finds, and what it looks at. Knows nothing about single probes."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from ralph.errors import RalphError
from ralph.home import Home, find_home
from ralph.settings.load import Loaded, load_settings
from ralph.workspace.repo import Repo


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"  # a run works, but not as well as it could
    FAIL = "fail"  # a run would be refused, or would go wrong


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `remedy` is what to do; empty when all is well. `details` are shown line by line."""

    area: str
    status: Status
    what: str
    remedy: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Patient:
    """What is examined. A part that cannot be had is None; the probe of that part says why."""

    path: Path
    prd: Path | None
    environ: Mapping[str, str]

    @cached_property
    def home(self) -> Home:
        return find_home(self.environ)

    @cached_property
    def repo(self) -> Repo | None:
        try:
            return Repo.open(self.path)
        except RalphError:
            return None

    @property
    def root(self) -> Path:
        """Of the repository; without one, the folder itself."""
        return self.repo.root if self.repo else self.path

    @cached_property
    def loaded(self) -> Loaded | None:
        try:
            return load_settings(self.root, self.home)
        except RalphError:
            return None

    def has(self, program: str) -> bool:
        return self.where(program) is not None

    def where(self, program: str) -> str | None:
        """The program's path, as a shell with this environment would find it."""
        return shutil.which(program, path=self.environ.get("PATH"))


Probe = Callable[[Patient], Iterator[Finding]]


def refused(area: str, error: Exception) -> Finding:
    """The first sentence is what is wrong, the rest the remedy; a message of several lines stays whole."""
    what, _, remedy = str(error).partition(". ")
    if "\n" in str(error) or not remedy:
        return Finding(area, Status.FAIL, str(error), "correct what the message names, and look again")
    return Finding(area, Status.FAIL, what, remedy)
