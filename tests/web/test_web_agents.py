"""Agents and sessions: what their figures count, and whose names may be anything."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracing import Tracer, TraceStore
from tracing import attributes as names
from tracing.finding import Finding, Severity
from tracing.owner import this_process
from tracing.span import PayloadRefs, SpanKind, SpanState, SpanStatus, TraceState, TraceStatus
from tracing.store.agents import percentile
from tracing.store.writes import PutFindings, PutSpan, PutTrace, Write
from tracing.web.page import NotFoundError, Query
from tracing.web.pages.agents import AgentView, agent, agents
from tracing.web.pages.sessions import SessionView, session
from tracing.web.slugs import slug

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
NOW = 1_790_000_000 * SECOND


def a_run(
    number: int,
    *,
    agent: str = "bot",
    took_s: int = 10,
    status: TraceStatus = TraceStatus.SUCCESS,
    inputs: tuple[int, ...] = (100, 300),
    began_ns: int = 0,
    session: str | None = "s",
    story: str = "",
    severity: Severity | None = None,
) -> Iterator[Write]:
    trace_id, began = f"{number:032x}", began_ns or NOW - DAY + number * 60 * SECOND
    ended = None if status is TraceStatus.RUNNING else began + took_s * SECOND
    metadata = {names.STORY_ID: story} if story else {}
    owner = this_process()
    yield PutTrace(
        TraceState(trace_id, "0" * 16, "work", agent, session, status, None, began, ended, metadata, owner), began
    )
    for turn, count in enumerate(inputs):
        usage = {names.INPUT_TOKENS: count, names.COST_MICROS: 1_000 * number}
        span_id = f"{number * 100 + turn:016x}"
        at = began + turn * SECOND
        yield PutSpan(
            SpanState(
                trace_id, span_id, None, "chat", SpanKind.LLM, SpanStatus.OK, None, at, at, usage, (), PayloadRefs()
            ),
            at,
        )
    if severity:
        found = Finding("context_growth", severity, "It grows", "e", "r", (f"{number * 100:016x}",))
        yield PutFindings(trace_id, (found,), 1, began)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    with closing(TraceStore.open(tmp_path / "traces.db")) as opened:
        yield opened


def ask(store: TraceStore, name: str, **args: str) -> AgentView:
    return agent(Query(store, {"agent": slug(name)}, args, NOW))


def test_an_agent_is_told_by_what_its_runs_took_cost_and_got_wrong(store: TraceStore) -> None:
    store.write([*a_run(1, took_s=10, severity=Severity.CRITICAL)])
    store.write([*a_run(2, took_s=30, status=TraceStatus.ERROR, severity=Severity.NOTE)])
    store.write([*a_run(3, took_s=20, status=TraceStatus.BLOCKED)])
    store.write([*a_run(4, status=TraceStatus.RUNNING)])
    (line,) = agents(Query(store, {}, {}, NOW)).agents
    row = line.row
    assert (row.runs, row.running, row.ended, row.failed) == (4, 1, 3, 1)
    assert (row.median_ns, row.p95_ns) == (20 * SECOND, 30 * SECOND)
    assert (row.cost_micros, row.median_cost_micros) == (20_000, 5_000)
    assert row.findings == {Severity.CRITICAL: 1, Severity.NOTE: 1}
    assert row.growth == 3.0


def test_whoever_ran_last_comes_first_and_the_agent_without_a_name_is_one_too(store: TraceStore) -> None:
    store.write([*a_run(1, agent="old"), *a_run(2, agent=""), *a_run(3, agent="a/b.json")])
    view = agents(Query(store, {}, {}, NOW))
    assert [(line.words, line.slug) for line in view.agents] == [
        ("a/b.json", "a~2Fb~2Ejson"),
        ("(no name)", "~"),
        ("old", "old"),
    ]
    assert ask(store, "").agent.words == "(no name)"
    assert ask(store, "a/b.json").agent.row.runs == 1


def test_an_agent_that_has_not_run_for_long_is_shown_with_all_that_there_is(store: TraceStore) -> None:
    store.write([*a_run(1, began_ns=NOW - 200 * DAY)])
    assert not agents(Query(store, {}, {}, NOW)).agents
    view = ask(store, "bot")
    assert (view.period, len(view.traces), view.agent.row.runs) == ("all", 1, 1)


def test_days_without_a_run_are_days_too(store: TraceStore) -> None:
    store.write([*a_run(1, began_ns=NOW - 4 * DAY), *a_run(2, began_ns=NOW - DAY, status=TraceStatus.ERROR)])
    runs = ask(store, "bot").charts[0]
    assert [tuple(point.values) for point in runs.points] == [(1, 0), (0, 0), (0, 0), (0, 1), (0, 0)]


def test_an_agents_most_frequent_findings_lead_to_the_newest(store: TraceStore) -> None:
    store.write([*a_run(1, severity=Severity.NOTE), *a_run(2, severity=Severity.WARNING)])
    (kind,) = ask(store, "bot").kinds
    assert (kind.detector, kind.severity, kind.traces) == ("context_growth", Severity.WARNING, 2)
    assert kind.trace_id == f"{2:032x}"


def test_an_agent_that_nobody_knows_is_not_found(store: TraceStore) -> None:
    with pytest.raises(NotFoundError, match="No agent called nobody has sent a trace"):
        ask(store, "nobody")


def a_session(store: TraceStore, session_id: str = "s") -> SessionView:
    return session(Query(store, {"session_id": slug(session_id)}, {}, NOW))


def test_a_session_tells_its_traces_in_order_and_adds_them_up(store: TraceStore) -> None:
    store.write([*a_run(2, story="US-2"), *a_run(1, story="US-1", status=TraceStatus.ERROR), *a_run(3, story="US-1")])
    view = a_session(store)
    assert [int(line.row.trace_id, 16) for line in view.traces] == [1, 2, 3]
    assert (view.totals.traces, view.totals.failed, view.totals.cost_micros) == (3, 1, 12_000)
    assert [(one.story, one.attempts, one.status) for one in view.stories] == [
        ("US-1", 2, TraceStatus.SUCCESS),
        ("US-2", 1, TraceStatus.SUCCESS),
    ]


def test_traces_at_one_time_lie_in_lanes_of_their_own(store: TraceStore) -> None:
    store.write([*a_run(1, took_s=90), *a_run(2, took_s=30), *a_run(3, took_s=10)])
    view = a_session(store)
    assert [one.lane for one in view.stretches] == [0, 1, 0]
    assert view.lanes == 2
    assert all(one.x >= 0 and one.x + one.width <= 100.1 for one in view.stretches)


def test_a_session_that_nobody_knows_is_not_found(store: TraceStore) -> None:
    with pytest.raises(NotFoundError, match="No trace belongs to a session called gone"):
        a_session(store, "gone")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], None, id="none"),
        pytest.param([7], 7, id="one"),
        pytest.param(list(range(1, 21)), 19, id="twenty"),
        pytest.param(list(range(1, 101)), 95, id="a-hundred"),
    ],
)
def test_95_percent_take_no_longer_than_the_95th_of_100(values: list[int], expected: int | None) -> None:
    assert percentile(values, 95) == expected


def test_what_somebody_stopped_is_no_error_and_what_died_is_one(store: TraceStore) -> None:
    for error in ("the run was stopped", "Process 7 ended without closing this; found and closed at noon."):
        Tracer(store).start_trace("work", agent_id="bot", session_id="s").end(TraceStatus.INTERRUPTED, error=error)
    found = agent(Query(store, {"agent": slug("bot")}, {"since": "all"}, NOW))
    assert (found.agent.row.failed, found.sessions[0].row.failed) == (1, 1)
    whole = session(Query(store, {"session_id": slug("s")}, {}, NOW))
    assert whole.totals.failed == 1
    assert sorted(line.row.was_stopped for line in whole.traces) == [False, True]


def test_what_nobody_named_a_price_for_is_unknown_and_in_no_median(store: TraceStore) -> None:
    store.write([*a_run(0, agent="free", session="f")])  # tokens, and a cost of nothing
    (line,) = agents(Query(store, {}, {"since": "all"}, NOW)).agents
    assert (line.row.told_micros, line.row.median_cost_micros, line.row.unpriced) == (None, None, 1)
    store.write([*a_run(2, agent="free", session="f")])
    found = ask(store, "free", since="all")
    assert (found.agent.row.told_micros, found.agent.row.median_cost_micros) == (4_000, 4_000)
    assert found.sessions[0].row.told_micros == 4_000
    whole = session(Query(store, {"session_id": slug("f")}, {}, NOW))
    assert whole.totals.told_micros == 4_000
