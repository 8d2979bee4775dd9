"""A state folder that is lived in: nights of Ralph and days of other agents on one clock, looked at by the real engine with every rule."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from prd.story import Story
from ralph.alerts.desk import links
from ralph.alerts.rules import every_rule
from ralph.events import Event, EventKind
from ralph.history.event_log import EventLog, RunHead
from ralph.home import Home
from ralph.limits import run_scope
from ralph.schedule.store import Schedules
from ralph.settings.schema import Settings
from ralph.state import StoryStates
from tracing.alerts.engine import Engine
from tracing.alerts.message import Kind, Message
from tracing.alerts.outbox import Outbox
from tracing.attributes import llm_response_attributes, tool_result_attributes
from tracing.budget import Ledger, Limit, day_scope
from tracing.finding import Severity
from tracing.span import SpanKind, TraceStatus
from tracing.store import TraceStore
from tracing.tracer import Trace, Tracer

S = 10**9
HOUR_S = 3_600
DAY_S = 86_400
MONDAY_NS = int(datetime(2026, 11, 2, 0, 0, tzinfo=UTC).timestamp()) * S
REPO = "a" * 64
USUAL = Settings.model_validate({"limits": {"per_run_usd": 5.0, "per_day_usd": 20.0, "per_story_usd": 2.0}})


@dataclass
class Life:
    """`look_s` is how often somebody looks while time goes by; each end of a trace is looked at too, as a run's poke does."""

    home: Home
    repo: Path
    store: TraceStore
    engine: Engine
    settings: Settings
    clock: "Clock"
    look_s: float = 300
    tracer: Tracer = field(init=False)
    run: str = ""
    _looked_ns: int = 0

    def __post_init__(self) -> None:
        self.tracer = Tracer(self.store, clock=self.clock, watch=None)

    def wait(self, seconds: float) -> None:
        end_ns = self.clock.now_ns + round(seconds * S)
        while (next_ns := max(self._looked_ns + round(self.look_s * S), self.clock.now_ns)) <= end_ns:
            self.clock.now_ns = next_ns
            self.look()
        self.clock.now_ns = end_ns

    def until(self, day: int, hour: float) -> None:
        """`day` 0 is the first one; UTC."""
        self.wait(max((MONDAY_NS - self.clock.now_ns) / S + day * DAY_S + hour * HOUR_S, 0))

    def look(self) -> None:
        self.engine.evaluate()
        self._looked_ns = self.clock.now_ns

    def messages(self) -> list[Message]:
        """The oldest first."""
        with closing(Outbox.open(self.home.ledger_db, self.clock)) as outbox:
            return [entry.message for entry in reversed(outbox.history(100_000))]

    def told(self) -> Counter[str]:
        """How many messages of each rule, kind and severity."""
        return Counter(said(message) for message in self.messages())

    # What Ralph leaves behind.

    def begin_run(self, **limits: float) -> None:
        self.run = f"{datetime.fromtimestamp(self.clock.now_ns / S, UTC):%Y%m%d-%H%M%S}-aaaaaa"
        head = RunHead(self.run, REPO, str(self.repo), "ralph/work", "prd.json", 1)
        with closing(EventLog(self.home, head, clock_ns=self.clock)) as log:
            log(Event(EventKind.RUN_STARTED, "begins", {"limit_usd": 5.0, "day_limit_usd": 20.0} | limits))
        for path in (self.home.root / "runs").rglob("*"):
            os.utime(path, ns=(self.clock.now_ns, self.clock.now_ns))

    def attempt(
        self,
        story: Story,
        status: TraceStatus = TraceStatus.SUCCESS,
        *,
        usd: float = 0.4,
        reason: str = "failed: tests",
        park: bool = False,
        red: Sequence[str] = (),
        calls: int = 5,
    ) -> Trace:
        """One trace as a run writes it: the base, calls and tools for about a quarter of an hour, a check, the end."""
        metadata = {"ralph.story.id": story.id, "ralph.story.title": story.title, "ralph.repo": str(self.repo)}
        trace = self.tracer.start_trace(
            f"{story.id} {story.title}", agent_id="ralph", session_id=self.run, metadata=metadata
        )
        with trace.span("baseline", input={"commit": "c" * 40}) as base:
            base.set_output({"red": list(red)})
        for number in range(calls):
            self._call(trace, story, usd / calls)
            with trace.span("execute_tool bash", kind=SpanKind.TOOL, input={"command": "pytest"}) as tool:
                self.wait(60)
                tool.set(tool_result_attributes(exit_code=number % 3))
                tool.set_output("1 failed" if number % 3 else "ok")
        with trace.span("check tests", kind=SpanKind.EVALUATOR) as check:
            check.set({"ralph.check.passed": status is TraceStatus.SUCCESS})
            if status is not TraceStatus.SUCCESS:
                check.error("exit code 1")
        with closing(StoryStates.open(self.home.ledger_db, clock_ns=self.clock)) as states:
            if status is not TraceStatus.SUCCESS:
                states.record_attempt(REPO, story, outcome="done", reason=reason, trace_id=trace.trace_id)
            if park:
                states.park(REPO, story, f"3 attempts failed, the last one: {reason}")
        trace.end(status, error=None if status is TraceStatus.SUCCESS else reason)
        self.look()
        return trace

    def _call(self, trace: Trace, story: Story, usd: float, seconds: float = 20) -> None:
        today = day_scope(datetime.fromtimestamp(self.clock.now_ns / S, UTC).date())
        scopes = (run_scope(self.run), today, f"story:{REPO[:16]}:{story.id}:{story.text_hash[:16]}")
        micros = round(usd * 1e6)
        with closing(Ledger.open(self.home.ledger_db, self.clock)) as ledger:
            reservation = ledger.reserve(
                micros, [Limit(scope, 2**60) for scope in scopes], model="opus", trace_id=trace.trace_id
            )
            model_call(self, trace, seconds, micros)
            ledger.settle(reservation, micros)

    def today(self) -> date:
        return datetime.fromtimestamp(self.clock.now_ns / S, UTC).date()

    def schedule(self, name: str, line: str, *, until: str | None = None, missed: str | None = None) -> None:
        with closing(Schedules(self.home, clock=self.clock)) as schedules:
            schedules.add(name, self.repo, line, timezone="UTC", until=until, missed=missed)

    def write_down(self) -> None:
        """A daemon looks what is due."""
        with closing(Schedules(self.home, clock=self.clock)) as schedules:
            schedules.materialise()

    @contextmanager
    def night(self, code: int = 0, *, begin_run: bool = True) -> Iterator[None]:
        """A daemon takes the run that is due, and it ends like this."""
        with closing(Schedules(self.home, clock=self.clock)) as schedules:
            schedules.materialise()
            run = schedules.claim()
            assert run is not None
            if begin_run:
                self.begin_run()
            yield
            schedules.finish(run, code)
        self.look()


@dataclass
class Clock:
    now_ns: int = MONDAY_NS

    def __call__(self) -> int:
        return self.now_ns


@contextmanager
def living(folder: Path, settings: Settings = USUAL, *, look_s: float = 300) -> Iterator[Life]:
    repo, home, clock = folder / "shop", Home(folder / "home"), Clock()
    repo.mkdir()
    with ExitStack() as stack:
        store = stack.enter_context(closing(TraceStore.open(home.traces_db)))
        engine = Engine(
            home.ledger_db,
            store,
            every_rule(home, settings, clock),
            route=lambda _: ["inbox"],
            links=lambda alert: links(alert, ""),
            clock=clock,
        )
        stack.enter_context(engine)
        yield Life(home, repo, store, engine, settings, clock, look_s)


def said(message: Message) -> str:
    kind = "" if message.kind is Kind.HAPPENED else f" {message.kind.value}"
    return f"{message.rule}{kind} ({Severity(message.severity).name.lower()})"


def model_call(life: Life, trace: Trace, seconds: float, micros: int, model: str = "opus") -> str:
    with trace.span(f"chat {model}", kind=SpanKind.LLM) as span:
        life.wait(seconds)
        span.set(
            llm_response_attributes(
                model=model, stop_reason="end_turn", uncached_input_tokens=9, output_tokens=9, cost_micros=micros
            )
        )
    return span.span_id
