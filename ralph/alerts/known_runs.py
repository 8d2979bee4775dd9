"""Which runs there were, whose repositories they worked in and which limits they kept to: read from their logs, as seldom as possible."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ralph.events import EventKind
from ralph.history.event_log import RunFolder, RunFolders, RunHead
from ralph.home import Home
from tracing.budget import MICROS_PER_USD

FIRST_EVENTS = 50  # a run says how it is limited among so many; before it are notes at most


@dataclass(frozen=True)
class RunLimits:
    """What one run may cost at most, and its stories and the day with it; None: no such limit."""

    run_micros: int | None = None
    story_micros: int | None = None
    day_micros: int | None = None


@dataclass
class KnownRuns:
    """Made once and asked often: a log's beginning is read once, and the folder is listed when it has changed."""

    home: Home
    _listed: tuple[RunFolder, ...] = ()
    _listed_at_ns: int = -1
    _limits: dict[Path, RunLimits] = field(default_factory=dict)

    def all(self) -> tuple[RunFolder, ...]:
        """Newest first."""
        try:
            changed_ns = (self.home.root / "runs").stat().st_mtime_ns
        except OSError:
            return ()
        if changed_ns != self._listed_at_ns:
            self._listed = tuple(RunFolders(self.home).all())
            whole = all(folder.head for folder in self._listed[:1])  # the newest may not have said yet who it is
            self._listed_at_ns = changed_ns if whole else -1
        return self._listed

    def heads(self) -> Iterator[RunHead]:
        return (folder.head for folder in self.all() if folder.head)

    def touched(self, since_ns: int) -> Iterator[tuple[RunHead, RunLimits]]:
        """The runs that said anything since then."""
        for folder in self.all():
            if folder.head and _touched_ns(folder) >= since_ns:
                yield folder.head, self._limits_of(folder)

    def root_of(self, repo_id: str) -> str:
        """Where the repository was when it was last worked on; "" where no log is left."""
        return next((head.repo for head in self.heads() if head.repo_id == repo_id), "")

    def repos(self) -> tuple[str, ...]:
        """The roots of all repositories, each once, and only those that are still there."""
        found = dict.fromkeys(head.repo for head in self.heads())
        return tuple(repo for repo in found if Path(repo).is_dir())

    def _limits_of(self, folder: RunFolder) -> RunLimits:
        if folder.path not in self._limits:
            started = [
                logged.event.fields
                for _, logged in islice(folder.events(), FIRST_EVENTS)
                if logged.event.kind is EventKind.RUN_STARTED
            ]
            if not started:
                return RunLimits()
            names = ("limit_usd", "story_limit_usd", "day_limit_usd")
            self._limits[folder.path] = RunLimits(*(_micros(started[0].get(name)) for name in names))
        return self._limits[folder.path]


def _micros(usd: object) -> int | None:
    return round(usd * MICROS_PER_USD) if isinstance(usd, int | float) and not isinstance(usd, bool) else None


def _touched_ns(folder: RunFolder) -> int:
    try:
        return folder.log.stat().st_mtime_ns
    except OSError:
        return 0
