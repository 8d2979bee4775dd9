"""What people get: nothing much in an ordinary week, and each trouble once, with the guilty step and what to do; and once when it is over."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from prd.story import Story
from ralph.settings.schema import Settings
from tests.ralph.alerts_life import HOUR_S, REPO, USUAL, Life, living, model_call, said
from tracing.budget import Ledger, Limit, day_scope
from tracing.finding import Finding, Severity, Waste
from tracing.reconcile import Books
from tracing.span import SpanKind, TraceStatus
from tracing.store.writes import PutFindings

LOGIN = Story(id="US-001", title="Log in", acceptance_criteria=("a form",))


def a_story(number: int) -> Story:
    return Story(id=f"US-{number:03}", title=f"Story {number}", acceptance_criteria=(f"criterion {number}",))


@pytest.mark.slow
def test_an_ordinary_week_tells_of_the_parked_story_and_little_else(tmp_path: Path) -> None:
    with living(tmp_path, look_s=HOUR_S) as life:
        life.schedule("nightly", "0 2 * * *")
        for day in range(7):
            life.until(day, 2.01)
            with life.night(3):
                life.attempt(a_story(2 * day), TraceStatus.ERROR)  # and the second time it passes
                life.attempt(a_story(2 * day))
                if day == 4:
                    for number in range(3):
                        life.attempt(LOGIN, TraceStatus.ERROR, usd=0.4, park=number == 2)
                life.attempt(a_story(2 * day + 1), TraceStatus.TIMEOUT, reason="the time of the run was over")

        assert life.told() == {
            "story_parked (warning)": 1,
            "day_cost (warning)": 1,  # that night: $2.40 after $1.20
            "limit_used (note)": 1,  # half of that story's $2
            # seven tried again, seven out of time, and the two attempts before the one that parked its story
            "trace_failed (note)": 16,
        }


@dataclass(frozen=True)
class Guilty:
    trace_id: str
    span_id: str


Injected = Guilty | None


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, what is told of it, and what ends it."""

    begin: Callable[[Life], Injected]
    told: str
    says: str
    end: Callable[[Life], object] | None = None
    alerts: dict[str, object] = field(default_factory=dict)
    costs_usd: float | None = None


def failed(life: Life, status: TraceStatus = TraceStatus.ERROR) -> Injected:
    trace = life.tracer.start_trace("answer", agent_id="helper")
    model_call(life, trace, 2, 20_000)
    tool = trace.start_span("execute_tool fetch", kind=SpanKind.TOOL)
    life.clock.now_ns += 10**9
    if status is TraceStatus.ERROR:
        tool.error("shop.example does not answer")
        tool.end()
    trace.end(status, error="shop.example does not answer")
    return Guilty(trace.trace_id, tool.span_id)


def timed_out(life: Life) -> Injected:
    return failed(life, TraceStatus.TIMEOUT)


def parked(life: Life) -> Injected:
    life.begin_run()
    trace = life.attempt(LOGIN, TraceStatus.ERROR, usd=0.2, calls=1, park=True)
    check = next(row for row in life.store.span_rows(trace.trace_id) if row.name == "check tests")
    return Guilty(trace.trace_id, check.span_id)


def red(life: Life) -> Injected:
    life.begin_run()
    trace = life.attempt(LOGIN, usd=0.1, calls=1, red=("tests",))
    base = next(row for row in life.store.span_rows(trace.trace_id) if row.name == "baseline")
    return Guilty(trace.trace_id, base.span_id)


def green(life: Life) -> None:
    life.attempt(LOGIN, usd=0.1, calls=1)


def dear_session(life: Life) -> Injected:
    with life.tracer.start_trace("answer", agent_id="helper", session_id="sam") as trace:
        span_id = model_call(life, trace, 5, 11_000_000)
    return Guilty(trace.trace_id, span_id)


def spends(scope: str, usd: float) -> Callable[[Life], Injected]:
    """From a limit of $5 a run, $2 a story and $20 a day."""

    def begin(life: Life) -> None:
        life.begin_run()
        scopes = {
            "run": f"run:{life.run}",
            "story": f"story:{REPO[:16]}:US-001:{LOGIN.text_hash[:16]}",
            "day": day_scope(life.today()),
        }
        with closing(Ledger.open(life.home.ledger_db, life.clock)) as ledger:
            ledger.settle(ledger.reserve(round(usd * 1e6), [Limit(scopes[scope], 2**60)], model="m"), round(usd * 1e6))

    return begin


def orphaned(life: Life) -> None:
    with closing(Ledger.open(life.home.ledger_db, life.clock)) as ledger:
        ledger.reserve(1_200_000, [Limit("run:r1", 2**60)], model="m")
    with closing(sqlite3.connect(life.home.ledger_db, isolation_level=None)) as db:
        db.execute("UPDATE reservations SET owner_pid = 4194301, owner_started = '1', owner_boot_id = 'another boot'")


def overcharged(life: Life) -> None:
    with closing(Ledger.open(life.home.ledger_db, life.clock)) as ledger:
        ledger.settle(ledger.reserve(1_000_000, [Limit("run:r1", 2**60)], model="m"), 3_000_000)


def reconciled(life: Life) -> None:
    with closing(Books.open(life.home.ledger_db, life.clock)) as books:
        for one in books.open_reservations():
            books.settle(one.id, one.counted_micros if one.is_broken else 0, made_by="sam", above=one.is_broken)


def slow(*seconds: float) -> Callable[[Life], Injected]:
    def begin(life: Life) -> Injected:
        slowest = ("", 0.0)
        with life.tracer.start_trace("answer", agent_id="helper") as trace:
            for each in seconds:
                span_id = model_call(life, trace, each, 0)
                slowest = max(slowest, (span_id, each), key=lambda one: one[1])
        return Guilty(trace.trace_id, slowest[0])

    return begin


def an_hour_and_more(life: Life) -> None:
    life.wait(1.2 * HOUR_S)


def failing_tools(life: Life) -> Injected:
    with life.tracer.start_trace("answer", agent_id="helper") as trace:
        for _ in range(20):
            trace.add_span("execute_tool read", kind=SpanKind.TOOL)
        for _ in range(5):
            life.clock.now_ns += 10**9
            last = trace.add_span("execute_tool search", kind=SpanKind.TOOL, error="too many requests")
    return Guilty(trace.trace_id, last.span_id)


def found(life: Life) -> Injected:
    with life.tracer.start_trace("answer", agent_id="helper") as trace:
        span = trace.add_span("execute_tool search", kind=SpanKind.TOOL)
    finding = Finding(
        "retry_loop",
        Severity.CRITICAL,
        "search again and again",
        "6 times.",
        "End it.",
        (span.span_id,),
        Waste(cost_micros=9_000),
    )
    life.store.write([PutFindings(trace.trace_id, (finding,), 1, life.clock())])
    return Guilty(trace.trace_id, span.span_id)


def scored(value: float, times: int) -> Callable[[Life], Injected]:
    def begin(life: Life) -> None:
        for _ in range(times):
            life.clock.now_ns += 10**9
            with life.tracer.start_trace("answer", agent_id="helper") as trace:
                trace.score("helpful", value, comment="did not answer")

    return begin


def nobody_begins(life: Life) -> None:
    life.schedule("nightly", "1 0 * * *")
    life.until(0, 0.6)


def a_daemon_does_not_begin(life: Life) -> None:
    life.schedule("nightly", "1 0 * * *")
    life.until(0, 0.02)
    life.write_down()
    life.until(0, 0.6)


def begins_at_last(life: Life) -> None:
    with life.night():
        life.wait(60)


def could_not_begin(life: Life) -> None:
    life.schedule("nightly", "1 0 * * *")
    life.until(0, 0.02)
    with life.night(2, begin_run=False):
        pass


def window_closed(life: Life) -> None:
    life.schedule("nightly", "1 0 * * *", until="00:20")
    life.until(0, 0.02)
    life.write_down()
    life.until(0, 0.4)
    life.write_down()


def skipped_as_set(life: Life) -> None:
    life.schedule("nightly", "0 2 * * *", missed="skip")
    life.clock.now_ns += 8 * HOUR_S * 10**9  # the machine is off
    life.write_down()


TROUBLES = {
    "error": Trouble(failed, "trace_failed (warning)", "shop.example does not answer", costs_usd=0.02),
    "timeout": Trouble(timed_out, "trace_failed (warning)", "execute_tool fetch", costs_usd=0.02),
    "parked": Trouble(parked, "story_parked (warning)", "ralph unblock US-001", costs_usd=0.2),
    "red-base": Trouble(red, "red_base firing (warning)", "Mend it on the branch", green),
    "session": Trouble(dear_session, "session_cost (warning)", "[alerts] session_usd", costs_usd=11),
    "day": Trouble(
        dear_session, "day_cost (warning)", "ralph costs", alerts={"day_usd": 9.0, "session_usd": 50.0}, costs_usd=11
    ),
    "run-50": Trouble(spends("run", 2.6), "limit_used (note)", "the run stops", costs_usd=2.6),
    "run-80": Trouble(spends("run", 4.1), "limit_used (note)", "the run stops", costs_usd=4.1),
    "run-95": Trouble(spends("run", 4.8), "limit_used (warning)", "ralph run --max-cost", costs_usd=4.8),
    "story-95": Trouble(spends("story", 1.95), "limit_used (warning)", "the attempt ends", costs_usd=1.95),
    "day-50": Trouble(spends("day", 10.5), "limit_used (note)", "per_day_usd", costs_usd=10.5),
    "day-80": Trouble(spends("day", 16.5), "limit_used (warning)", "stops for the day", costs_usd=16.5),
    "unknown": Trouble(orphaned, "unknown_spend firing (warning)", "ralph costs reconcile", reconciled, costs_usd=1.2),
    "overcharged": Trouble(overcharged, "overcharged firing (critical)", "--accept", reconciled, costs_usd=3),
    "slow-median": Trouble(slow(90, *[70.0] * 20), "call_latency firing (warning)", "the median is", an_hour_and_more),
    "slow-p95": Trouble(slow(*[5.0] * 20, 400, 410), "call_latency firing (warning)", "percentile", an_hour_and_more),
    "tools": Trouble(failing_tools, "tool_errors firing (warning)", "too many requests", an_hour_and_more),
    "finding": Trouble(found, "finding (critical)", "End it.", costs_usd=0.009),
    "score": Trouble(
        scored(0.2, 5), "score firing (warning)", "did not answer", scored(1, 20), alerts={"scores": {"helpful": 0.7}}
    ),
    "nobody-begins": Trouble(
        nobody_begins, "schedule_missed firing (warning)", "ralph schedule install", begins_at_last
    ),
    "not-begun": Trouble(
        a_daemon_does_not_begin, "schedule_missed firing (warning)", "ralph schedule list", begins_at_last
    ),
    "could-not-begin": Trouble(could_not_begin, "schedule_failed (warning)", "ralph doctor"),
    "window-closed": Trouble(window_closed, "schedule_failed (warning)", "Its window closed"),
    "skipped-as-set": Trouble(skipped_as_set, "schedule_failed (note)", "ralph schedule run-now"),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_each_trouble_is_told_once_within_two_minutes_and_once_when_it_is_over(
    tmp_path: Path, trouble: Trouble
) -> None:
    settings = Settings.model_validate({"limits": USUAL.limits.model_dump(), "alerts": trouble.alerts})
    with living(tmp_path, settings, look_s=60) as life:
        guilty = trouble.begin(life)
        life.wait(120)

        (message,) = life.messages()
        assert said(message) == trouble.told
        assert trouble.says in message.text
        assert message.data["cost_usd"] == trouble.costs_usd
        if guilty:
            assert (message.data["trace_id"], message.data["span_id"]) == (guilty.trace_id, guilty.span_id)

        if trouble.end:
            trouble.end(life)
        life.wait(900)
        resolved = {trouble.told.replace("firing", "resolved"): 1} if trouble.end else {}
        assert life.told() == {trouble.told: 1} | resolved
