"""Two weeks of nights with everything that can become of one, and what people were told meanwhile: a store to look at."""

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ralph.alerts.desk import links
from ralph.errors import ExitCode
from ralph.events import Event, EventKind
from ralph.history.event_log import EventLog, RunHead
from ralph.home import Home
from ralph.schedule.execute import run_files
from ralph.schedule.store import DueRun, Schedules
from tracing import attributes as names
from tracing.alerts import compose, memory
from tracing.alerts.attempt import UnansweredError
from tracing.alerts.message import Alert, Fact, Link, Message
from tracing.alerts.outbox import Outbox, State
from tracing.alerts.queue import Queue
from tracing.alerts.rule import Happened
from tracing.alerts.state import Condition, Counted
from tracing.finding import Severity
from tracing.span import SpanKind, TraceStatus
from tracing.sqlite import connect, migrate
from tracing.store import TraceStore
from tracing.tracer import Tracer

S_NS = 10**9
MINUTE_NS = 60 * S_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
TITLES = (
    "Round halves to even", "Read amounts with a comma", "Sort payments by name", "Refuse a ledger with two names alike",
    "Show who is owed most", "Keep comments of a ledger", "Undo the last payment", "Export a ledger as CSV",
)  # fmt: skip
NO_KEY = "ralph: ANTHROPIC_API_KEY is not set. Set it, or put it into ~/.local/state/ralph/env (mode 0600).\n"
LOG = """{began}  ralph run --until 07:00 --max-cost 5
{began}  branch ralph/kitty-settle, continued from commit 6afc37b088
US-002 Split a bill by shares
  edit src/kitty/split.py
  check tests: 41 passed
  committed 4a6a2b9b7f
US-003 Show balances in one currency
  check tests: 2 failed, back to the agent (repair 1 of 2)
  check tests: 44 passed
  committed 93c01d2e55
{ended}  stories remain: 2 of 5 are not done, ${usd:.4f} spent. `ralph status` says why
"""
CHANNELS = """
[limits]
per_day_usd = 8.0

[[channels]]
name = "mail"
kind = "email"
host = "127.0.0.1"
port = 9
private = true
security = "none"
sender = "ralph@example.com"
to = ["sam@example.com"]

[[channels]]
name = "team"
kind = "webhook"
address = "http://127.0.0.1:9/hook"
private = true
least = "warning"
"""


@dataclass(frozen=True)
class Play:
    """How one night goes. `end` is an exit code; "off": the machine was off; "limit": held up by the service in between."""

    end: ExitCode | str
    minutes: int = 0
    usd: float = 0.0
    done: int = 0
    tried: int = 0


WELL = Play(ExitCode.STORIES_REMAIN, 96, 1.31, 3, 4)
NIGHTLY = (
    WELL, Play(ExitCode.STORIES_REMAIN, 121, 1.84, 4, 5), Play(ExitCode.LIMIT, 204, 4.98, 6, 9), WELL,
    Play("limit", 88, 1.12, 2, 3), Play(ExitCode.ALL_DONE, 61, 0.84, 2, 2), Play(ExitCode.ALL_DONE, 1, 0.0),
    Play(ExitCode.STORIES_REMAIN, 143, 2.05, 3, 5), Play("off"), WELL, Play(ExitCode.TERMINATED, 37, 0.42, 1, 1),
    Play(ExitCode.STORIES_REMAIN, 110, 1.47, 3, 4), Play(ExitCode.STORIES_REMAIN, 128, 1.66, 4, 5),
)  # fmt: skip
SHOP = (
    *(Play(ExitCode.STORIES_REMAIN, 70 + 9 * at, 2.1 + 0.2 * (at % 4), 2, 3) for at in range(13)),
    Play(ExitCode.USAGE),
)


@dataclass
class Clock:
    now_ns: int

    def __call__(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns


@dataclass(frozen=True)
class Seeding:
    home: Home
    clock: Clock
    schedules: Schedules
    store: TraceStore
    until_ns: int
    plays: dict[str, list[Play]]

    def play(self) -> None:
        while found := self._next():
            due_ns, name = found
            self.clock.now_ns = due_ns + 4 * S_NS
            if self._play_of(name).end == "off":
                self.plays[name].pop(0)
                self.clock.now_ns += 3 * HOUR_NS
            self.schedules.materialise()
            while run := self.schedules.claim():
                if self._night(run, self._play_of(run.schedule)):
                    self.plays[run.schedule] = self.plays[run.schedule][1:]

    def _next(self) -> tuple[int, str] | None:
        found = ((row.next_due, row.schedule.name) for row in self.schedules.list() if row.next_due)
        soonest, name = min(found)
        due_ns = round(soonest.timestamp()) * S_NS
        return (due_ns, name) if due_ns + MINUTE_NS < self.until_ns else None

    def _play_of(self, name: str) -> Play:
        return (self.plays[name] or [WELL])[0]

    def _night(self, run: DueRun, play: Play) -> bool:
        """Whether that was all of it."""
        if play.end == "limit" and run.leg == 1:
            self._run(run, Play(ExitCode.SERVICE, 20, 0.31, 0, 1))
            at_ns = self.clock.now_ns + 50 * MINUTE_NS
            said = f"goes on at {datetime.fromtimestamp(at_ns / 1e9, UTC):%a %H:%M}: a rate limit of the model service"
            self.schedules.again(run, at_ns, ExitCode.SERVICE, said)
            self.clock.now_ns = at_ns + S_NS
            return False
        end = play.end if isinstance(play.end, ExitCode) else ExitCode.STORIES_REMAIN
        if end is ExitCode.USAGE:
            run_files(run).with_suffix(".log").write_text(NO_KEY)
        elif play.usd:
            self._run(run, play)
        self.schedules.finish(run, end)
        return True

    def _run(self, run: DueRun, play: Play) -> None:
        began_ns = self.clock.now_ns
        began = datetime.fromtimestamp(began_ns / 1e9, UTC)
        head = RunHead(f"{began:%Y%m%d-%H%M%S}-{run.id:06x}", "id", str(run.repo), f"ralph/{run.repo.name}", "prd.json", 1, due=run.key)  # fmt: skip
        log = EventLog(self.home, head, clock_ns=self.clock)
        log(Event(EventKind.RUN_STARTED, "begun", {}))
        for number in range(play.tried):
            self._story(head, number, play)
        ends_ns = min(began_ns + play.minutes * MINUTE_NS, self.until_ns - MINUTE_NS // 2)
        self.clock.now_ns = max(self.clock.now_ns, ends_ns)
        words = "every story is done" if play.end is ExitCode.ALL_DONE else "2 of 5 stories are not done"
        fields = {"spent_usd": play.usd, "exit_code": int(play.end) if isinstance(play.end, ExitCode) else 1}
        log(Event(EventKind.RUN_ENDED, words, fields))
        log.close()
        text = LOG.format(began=f"{began:%H:%M:%S}", ended=f"{datetime.fromtimestamp(self.clock.now_ns / 1e9, UTC):%H:%M:%S}", usd=play.usd)  # fmt: skip
        run_files(run).with_suffix(".log").write_text(text)

    def _story(self, head: RunHead, number: int, play: Play) -> None:
        title = TITLES[(int(head.run[6:8]) + number) % len(TITLES)]
        facts = {"ralph.story.id": f"US-1{number:02}", "ralph.story.title": title, "ralph.repo": head.repo}
        trace = Tracer(self.store, clock=self.clock).start_trace(
            "invoke_agent ralph", agent_id="ralph", session_id=head.run, metadata=facts
        )
        minutes = min(play.minutes, (self.until_ns - self.clock.now_ns) // MINUTE_NS)
        self.clock.now_ns += minutes * MINUTE_NS // (play.tried + 1)
        trace.add_span(
            "chat", kind=SpanKind.LLM, attributes={names.COST_MICROS: round(play.usd * 1_000_000 / play.tried)}
        )
        trace.end(TraceStatus.SUCCESS if number < play.done else TraceStatus.ERROR)


def a_fortnight(
    home: Home, repo: Path, now_ns: int, trace_id: str = "", span_id: str = "", *, last: Play = WELL
) -> None:
    """`trace_id` and `span_id` are what the gravest alert is about."""
    shop = home.root.parent / "shop"
    shop.mkdir(exist_ok=True)
    with home.config.open("a") as config:
        config.write(CHANNELS)
    clock = Clock(now_ns - len(SHOP) * DAY_NS)
    with closing(Schedules(home, clock=clock)) as schedules, closing(TraceStore.open(home.traces_db)) as store:
        schedules.add("nightly", repo, "0 2 * * *", ("--max-cost", "5"), "UTC", until="07:00", missed="skip")
        schedules.add("shop", shop, "30 1 * * *", ("--max-cost", "10"), "America/New_York", until="06:00")
        plays = {"nightly": [*NIGHTLY, last], "shop": list(SHOP)}
        Seeding(home, clock, schedules, store, now_ns, plays).play()
        clock.now_ns = now_ns
        schedules.add("docs", shop, "0 4 * * 6", (), "UTC")
        schedules.pause("docs")
    some_alerts(home, now_ns, trace_id, span_id)


def belongs_to_last_night(home: Home, run: str, schedule: str = "nightly") -> None:
    """Make a run that a person started the one that the schedule's last night began."""
    path = home.root / "runs" / run / "events.jsonl"
    first, rest = path.read_text().split("\n", 1)
    with closing(connect(home.ledger_db, synchronous="NORMAL")) as db:
        query = "SELECT id FROM due_runs WHERE schedule = ? ORDER BY due_at_ns DESC LIMIT 1"
        due = db.execute(query, (schedule,)).fetchone()["id"]
    path.write_text(f"{json.dumps(json.loads(first) | {'due': f'{schedule}/{due}'})}\n{rest}")


def some_alerts(home: Home, now_ns: int, trace_id: str = "", span_id: str = "") -> None:
    loop = Alert(
        "finding", "loop", Severity.CRITICAL, "kitty: the same bash call brought the same result 6 times",
        "The attempt at US-002 was stopped; its work is kept, and the next attempt is told why.\nLook at what it waits for.",
        (Fact("Story", "US-002"), Fact("Wasted", "$0.0241")), 24_100, "ralph", trace_id, span_id,
    )  # fmt: skip
    limit = Alert(
        "limit_used", "day 80", Severity.WARNING, "The day's limit is at 80 %: $6.4120 of $8.0000",
        "At the limit every run ends after its step. To allow more: limits.per_day_usd in config.toml.", (), 6_412_000,
    )  # fmt: skip
    tools = Alert(
        "tool_errors", "support-bot", Severity.WARNING, "support-bot: 12 % of its tool calls fail",
        "5 of 41 calls in the last 15 minutes ended in an error, most of them search: connection refused.",
        (Fact("Calls", "41"), Fact("Failed", "5")), None, "support-bot",
    )  # fmt: skip
    parked = Alert("story_parked", "US-004", Severity.WARNING, "kitty: US-004 is parked: the agent asks", "The story needs the address and key of a rate service.", (), 113_000, "ralph", trace_id)  # fmt: skip
    clock = Clock(now_ns - 9 * HOUR_NS)
    with closing(Outbox.open(home.ledger_db, clock)) as outbox:
        with closing(connect(home.ledger_db, synchronous="NORMAL")) as db:
            migrate(db, memory.COMPONENT, memory.MIGRATIONS)
            for alert, ago in ((tools, 22 * MINUTE_NS), (limit, 3 * HOUR_NS)):
                condition = Condition(alert, now_ns - ago, told_ns=now_ns - ago)
                memory.put_condition(db, alert.rule, alert.key, condition)
            memory.put_silence(db, "call_latency", now_ns, now_ns + 2 * HOUR_NS)
        queue = Queue(outbox)
        message = compose.firing(Condition(limit, now_ns - 26 * HOUR_NS), now_ns - 26 * HOUR_NS, _links)
        _tell(outbox, queue, message, now_ns - 26 * HOUR_NS, {"mail": "", "team": ""})
        over = Condition(limit, now_ns - 26 * HOUR_NS, gone_ns=now_ns - 25 * HOUR_NS)
        _tell(outbox, queue, compose.resolved(over, now_ns - 25 * HOUR_NS, _links), now_ns - 25 * HOUR_NS, {"mail": ""})
        for alert, ago, ends in (
            (loop, 5 * HOUR_NS, {"mail": "", "team": "x The receiver answered 410 Gone: the hook was removed."}),
            (parked, 4 * HOUR_NS, {"mail": ""}),
            (tools, 22 * MINUTE_NS, {"mail": "… 127.0.0.1:25 does not answer: connection refused"}),
        ):
            at_ns = now_ns - ago
            event = Happened(alert, alert.key, at_ns)
            _tell(outbox, queue, compose.happened(event, Counted(), at_ns, _links), at_ns, ends)


def _links(alert: Alert) -> tuple[Link, ...]:
    return links(alert, "")


def _tell(outbox: Outbox, queue: Queue, message: Message, at_ns: int, ends: dict[str, str]) -> None:
    outbox.clock = Clock(at_ns)
    outbox.put(message, list(ends))
    for channel, end in ends.items():
        claim = queue.claim(channel, folded=False)
        assert claim
        if not end:
            queue.sent(claim, "")
        elif end.startswith("x "):
            queue.ended(claim, State.FAILED, end[2:])
        else:
            queue.later(claim, UnansweredError(end, retry_after_s=3_000), end.removeprefix("… "))
