"""What the logs of runs say of a stretch of time: which runs there were, how each ended, what it committed and why not."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ralph.errors import ExitCode
from ralph.events import Event, EventKind, EventValue
from ralph.history.event_log import RunFolder, RunFolders, RunHead
from ralph.home import Home
from ralph.model.trouble import Trouble
from ralph.report.window import DAY_NS
from ralph.screen_text import one_line
from tracing.words import local_time

LONGEST_DAYS = 2  # a run that began earlier before is over
AS_PLANNED = {int(ExitCode.ALL_DONE), int(ExitCode.STORIES_REMAIN)}
COUNTED = re.compile(r": [^:]*\$[\d.]+[^:]* spent.*$")  # the end of a run's last line, told elsewhere
STATUS_HINT = "; `ralph status` says why"
TROUBLES = {
    Trouble.OFFLINE: "the machine was offline",
    Trouble.RATE: "the model service's rate limit was reached",
    Trouble.SPENT: "the account's credit or spend limit is used up",
    Trouble.REFUSED: "the model service refused the key or the request",
    Trouble.DOWN: "the model service was down",
}
KILLED = "cut off without a last word: it was killed, or the machine went down"


@dataclass(frozen=True)
class Standing:
    """How a story stood when the run last looked."""

    title: str
    state: str  # "done", "parked", "open", ...
    reason: str


@dataclass(frozen=True)
class RunLog:
    head: RunHead
    began_at_ns: int
    last_at_ns: int
    is_going: bool
    start: Mapping[str, EventValue] = field(default_factory=dict)  # the fields of its first event
    end: Event | None = None  # None: it goes on, or was killed
    commits: Mapping[str, str] = field(default_factory=dict)  # by story
    failures: Mapping[str, str] = field(default_factory=dict)  # by story: why its last try was not committed
    standings: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def due(self) -> str:
        return self.head.due

    @property
    def trouble(self) -> str:
        return str(self.end.fields.get("trouble") or "") if self.end else ""

    @property
    def again_at(self) -> str:
        return str(self.end.fields.get("again_at") or "") if self.end else ""

    @property
    def exit_code(self) -> int | None:
        code = self.end.fields.get("exit_code") if self.end else None
        return int(code) if isinstance(code, int) else None

    @property
    def is_early(self) -> bool:
        """Whether something other than the stories ended it."""
        return not self.is_going and (bool(self.trouble) or self.exit_code not in AS_PLANNED)

    @property
    def words(self) -> str:
        """How it ended, in a sentence without its full stop."""
        if self.is_going:
            return "still running"
        if self.end is None:
            return KILLED
        if self.trouble in set(Trouble):
            again = _clock(self.again_at)
            return TROUBLES[Trouble(self.trouble)] + (f"; the service is expected back {again}" if again else "")
        return COUNTED.sub("", one_line(self.end.text).replace(STATUS_HINT, ""))


def run_logs(home: Home, since_ns: int, until_ns: int) -> list[RunLog]:
    """The runs that were at work in that time, the oldest first."""
    found = map(_read, _candidates(home, since_ns, until_ns))
    return [log for log in found if log.is_going or log.last_at_ns >= since_ns][::-1]


def going_since(home: Home, at_ns: int, now_ns: int) -> int | None:
    """When the run began that was at work at that moment; None where none was."""
    began = [log.began_at_ns for log in run_logs(home, at_ns, now_ns) if log.began_at_ns < at_ns]
    return min(began, default=None)


def newest_before(home: Home, before_ns: int) -> RunHead | None:
    """The last run that began before then."""
    heads = (folder.head for folder in RunFolders(home).all())
    return next((head for head in heads if head and at_ns(head.at) < before_ns), None)


def at_ns(iso: str) -> int:
    """0 for what is no time."""
    try:
        return round(datetime.fromisoformat(iso).timestamp() * 1e9)
    except (ValueError, OverflowError):
        return 0


def _candidates(home: Home, since_ns: int, until_ns: int) -> Iterator[RunFolder]:
    """A run that goes on counts however long ago it began."""
    oldest_ns = since_ns - LONGEST_DAYS * DAY_NS
    for folder in RunFolders(home).all():
        began_ns = at_ns(folder.head.at) if folder.head else 0
        if folder.head and began_ns <= until_ns and (began_ns >= oldest_ns or folder.is_going):
            yield folder


def _read(folder: RunFolder) -> RunLog:
    assert folder.head
    began_ns = last_ns = at_ns(folder.head.at)
    start: Mapping[str, EventValue] = {}
    end, is_going = None, folder.is_going
    commits, failures, standings = dict[str, str](), dict[str, str](), dict[str, Standing]()
    for _, logged in folder.events():
        event, last_ns = logged.event, logged.at_ns
        story = str(event.fields.get("story") or "")
        match event.kind:
            case EventKind.RUN_STARTED:
                start = event.fields
            case EventKind.RUN_ENDED:
                end = event
            case EventKind.COMMITTED:
                commits[story] = str(event.fields.get("commit") or "")
            case EventKind.STORY_ENDED:
                failures[story] = str(event.fields.get("reason") or event.text)
            case EventKind.STORIES:
                standings = _standings(event.fields)
    last_ns = max(last_ns, began_ns)
    return RunLog(folder.head, began_ns, last_ns, is_going, start, end, commits, failures, standings)


def _standings(fields: Mapping[str, EventValue]) -> dict[str, Standing]:
    columns = [fields.get(name) for name in ("ids", "titles", "states", "reasons")]
    lists = [list(map(str, column)) if isinstance(column, list) else [] for column in columns]
    return {story: Standing(*rest) for story, *rest in zip(*lists, strict=False)}


def _clock(iso: str) -> str:
    found_ns = at_ns(iso)
    return local_time(found_ns, "%a %H:%M") if found_ns else ""
