"""Costs: what is known, unknown and simulated is told apart, and each row leads to the traces behind it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracing import TraceStore
from tracing import attributes as names
from tracing.owner import this_process
from tracing.span import AttributeValue, PayloadRefs, SpanKind, SpanState, SpanStatus, TraceState, TraceStatus
from tracing.store import GroupBy
from tracing.store.writes import PutSpan, PutTrace, Write
from tracing.web.page import PageError, Query, Site
from tracing.web.pages.costs import CostGroup, CostsView, FromTraces, costs, costs_page, from_traces
from tracing.web.pages.traces import filter_of
from tracing.web.render import Renderer, Where

SECOND = 1_000_000_000
NOW = 1_790_000_000 * SECOND  # 2026-09-21 UTC


def a_call(
    number: int, micros: int, *, ago_h: int = 1, story: str = "", agent: str = "bot", **more: AttributeValue
) -> Iterator[Write]:
    trace_id, began = f"{number:032x}", NOW - ago_h * 3_600 * SECOND
    metadata = {names.STORY_ID: story} if story else {}
    owner = this_process()
    state = TraceState(
        trace_id, "0" * 16, "work", agent, None, TraceStatus.SUCCESS, None, began, began + 1, metadata, owner
    )
    yield PutTrace(state, began)
    said = {"unseen": names.UNSEEN_MICROS, "simulated": names.COST_SIMULATED, "model": names.REQUEST_MODEL}
    usage: dict[str, AttributeValue] = {names.COST_MICROS: micros, names.INPUT_TOKENS: 100, names.OUTPUT_TOKENS: 10}
    usage |= {said[name]: value for name, value in more.items()}
    span_id = f"{number:016x}"
    yield PutSpan(
        SpanState(
            trace_id, span_id, None, "chat", SpanKind.LLM, SpanStatus.OK, None, began, began, usage, (), PayloadRefs()
        ),
        began,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    with closing(TraceStore.open(tmp_path / "traces.db")) as opened:
        opened.write([*a_call(1, 5_000, story="US-1", model="m/1"), *a_call(2, 3_000, ago_h=48, unseen=1_000)])
        opened.write([*a_call(3, 2_000, story="US-1", simulated=True, agent="")])
        yield opened


def ask(store: TraceStore, **args: str) -> CostsView:
    return costs(Query(store, {}, args, NOW), from_traces)


def test_what_is_known_unknown_and_simulated_is_told_apart(store: TraceStore) -> None:
    view = ask(store, by="story")
    assert [(line.words, line.row.known_micros, line.row.unseen_micros, line.simulated) for line in view.lines] == [
        ("US-1", 7_000, 0, "$0.0020 of it simulated"),
        ("(none)", 2_000, 1_000, ""),
    ]
    assert (view.total.row.known_micros, view.total.row.unseen_micros) == (9_000, 1_000)
    assert view.chart.series == ("paid", "simulated", "unknown, at most")


def test_a_chart_does_not_speak_of_what_there_is_none_of(store: TraceStore) -> None:
    assert ask(store, by="model").chart.series == ("paid", "simulated", "unknown, at most")
    assert ask(store, by="agent", since="2h").chart.series == ("paid", "simulated")


def test_days_are_in_order_in_the_chart_without_a_gap_and_the_newest_leads_the_table(store: TraceStore) -> None:
    view = ask(store)
    assert [line.words for line in view.lines] == ["2026-09-21", "2026-09-19"]
    assert [point.label for point in view.chart.points] == ["09-19", "09-20", "09-21"]


@pytest.mark.parametrize("by", list(GroupBy))
def test_each_row_leads_to_the_traces_behind_it(store: TraceStore, by: GroupBy) -> None:
    for line in ask(store, by=by.value).lines:
        if line.link:
            found = store.traces(filter_of(Query(store, {}, line.link.args, NOW)))
            assert sum(row.cost_micros for row in found) == line.row.cost_micros


def test_a_ledger_says_more_than_the_traces_and_its_command_is_named(store: TraceStore) -> None:
    def read(store: TraceStore, by: GroupBy, since_ns: int) -> list[CostGroup]:
        return [FromTraces(row, under_way_micros=70_000, unknown_calls=2) for row in store.costs(by, since_ns=since_ns)]

    page = costs_page(read, "reconcile it")
    html = Renderer(Site(store, pages=(page,))).page(
        page, page.view(Query(store, {}, {"by": "agent"}, NOW)), Where(page)
    )
    assert "4 calls whose ends were never seen" in html
    assert "<code>reconcile it</code>" in html
    assert "$0.0700" in html
    assert "style=" not in html


def test_no_call_at_all_says_what_to_do(store: TraceStore) -> None:
    assert not ask(store, since="1m").lines


def test_an_unknown_group_is_refused(store: TraceStore) -> None:
    with pytest.raises(PageError, match="by=colour is none of day, repo, story, model, agent"):
        ask(store, by="colour")
