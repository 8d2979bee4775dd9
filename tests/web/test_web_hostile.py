"""A store that nobody would write on purpose: every page still answers, says what is wrong, and shows the rest."""

import math
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ralph.home import Home
from ralph.ui.site import ralph_site
from tracing import Tracer
from tracing import attributes as names
from tracing.failures.detectors import VERSION
from tracing.failures.stored import analyse_pending
from tracing.finding import Finding, Severity
from tracing.span import PayloadRefs, SpanKind, SpanState, SpanStatus
from tracing.store import TraceStore
from tracing.store.store import write_each
from tracing.store.writes import PutFindings, PutSpan
from tracing.web.app import create_app
from tracing.web.security import Security

Get = Callable[[str], Any]
PAGES = ("/", "/index.json", "/stories", "/traces", "/agents", "/costs", "/compare")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def store(home: Home) -> Iterator[TraceStore]:
    opened = TraceStore.open(home.traces_db, busy_timeout_ms=50)
    yield opened
    opened.close()


@pytest.fixture
def get(store: TraceStore, home: Home) -> Any:
    security = Security.fresh(80)
    client: Any = TestClient(
        create_app(ralph_site(store, home), security),
        base_url="http://127.0.0.1",
        cookies={security.cookie: security.token},
        follow_redirects=False,
        raise_server_exceptions=False,
    )
    return client.get


def raw(home: Home, sql: str, *values: object) -> None:
    connection = sqlite3.connect(home.traces_db)
    with connection:
        connection.execute(sql, values)
    connection.close()


@pytest.mark.parametrize("value", [5, "many", [], [1, 2], 1.5])
def test_attributes_of_a_kind_that_nobody_expects_break_no_page(store: TraceStore, get: Get, value: Any) -> None:
    odd = dict.fromkeys(
        (names.FINISH_REASONS, names.EXIT_CODE, names.CHECK_PASSED, names.CALL_ATTEMPTS, names.CACHE_BREAK), value
    )
    with Tracer(store).start_trace("odd", agent_id="ralph", metadata={"ralph.repo": "/nowhere"}) as trace:
        for kind in SpanKind:
            trace.add_span("verify", kind=kind, attributes=odd, input=value, output=value)
    found = store.trace(trace.trace_id)
    ways = ["", ".json", "/rows", "/outcome", *(f"/spans/{span.span_id}" for span in found.spans)]
    asked = [f"/traces/{trace.trace_id}{way}" for way in ways] + [f"/compare?a={trace.trace_id}&b={trace.trace_id}"]
    assert {path: get(path).status_code for path in asked} == dict.fromkeys(asked, 200)


def test_an_id_that_begins_like_another_does_not_hide_it(store: TraceStore, home: Home, get: Get) -> None:
    with Tracer(store).start_trace("seen", agent_id="a") as trace:
        span = trace.add_span("x")
    for column, table in (("trace_id", "trace"), ("span_id", "span")):
        connection = sqlite3.connect(home.traces_db)
        with connection:
            rows = [dict(row) for row in _rows(connection, table)]
            for row in rows:
                row.pop("id", None)
                row[column] += "00"
                connection.execute(
                    f"INSERT INTO {table}({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
                )
        connection.close()
    assert get(f"/traces/{trace.trace_id}").status_code == 200
    assert get(f"/traces/{trace.trace_id}/spans/{span.span_id}").status_code == 200
    assert get(f"/traces/{trace.trace_id[:20]}").status_code == 404


def _rows(connection: sqlite3.Connection, table: str) -> list[sqlite3.Row]:
    connection.row_factory = sqlite3.Row
    return connection.execute(f"SELECT * FROM {table}").fetchall()


def test_ids_that_are_no_hex_leave_the_overview_and_their_own_page_as_they_are(
    store: TraceStore, home: Home, get: Get
) -> None:
    with Tracer(store).start_trace("x", agent_id="ralph", metadata={"ralph.repo": "/nowhere"}):
        pass
    raw(home, "UPDATE trace SET trace_id = '..-etc-passwd', status = 'error'")
    assert {path: get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 200)
    assert get("/traces/..-etc-passwd").status_code == 200


def test_a_conversation_that_bites_its_tail_ends(store: TraceStore, home: Home) -> None:
    raw(home, "INSERT INTO conversation VALUES ('a', 'b', 'm', 1), ('b', 'a', 'm', 2)")
    assert len(store.conversation("b")) == 2


@pytest.mark.parametrize("data", [b"\xff\xfe{", b"[" * 200_000, b'{"a":'])
def test_a_payload_that_is_damaged_is_said_to_be(store: TraceStore, home: Home, get: Get, data: bytes) -> None:
    with Tracer(store).start_trace("x", agent_id="a") as trace:
        span = trace.add_span("t", kind=SpanKind.TOOL, input={"command": "ls"})
    raw(home, "UPDATE payload SET data = ?, compressed = 0", data)
    answer = get(f"/traces/{trace.trace_id}/spans/{span.span_id}")
    assert answer.status_code == 200
    assert "damaged" in answer.text


def test_a_value_too_deep_for_its_twin_is_no_bug(store: TraceStore, home: Home, get: Get) -> None:
    with Tracer(store).start_trace("x", agent_id="a") as trace:
        span = trace.add_span("t", kind=SpanKind.TOOL, input={"command": "ls"})
    raw(home, "UPDATE payload SET data = ?, compressed = 0", b"[" * 900 + b"]" * 900)
    answer = get(f"/traces/{trace.trace_id}/spans/{span.span_id}.json")
    assert answer.status_code in {200, 503}
    assert "bug" not in answer.text


def test_a_ledger_that_cannot_be_read_is_said_and_everything_else_is_shown(
    store: TraceStore, home: Home, get: Get
) -> None:
    with Tracer(store).start_trace("x", agent_id="ralph", metadata={"ralph.story.id": "US-001"}) as trace:
        pass
    home.ledger_db.write_bytes(b"no ledger at all, but long enough to be looked at" * 100)
    assert "The ledger cannot be read" in get("/").text
    assert "file is not a database" in get("/").text
    assert get("/index.json").json()["money"]["today_micros"] is None
    asked = [*PAGES, f"/traces/{trace.trace_id}", f"/traces/{trace.trace_id}/outcome"]
    assert {path for path in asked if get(path).status_code != 200} == {"/costs"}
    assert "ledger.db: cannot be used: file is not a database" in get("/costs").text
    assert get("/costs").status_code == 503


def test_a_ledger_of_a_newer_ralph_is_said_to_be_one(store: TraceStore, home: Home, get: Get) -> None:
    with Tracer(store).start_trace("x", agent_id="a"):
        pass
    home.ledger_db.write_bytes(b"")
    with sqlite3.connect(home.ledger_db) as ledger:
        ledger.execute("CREATE TABLE schema_version(component TEXT PRIMARY KEY, version INTEGER NOT NULL)")
        ledger.execute("INSERT INTO schema_version VALUES ('ledger', 99)")
    ledger.close()
    assert "written by a newer Ralph" in get("/costs").text
    assert "written by a newer Ralph" in get("/").text


def test_looking_at_costs_makes_no_ledger(home: Home, get: Get) -> None:
    assert get("/costs").status_code == 200
    assert not home.ledger_db.exists()


def test_a_slash_too_many_leads_to_no_address_inside_of_a_proxy(store: TraceStore, home: Home) -> None:
    security = Security("t", 7007, "https://example.com/ralph")
    client: Any = TestClient(create_app(ralph_site(store, home), security), base_url="https://example.com")
    answer = client.get("/ralph/traces/", headers={"Authorization": "Bearer t"}, follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


def test_a_trace_with_more_findings_than_anybody_reads_shows_the_gravest(store: TraceStore, get: Get) -> None:
    with Tracer(store).start_trace("x", agent_id="a") as trace:
        span = trace.add_span("t", kind=SpanKind.TOOL)
    some = [Finding("loop", Severity.NOTE, f"note {n}", "e", "r", (span.span_id,)) for n in range(2_000)]
    grave = Finding("loop", Severity.CRITICAL, "the grave one", "e", "r", (span.span_id,))
    store.write([PutFindings(trace.trace_id, (*some, grave), 1, 1)])
    answer = get(f"/traces/{trace.trace_id}")
    assert "the grave one" in answer.text
    assert len(answer.content) < 1_000_000


def test_paging_back_from_the_first_moment_that_can_be_stored_works(store: TraceStore, home: Home, get: Get) -> None:
    for _ in range(3):
        with Tracer(store).start_trace("x", agent_id="a"):
            pass
    raw(home, "UPDATE trace SET started_at_ns = ?", -(2**63))
    older = get("/traces.json?limit=1").json()["older"]
    newer = get(f"/traces.json?limit=1&after={older['after']}").json()["newer"]
    assert get(f"/traces?limit=1&before={newer['before']}").status_code == 200


@pytest.mark.parametrize("count", ["--5", "9" * 5_000, "²", "x", 1.5])
def test_a_count_that_is_none_takes_the_findings_of_no_trace_away(store: TraceStore, count: Any) -> None:
    with Tracer(store).start_trace("fine", agent_id="a"):
        pass
    with Tracer(store).start_trace("odd", agent_id="a") as trace:
        trace.add_span(
            "turn", kind=SpanKind.LLM, attributes={"llm.token_count.prompt": count, names.INPUT_TOKENS: count}
        )
    analyse_pending(store, limit=5)
    assert {row.name: row.analysed for row in store.traces()} == {"fine": VERSION, "odd": VERSION}


def test_a_trace_that_cannot_be_analysed_holds_up_no_other(store: TraceStore, home: Home) -> None:
    with Tracer(store).start_trace("fine", agent_id="a"):
        pass
    with Tracer(store).start_trace("broken", agent_id="a") as trace:
        trace.add_span("t", kind=SpanKind.TOOL)
    raw(home, "UPDATE span SET events = '[{\"no\": \"event\"}]' WHERE name = 't'")
    analyse_pending(store, limit=5)
    assert {row.name: row.analysed for row in store.traces()} == {"fine": VERSION, "broken": VERSION}


def test_numbers_that_json_has_no_word_for_make_no_trace_unreadable(store: TraceStore, get: Get) -> None:
    with Tracer(store).start_trace("x", agent_id="a") as trace:
        trace.add_span("t", kind=SpanKind.LLM)
    span = store.trace(trace.trace_id).spans[0]
    facts = {"nan": math.nan, "inf": math.inf, names.CALL_ATTEMPTS: math.inf}
    state = SpanState(
        trace.trace_id, "a" * 16, None, "odd", SpanKind.LLM, SpanStatus.OK, None, 1, 2, facts, (), PayloadRefs()
    )
    store.write([PutSpan(state, 1)])
    assert get(f"/traces/{trace.trace_id}").status_code == 200
    assert get(f"/traces/{trace.trace_id}/spans/{'a' * 16}.json").status_code == 200
    assert get(f"/traces/{trace.trace_id}/spans/{span.span_id}").status_code == 200


def test_a_time_that_no_store_can_hold_costs_only_its_own_span_and_such_a_count_not_even_that(
    store: TraceStore,
) -> None:
    with Tracer(store).start_trace("x", agent_id="a") as trace:
        pass

    def put(span_id: str, count: float, at_ns: int = 1) -> PutSpan:
        told = {names.INPUT_TOKENS: count}
        return PutSpan(
            SpanState(
                trace.trace_id, span_id, None, "t", SpanKind.LLM, SpanStatus.OK, None, at_ns, 2, told, (), PayloadRefs()
            ),
            1,
        )

    puts = [put("a" * 16, 1, 10**30), put("b" * 16, 10**30), put("c" * 16, math.inf), put("d" * 16, 5)]
    assert write_each(store, puts) == 1
    assert {span.span_id[0] for span in store.trace(trace.trace_id).spans} >= {"b", "c", "d"}
    assert store.trace_row(trace.trace_id).input_tokens == 5
