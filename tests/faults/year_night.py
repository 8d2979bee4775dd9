"""One leg of a scheduled run in a simulated year: what its processes leave in the state folder, without a process.

A keeper's lock and exit code, a log, real traces, real reservations under the limits of call, story, run and day, attempts and
parked stories: all by the production code. It is played in steps, so that a power cut finds it in the middle.
"""

import fcntl
import hashlib
import os
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from prd.story import Story
from ralph.errors import ExitCode
from ralph.events import Event, EventKind, EventValue
from ralph.history.event_log import EventLog, RunHead
from ralph.home import Home
from ralph.limits import run_scope
from ralph.schedule.execute import run_files
from ralph.schedule.rows import DueRun
from ralph.state import StoryStates
from tracing import SpanKind, Trace, Tracer, TraceStore
from tracing import attributes as names
from tracing.budget import CALL, MICROS_PER_USD, Ledger, Limit, OverBudgetError, day_scope
from tracing.meter import Grant, Meter
from tracing.prices import PriceBook, TokenUsage
from tracing.sqlite import connect

S_NS = 10**9
MINUTE_NS = 60 * S_NS
HOUR_NS = 60 * MINUTE_NS
MODEL = "claude-opus-5-5"
PRICES = PriceBook()
PER_CALL, PER_STORY, PER_RUN, PER_DAY = 1_000_000, 200_000_000, 1_500_000, 2_000_000  # micro-dollars
HOW_ENDED = {"done": 62, "offline": 8, "rate": 8, "spent": 3, "busy": 5, "usage": 3, "bug": 3}  # out of so many legs
TROUBLES = ("offline", "rate", "spent")
HOW_STORIES_END = {"success": 60, "error": 25, "blocked": 5, "over_budget": 5}
MOST_ATTEMPTS = 2
WORDS = ("the", "cart", "keeps", "its", "rows", "between", "two", "visits", "and", "says", "so", "to", "people")


@dataclass(frozen=True)
class Place:
    """A repository with a PRD."""

    root: Path
    id: str
    commit: str
    stories: Sequence[Story]


@dataclass
class Told:
    """What people have to hear of, written down by who did it."""

    parked: list[tuple[str, str]] = field(default_factory=list)  # repository, story
    failed: list[str] = field(default_factory=list)  # traces of attempts that parked nothing


@dataclass
class Night:
    """Made when its due run is claimed. `over` is set when its process is gone, `code` is what its keeper says then."""

    home: Home
    run: DueRun
    place: Place
    clock: Callable[[], int]
    dice: random.Random
    told: Told
    code: int = 128 + 9
    over: threading.Event = field(default_factory=threading.Event)
    steps: list[tuple[int, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began_ns = self.clock()
        self.base = run_files(self.run)
        began = datetime.fromtimestamp(self.began_ns / S_NS, UTC)
        tail = hashlib.sha256(str(self.base).encode() + str(self.began_ns).encode()).hexdigest()[:6]
        self.id = f"{began:%Y%m%d-%H%M%S}-{tail}"
        self._open = ExitStack()
        self._keep()
        self._store = self._open.enter_context(closing(TraceStore.open(self.home.traces_db)))
        self._states = self._open.enter_context(closing(StoryStates.open(self.home.ledger_db, clock_ns=self.clock)))
        self._ledger = self._open.enter_context(closing(Ledger.open(self.home.ledger_db, self.clock)))
        self._meter = Meter(self._ledger, PRICES, clock=self._now)
        self._tracer = Tracer(self._store, clock=self.clock)
        self._trace: Trace | None = None
        self._grant: Grant | None = None
        self._story = self.place.stories[0]
        self._plan()

    # as the machine sees it

    def advance(self, now_ns: int) -> None:
        while self.steps and self.steps[0][0] <= now_ns:
            self.steps.pop(0)[1]()

    def kill(self) -> None:
        """The power goes: what was open stays open, by a process of an earlier boot."""
        for path, table, column in (
            (self.home.traces_db, "trace", "owner_boot"),
            (self.home.ledger_db, "reservations", "owner_boot_id"),
        ):
            is_open = "ended_at_ns IS NULL" if table == "trace" else "state = 'held'"
            with closing(connect(path, synchronous="FULL")) as db:
                db.execute(f"UPDATE {table} SET {column} = 'an earlier boot' WHERE {is_open}")
        self._gone()

    def stop(self) -> None:
        """SIGTERM: it finishes its step, and says so."""
        if self._trace:
            self._end_story("interrupted")
        self._end(ExitCode.HUNG_UP, "asked to stop")

    # its life

    def _plan(self) -> None:
        [how] = self.dice.choices(list(HOW_ENDED), list(HOW_ENDED.values()))
        minutes = sorted(self.dice.sample(range(8, 240), self.dice.randrange(1, 4)))
        last_ns = self.run.until_ns or self.began_ns + 300 * MINUTE_NS
        if how in {"busy", "usage"}:
            minutes = []
        for minute in minutes:
            at_ns = min(self.began_ns + minute * MINUTE_NS, last_ns)
            self.steps.append((at_ns, lambda how=how, at_ns=at_ns: self._step(how, at_ns)))  # type: ignore[misc]
        if minutes:
            self._begin_story()
        else:
            codes = {"busy": ExitCode.BUSY, "usage": ExitCode.USAGE}
            self.steps.append((self.began_ns + MINUTE_NS, lambda: self._end(codes[how], "it could not begin")))

    def _step(self, how: str, at_ns: int) -> None:
        """A story ends, and another one begins; or the run ends as it was drawn."""
        is_last = not self.steps
        if self._trace:
            [status] = self.dice.choices(list(HOW_STORIES_END), list(HOW_STORIES_END.values()))
            self._end_story("interrupted" if is_last and how in TROUBLES else status)
        if not is_last and self._begin_story():
            return
        self.steps.clear()
        if how in TROUBLES:
            hours = self.dice.randrange(9)
            again = datetime.fromtimestamp(at_ns / S_NS + hours * 3600, UTC).isoformat() if how == "rate" else None
            self._end(ExitCode.SERVICE, f"the service: {how}", trouble=how, again_at=again)
        elif how == "bug":
            self._end(ExitCode.BUG)
        else:
            self._end(ExitCode.STORIES_REMAIN, "no story that is left can be worked on now")

    def _begin_story(self) -> bool:
        """False where there is none, or no money for one."""
        parked = self._states.parked(self.place.id, self.place.stories)
        left = [story for story in self.place.stories if story.id not in parked]
        if not left:
            return False
        self._story = self.dice.choice(left)
        metadata = {
            "ralph.story.id": self._story.id,
            "ralph.story.title": self._story.title,
            "ralph.repo": str(self.place.root),
        }
        self._trace = self._tracer.start_trace("story", agent_id="ralph", session_id=self.id, metadata=metadata)
        for _ in range(self.dice.randrange(1, 5)):
            if not self._call():
                self._end_story("over_budget")
                self._end(ExitCode.LIMIT, "a limit is used up")
                self.steps.clear()
                return True
        self._log(Event(EventKind.STORY_STARTED, "story", {"story": self._story.id}))
        return True

    def _call(self) -> bool:
        """Settle the call before, and ask the next one: it is open until the story goes on."""
        self._settle()
        story = f"story:{self.place.id[:16]}:{self._story.id}:{self._story.text_hash[:16]}"
        limits = [
            Limit(CALL, PER_CALL),
            Limit(story, PER_STORY),
            Limit(run_scope(self.id), PER_RUN),
            Limit(day_scope(self._now().date()), PER_DAY),
        ]
        assert self._trace
        try:
            trace_id, size = self._trace.trace_id, self.dice.randrange(2_000, 60_000)
            self._grant = self._meter.admit(
                MODEL, input_bound_tokens=size, max_tokens=8_000, limits=limits, trace_id=trace_id
            )
        except OverBudgetError:
            return False
        return True

    def _settle(self) -> None:
        grant, self._grant = self._grant, None
        if grant is None or self._trace is None:
            return
        usage = TokenUsage(
            uncached_input_tokens=grant.input_bound_tokens // 2, output_tokens=self.dice.randrange(100, 4_000)
        )
        micros = self._meter.settle_exact(grant, usage)
        self._trace.add_span(
            "chat",
            kind=SpanKind.LLM,
            input=[{"role": "user", "content": self._text(80)}],
            output=self._text(40),
            attributes={names.COST_MICROS: micros, names.INPUT_TOKENS: grant.input_bound_tokens // 2},
        )
        path = f"src/{self.dice.choice(WORDS)}.py"
        self._trace.add_span("read", kind=SpanKind.TOOL, input={"file_path": path}, output=self._text(150))

    def _end_story(self, status: str) -> None:
        assert self._trace
        self._settle()
        trace, self._trace = self._trace, None
        if status == "success":
            trace.set_metadata({"ralph.commit": self.place.commit})
            self._log(Event(EventKind.COMMITTED, "commit", {"story": self._story.id, "commit": self.place.commit}))
        elif status in {"error", "blocked"}:
            self._failed(trace.trace_id, status)
        trace.end(status, error=None if status == "success" else "tests failed: 2 of 148")

    def _failed(self, trace_id: str, status: str) -> None:
        states, story, repo_id = self._states, self._story, self.place.id
        states.record_attempt(repo_id, story, outcome="failed", reason="tests failed", trace_id=trace_id)
        if status == "blocked" or states.attempts(repo_id, story) >= MOST_ATTEMPTS:
            states.park(repo_id, story, "the agent says it is blocked: which currency?")
            self.told.parked.append((repo_id, story.id))
        elif status == "error":
            self.told.failed.append(trace_id)

    def _end(self, code: ExitCode, words: str = "", **facts: EventValue) -> None:
        """A run that broke off with a bug has no last word."""
        if words:
            known = {name: value for name, value in facts.items() if value}
            self._log(Event(EventKind.RUN_ENDED, words, {"exit_code": int(code), **known}))
        self.code = int(code)
        self.base.with_suffix(".exit").write_text(str(self.code), encoding="ascii")
        self._touch(self.base.with_suffix(".exit"))
        self._gone()

    def _gone(self) -> None:
        self.steps.clear()
        self._open.close()
        self.over.set()

    # its files

    def _keep(self) -> None:
        """What a keeper does, and the beginning of the run's log."""
        lock = self._open.enter_context(self.base.with_suffix(".lock").open("a"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with self.base.with_suffix(".log").open("a") as output:
            output.write(f"{self.id} begins\n")
        head = RunHead(self.id, self.place.id, str(self.place.root), "ralph/work", "prd.json", 1, due=self.run.key)
        self._events = EventLog(self.home, head, clock_ns=self.clock)
        self._open.callback(self._events.close)
        limits = {"limit_usd": PER_RUN, "day_limit_usd": PER_DAY}
        usd: dict[str, EventValue] = {name: micros / MICROS_PER_USD for name, micros in limits.items()}
        self._log(Event(EventKind.RUN_STARTED, "begun", usd))
        for suffix in (".lock", ".log"):
            self._touch(self.base.with_suffix(suffix))
        self._touch(self.home.root / "runs")

    def _log(self, event: Event) -> None:
        self._events(event)
        self._touch(self._events.path)
        self._touch(self._events.path.parent)

    def _touch(self, path: Path) -> None:
        """Files have the simulated time too: what is old is told by it."""
        at_ns = self.clock()
        os.utime(path, ns=(at_ns, at_ns))

    def _text(self, count: int) -> str:
        return " ".join(self.dice.choices(WORDS, k=count)) + f" {self.dice.random()}"

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock() / S_NS, UTC)
