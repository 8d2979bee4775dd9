"""A run's lines on disk, so that they can be read after the run or beside it: RALPH_HOME/runs/<run>/events.jsonl.

One JSON object a line, as `ralph run --json` prints them; the first says which run it is. The writer holds a lock on the
file, which the system releases however it dies: that is how a reader knows whether the run is still going.
"""

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from ralph.events import Event, EventKind, EventValue, Reporter
from ralph.files import append
from ralph.home import Home, HomeError
from ralph.workspace.folders import remove_tree
from tracing.redact import Redactor
from tracing.span import JsonValue

FILE = "events.jsonl"
HEAD = "log"  # the `event` of the first line
KEPT_RUNS = 200
YOUNG_S = 24 * 3600.0


@dataclass(frozen=True)
class RunHead:
    """Which run it is: the first line of its log."""

    run: str
    repo_id: str
    repo: str  # the root of the user's checkout
    branch: str
    prd: str
    pid: int
    at: str = ""  # when it began, ISO 8601 in UTC
    due: str = ""  # SCHEDULE/ID of the due run that it carries out; "": nobody's schedule


@dataclass(frozen=True)
class Logged:
    """An event as it was written."""

    at_ns: int
    event: Event
    line: str  # the JSON of it


class EventLog:
    """A reporter that writes each event at once, from any thread. A disk that is full costs lines, never the run."""

    def __init__(
        self,
        home: Home,
        head: RunHead,
        *,
        redact: Redactor | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.path = home.root / "runs" / head.run / FILE
        self._redact, self._clock_ns = redact or Redactor(), clock_ns
        self._lock = threading.Lock()
        self._torn = False
        self._fd: int | None = None
        with suppress(OSError, HomeError):
            home.folder("runs", head.run)
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._write({"event": HEAD, **{name: value for name, value in asdict(head).items() if name != "at"}})

    def __call__(self, event: Event) -> None:
        self._write({"event": event.kind.value, "text": event.text, **_json(event.fields)})

    def close(self) -> None:
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    def _write(self, facts: Mapping[str, JsonValue]) -> None:
        safe, _ = self._redact.value(dict(facts))
        assert isinstance(safe, dict)
        line = json.dumps({"at": _iso(self._clock_ns()), **safe}, ensure_ascii=False)
        with self._lock:
            if self._fd is None:
                return
            data = ("\n" * self._torn + line + "\n").encode(errors="replace")
            written = 0
            with suppress(OSError):
                written = append(self._fd, data, "event log")
            self._torn = written != len(data) and (written > 0 or self._torn)


def tee(*reporters: Reporter) -> Reporter:
    """One reporter that tells them all, in this order."""

    def tell(event: Event) -> None:
        for reporter in reporters:
            reporter(event)

    return tell


def without_secrets(redact: Redactor, report: Reporter) -> Reporter:
    """A reporter that tells what may be seen: a terminal's output may be kept as well."""

    def tell(event: Event) -> None:
        fields, changed = redact.value(_json(event.fields))
        shown = cast("Mapping[str, EventValue]", fields) if changed else event.fields
        report(Event(event.kind, redact.text(event.text), shown))

    return tell


@dataclass(frozen=True)
class RunFolder:
    """The files of one run. `head` is None where it wrote no log."""

    path: Path
    head: RunHead | None

    @property
    def log(self) -> Path:
        return self.path / FILE

    @property
    def is_going(self) -> bool:
        """Whether its process is alive."""
        return is_locked(self.log)

    @property
    def is_over(self) -> bool:
        """Whether its process is gone for certain; where there is no log to tell (`ralph verify`), after a day."""
        return not self.is_going and (self.head is not None or _touched_s(self) < time.time() - YOUNG_S)

    def events(self, after: int = 0) -> Iterator[tuple[int, Logged]]:
        """Each whole line behind the first `after` bytes, with the byte behind it to go on from; broken ones are left out."""
        try:
            with self.log.open("rb") as file:
                file.seek(after)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    after += len(line)
                    if logged := _logged(line):
                        yield after, logged
        except FileNotFoundError:
            return

    def last_words(self) -> str:
        """How the run ended, in its own words; "" while it goes on, and when an error or a kill ended it."""
        told = [logged.event for _, logged in self.events()]
        return "".join([event.text for event in told if event.kind is EventKind.RUN_ENDED][-1:])


@dataclass(frozen=True)
class RunFolders:
    """The folders of all runs, newest first."""

    home: Home

    def all(self) -> Iterator[RunFolder]:
        """A run's name begins with its time, so that names sort as runs began."""
        folder = self.home.root / "runs"
        paths = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        return (RunFolder(path, _head(path / FILE)) for path in sorted(paths, reverse=True))

    def newest(
        self,
        *,
        repo_id: str | None = None,
        repo: Path | None = None,
        branch: str | None = None,
        prd: str | None = None,
        run: str = "",
    ) -> RunFolder | None:
        """The newest run with a log: of a repository (by its id, or by its root), on a branch, over a PRD, whose name begins with `run`."""
        for folder in self.all():
            head = folder.head
            if head is None or not head.run.startswith(run):
                continue
            same_repo = repo_id in {None, head.repo_id} and (repo is None or str(repo) == head.repo)
            if same_repo and branch in {None, head.branch} and prd in {None, head.prd}:
                return folder
        return None

    def prune(self, keep: int = KEPT_RUNS, *, now_s: float | None = None) -> int:
        """Remove all but the newest `keep`; never one that is going or younger than a day. Says how many."""
        young_s = (time.time() if now_s is None else now_s) - YOUNG_S
        removed = 0
        for folder in list(self.all())[keep:]:
            with suppress(OSError):
                if not folder.is_going and _touched_s(folder) < young_s:
                    remove_tree(folder.path)
                    removed += 1
        return removed


def is_locked(path: Path) -> bool:
    """Whether a living process holds a lock on the file; asked without taking it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _touched_s(folder: RunFolder) -> float:
    return (folder.log if folder.head else folder.path).stat().st_mtime


def _head(log: Path) -> RunHead | None:
    try:
        with log.open("rb") as file:
            facts = json.loads(file.readline())
        facts.setdefault("due", "")  # logs of before there were schedules
        return RunHead(**{field.name: facts[field.name] for field in fields(RunHead)})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _logged(line: bytes) -> Logged | None:
    try:
        facts = json.loads(line)
        at_ns = round(datetime.fromisoformat(facts.pop("at")).timestamp() * 1e9)
        kind, text = facts.pop("event"), facts.pop("text")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    known = EventKind(kind) if kind in set(EventKind) else EventKind.NOTE
    return Logged(at_ns, Event(known, str(text), facts), line.decode(errors="replace").rstrip("\n"))


def _json(fields: Mapping[str, EventValue]) -> dict[str, JsonValue]:
    return {name: list(value) if isinstance(value, list) else value for name, value in fields.items()}


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
