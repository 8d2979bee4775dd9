"""Where Ralph keeps its own state: `RALPH_HOME`, or the platform's user state folder. Nothing of it is in the repo."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ralph.errors import RalphError


class HomeError(RalphError):
    """The state folder cannot be used."""


@dataclass(frozen=True)
class Home:
    """The folder (mode 0700) that holds the two databases, the user's own settings, locks, worktrees and run files."""

    root: Path

    @property
    def ledger_db(self) -> Path:
        return self.root / "ledger.db"

    @property
    def traces_db(self) -> Path:
        return self.root / "traces.db"

    @property
    def config(self) -> Path:
        """The user's own settings, which may loosen what a repo's `ralph.toml` may only tighten."""
        return self.root / "config.toml"

    @property
    def trust(self) -> Path:
        return self.root / "trust.json"

    def folder(self, *parts: str) -> Path:
        """A sub-folder, made on first use with mode 0700."""
        path = self.root.joinpath(*parts)
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise HomeError(_unwritable(f"the state folder {path}", error)) from error
        return path


def find_home(environ: Mapping[str, str] | None = None) -> Home:
    """The state folder for this user, created with mode 0700 if it is not there yet.

    Raises:
        HomeError: it cannot be made or written.
    """
    named = (os.environ if environ is None else environ).get("RALPH_HOME")
    root = Path(named).expanduser().resolve() if named else platformdirs.user_state_path("ralph")
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        root.chmod(0o700)
    except OSError as error:
        what = f"RALPH_HOME ({root})" if named else f"Ralph's state folder {root}"
        raise HomeError(_unwritable(what, error)) from error
    return Home(root)


def _unwritable(what: str, error: OSError) -> str:
    why = "there is a file of this name" if isinstance(error, FileExistsError) else error.strerror
    return f"{what} cannot be written: {why}. Name another folder: export RALPH_HOME=~/ralph-state"
