"""How somebody outside a run talks to it: small files in Ralph's own folder, one sub-folder for each repository.

Every order is a file that is renamed into place, so a reader sees all of it or none, and a kill loses nothing. What is
said is taken by a rename too, which only one worker can win; it is gone for good only when the agent has answered to it.
Knows nothing of agents, terminals or git.
"""

import contextlib
import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ralph.errors import RalphError
from ralph.files import move, remove_file, write_atomically
from ralph.home import Home
from ralph.workspace.lock import try_hold

LONGEST_MESSAGE_CHARS = 8_000
BETWEEN = "--"  # stands between a run's token and a message's name


@dataclass(frozen=True)
class Message:
    """What the user said and no agent has answered to yet. `story` None: whoever has the next turn hears it."""

    id: str
    text: str
    story: str | None
    said_at_ns: int


@dataclass(frozen=True)
class RunInfo:
    """A run that is alive. `stories` are those it works on at the moment."""

    pid: int
    run: str
    branch: str
    started_at_ns: int
    stories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Control:
    """The orders for the runs in one repository."""

    folder: Path
    now_ns: Callable[[], int] = time.time_ns

    @classmethod
    def open(cls, home: Home, repo_id: str) -> "Control":
        folder = home.folder("control") / repo_id[:32]
        for part in ("messages", "taken", "orders", "runs"):
            (folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        return cls(folder)

    # what the user says

    def say(self, text: str, story: str | None = None) -> Message:
        """Keep `text` for the next turn of an agent: that of `story`, or of whichever comes first.

        Raises:
            RalphError: there is nothing in it, or too much.
        """
        words = text.strip()
        if not words:
            raise RalphError('there is nothing to say. Write it as one argument: ralph say "use the existing helper"')
        if len(words) > LONGEST_MESSAGE_CHARS:
            raise RalphError(
                f"{len(words)} characters are too many to say at once (at most {LONGEST_MESSAGE_CHARS}). "
                "Put them into a file of the repository and name that file."
            )
        said_at_ns = self.now_ns()
        message = Message(f"{said_at_ns:020d}-{uuid.uuid4().hex[:8]}", words, story, said_at_ns)
        _write(self._message(message.id), asdict(message))
        return message

    def pending(self) -> list[Message]:
        """What was said and not delivered yet, oldest first."""
        self._give_back_of_the_dead()
        paths = [*(self.folder / "messages").glob("*.json"), *(self.folder / "taken").glob("*.json")]
        found = [message for path in paths if (message := _message(path))]
        return sorted(found, key=lambda message: message.id)

    def withdraw(self, message_id: str) -> Message | None:
        """Take back what was said; None when an agent has it already, or there is no such message."""
        path = self._message(message_id)
        message = _message(path)
        try:
            remove_file(path, "message", missing_ok=False)
        except FileNotFoundError:
            return None
        return message

    # orders

    def pause(self) -> None:
        self._order("pause")

    def resume(self) -> None:
        remove_file(self._path_of("pause"), "order")

    def stop(self) -> None:
        self._order("stop")

    def skip(self, story_id: str) -> None:
        self._order(f"skip-{_digest(story_id)}")

    def ordered_since(self, order: str, since_ns: int) -> bool:
        """Whether the order was given after `since_ns`: one from before a run or a session is not meant for it."""
        return int(_read(self._path_of(order)).get("at_ns", 0)) > since_ns

    # who is there to hear it

    def running(self) -> list[RunInfo]:
        """The runs of this repository that are alive, oldest first."""
        found = []
        for path in (self.folder / "runs").glob("*.lock"):
            facts = _read(path.with_suffix(".json")) if self._is_alive(path) else {}
            if facts:
                found.append(RunInfo(**{**facts, "stories": tuple(facts["stories"])}))
        return sorted(found, key=lambda info: info.started_at_ns)

    def is_paused(self) -> bool:
        """Whether a run that is alive was told to pause."""
        return any(self.ordered_since("pause", info.started_at_ns) for info in self.running())

    @contextmanager
    def attend(self, run: str, branch: str) -> Iterator["Attendance"]:
        """Be the run that hears what is said here, until the block ends or the process dies."""
        token, held = "", None
        while held is None:  # a reader that looks at this very moment may take a file without an owner away
            token = uuid.uuid4().hex[:12]
            held = try_hold(self.folder / "runs" / f"{token}.lock")
        attendance = Attendance(self, token, RunInfo(os.getpid(), run, branch, self.now_ns()))
        try:
            attendance.tell()
            yield attendance
        finally:
            for suffix in (".json", ".lock"):
                remove_file(held.path.with_suffix(suffix), "attendance")
            held.release()
            self._give_back_of_the_dead()

    def take(self, token: str, story_id: str) -> list[Message]:
        """Messages for the story, which now are this run's to deliver."""
        self._give_back_of_the_dead()
        taken = []
        for path in sorted((self.folder / "messages").glob("*.json")):
            message = _message(path)
            if message is None or message.story not in {None, story_id}:
                continue
            with contextlib.suppress(FileNotFoundError):  # another worker was faster
                move(path, self._taken(token, path.stem), "message")
                taken.append(message)
        return taken

    def settle(self, token: str, messages: Sequence[Message], *, delivered: bool) -> None:
        """Forget messages that were delivered; keep the others for somebody else."""
        for message in messages:
            with contextlib.suppress(FileNotFoundError):
                path = self._taken(token, message.id)
                if delivered:
                    remove_file(path, "message", missing_ok=False)
                else:
                    move(path, self._message(message.id), "message")

    def _give_back_of_the_dead(self) -> None:
        """What a run had taken and died with is there to be taken again."""
        for path in (self.folder / "taken").glob("*.json"):
            token, _, name = path.name.partition(BETWEEN)
            lock = self.folder / "runs" / f"{token}.lock"
            if not (lock.exists() and self._is_alive(lock)):
                with contextlib.suppress(FileNotFoundError):
                    move(path, self.folder / "messages" / name, "message")

    @staticmethod
    def _is_alive(lock: Path) -> bool:
        try:
            held = try_hold(lock)
        except OSError:
            return False
        if held is None:
            return True
        for suffix in (".json", ".lock"):
            remove_file(held.path.with_suffix(suffix), "attendance")
        held.release()
        return False

    def _order(self, name: str) -> None:
        """Later than the start of every run that is to hear it, also where the clock was set back since."""
        started_ns = [info.started_at_ns + 1 for info in self.running()]
        _write(self._path_of(name), {"at_ns": max([self.now_ns(), *started_ns])})

    def _path_of(self, order: str) -> Path:
        return self.folder / "orders" / f"{order}.json"

    def _message(self, message_id: str) -> Path:
        return self.folder / "messages" / f"{Path(message_id).name}.json"

    def _taken(self, token: str, message_id: str) -> Path:
        return self.folder / "taken" / f"{token}{BETWEEN}{message_id}.json"


@dataclass
class Attendance:
    """One living run's side of the control folder."""

    control: Control
    token: str
    info: RunInfo
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def stopped(self) -> bool:
        """Whether the run was told to stop after the step it is at."""
        return self.control.ordered_since("stop", self.info.started_at_ns)

    @contextmanager
    def story(self, story_id: str) -> Iterator["StoryControl"]:
        """What a session about one story hears while the block runs."""
        self._works_on(story_id, here=True)
        heard = StoryControl(self, story_id, self.control.now_ns())
        try:
            yield heard
        finally:
            heard.settle(delivered=False)
            self._works_on(story_id, here=False)

    def tell(self) -> None:
        _write(self.control.folder / "runs" / f"{self.token}.json", asdict(self.info))

    def _works_on(self, story_id: str, *, here: bool) -> None:
        with self._lock:
            others = tuple(other for other in self.info.stories if other != story_id)
            stories = (*others, story_id) if here else others
            self.info = RunInfo(self.info.pid, self.info.run, self.info.branch, self.info.started_at_ns, stories)
            self.tell()


@dataclass
class StoryControl:
    """What the user wants of one session, asked between its turns."""

    attendance: Attendance
    story_id: str
    since_ns: int
    _taken: list[Message] = field(default_factory=list)

    def paused(self) -> bool:
        return self.attendance.control.ordered_since("pause", self.attendance.info.started_at_ns)

    def stopped(self) -> bool:
        return self.attendance.stopped

    def skipped(self) -> bool:
        return self.attendance.control.ordered_since(f"skip-{_digest(self.story_id)}", self.since_ns)

    def take(self) -> list[str]:
        """The texts of new messages; they are held for this session until `settle`."""
        new = self.attendance.control.take(self.attendance.token, self.story_id)
        self._taken += new
        return [message.text for message in new]

    def settle(self, *, delivered: bool) -> None:
        """Say what became of everything taken: the model answered to it, or it is for somebody else now."""
        self.attendance.control.settle(self.attendance.token, self._taken, delivered=delivered)
        self._taken = []


def _digest(story_id: str) -> str:
    return hashlib.sha256(story_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _message(path: Path) -> Message | None:
    """None when the file is gone, or is no message."""
    try:
        return Message(**_read(path))
    except TypeError:
        return None


def _write(path: Path, facts: object) -> None:
    write_atomically(path, json.dumps(facts).encode(), path.parent.name)


def _read(path: Path) -> dict[str, Any]:
    """Empty when there is no such file (any more), or somebody else wrote something into it."""
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
