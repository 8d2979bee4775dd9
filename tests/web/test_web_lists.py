"""The list of traces: filters, order and place in the address; where searched words stand; nothing of a trace is markup."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracing import TraceStore
from tracing import attributes as names
from tracing.finding import Finding, Severity
from tracing.owner import this_process
from tracing.span import (
    AttributeValue,
    JsonValue,
    PayloadRefs,
    SpanKind,
    SpanState,
    SpanStatus,
    TraceState,
    TraceStatus,
)
from tracing.store.writes import PutFindings, PutPayload, PutSpan, PutTrace, Write
from tracing.web.page import PageError, Query, Site
from tracing.web.pages import agents, sessions, traces
from tracing.web.pages.traces import TracesView
from tracing.web.render import Renderer, Where
from tracing.web.slugs import slug, unslug

SECOND = 1_000_000_000
NOW = 1_790_000_000 * SECOND
HOSTILE = "<script>alert(1)</script>"


def a_trace(
    number: int,
    *,
    agent: str = "ralph",
    session: str | None = "night",
    status: TraceStatus = TraceStatus.SUCCESS,
    cost: int = 1_000,
    story: str = "",
    said: str = "nothing to tell",
    worst: Severity | None = None,
    model: str = "m-1",
    name: str = "work",
) -> Iterator[Write]:
    """A trace that began `number` minutes after NOW minus a day: one call that cost, one tool that said something."""
    trace_id, root = f"{number:032x}", f"{number:016x}"
    began = NOW - 86_400 * SECOND + number * 60 * SECOND
    metadata: dict[str, JsonValue] = {names.STORY_ID: story} if story else {}
    owner = this_process()
    ended = None if status is TraceStatus.RUNNING else began + number * SECOND
    yield PutTrace(TraceState(trace_id, root, name, agent, session, status, None, began, ended, metadata, owner), began)
    usage: dict[str, AttributeValue] = {names.INPUT_TOKENS: 100, names.COST_MICROS: cost, names.REQUEST_MODEL: model}
    data = f'"{said}"'.encode()
    payload = PutPayload(hashlib.sha256(data).hexdigest(), len(data), compressed=False, data=data)
    yield payload
    for index, kind in enumerate((SpanKind.AGENT, SpanKind.LLM, SpanKind.TOOL)):
        span_id = f"{number * 10 + index:016x}" if index else root
        tool = kind is SpanKind.TOOL
        yield PutSpan(
            SpanState(
                trace_id, span_id, root if index else None, f"{kind.value.lower()} step", kind, SpanStatus.OK, None,
                began, began + 1, usage if kind is SpanKind.LLM else {}, (), PayloadRefs(output=payload.hash if tool else None),
            ),
            began,
            (said,) if tool else (name,),
        )  # fmt: skip
    if worst:
        found = Finding("silent_retry_loop", worst, f"It ran {HOSTILE}", "evidence", "remedy", (root,))
        yield PutFindings(trace_id, (found,), 1, began)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    with closing(TraceStore.open(tmp_path / "traces.db")) as opened:
        yield opened


def ask(store: TraceStore, **args: str) -> TracesView:
    return traces.traces(Query(store, {}, args, NOW))


def numbers(view: TracesView) -> list[int]:
    return [int(line.row.trace_id, 16) for line in view.traces]


def html(store: TraceStore, name: str, path: dict[str, str] | None = None, **args: str) -> str:
    pages = (*traces.PAGES, *agents.PAGES, *sessions.PAGES)
    page = next(page for page in pages if page.name == name)
    renderer = Renderer(Site(store, pages=pages))
    return renderer.page(page, page.view(Query(store, path or {}, args, NOW)), Where(page))


def test_the_newest_come_first_and_pages_lead_to_the_end_and_back(store: TraceStore) -> None:
    for number in range(1, 8):
        store.write([*a_trace(number)])
    first = ask(store, limit="3")
    assert (numbers(first), first.count, first.newer) == ([7, 6, 5], "3 of 7", None)
    assert first.older is not None
    second = ask(store, **first.older)
    assert numbers(second) == [4, 3, 2]
    assert second.older is not None
    last = ask(store, **second.older)
    assert (numbers(last), last.older) == ([1], None)
    assert last.newer is not None
    back = ask(store, **last.newer)
    assert numbers(back) == [4, 3, 2]
    assert back.newer is not None
    assert numbers(ask(store, **back.newer)) == [7, 6, 5]


def test_a_page_does_not_slip_when_a_trace_comes_while_it_is_read(store: TraceStore) -> None:
    for number in range(1, 6):
        store.write([*a_trace(number)])
    older = ask(store, limit="2").older
    assert older is not None
    store.write([*a_trace(9)])
    assert numbers(ask(store, **older)) == [3, 2]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        pytest.param("cost", [2, 3, 1], id="dearest"),
        pytest.param("duration", [3, 2, 1], id="longest"),
        pytest.param("findings", [1, 2, 3], id="worst-findings"),
    ],
)
def test_the_order_is_chosen_and_pages_follow_it(store: TraceStore, sort: str, expected: list[int]) -> None:
    store.write([*a_trace(1, cost=10, worst=Severity.CRITICAL)])
    store.write([*a_trace(2, cost=900, worst=Severity.NOTE), *a_trace(3, cost=50)])
    seen: list[int] = []
    args = {"sort": sort, "limit": "1"}
    for _ in range(3):
        view = ask(store, **args)
        seen += numbers(view)
        args = dict(view.older or {})
    assert seen == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        pytest.param({"agent": "other/bot"}, [2], id="agent"),
        pytest.param({"agent": "(no name)"}, [3], id="agent-without-a-name"),
        pytest.param({"status": "error"}, [2], id="status"),
        pytest.param({"story": "US-001"}, [1], id="story"),
        pytest.param({"session": "day"}, [4], id="session"),
        pytest.param({"model": "m-2"}, [4], id="model"),
        pytest.param({"severity": "warning"}, [2], id="severity"),
        pytest.param({"detector": "silent_retry_loop"}, [3, 2], id="detector"),
        pytest.param({"detector": "silent_retry_loop", "severity": "critical"}, [2], id="detector-and-severity"),
        pytest.param({"min_cost": "0.5", "max_cost": "$2"}, [3], id="cost"),
        pytest.param({"since": "2000-01-01", "until": "2000-01-02"}, [], id="time"),
        pytest.param({"text": "pangolin"}, [4], id="text"),
        pytest.param({"text": "pangolin", "agent": "other/bot"}, [], id="text-and-agent"),
        pytest.param({"text": "pangolin", "sort": "cost"}, [4], id="text-in-another-order"),
    ],
)
def test_each_filter_finds_what_it_names(store: TraceStore, args: dict[str, str], expected: list[int]) -> None:
    store.write([*a_trace(1, story="US-001")])
    store.write([*a_trace(2, agent="other/bot", status=TraceStatus.ERROR, worst=Severity.CRITICAL)])
    store.write([*a_trace(3, agent="", cost=1_000_000, worst=Severity.NOTE)])
    store.write([*a_trace(4, session="day", said="a pangolin ran by", model="m-2")])
    view = ask(store, **args)
    assert numbers(view) == expected
    assert {chip.value for chip in view.chips} == {value for name, value in args.items() if name != "sort"}


def test_a_chip_takes_its_filter_away_and_leaves_the_others(store: TraceStore) -> None:
    view = ask(store, status="error", agent="x", sort="cost")
    assert [dict(chip.without) for chip in view.chips] == [
        {"agent": "x", "sort": "cost"},
        {"status": "error", "sort": "cost"},
    ]


def test_searched_words_are_shown_where_they_stand_and_lead_to_their_span(store: TraceStore) -> None:
    store.write([*a_trace(5, said=f"long ago {HOSTILE} a Pangolin ran by the river")])
    place = ask(store, text="river pangol").traces[0].places[0]
    assert (place.span_id, place.where) == (f"{52:016x}", "output")
    assert [part.text for part in place.parts if part.found] == ["Pangol", "river"]
    page = html(store, "traces", text="river pangol")
    assert "<mark>Pangol</mark>" in page
    assert HOSTILE not in page


def test_a_count_is_told_as_far_as_it_was_counted(store: TraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "COUNTED", 3)
    for number in range(1, 6):
        store.write([*a_trace(number)])
    assert ask(store, limit="2").count == "2 of more than 3"
    assert ask(store, limit="2", text="nothing").count == "2 shown, there are more"
    assert ask(store).count == "5 traces"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param({"status": "lost"}, "status=lost is none of running, success", id="status"),
        pytest.param({"since": "soon"}, "since=soon is not a time. Write 8h", id="since"),
        pytest.param({"min_cost": "much"}, "min_cost=much is not an amount. Write dollars", id="cost"),
        pytest.param({"after": "here"}, "after=here is no place in this list", id="cursor"),
        pytest.param({"min_cost": "inf"}, "min_cost=inf is not an amount", id="endless-cost"),
        pytest.param({"since": "9999-12-31"}, "since=9999-12-31 is not a time", id="after-all-time"),
        pytest.param({"max_cost": "1e30"}, "max_cost=1e30 is not an amount", id="more-than-there-is"),
        pytest.param({"after": f"{1 << 70}-a"}, "is no place in this list", id="cursor-beyond"),
    ],
)
def test_an_address_that_makes_no_sense_says_what_to_write(
    store: TraceStore, args: dict[str, str], message: str
) -> None:
    with pytest.raises(PageError) as caught:
        ask(store, **args)
    assert message in str(caught.value)


def test_an_empty_store_says_what_to_do_and_an_empty_answer_that_filters_are_on(store: TraceStore) -> None:
    assert "No trace is here yet." in html(store, "traces")
    store.write([*a_trace(1)])
    assert "No trace matches." in html(store, "traces", status="error")


def test_nothing_that_a_trace_says_becomes_markup(store: TraceStore) -> None:
    hostile = a_trace(1, agent=HOSTILE, session=HOSTILE, story=HOSTILE, name=HOSTILE, worst=Severity.CRITICAL)
    store.write([*hostile])
    pages = [
        html(store, "traces", text="nothing", agent=HOSTILE),
        html(store, "agents"),
        html(store, "agent", {"agent": slug(HOSTILE)}),
        html(store, "session", {"session_id": slug(HOSTILE)}),
    ]
    for page in pages:
        assert HOSTILE not in page
        assert "style=" not in page


@pytest.mark.parametrize("text", ["", "ralph", "a/b c", "x.json", "~", "~2F", "%2F", "ä✓", "..", HOSTILE])
def test_any_name_is_one_part_of_a_path_and_comes_back(text: str) -> None:
    part = slug(text)
    assert unslug(part) == text
    assert part
    assert not set(part) & set("/.?#% ")


def test_q_means_text_and_what_no_page_knows_is_ignored(store: TraceStore) -> None:
    store.write([*a_trace(5, said="a needle in the hay"), *a_trace(6, said="hay")])
    assert numbers(ask(store, q="needle")) == [5]
    assert ask(store, q="needle").args == {"text": "needle"}
    assert numbers(ask(store, unknown="needle")) == numbers(ask(store))
