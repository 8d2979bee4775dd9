"""Each rule, with traces that the tracer made."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tracing import SpanKind, Tracer, TraceStore
from tracing.alerts.engine import Engine
from tracing.alerts.links import links_for
from tracing.alerts.message import Alert, Message
from tracing.alerts.outbox import Outbox
from tracing.alerts.rule import Happened, Seen, View
from tracing.alerts.rules import generic_rules
from tracing.alerts.thresholds import Thresholds
from tracing.attributes import llm_response_attributes
from tracing.finding import Finding, Severity, Waste
from tracing.store import lately
from tracing.store.writes import PutFindings
from tracing.tracer import Trace

S = 1_000_000_000
START = 1_800_000_000 * S


@dataclass
class Agents:
    """A store, a clock, and agents that write traces into it."""

    store: TraceStore
    now_ns: int = START

    def __post_init__(self) -> None:
        self.tracer = Tracer(self.store, clock=lambda: self.now_ns, watch=None)

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * S)

    def trace(self, name: str = "answer", agent: str = "helper", session: str | None = None) -> Trace:
        return self.tracer.start_trace(name, agent_id=agent, session_id=session)

    def call(self, trace: Trace, seconds: float = 1, cost_micros: int = 1_000, model: str = "opus") -> str:
        with trace.span(f"chat {model}", kind=SpanKind.LLM) as span:
            self.wait(seconds)
            span.set(
                llm_response_attributes(
                    model=model,
                    stop_reason="end_turn",
                    uncached_input_tokens=9,
                    output_tokens=9,
                    cost_micros=cost_micros,
                )
            )
        return span.span_id

    def tool(self, trace: Trace, name: str, error: str = "") -> str:
        return trace.add_span(f"execute_tool {name}", kind=SpanKind.TOOL, error=error or None).span_id

    def seen(self, rule: str, thresholds: Thresholds | None = None, back_s: int = 900) -> list[Seen]:
        found = {one.name: one for one in generic_rules(thresholds or Thresholds())}
        return list(found[rule].look(View(self.store, self.now_ns, self.now_ns - back_s * S)))

    def alerts(self, rule: str, thresholds: Thresholds | None = None) -> list[Alert]:
        return [one.alert for one in self.seen(rule, thresholds)]


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    with closing(TraceStore.open(tmp_path / "traces.db")) as store:
        yield Agents(store)


def fail(error: Exception) -> NoReturn:
    raise error


def facts(alert: Alert) -> dict[str, str]:
    return {fact.label: fact.value for fact in alert.facts}


def test_a_failed_trace_names_the_deepest_step_of_the_failure_its_error_and_what_it_cost(agents: Agents) -> None:
    with suppress(ConnectionError), agents.trace(session="user-7") as trace:
        agents.call(trace, 2, 18_200)
        agents.tool(trace, "search", error="no such page")  # the agent got over this one
        agents.call(trace)
        with trace.span("look up"), trace.span("execute_tool fetch", kind=SpanKind.TOOL) as guilty:
            fail(ConnectionError("shop.example does not answer"))

    (alert,) = agents.alerts("trace_failed")
    assert alert.title == 'helper: "answer" ended in error'
    assert alert.text == 'It comes from the step "execute_tool fetch": shop.example does not answer'
    assert (alert.trace_id, alert.span_id, alert.cost_micros) == (trace.trace_id, guilty.span_id, 19_200)
    assert facts(alert) == {
        "Agent": "helper",
        "Trace": "answer",
        "Session": "user-7",
        "Cost": "$0.0192",
        "Took": "3.0 s",
        "Step": "execute_tool fetch",
        "Error": "shop.example does not answer",
    }


def test_a_failure_that_was_told_in_other_words_above_leads_to_the_step_that_it_ended_with(agents: Agents) -> None:
    with suppress(RuntimeError), agents.trace() as trace:
        agents.wait(1)
        try:
            with trace.span("fetch") as guilty:
                fail(ConnectionError("refused"))
        except ConnectionError as error:
            raise RuntimeError("no answer could be made") from error

    (alert,) = agents.alerts("trace_failed")
    assert alert.span_id == guilty.span_id


def test_a_failure_of_the_whole_is_not_blamed_on_a_step_that_the_agent_got_over(agents: Agents) -> None:
    trace = agents.trace()
    agents.tool(trace, "search", error="no such page")
    agents.wait(1)
    agents.call(trace)
    trace.end("error", error="the answer was refused")

    (alert,) = agents.alerts("trace_failed")
    assert alert.span_id == trace.root.span_id
    assert alert.text == "No single step of it is to blame: the answer was refused"


def test_a_timeout_names_the_step_that_was_still_at_work(agents: Agents) -> None:
    trace = agents.trace()
    agents.tool(trace, "search", error="no such page")
    agents.wait(1)
    outer = trace.start_span("plan")
    agents.wait(1)
    inner = trace.start_span("chat opus", kind=SpanKind.LLM, parent=outer)
    agents.wait(600)
    trace.end("timeout", error="10 minutes are over")

    (alert,) = agents.alerts("trace_failed")
    assert (alert.title, alert.span_id) == ('helper: "answer" ran out of time', inner.span_id)


@pytest.mark.parametrize("status", ["success", "blocked", "over_budget", "interrupted"])
def test_other_endings_are_no_failure(agents: Agents, status: str) -> None:
    agents.trace().end(status)

    assert agents.alerts("trace_failed") == []


def test_an_imported_trace_is_no_news(agents: Agents) -> None:
    agents.trace().end("error", error="long ago, elsewhere")
    agents.store._connected().execute("UPDATE trace SET imported_ns = 1")

    assert agents.alerts("trace_failed") == []


def test_a_session_that_costs_too_much_is_named_once_with_its_dearest_call(agents: Agents) -> None:
    for number in range(3):
        with agents.trace(f"answer {number}", session="user-7") as trace:
            agents.call(trace, cost_micros=4_000_000 + number)
            guilty = agents.call(trace, cost_micros=4_500_000 + number)
    with agents.trace(session="user-8") as cheap:
        agents.call(cheap)

    (seen,) = agents.seen("session_cost", Thresholds(session_usd=20))
    assert isinstance(seen, Happened)
    assert seen.alert.title == 'helper: session "user-7" has cost $25.50'
    assert '$20.00 ([alerts] session_usd), in 3 traces. The dearest is "answer 2" with $8.5000' in seen.alert.text
    assert (seen.alert.span_id, seen.alert.cost_micros) == (guilty, 25_500_006)
    assert agents.seen("session_cost", Thresholds(session_usd=None)) == []


def test_a_trace_without_a_session_is_one_and_an_open_one_counts_however_long_ago_it_began(agents: Agents) -> None:
    trace = agents.trace(agent="")
    agents.call(trace, cost_micros=11_000_000)
    agents.wait(86_400)
    with agents.trace(agent="old", session="over") as old:
        agents.call(old, cost_micros=11_000_000)
    agents.wait(3_600)

    (alert,) = agents.alerts("session_cost")
    assert (alert.title, alert.key) == (
        'an agent without a name: "answer" has cost $11.00',
        f"trace:{trace.trace_id}",
    )


def test_what_no_real_model_was_paid_for_is_no_cost(agents: Agents) -> None:
    with agents.trace() as trace, trace.span("chat", kind=SpanKind.LLM) as span:
        span.set(
            llm_response_attributes(
                model="m", stop_reason="end_turn", uncached_input_tokens=1, output_tokens=1, cost_micros=50_000_000
            )
            | {"ralph.cost.simulated": True}
        )

    assert agents.alerts("session_cost") == []


def test_slow_calls_are_told_by_agent_and_model_with_the_slowest(agents: Agents) -> None:
    with agents.trace() as trace:
        for seconds in (70, 80, 90):
            agents.call(trace, seconds)
        guilty = agents.call(trace, 200)
        for _ in range(4):
            agents.call(trace, 1, model="haiku")
    thresholds = Thresholds(latency_least=4, call_p95_s=190)

    (alert,) = agents.alerts("call_latency", thresholds)
    assert alert.title == "helper: model calls to opus are slow: median 85.0 s"
    assert alert.text == (
        "Of 4 model calls in the last 1h00m the median is 85.0 s, over 60.0 s and the 95th percentile is 3m20s, over 3m10s. "
        "The slowest took 3m20s."
    )
    assert (alert.key, alert.span_id) == ("helper/opus", guilty)
    assert agents.alerts("call_latency", Thresholds(latency_least=5)) == []
    agents.wait(7_200)
    assert agents.alerts("call_latency", thresholds) == []


def test_a_session_takes_as_long_as_its_traces_together(agents: Agents) -> None:
    for session in ("a", "b", None):
        for seconds in (100, 200):
            with agents.trace(session=session):
                agents.wait(seconds)
            agents.wait(50)  # the person thinks

    (alert,) = agents.alerts("session_latency", Thresholds(session_p95_s=299, latency_least=4))
    assert facts(alert)["Median"] == "4m10s"  # 100, 200, 300, 300
    assert facts(alert)["95th percentile"] == "5m00s"
    assert agents.alerts("session_latency") == []


def test_failing_tools_are_told_with_the_one_that_fails_most_and_its_last_error(agents: Agents) -> None:
    with agents.trace() as trace, agents.trace(agent="other") as other:
        for _ in range(16):
            agents.tool(trace, "read")
            agents.tool(other, "read")
        agents.tool(trace, "fetch", error="refused")
        for _ in range(2):
            agents.tool(trace, "search", error="no such page")
        agents.wait(1)
        guilty = agents.tool(trace, "search", error="too many requests")
        agents.wait(1)
        agents.tool(trace, "fetch ", error="odd")

    (alert,) = agents.alerts("tool_errors")
    assert alert.title == "helper: 24 % of tool calls fail, most of them search"
    assert alert.text == (
        "5 of 21 tool calls failed in the last 15m00s, more than 5 %: search (3), fetch (1), fetch (1). "
        "search said last: too many requests"
    )
    assert alert.span_id == guilty
    agents.wait(901)
    assert agents.alerts("tool_errors") == []


@pytest.mark.parametrize(
    ("failed", "calls", "is_told"),
    [
        pytest.param(5, 100, False, id="exactly-five-percent"),
        pytest.param(4, 20, False, id="four-may-be-chance"),
        pytest.param(5, 99, True, id="a-little-more"),
        pytest.param(19, 19, False, id="too-few"),
    ],
)
def test_a_rate_is_told_above_its_threshold_of_enough_calls(
    agents: Agents, failed: int, calls: int, *, is_told: bool
) -> None:
    with agents.trace() as trace:
        for number in range(calls):
            agents.tool(trace, "search", error="refused" if number < failed else "")

    assert bool(agents.alerts("tool_errors")) == is_told


@pytest.mark.parametrize(
    ("tool", "output", "is_told"),
    [
        pytest.param("bash", "<returncode>1</returncode>\n1 failed, 3 passed", False, id="a-test-that-fails"),
        pytest.param("bash", "Exit code 2\nls: cannot access 'x'", False, id="a-command-that-says-no"),
        pytest.param("bash", "<returncode>127</returncode>\npytest: not found", True, id="a-command-that-is-not-there"),
        pytest.param("bash", "the sandbox is gone", True, id="a-shell-that-does-not-answer"),
        pytest.param("search", "Exit code 1", True, id="another-tool"),
    ],
)
def test_a_command_that_ran_and_said_no_is_no_failed_call(
    agents: Agents, tool: str, output: str, *, is_told: bool
) -> None:
    with agents.trace() as trace:
        for _ in range(20):
            trace.add_span(f"execute_tool {tool}", kind=SpanKind.TOOL, output=output, error=output)

    assert bool(agents.alerts("tool_errors")) == is_told


def a_finding(detector: str, severity: Severity, span_id: str) -> Finding:
    return Finding(
        detector, severity, f"{detector} again and again", "Seen.", "Do this.", (span_id,), Waste(cost_micros=120_000)
    )


def test_grave_findings_are_told_and_those_of_kinds_whatever_their_severity(agents: Agents) -> None:
    with agents.trace() as trace:
        span_id = agents.tool(trace, "search")
    found = [
        a_finding("loop", Severity.CRITICAL, span_id),
        a_finding("growth", Severity.NOTE, span_id),
        a_finding("waiting", Severity.WARNING, span_id),
    ]
    agents.store.write([PutFindings(trace.trace_id, tuple(found), 1, agents.now_ns)])

    (alert,) = agents.alerts("finding")
    assert (alert.title, alert.text) == ("helper: loop again and again", "Seen.\n\nDo this.")
    assert (alert.span_id, alert.cost_micros, facts(alert)["Wasted"]) == (span_id, 120_000, "$0.1200")
    kinds = agents.alerts("finding", Thresholds(finding_severity=None, finding_kinds=("growth",)))
    assert [one.key for one in kinds] == ["helper/growth"]
    assert agents.alerts("finding", Thresholds(finding_severity=None)) == []


def test_what_a_new_detector_finds_in_old_traces_is_no_news(agents: Agents) -> None:
    with agents.trace() as trace:
        span_id = agents.tool(trace, "search")
    agents.wait(30 * 86_400)
    agents.store.write(
        [PutFindings(trace.trace_id, (a_finding("loop", Severity.CRITICAL, span_id),), 2, agents.now_ns)]
    )

    assert agents.alerts("finding") == []


def test_a_low_average_of_a_score_is_told_with_the_lowest(agents: Agents) -> None:
    with agents.trace() as trace:
        for value in (0.9, 0.8, 0.7, 0.6):
            trace.score("helpful", value)
        thresholds = Thresholds(scores={"helpful": 0.7})
        assert agents.alerts("score", thresholds) == []
        agents.wait(1)
        trace.score("helpful", 0.1, "said nothing", source="person")

    (alert,) = agents.alerts("score", thresholds)
    assert alert.title == 'helper: "helpful" is down to 0.62'
    assert alert.text == (
        "That is the average of the last 5; it should be 0.7 or more. The lowest is 0.1 (said by person): said nothing"
    )
    assert (alert.key, alert.trace_id) == ("helper/helpful", trace.trace_id)


def test_a_name_of_a_stranger_cannot_break_a_line_or_grow_a_title(agents: Agents) -> None:
    agents.trace("a\nb\x1b[2J" * 100, agent="x\n" * 100).end("error", error="no\n" * 10_000)

    (alert,) = agents.alerts("trace_failed")
    assert len(alert.title) <= 120
    assert all(text.isprintable() for text in (alert.title, alert.text, *facts(alert).values()))
    assert len(alert.text) < 600


def test_every_rule_says_what_it_tells_of_and_is_named_like_its_alerts(agents: Agents) -> None:
    rules = generic_rules(Thresholds())

    assert [rule.name for rule in rules] == [
        "trace_failed",
        "session_cost",
        "session_latency",
        "call_latency",
        "tool_errors",
        "finding",
        "score",
    ]
    assert all(rule.about and rule.about[0].islower() and not rule.about.endswith(".") for rule in rules)


def test_from_a_failing_agent_to_the_outbox(agents: Agents, tmp_path: Path) -> None:
    rules = generic_rules(Thresholds())
    agents.trace().end("error", error="before alerts were known")
    agents.wait(60)
    with Engine(
        tmp_path / "ledger.db",
        agents.store,
        rules,
        route=lambda _: ("mail",),
        links=lambda alert: links_for(alert, "https://ralph.example/x"),
        clock=lambda: agents.now_ns,
    ) as engine:
        for _ in range(20):
            agents.trace().end("error", error="refused")
            engine.evaluate()
            agents.wait(20)

    with closing(Outbox.open(tmp_path / "ledger.db")) as outbox:
        told: Sequence[Message] = [entry.message for entry in reversed(outbox.history())]
    assert [message.data["more"] for message in told] == [0, 14]
    span, whole = told[0].links
    trace_id = str(told[0].data["trace_id"])
    assert whole.command == f"ralph trace {trace_id[:8]}"
    assert span.url.startswith(f"https://ralph.example/x/traces/{trace_id}?span=")
    assert re.fullmatch(r"ralph trace [0-9a-f]{8} --span [0-9a-f]{8}", span.command)


QUERIES = {
    "ended badly": (lately.ENDED_BADLY, (0, "error", "timeout", 9)),
    "failed spans": (lately.FAILED_SPANS, ("t", 9)),
    "last below": (lately.LAST_BELOW, ("t", "s")),
    "last interrupted": (lately.LAST_INTERRUPTED, ("t",)),
    "dear sessions": (lately.DEAR_SESSIONS, {"since": 0, "over": 9, "most": 9}),
    "dearest trace of a session": (lately.DEAREST_TRACE.format(column="session_id"), ("s",)),
    "dearest trace": (lately.DEAREST_TRACE.format(column="trace_id"), ("t",)),
    "dearest call": (lately.DEAREST_CALL, ("t",)),
    "session times": (lately.SESSION_TIMES, {"since": 0}),
    "call times": (lately.CALL_TIMES, (0, 9)),
    "tool counts": (lately.TOOL_COUNTS, (0,)),
    "failed tools": (lately.FAILED_TOOLS, (0, "a", 9)),
    "findings": (lately.RECENT_FINDINGS.format(marks="?"), (0, 3, "loop", 0, 9)),
}


@pytest.mark.parametrize(("query", "values"), QUERIES.values(), ids=QUERIES.keys())
def test_no_question_reads_a_whole_table(agents: Agents, query: str, values: Any) -> None:
    plan = [row["detail"] for row in agents.store._connected().execute(f"EXPLAIN QUERY PLAN {query}", values)]

    scans = [step for step in plan if re.match(r"SCAN (trace|span|finding)\b", step) and "trace_open" not in step]
    assert not scans, plan
