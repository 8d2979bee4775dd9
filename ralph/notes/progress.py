"""The repo's own progress log, where people's loops keep it: found and read here, written only by `ralph.notes.notebook`."""

from dataclasses import dataclass
from pathlib import Path

from ralph.workspace.repo import Repo

FILE = "progress.txt"
PLACES = (
    FILE,
    ".ralph/progress.md",
    ".ralphy/progress.txt",
    ".ralph-tui/progress.md",
    "tasks/progress.txt",
)


@dataclass(frozen=True)
class Progress:
    """One repo's notes of what was done."""

    repo: Repo
    name: str  # relative to the repo's root
    tracked: bool

    def content(self, revision: str) -> bytes:
        """The log's bytes: of the revision where it is tracked, else as it is in the user's checkout; empty: none."""
        if self.tracked:
            return self.repo.show(f"{revision}:{self.name}") or b""
        return _read(self.repo.root / self.name)


def find_progress(repo: Repo, prd_name: str) -> Progress:
    """The log beside the PRD, else the first of `PLACES` that is there, else one to come at the root.

    A PRD outside of the repo is only a list of stories: the log beside it is another project's.
    """
    folder = Path(prd_name).parent
    is_outside = folder.is_absolute() or ".." in folder.parts
    beside = [] if is_outside else [(folder / FILE).as_posix()]
    places = [*beside, *sorted(PLACES, key=lambda place: Path(place).parent != folder)]
    name = next((place for place in places if (repo.root / place).is_file()), FILE)
    return Progress(repo, name, repo.tracked(name))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
