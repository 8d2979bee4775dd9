"""What the report says, as plain data: the one source of every rendering. Money in millionths of a dollar, times in Unix ns."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tracing.finding import Severity


class Why(StrEnum):
    """What needs a person, the most pressing first."""

    LEDGER = "the ledger cannot be read"
    OVERCHARGED = "a call cost more than its worst case"
    CREDIT = "the credit is used up"
    REFUSED = "the model service refused"
    NOT_STARTED = "a run did not start"
    MISSED = "a schedule did not run"
    DIED = "a run was killed"
    SETTINGS = "the repository cannot be worked on"
    RED = "red before any work"
    BLOCKED = "the agent asks"
    PARKED = "parked"
    UNKNOWN = "cost unknown"
    UNTRUSTED = "ralph.toml changed"
    MERGE = "commits wait"


GRAVITY = {why: rank for rank, why in enumerate(Why)}
GRAVE = {
    Why.LEDGER: Severity.CRITICAL,
    Why.OVERCHARGED: Severity.CRITICAL,
    Why.CREDIT: Severity.CRITICAL,
    Why.REFUSED: Severity.CRITICAL,
    Why.NOT_STARTED: Severity.CRITICAL,
    Why.MISSED: Severity.CRITICAL,
    Why.MERGE: Severity.NOTE,
    Why.UNKNOWN: Severity.NOTE,
    Why.UNTRUSTED: Severity.NOTE,
}


@dataclass(frozen=True)
class Need:
    """One thing that only a person can do."""

    why: Why
    title: str  # one line: what is the matter, and with what
    text: str  # a sentence or two
    command: str  # to type; ""
    repo: str = ""  # the root of the checkout it is about; "": no single one
    trace_id: str = ""  # where it shows; ""
    span_id: str = ""

    @property
    def severity(self) -> Severity:
        return GRAVE.get(self.why, Severity.WARNING)


@dataclass(frozen=True)
class Cost:
    """`unknown_micros` is reserved by calls whose end was never seen; it counts against limits, and nobody knows if it was spent."""

    known_micros: int = 0
    unknown_micros: int = 0
    simulated_micros: int = 0  # of the known: what no real model was paid for

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.known_micros + other.known_micros,
            self.unknown_micros + other.unknown_micros,
            self.simulated_micros + other.simulated_micros,
        )

    @property
    def is_simulated(self) -> bool:
        return 0 < self.known_micros == self.simulated_micros


@dataclass(frozen=True)
class Done:
    """A story that was committed."""

    story: str
    title: str
    commit: str  # whole id; "" where it is not known any more
    sentence: str  # what was done, in the commit's own words; ""
    cost: Cost  # of all its tries since then
    tries: int
    trace_id: str


@dataclass(frozen=True)
class Open:
    """A story that is not done. `why` says what is in its way."""

    story: str
    title: str
    why: str
    cost: Cost  # of its tries since then
    tries: int  # since then
    trace_id: str  # the newest; ""


@dataclass(frozen=True)
class Run:
    """One `ralph run`. `ended_at_ns` None: it goes on, or was killed."""

    id: str
    due: str  # the scheduled run that it is: "nightly/12"; "" where somebody started it
    began_at_ns: int
    ended_at_ns: int | None
    is_going: bool
    words: str  # how it ended, in a sentence
    is_early: bool  # whether it ended before its work did: killed, a limit, the service
    trouble: str  # what the model service had: "offline", "rate", "spent", "refused", "down"; ""
    again_at: str  # ISO 8601: when the service is expected back; ""
    cost: Cost
    limit_micros: int | None


@dataclass(frozen=True)
class Work:
    """What was done over one PRD of one repository."""

    repo: str  # the root of the checkout
    name: str
    prd: str
    branch: str
    problem: str  # why its stories cannot be told as they are now: the folder is gone, the settings are wrong; ""
    runs: tuple[Run, ...]  # oldest first
    done: tuple[Done, ...]
    parked: tuple[Open, ...]
    open: tuple[Open, ...]  # those that were tried and are neither done nor parked
    stories: int  # of the whole PRD, optional ones that are not done left out; 0: not known
    stories_done: int
    next: Open | None
    waiting_commits: int  # on the branch and not in the checkout's HEAD
    cost: Cost


@dataclass(frozen=True)
class Night:
    """From one evening to the next: 18:00 to 18:00 on this machine's clock."""

    began_at_ns: int
    done: int  # stories
    tried: int
    cost: Cost


@dataclass(frozen=True)
class Change:
    """Stories that were tried and those of them that were committed; what a committed one cost with all its tries."""

    done: int
    tried: int
    per_story_micros: int | None  # None: none was committed, or the cost is not known
    nights: int  # how many nights before, with any work, it is compared with
    done_before: int
    tried_before: int
    per_story_before_micros: int | None


@dataclass(frozen=True)
class Day:
    """A day of the ledger (UTC) against its limit."""

    day: str
    known_micros: int
    counted_micros: int  # with what is reserved: this is what the limit looks at
    limit_micros: int | None


@dataclass(frozen=True)
class Finding:
    """What a detector found; `wasted_micros` 0: nothing, or nobody knows."""

    severity: Severity
    title: str
    wasted_micros: int
    trace_id: str
    span_id: str
    about: str  # the story, or whose trace it is
    repo: str = ""  # the root of the checkout; "": none, or it is not known


@dataclass(frozen=True)
class Firing:
    """A schedule: what it does next, and how it ended last."""

    name: str
    repo: str
    next_at_ns: int | None
    state: str  # "running", "due now", "paused"; ""
    last: str  # how its last run ended; "" where it never ran


@dataclass(frozen=True)
class OtherAgent:
    """Any other agent that sends its traces here."""

    name: str
    traces: int
    failed: int
    cost: Cost


@dataclass(frozen=True)
class Report:
    made_at_ns: int
    since_ns: int
    since_why: str  # "since the last report", "since yesterday evening", "as asked"
    needs: tuple[Need, ...]  # the most pressing first
    works: tuple[Work, ...]
    cost: Cost
    days: tuple[Day, ...]
    nights: tuple[Night, ...]  # the newest last
    change: Change
    findings: tuple[Finding, ...]  # the gravest first
    more_findings: int
    schedules: tuple[Firing, ...]
    others: tuple[OtherAgent, ...]
    quiet: str  # why nothing ran; "" when something did

    @property
    def runs(self) -> Iterator[Run]:
        return (run for work in self.works for run in work.runs)

    @property
    def done(self) -> int:
        return sum(len(work.done) for work in self.works)

    @property
    def parked(self) -> int:
        return sum(len(work.parked) for work in self.works)
