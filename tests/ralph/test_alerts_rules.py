"""What each of Ralph's own rules says, from a ledger, traces and logs as a run leaves them."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prd.story import Story
from ralph.alerts.known_runs import KnownRuns
from ralph.alerts.money_rules import money_rules
from ralph.alerts.rules import every_rule
from ralph.alerts.schedule_rules import WAKING_NS, schedule_rules
from ralph.alerts.story_rules import story_rules
from ralph.events import Event, EventKind
from ralph.history.event_log import EventLog, RunHead
from ralph.home import Home
from ralph.schedule.store import Schedules
from ralph.settings.schema import Settings
from ralph.state import StoryStates
from tracing.alerts.rule import Happened, Seen, View
from tracing.budget import Ledger, Limit, day_scope
from tracing.finding import Finding, Severity, Waste
from tracing.span import SpanKind
from tracing.sqlite import connect
from tracing.store import TraceStore
from tracing.store.writes import PutFindings
from tracing.tracer import Trace, Tracer

S = 10**9
START = int(datetime(2026, 11, 22, 3, 0, tzinfo=UTC).timestamp()) * S
REPO = "a" * 64
STORY = Story(id="US-003", title="Log in", acceptance_criteria=("a form",))


@dataclass
class World:
    """One user's state folder at one moment."""

    home: Home
    repo: Path
    store: TraceStore
    now_ns: int = START
    settings: Settings = field(default_factory=Settings)

    def clock(self) -> int:
        return self.now_ns

    def set(self, **sections: object) -> None:
        self.settings = Settings.model_validate(sections)

    def run(self, name: str = "20261122-020000-aaaaaa", **limits: float) -> None:
        """A run that said how it is limited."""
        head = RunHead(name, REPO, str(self.repo), "ralph/work", "prd.json", 1)
        with closing(EventLog(self.home, head, clock_ns=self.clock)) as log:
            log(Event(EventKind.RUN_STARTED, "begins", limits))

    def tracer(self) -> Tracer:
        return Tracer(self.store, clock=self.clock, watch=None)

    def trace(self, story: str = "US-003", *, session: str = "") -> Trace:
        metadata = {"ralph.story.id": story, "ralph.story.title": "Log in", "ralph.repo": str(self.repo)}
        return self.tracer().start_trace("t", agent_id="ralph", metadata=metadata, session_id=session)

    def spend(self, usd: float, *scopes: str, trace_id: str = "", held: bool = False) -> None:
        with closing(Ledger.open(self.home.ledger_db, self.clock)) as ledger:
            limits = [Limit(scope, 2**60) for scope in scopes]
            reservation = ledger.reserve(round(usd * 1e6), limits, model="m", trace_id=trace_id)
            if not held:
                ledger.settle(reservation, reservation.micros)

    def look(self, name: str, *, since_ns: int | None = None) -> list[Seen]:
        runs = KnownRuns(self.home)
        rules = (
            *story_rules(runs),
            *money_rules(runs, self.settings),
            *schedule_rules(self.home, self.settings, self.clock),
        )
        rule = next(rule for rule in rules if rule.name == name)
        return list(rule.look(View(self.store, self.now_ns, self.now_ns - 900 * S if since_ns is None else since_ns)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    repo = tmp_path / "shop"
    repo.mkdir()
    home = Home(tmp_path / "home")
    with closing(TraceStore.open(home.traces_db)) as store:
        yield World(home, repo, store)


def call(trace: Trace, usd: float) -> str:
    """A model call of the trace that cost so much."""
    with trace.span("chat m", kind=SpanKind.LLM) as span:
        span.set({"gen_ai.usage.cost": usd, "llm.cost.total": usd, "ralph.cost.micros": round(usd * 1e6)})
    return span.span_id


def words(seen: Sequence[Seen]) -> list[str]:
    return [one.alert.title for one in seen]


def identities(seen: Sequence[Seen]) -> list[str]:
    return [one.identity for one in seen if isinstance(one, Happened)]


def park(world: World, outcome: str = "done", reason: str = "2 attempts failed, the last one: failed: tests") -> Trace:
    world.run()
    trace = world.trace()
    with trace:
        with trace.span("check tests", kind=SpanKind.EVALUATOR) as check:
            check.set({"ralph.check.passed": False})
            check.error("exit code 1")
        trace.end("error", error="failed: tests")
    with closing(StoryStates.open(world.home.ledger_db, clock_ns=world.clock)) as states:
        states.record_attempt(REPO, STORY, outcome=outcome, reason="failed: tests", trace_id=trace.trace_id)
        states.park(REPO, STORY, reason)
    return trace


def test_a_parked_story_says_why_what_it_cost_and_what_to_do(world: World) -> None:
    world.spend(1.5, f"story:{REPO[:16]}:US-003:{STORY.text_hash[:16]}")
    trace = park(world)

    (seen,) = world.look("story_parked")

    assert isinstance(seen, Happened)
    alert = seen.alert
    assert alert.title == "shop: US-003 is parked: Log in"
    assert alert.text == (
        "2 attempts failed, the last one: failed: tests. Ralph leaves it out until you act.\n"
        f"What happened to it: ralph explain US-003 --repo {world.repo}\n"
        f"To have it tried again: ralph unblock US-003 --repo {world.repo}, or word the story differently."
    )
    assert [(fact.label, fact.value) for fact in alert.facts] == [
        ("Repository", "shop"),
        ("Attempts", "1"),
        ("Cost of all attempts", "$1.5000"),
    ]
    check = next(span for span in world.store.trace(trace.trace_id).spans if span.name == "check tests")
    assert (alert.cost_micros, alert.trace_id, alert.span_id) == (1_500_000, trace.trace_id, check.span_id)


def test_a_story_that_a_person_skipped_is_no_news_to_that_person(world: World) -> None:
    park(world, outcome="skipped", reason="skipped by the user")

    assert world.look("story_parked") == []


def test_a_story_that_is_parked_anew_is_told_anew(world: World) -> None:
    park(world)
    first = identities(world.look("story_parked"))
    world.now_ns += 60 * S
    park(world)

    assert first
    assert identities(world.look("story_parked")) not in ([], first)


def test_a_story_that_was_parked_long_ago_is_not_looked_at_again(world: World) -> None:
    park(world)
    world.now_ns += 86_400 * S

    assert world.look("story_parked") == []


def base(world: World, *red: str, cached: bool = False) -> Trace:
    """A trace that looked at its base and found these checks red."""
    trace = world.trace()
    with trace, trace.span("baseline", input={"commit": "c" * 40}) as span:
        for name in () if cached else red:
            trace.add_span(
                f"check {name}",
                kind=SpanKind.EVALUATOR,
                output="collected 3 items\nFAILED tests/test_a.py::test_one - assert 1 == 2\n",
                error="exit code 1",
                attributes={"ralph.check.passed": False, "ralph.check.why": "before the work"},
            )
        span.set_output({"red": list(red)})
    return trace


def test_a_red_base_names_the_check_and_the_first_line_of_its_failure(world: World) -> None:
    world.run()
    base(world, "tests")

    (seen,) = world.look("red_base")

    assert seen.alert.title == "shop: tests fails before any work"
    assert "FAILED tests/test_a.py::test_one - assert 1 == 2." in seen.alert.text
    span = world.store.span(seen.alert.trace_id, seen.alert.span_id)
    assert span.name == "check tests"


def test_a_red_base_from_the_cache_takes_its_words_from_the_trace_that_ran_it(world: World) -> None:
    world.run()
    ran = base(world, "tests")
    world.now_ns += 60 * S
    again = base(world, "tests", cached=True)

    (seen,) = world.look("red_base")

    assert seen.alert.trace_id == again.trace_id != ran.trace_id
    assert "assert 1 == 2" in seen.alert.text


def test_what_somebody_elses_trace_saw_neither_begins_nor_ends_it(world: World) -> None:
    world.run()
    base(world, "tests")
    world.now_ns += 60 * S
    green = base(world)
    with closing(connect(world.home.traces_db, synchronous="NORMAL")) as file:
        file.execute("UPDATE trace SET imported_ns = 5 WHERE trace_id = ?", (green.trace_id,))

    assert words(world.look("red_base")) == ["shop: tests fails before any work"]


def test_a_later_run_that_sees_the_base_green_ends_it(world: World) -> None:
    world.run()
    base(world, "tests")
    world.now_ns += 60 * S
    base(world)

    assert world.look("red_base") == []


def test_a_run_that_has_not_looked_yet_changes_nothing(world: World) -> None:
    world.run()
    base(world, "tests")
    world.now_ns += 60 * S
    world.trace()

    assert len(world.look("red_base")) == 1


@pytest.mark.parametrize(
    ("usd", "told"),
    [
        pytest.param(2.4, [], id="less-than-half"),
        pytest.param(2.5, ["run:r1 50%"], id="half"),
        pytest.param(4.9, ["run:r1 95%"], id="several-at-once-tell-the-last-one"),
    ],
)
def test_each_part_of_a_runs_limit_has_a_name_of_its_own(world: World, usd: float, told: list[str]) -> None:
    world.run("r1", limit_usd=5.0)
    world.spend(usd, "run:r1")

    assert identities(world.look("limit_used", since_ns=0)) == told


def test_a_limit_says_how_much_is_used_and_who_used_most(world: World) -> None:
    world.run("r1", limit_usd=5.0)
    world.spend(4.5, "run:r1")

    (seen,) = world.look("limit_used", since_ns=0)

    assert seen.alert.title == "Run r1: 90 % of its limit is used"
    assert seen.alert.text.startswith("$4.5000 of $5.0000 is used; at the limit the run stops, and keeps what is done.")
    assert (seen.alert.severity, seen.alert.cost_micros) == (Severity.NOTE, 4_500_000)


def test_what_a_call_under_way_holds_uses_no_limit_up(world: World) -> None:
    world.run("r1", limit_usd=5.0)
    world.spend(4.5, "run:r1", held=True)

    assert world.look("limit_used", since_ns=0) == []


def test_the_tightest_limit_of_a_day_counts(world: World) -> None:
    world.set(limits={"per_day_usd": 20.0})
    world.run("r1", limit_usd=5.0, day_limit_usd=2.0)
    today = day_scope(datetime(2026, 11, 22, tzinfo=UTC).date())
    world.spend(1.7, today)

    (seen,) = world.look("limit_used", since_ns=0)

    assert seen.alert.title == "The day 2026-11-22 (UTC): 85 % of its limit is used"


def test_a_storys_limit_is_that_of_the_runs_in_its_repository(world: World) -> None:
    world.run("r1", story_limit_usd=2.0)
    world.spend(1.1, f"story:{REPO[:16]}:US-003:{STORY.text_hash[:16]}", f"story:{'b' * 16}:US-003:x")

    (seen,) = world.look("limit_used", since_ns=0)

    assert seen.alert.title == "Story US-003: 55 % of its limit is used"


def test_a_dead_processes_reservations_are_told_when_they_are_dear(world: World) -> None:
    world.spend(1.2, "run:r1", held=True)
    assert world.look("unknown_spend") == []  # its process lives
    with closing(sqlite3.connect(world.home.ledger_db, isolation_level=None)) as db:
        db.execute("UPDATE reservations SET owner_pid = 4194301, owner_started = '1', owner_boot_id = 'another boot'")

    (seen,) = world.look("unknown_spend")

    assert seen.alert.title == "$1.2000 may have been spent or not: 1 call whose end nobody saw"
    assert "ralph costs reconcile" in seen.alert.text


def test_a_call_above_its_worst_case_is_critical_until_somebody_accepts_it(world: World) -> None:
    with closing(Ledger.open(world.home.ledger_db, world.clock)) as ledger:
        reservation = ledger.reserve(1_000_000, [Limit("run:r1", 2**60)], model="m")
        ledger.settle(reservation, 3_000_000)

    (seen,) = world.look("overcharged")

    assert seen.alert.severity is Severity.CRITICAL
    assert f"ralph costs reconcile {reservation.id} --accept" in seen.alert.text


@pytest.mark.parametrize(
    ("before", "today", "told"),
    [
        pytest.param([9.0, 9.0], 90.0, False, id="two-days-are-no-custom"),
        pytest.param([9.0, 1.0, 1.0], 10.7, False, id="a-little-more-than-a-dear-day"),
        pytest.param([9.0, 1.0, 1.0], 10.9, True, id="a-fifth-more-than-a-dear-day"),
        pytest.param([9.0, *[1.0] * 6], 2.1, True, id="one-stray-day-is-no-measure"),
        pytest.param([0.1, 0.1, 0.1], 1.0, False, id="less-than-a-dollar-more"),
    ],
)
def test_a_day_is_held_against_the_days_before(world: World, before: list[float], today: float, told: bool) -> None:
    for number, usd in enumerate([today, *before]):
        world.now_ns = START - number * 86_400 * S
        with world.trace() as trace:
            call(trace, usd)
    world.now_ns = START

    seen = world.look("day_cost")

    assert identities(seen) == (["day:2026-11-22"] if told else [])


def test_a_day_is_held_against_the_amount_that_is_set(world: World) -> None:
    world.set(alerts={"day_usd": 1.0})
    with world.trace() as trace:
        span_id = call(trace, 2.0)

    (seen,) = world.look("day_cost")

    assert seen.alert.title == "$2.0000 today: 100 % more than is expected"
    assert seen.alert.span_id == span_id


def test_a_schedule_that_nobody_looks_after_is_told_with_the_way_to_start_one(world: World) -> None:
    with closing(Schedules(world.home, clock=world.clock)) as schedules:
        schedules.add("nightly", world.repo, "0 4 * * *", timezone="UTC")
    late = schedule_rules(world.home, world.settings, world.clock)[0]
    world.now_ns += 2 * 3_600 * S
    assert list(late.look(View(world.store, world.now_ns, 0))) == []  # a machine that woke up may begin it now
    world.now_ns += WAKING_NS

    (seen,) = late.look(View(world.store, world.now_ns, 0))

    assert seen.alert.title == "Schedule nightly was due 1h01m ago and has not run"
    assert "ralph daemon" in seen.alert.text


def test_a_missed_run_is_told_in_time_by_daemons_of_which_none_lives_for_a_minute(world: World) -> None:
    with closing(Schedules(world.home, clock=world.clock)) as schedules:
        schedules.add("nightly", world.repo, "0 4 * * *", timezone="UTC")
    world.now_ns += 2 * 3_600 * S
    told = []
    for _ in range(4):
        late = schedule_rules(world.home, world.settings, world.clock)[0]
        told.append(len(list(late.look(View(world.store, world.now_ns, 0)))))
        world.now_ns += 30 * S

    assert told == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        pytest.param(0, [], id="all-done"),
        pytest.param(3, [], id="limit"),
        pytest.param(2, ["could not do its work (exit code 2)"], id="could-not-begin"),
        pytest.param(70, ["could not do its work (exit code 70)"], id="bug"),
    ],
)
def test_a_scheduled_run_that_could_not_do_its_work_is_told_with_its_last_words(
    world: World, code: int, told: list[str]
) -> None:
    with closing(Schedules(world.home, clock=world.clock)) as schedules:
        schedules.add("nightly", world.repo, "0 4 * * *", timezone="UTC")
        number = schedules.enqueue("nightly")
        run = schedules.claim(number)
        assert run is not None
        world.home.folder("schedule").joinpath(f"nightly-20261122T030000Z-{number}.log").write_text(
            "ralph: ralph.toml:3: no such setting\n\n", encoding="utf-8"
        )
        schedules.finish(run, code)

    seen = world.look("schedule_failed")

    assert [title.split(" ", 6)[-1].partition(" ")[2] for title in words(seen)] == told
    assert all("ralph.toml:3: no such setting" in one.alert.text for one in seen)


def test_a_finding_in_a_story_s_trace_names_the_repository_and_the_story_and_another_agent_s_its_agent(
    world: World,
) -> None:
    helper = world.tracer().start_trace("answer", agent_id="helper")
    for trace in (world.trace(), helper):
        trace.end()
        finding = Finding("loop", Severity.CRITICAL, "Ran in circles", "6 times", "End it", ("a" * 16,), Waste())
        world.store.write([PutFindings(trace.trace_id, (finding,), 1, START)])
    rule = next(rule for rule in every_rule(world.home, world.settings, world.clock) if rule.name == "finding")

    seen = list(rule.look(View(world.store, world.now_ns, world.now_ns - 900 * S)))

    assert sorted(words(seen)) == ["helper: Ran in circles", "shop, US-003: Ran in circles"]
    facts = next({fact.label: fact.value for fact in one.alert.facts} for one in seen if one.alert.agent == "ralph")
    assert (facts["Repository"], facts["Story"]) == ("shop", "US-003")
