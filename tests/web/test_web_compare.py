"""Two traces held against each other: where they part, what follows, and the page that shows it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracing import Tracer, TraceStore
from tracing.compare import Comparison, Match, compare, steps
from tracing.span import SpanKind
from tracing.store import TraceNotFoundError
from tracing.web.page import PageError, Query
from tracing.web.pages.compare import CompareView, compare_page

Call = tuple[str, object, str | None]  # tool, arguments, error


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    with closing(TraceStore.open(tmp_path / "traces.db")) as store:
        yield store


def a_trace(store: TraceStore, *calls: Call, story: str = "US-001") -> str:
    """One turn for each call."""
    with Tracer(store).start_trace("run", metadata={"ralph.story.id": story}) as trace:
        for name, arguments, error in calls:
            with trace.span("chat", kind=SpanKind.LLM) as turn:
                turn.set_output([{"type": "tool_use", "name": name, "input": arguments}])
            trace.add_span(f"execute_tool {name}", kind=SpanKind.TOOL, input=arguments, output="x", error=error)
    return trace.trace_id


def told(found: Comparison) -> list[tuple[Match, str, str]]:
    return [(pair.match, pair.a.name if pair.a else "", pair.b.name if pair.b else "") for pair in found.pairs]


READ: Call = ("read", {"path": "a.py"}, None)
EDIT: Call = ("edit", {"path": "a.py", "new": "1"}, None)
TEST: Call = ("bash", {"command": "pytest -q"}, None)


def test_a_trace_does_not_part_from_itself(store: TraceStore) -> None:
    one = a_trace(store, READ, EDIT)
    found = compare(store, one, one[:10])
    assert found.parts_at is None
    assert found.parting is None
    assert {pair.match for pair in found.pairs} == {Match.SAME}


def test_white_space_key_order_and_long_ids_make_no_difference(store: TraceStore) -> None:
    one = a_trace(store, ("bash", {"command": "cd /w/0123456789abcdef && \n pytest", "n": 1}, None))
    other = a_trace(store, ("bash", {"n": 1, "command": "cd /w/fedcba9876543210 &&  pytest"}, None))
    assert compare(store, one, other).parts_at is None


def test_the_first_other_call_is_where_they_part_and_what_follows_is_aligned_again(store: TraceStore) -> None:
    found = compare(
        store, a_trace(store, READ, EDIT, TEST), a_trace(store, READ, ("grep", {"x": "y"}, None), EDIT, TEST)
    )
    assert found.parts_at == 2
    assert told(found)[2:] == [
        (Match.ONLY_B, "", "turn 2"),
        (Match.ONLY_B, "", "grep"),
        (Match.SAME, "turn 2", "turn 3"),
        (Match.SAME, "edit", "edit"),
        (Match.SAME, "turn 3", "turn 4"),
        (Match.SAME, "bash", "bash"),
    ]


def test_the_same_call_with_another_end_is_a_parting_too(store: TraceStore) -> None:
    found = compare(store, a_trace(store, READ, TEST), a_trace(store, READ, (*TEST[:2], "exit code 1")))
    parting = found.parting
    assert parting is not None
    assert parting.match is Match.OTHER_END
    assert parting.b is not None
    assert (parting.b.failed, parting.b.end) == (True, "error")


def test_a_call_with_other_arguments_stands_beside_its_like(store: TraceStore) -> None:
    found = compare(store, a_trace(store, EDIT), a_trace(store, READ, ("edit", {"path": "b.py"}, None)))
    assert (Match.DIFFERENT, "edit", "edit") in told(found)


def test_totals_and_tools_are_counted_with_their_errors(store: TraceStore) -> None:
    found = compare(store, a_trace(store, READ, READ, (*TEST[:2], "no")), a_trace(store, EDIT))
    assert [(tool.name, tool.a_calls, tool.a_errors, tool.b_calls, tool.b_errors) for tool in found.tools] == [
        ("read", 2, 0, 0, 0),
        ("bash", 1, 1, 0, 0),
        ("edit", 0, 0, 1, 0),
    ]
    assert (found.a.totals.calls, found.a.totals.errors, found.b.totals.calls) == (3, 1, 1)


def test_what_a_guard_runs_and_what_is_checked_before_the_first_turn_is_no_step(store: TraceStore) -> None:
    with Tracer(store).start_trace("run") as trace:
        trace.add_span("check tests", kind=SpanKind.EVALUATOR, input="pytest")
        trace.add_span("chat", kind=SpanKind.LLM)
        trace.add_span("check tests", kind=SpanKind.EVALUATOR, input="pytest", error="exit code 1")
        with trace.span("integrity", kind=SpanKind.GUARDRAIL):
            trace.add_span("check tests", kind=SpanKind.EVALUATOR, input="pytest")
    found = [(step.name, step.end) for step in steps(store.trace(trace.trace_id))]
    assert found == [("turn 1", ""), ("check tests", "failed"), ("integrity", "passed")]


def test_a_shift_in_a_long_run_of_calls_is_found(store: TraceStore) -> None:
    one = a_trace(store, READ, *[("bash", {"command": f"echo {number}"}, None) for number in range(100)])
    other = a_trace(store, READ, *[("bash", {"command": f"echo {number}"}, None) for number in range(5, 105)])
    found = compare(store, one, other)
    assert sum(pair.match is Match.SAME for pair in found.pairs) == 2 * 96


def view_of(store: TraceStore, **args: str) -> CompareView:
    view = compare_page().view(Query(store, args=args))
    assert isinstance(view, CompareView)
    return view


def test_the_page_offers_other_tries_at_the_same_story_first(store: TraceStore) -> None:
    first, second = a_trace(store, READ), a_trace(store, EDIT)
    a_trace(store, READ, story="US-002")
    assert [row.trace_id for row in view_of(store, a=first).choices][:2] == [second, first]
    assert view_of(store).comparison is None


def test_the_page_shows_both_from_shortly_before_the_parting(store: TraceStore) -> None:
    one, other = a_trace(store, READ, READ, EDIT), a_trace(store, READ, READ, TEST)
    view = view_of(store, a=one, b=other, most="3")
    assert (len(view.same), len(view.shown), view.left_out) == (2, 3, 2)
    assert [(row.a, row.b) for row in view.totals if row.name == "Turns"] == [(3, 3)]


def test_an_unknown_trace_and_a_wrong_number_are_said(store: TraceStore) -> None:
    one = a_trace(store, READ)
    with pytest.raises(TraceNotFoundError, match="No trace begins with 'ffff'"):
        view_of(store, a=one, b="ffff")
    with pytest.raises(PageError, match="most=x is not a whole number"):
        view_of(store, a=one, b=one, most="x")
