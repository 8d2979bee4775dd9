"""The page of one trace: its rows, filters, growth, and what it sends to the script."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tracing import Tracer, TraceStore
from tracing import attributes as names
from tracing.finding import Finding, Severity
from tracing.span import SpanKind
from tracing.store.writes import PutFindings
from tracing.tracer import Trace
from tracing.web.app import create_app
from tracing.web.page import NotFoundError, PageError, Query, Site
from tracing.web.pages import span, trace
from tracing.web.pages.trace import TraceView, trace_page
from tracing.web.row_lines import rows_page
from tracing.web.security import Security

PORT = 7007


class Clock:
    """A second a look."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000_000_000_000

    def __call__(self) -> int:
        self.now_ns += 1_000_000_000
        return self.now_ns


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    opened = TraceStore.open(tmp_path / "traces.db")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def a_call(of: Trace, text: str, *, stop: str = "tool_use", tokens: int = 1_000) -> None:
    call = of.start_span("chat m", kind=SpanKind.LLM)
    call.set(
        names.llm_response_attributes(
            model="m", stop_reason=stop, uncached_input_tokens=tokens, output_tokens=10, cache_read_tokens=3 * tokens,
            cost_micros=5_000,
        )
    )  # fmt: skip
    call.set_output(text)
    call.end()


def a_tool(of: Trace, name: str, told: object, output: str = "fine", error: str = "") -> str:
    tool = of.start_span(f"execute_tool {name}", kind=SpanKind.TOOL, input=told)
    tool.set_output(output)
    if error:
        tool.error(error)
    tool.end()
    return tool.span_id


def a_trace(store: TraceStore, clock: Clock, *, ends: bool = True) -> tuple[Trace, str]:
    """Two turns, a read that succeeds and a command that fails and has a finding."""
    made = Tracer(store, clock=clock).start_trace("work", agent_id="an agent", metadata={names.STORY_ID: "US-1"})
    a_call(made, "I look.")
    a_tool(made, "read", {"path": "secret-plan.md"}, "the zebra sleeps")
    guilty = a_tool(made, "bash", {"command": "make test"}, "boom", error="exit 2")
    a_call(made, "Cut", stop="max_tokens", tokens=2_000)
    if ends:
        made.end()
    found = Finding("silent_retry_loop", Severity.CRITICAL, "Again and again", "It ran.", "Steer it.", (guilty,))
    store.write([PutFindings(made.trace_id, (found,), 1, clock())])
    return made, guilty


def asked(store: TraceStore, clock: Clock, trace_id: str = "latest", /, **args: object) -> Query:
    return Query(store, {"trace_id": trace_id}, {name: str(value) for name, value in args.items()}, clock())


def labels(view: TraceView) -> list[str]:
    return [row.words.label for row in view.rows]


def test_rows_are_the_tree_with_turns_numbered(store: TraceStore, clock: Clock) -> None:
    a_trace(store, clock)
    view = trace_page(asked(store, clock))
    assert labels(view) == ["work", "turn 1", "read", "bash", "turn 2"]
    assert [row.depth for row in view.rows] == [0, 1, 1, 1, 1]
    assert [row.state for row in view.rows] == ["ok", "ok", "ok", "failed", "ok"]
    assert [row.severity for row in view.rows] == [0, 0, 0, 3, 0]
    assert view.rows[4].words.note == "cut at max_tokens, 75 % cached"
    assert view.title == "US-1: work"


def test_a_prefix_of_the_id_is_enough_and_no_such_trace_is_said(store: TraceStore, clock: Clock) -> None:
    made, _ = a_trace(store, clock)
    assert trace_page(asked(store, clock, made.trace_id[:6])).trace.trace_id == made.trace_id
    with pytest.raises(NotFoundError, match="begins with 'ffff'"):
        trace_page(asked(store, clock, "ffff"))


def test_latest_of_nothing_says_what_to_do(store: TraceStore, clock: Clock) -> None:
    with pytest.raises(NotFoundError, match="There is no trace yet"):
        trace_page(asked(store, clock))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        pytest.param({"kinds": "tools"}, ["work", "read", "bash"], id="a-kind"),
        pytest.param({"kinds": "model,tools"}, ["work", "turn 1", "read", "bash", "turn 2"], id="kinds"),
        pytest.param({"problems": 1}, ["work", "bash"], id="problems"),
        pytest.param({"q": "secret-plan"}, ["work", "read"], id="gist"),
        pytest.param({"q": "zebra"}, ["work", "read"], id="full-text"),
        pytest.param({"q": "nowhere"}, [], id="nothing"),
        pytest.param({"row": 3}, ["bash", "turn 2"], id="pager"),
    ],
)
def test_filters_keep_what_stands_above_a_match(
    store: TraceStore, clock: Clock, args: dict[str, object], expected: list[str]
) -> None:
    a_trace(store, clock)
    view = trace_page(asked(store, clock, **args))
    assert labels(view) == expected
    assert all(row.matches == (row.words.label != "work") for row in view.rows)


def test_a_part_that_ends_before_it_begins_is_refused(store: TraceStore, clock: Clock) -> None:
    a_trace(store, clock)
    with pytest.raises(PageError, match="to_ms=5 is not after from_ms=10"):
        trace_page(asked(store, clock, from_ms=10, to_ms=5))


def test_growth_pins_a_tools_finding_to_the_turn_that_asked_for_it(store: TraceStore, clock: Clock) -> None:
    a_trace(store, clock)
    growth = trace_page(asked(store, clock)).growth
    assert growth is not None
    first, second = growth.columns
    assert (first.severity, first.cut, second.severity, second.cut) == (3, False, 0, True)
    assert second.said == "turn 2: 8.0k tokens in, 75 % cached, $0.0050, cut"
    assert growth.top_tokens == 8_000


def test_rows_json_gives_all_rows_and_then_only_what_changed(store: TraceStore, clock: Clock) -> None:
    made, guilty = a_trace(store, clock, ends=False)
    whole = rows_page(asked(store, clock))
    assert [line.split("\t")[6] for line in whole.lines] == ["work", "", "read", "bash", ""]
    assert all(len(line.split("\t")) == len(whole.columns) for line in whole.lines)
    assert whole.severities == {guilty: 3}
    clock.now_ns += 120_000_000_000
    later = rows_page(asked(store, clock, after=whole.after)).after
    new = a_tool(made, "grep", {"pattern": "x"})
    changed = rows_page(asked(store, clock, after=later))
    assert new in {line.split("\t")[0] for line in changed.lines}
    made.end()
    assert not rows_page(asked(store, clock, after=changed.after)).is_running


def test_a_span_that_ends_is_sent_again(store: TraceStore, clock: Clock) -> None:
    made, _ = a_trace(store, clock, ends=False)
    tool = made.start_span("execute_tool sleep", kind=SpanKind.TOOL)
    cursor = rows_page(asked(store, clock)).after
    tool.end()
    line = next(one for one in rows_page(asked(store, clock, after=cursor)).lines if one.startswith(tool.span_id))
    assert line.split("\t")[3] == "ok"


@pytest.mark.parametrize("after", ["x", "1", "1.x", "-1.2"])
def test_a_cursor_that_nobody_gave_is_refused(store: TraceStore, clock: Clock, after: str) -> None:
    a_trace(store, clock)
    with pytest.raises(PageError, match="is not what an answer said"):
        rows_page(asked(store, clock, after=after))


def a_client(store: TraceStore) -> TestClient:
    security = Security("token", PORT)
    site = Site(store, pages=(*trace.PAGES, *span.PAGES))
    client = TestClient(create_app(site, security), base_url=f"http://127.0.0.1:{PORT}")
    client.cookies.set(security.cookie, "token")
    return client


def test_the_page_shows_rows_findings_and_a_chosen_span_without_a_script(store: TraceStore, clock: Clock) -> None:
    made, guilty = a_trace(store, clock)
    answer = a_client(store).get(f"/traces/{made.trace_id}?span={guilty}")
    assert answer.status_code == 200
    assert f'id="row-{guilty}"' in answer.text
    assert "Again and again" in answer.text
    assert f'data-shown="{guilty}"' in answer.text
    assert "make test" in answer.text
    assert " style=" not in answer.text


@pytest.mark.parametrize(
    "path", ["", "?span=SPAN", ".json", "/rows.json", "/rows", "?problems=1&from_ms=1000&to_ms=4000"]
)
def test_every_address_of_a_running_trace_answers(store: TraceStore, clock: Clock, path: str) -> None:
    made, guilty = a_trace(store, clock, ends=False)
    made.start_span("open", kind=SpanKind.LLM)
    answer = a_client(store).get(f"/traces/{made.trace_id}{path.replace('SPAN', guilty[:8])}")
    assert answer.status_code == 200


def test_a_trace_of_nothing_but_its_root_is_a_page(store: TraceStore, clock: Clock) -> None:
    made = Tracer(store, clock=clock).start_trace("")
    assert a_client(store).get(f"/traces/{made.trace_id}").status_code == 200


def test_ten_thousand_spans_are_read_in_a_moment(store: TraceStore, clock: Clock) -> None:
    made, _ = a_trace(store, clock)
    line = store.span_rows(made.trace_id)[-1]
    from tracing.web.growth import growth  # noqa: PLC0415
    from tracing.web.timeline import arranged, axis  # noqa: PLC0415

    lines = [
        line._replace(id=n, span_id=f"{n:016x}", parent_span_id=f"{n // 7:016x}", started_at_ns=line.started_at_ns + n)
        for n in range(1, 10_000)
    ]
    began_s = time.process_time()
    arranged(lines)
    axis(lines, clock())
    growth(lines, {})
    assert time.process_time() - began_s < 1


def test_a_changed_trace_is_read_anew(store: TraceStore, clock: Clock) -> None:
    made, _ = a_trace(store, clock)
    assert len(trace_page(asked(store, clock)).rows) == 5
    late = made.start_span("late")
    late.end()
    assert len(trace_page(asked(store, clock)).rows) == 6


def test_a_check_that_failed_as_it_should_is_no_problem(store: TraceStore, clock: Clock) -> None:
    made = Tracer(store, clock=clock).start_trace("work")
    for why in ("the new tests without the work, where some should fail", ""):
        known = {names.CHECK_PASSED: False, names.CHECK_EXIT_CODE: 1, **({names.CHECK_WHY: why} if why else {})}
        made.add_span("check tests", kind=SpanKind.EVALUATOR, error="exit code 1", attributes=known)
    made.end()
    view = trace_page(asked(store, clock, made.trace_id))
    assert [(row.state, row.words.note) for row in view.rows if row.kind is SpanKind.EVALUATOR] == [
        ("expected", "failed, as it should: the new tests without the work"),
        ("failed", "failed, exit code 1"),
    ]
    assert (view.failed, view.trace.errors) == (1, 2)
    expected = next(row for row in view.rows if row.words.note.startswith("failed, as"))
    args = {"trace_id": made.trace_id, "span_id": expected.span_id}
    shown = span.span_page(Query(store, args, {}, clock()))
    assert shown.verdict is not None
    assert shown.verdict.expected == "failed, as it should: the new tests without the work"


def test_spans_behind_a_finding_have_names_and_a_command_loses_its_variables(store: TraceStore, clock: Clock) -> None:
    made, guilty = a_trace(store, clock)
    turn = next(line.span_id for line in store.span_rows(made.trace_id) if line.is_call)
    found = Finding("thrashing", Severity.WARNING, "To and fro", "It went.", "Steer.", (guilty, turn))
    store.write([PutFindings(made.trace_id, (found,), 1, clock())])
    assert trace_page(asked(store, clock)).names == {guilty: "bash in turn 1", turn: "turn 1"}
    page = a_client(store).get(f"/traces/{made.trace_id}").text
    assert f'title="{guilty[:8]}">bash in turn 1</a>, <a' in page
    a_tool(made := Tracer(store, clock=clock).start_trace("w"), "bash", {"command": "A=1 B='x y' make all C=2"}, "")
    a_tool(made, "bash", {"command": "A=1"}, "")
    a_tool(made, "query", {"sql": "A=1 and B"}, "")
    made.start_span("verify", kind=SpanKind.CHAIN, input={"files": ["a.py", "b.py", "c.py"]}).end()
    made.end()
    gists = [row.words.gist for row in trace_page(asked(store, clock)).rows][1:]
    assert gists == ["make all C=2", "A=1", "A=1 and B", "3 files: a.py, b.py, c.py"]
