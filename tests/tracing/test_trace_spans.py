"""Traces and spans: durable at start and end, whole, nested, redacted, and never in their host's way."""

import asyncio
import contextlib
import itertools
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tracing import attributes as names
from tracing.contents import Content
from tracing.finding import Finding, Severity
from tracing.observe import child_environment, default_tracer, observe, start_trace
from tracing.owner import is_alive, this_process
from tracing.redact import Redactor
from tracing.span import AttributeValue, Owner, SpanKind, SpanStatus, TraceStatus, parse_traceparent
from tracing.sqlite import StateError, connect, migrate
from tracing.store import GroupBy, TraceFilter, TraceNotFoundError, TraceStore
from tracing.store.schema import COMPONENT, MIGRATIONS
from tracing.store.writes import PutFindings
from tracing.tracer import Trace, Tracer, current_span, use_span
from tracing.words import money

NOON_NS = 1_800_014_400_000_000_000


class Counted:
    """Ids that count."""

    def __init__(self) -> None:
        self._traces = itertools.count(1)
        self._spans = itertools.count(1)

    def trace_id(self) -> str:
        return f"{next(self._traces):032x}"

    def span_id(self) -> str:
        return f"{next(self._spans):016x}"


def ticking() -> "itertools.count[int]":
    return itertools.count(NOON_NS, 1_000_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    with contextlib.closing(TraceStore.open(tmp_path / "traces.db")) as opened:
        yield opened


def a_tracer(store: TraceStore, *secrets: str, content: Content = Content.FULL) -> Tracer:
    return Tracer(store, redact=Redactor(secrets), content=content, clock=ticking().__next__, ids=Counted())


def a_call(trace: Trace, *, cost_micros: int = 100, cached: int = 0, model: str = "m-1") -> None:
    with trace.span(f"chat {model}", kind=SpanKind.LLM) as span:
        span.set(
            names.llm_response_attributes(
                model=model,
                stop_reason="end_turn",
                uncached_input_tokens=10,
                cache_read_tokens=cached,
                output_tokens=5,
                cost_micros=cost_micros,
            )
        )


def raw_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("traces.db*")))


def test_a_whole_span_reads_back_as_it_was_written(store: TraceStore) -> None:
    tracer = a_tracer(store)
    trace = tracer.start_trace("invoke_agent ralph", agent_id="ralph", session_id="run-1", metadata={"story": "US-1"})
    with trace.span("execute_tool bash", kind=SpanKind.TOOL, input={"command": "ls"}) as span:
        span.set(names.tool_attributes(name="bash", call_id="c1"))
        span.set(names.tool_result_attributes(exit_code=0, duration_ms=1.5))
        span.set_output("a.txt")
    trace.end()
    detail = store.trace(trace.trace_id)
    root, tool = detail.spans
    assert (detail.trace.status, detail.trace.story, detail.trace.spans) == (TraceStatus.SUCCESS, "US-1", 2)
    assert (root.name, root.kind, root.status, root.parent_span_id) == (
        "invoke_agent ralph",
        SpanKind.AGENT,
        SpanStatus.OK,
        None,
    )
    assert (tool.parent_span_id, tool.status, tool.error) == (root.span_id, SpanStatus.OK, None)
    assert (tool.input(), tool.output()) == ({"command": "ls"}, "a.txt")
    assert tool.duration_ns is not None
    assert tool.duration_ns > 0
    assert dict(tool.attributes) == {
        "openinference.span.kind": "TOOL",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.agent.name": "ralph",
        "gen_ai.conversation.id": "run-1",
        "session.id": "run-1",
        "gen_ai.tool.name": "bash",
        "tool.name": "bash",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "c1",
        "tool.id": "c1",
        "ralph.tool.exit_code": 0,
        "ralph.tool.duration_ms": 1.5,
        "ralph.tool.truncated": False,
    }


def test_a_span_is_on_disk_when_it_starts_and_what_is_flushed_while_it_is_open(store: TraceStore) -> None:
    trace = a_tracer(store).start_trace("t")
    span = trace.start_span("step", input="question")
    span.set({"progress": 1}, flush=True)
    with contextlib.closing(TraceStore.open(store.path)) as another:
        seen = another.trace(trace.trace_id).spans[1]
        assert (seen.ended_at_ns, seen.input(), seen.attributes["progress"]) == (None, "question", 1)


def test_an_exception_is_recorded_with_type_and_event_and_goes_on(store: TraceStore) -> None:
    trace = a_tracer(store).start_trace("t")
    with pytest.raises(ZeroDivisionError), trace.span("step"):
        _ = 1 / 0
    trace.end("error", error="gave up")
    detail = store.trace(trace.trace_id)
    step = detail.spans[1]
    assert (step.status, step.error, step.attributes["error.type"]) == (
        SpanStatus.ERROR,
        "division by zero",
        "ZeroDivisionError",
    )
    assert [event.name for event in step.events] == ["exception"]
    assert "1 / 0" in str(step.events[0].attributes["exception.stacktrace"])
    assert (detail.trace.status, detail.trace.error, detail.trace.errors) == (TraceStatus.ERROR, "gave up", 2)


def test_a_trace_that_ends_closes_what_is_open_in_it_and_ending_twice_changes_nothing(store: TraceStore) -> None:
    trace = a_tracer(store).start_trace("t")
    trace.start_span("left open")
    trace.end("blocked")
    trace.end("error")
    detail = store.trace(trace.trace_id)
    assert detail.trace.status is TraceStatus.BLOCKED
    assert [span.status for span in detail.spans] == [SpanStatus.OK, SpanStatus.INTERRUPTED]
    assert detail.spans[1].ended_at_ns is not None


def test_totals_follow_each_model_call_and_usage_on_other_spans_is_left_out(store: TraceStore) -> None:
    trace = a_tracer(store).start_trace("t", metadata={"ralph.repo": "r", "ralph.story.id": "US-2"})
    a_call(trace, cost_micros=100, cached=30)
    a_call(trace, cost_micros=50)
    trace.root.set(
        {"gen_ai.usage.input_tokens": 999, "ralph.cost.micros": 999, "ralph.cache.hit_ratio": 0.5}, flush=True
    )
    row = store.traces()[0]
    assert (row.turns, row.input_tokens, row.cache_read_tokens, row.output_tokens, row.cost_micros) == (
        2,
        50,
        30,
        10,
        150,
    )
    assert row.cache_hit_ratio == 30 / 50
    root = store.trace(trace.trace_id).spans[0]
    assert not any(name.startswith("gen_ai.usage") for name in root.attributes)
    assert root.attributes["ralph.cache.hit_ratio"] == 0.5


def test_writing_a_span_again_does_not_count_it_again(store: TraceStore) -> None:
    trace = a_tracer(store).start_trace("t")
    a_call(trace)
    writes = [trace.root.write(), trace.root.write()]
    store.write(writes)
    assert (store.traces()[0].spans, store.traces()[0].cost_micros) == (2, 100)


def test_traces_are_found_by_status_story_repo_cost_time_and_text(store: TraceStore) -> None:
    tracer = a_tracer(store)
    one = tracer.start_trace("first", metadata={"story": "US-1", "repo": "a"})
    a_call(one, cost_micros=10)
    one.add_span("read", input="the quick brown fox", output="jumps over")
    one.end()
    two = tracer.start_trace("second", metadata={"story": "US-2", "repo": "b"})
    a_call(two, cost_micros=90)
    talk = tracer.conversation()
    for text in ("an early pangolin", "a later message"):
        talk.append({"role": "user", "content": text})
    two.start_span("chat", kind=SpanKind.LLM).set_request(talk)
    two.end("error", error="boom")

    def found(filters: TraceFilter) -> list[str]:
        return [row.name for row in store.traces(filters)]

    assert found(TraceFilter()) == ["second", "first"]
    assert found(TraceFilter(status="error")) == found(TraceFilter(story="US-2")) == ["second"]
    assert found(TraceFilter(repo="a")) == found(TraceFilter(max_cost_micros=50)) == ["first"]
    assert found(TraceFilter(min_cost_micros=50)) == found(TraceFilter(since_ns=NOON_NS + 6_000_000)) == ["second"]
    assert found(TraceFilter(text="quick fox")) == found(TraceFilter(text="jump")) == ["first"]
    assert found(TraceFilter(text="pangolin")) == found(TraceFilter(text="boom")) == ["second"]
    assert found(TraceFilter(text='no "such" AND (thing')) == []
    assert found(TraceFilter(limit=1)) == ["second"]


def test_costs_tell_what_is_simulated_and_what_is_only_a_bound(store: TraceStore) -> None:
    trace = a_tracer(store).start_trace("t", metadata={"story": "US-1"})
    a_call(trace, cost_micros=10)
    with trace.span("chat m-1", kind=SpanKind.LLM) as span:
        span.set({names.COST_MICROS: 40, names.COST_SIMULATED: True})
    with trace.span("chat m-1", kind=SpanKind.LLM) as span:
        span.set({names.COST_MICROS: 500, names.UNSEEN_MICROS: 500})
    trace.end(TraceStatus.ERROR)
    (cost,), (row,) = store.costs(GroupBy.STORY), store.traces()
    assert (cost.cost_micros, cost.known_micros, cost.unseen_micros, cost.simulated_micros) == (550, 50, 500, 40)
    assert (row.cost_micros, row.known_micros, row.unseen_micros, row.simulated_micros) == (550, 50, 500, 40)


@pytest.mark.parametrize(
    ("said", "amounts"),
    [
        pytest.param(
            {"gen_ai.usage.cost": 0.25, "llm.cost.total": 0.25}, (0, 0, 0, 250_000), id="one cost in two names"
        ),
        pytest.param(
            {
                "llm.token_count.prompt": 900,
                "llm.token_count.completion": 20,
                "llm.token_count.prompt_details.cache_read": 600,
                "llm.cost.total": 0.5,
            },
            (900, 20, 600, 500_000),
            id="OpenInference",
        ),
        pytest.param(
            {"gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.completion_tokens": 3}, (7, 3, 0, 0), id="old GenAI"
        ),
        pytest.param({names.COST_MICROS: 0, "gen_ai.usage.cost": 9.0}, (0, 0, 0, 0), id="ours holds"),
        pytest.param(
            {"gen_ai.usage.cost": float("inf"), "gen_ai.usage.input_tokens": 1e300}, (0, 0, 0, 0), id="absurd"
        ),
    ],
)
def test_what_any_agent_says_of_its_usage_is_in_the_totals_once(
    store: TraceStore, said: dict[str, AttributeValue], amounts: tuple[int, ...]
) -> None:
    trace = a_tracer(store).start_trace("t")
    with trace.span("all of it", kind=SpanKind.AGENT, attributes=said):
        trace.add_span("call", kind=SpanKind.LLM, attributes={"llm.model_name": "m-9", **said})
    trace.end()
    detail, (cost,) = store.trace(trace.trace_id), store.costs(GroupBy.MODEL)
    row = detail.trace
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cost_micros) == amounts
    assert (cost.group, cost.cost_micros) == ("m-9", amounts[3])
    assert (money(row.told_micros) == "unknown") is (amounts[0] > 0 and not amounts[3])


def test_traces_from_before_this_was_told_learn_what_was_simulated(tmp_path: Path) -> None:
    with contextlib.closing(connect(tmp_path / "traces.db", synchronous="NORMAL")) as old:
        migrate(old, COMPONENT, MIGRATIONS[:1])
        for number, attributes in enumerate(({names.COST_SIMULATED: True}, {})):
            old.execute(
                "INSERT INTO span(trace_id, span_id, name, kind, status, started_at_ns, attributes, events, turns, cost_micros) "
                "VALUES ('t', ?, 'chat', 'LLM', 'OK', 1, ?, '[]', 1, 7)",
                (str(number), json.dumps(attributes)),
            )
    with contextlib.closing(TraceStore.open(tmp_path / "traces.db")) as store:
        (row,) = store.costs(GroupBy.MODEL)
    assert (row.cost_micros, row.simulated_micros) == (14, 7)


def test_costs_add_up_by_day_repo_story_and_model(store: TraceStore) -> None:
    tracer = a_tracer(store)
    for story, cost in (("US-1", 10), ("US-2", 90)):
        trace = tracer.start_trace("t", metadata={"story": story, "repo": "r"})
        a_call(trace, cost_micros=cost, model=f"for-{story}")
    grouped = {by: [(row.group, row.cost_micros, row.calls) for row in store.costs(by)] for by in GroupBy}
    assert grouped == {
        GroupBy.DAY: [("2027-01-15", 100, 2)],
        GroupBy.REPO: [("r", 100, 2)],
        GroupBy.STORY: [("US-2", 90, 1), ("US-1", 10, 1)],
        GroupBy.MODEL: [("for-US-2", 90, 1), ("for-US-1", 10, 1)],
        GroupBy.AGENT: [("", 100, 2)],
    }


def test_a_trace_is_named_by_any_prefix_that_only_it_has(store: TraceStore) -> None:
    tracer = Tracer(store)
    for _ in range(17):
        tracer.start_trace("t")
    ids = [row.trace_id for row in store.traces()]
    shared = next(a[0] for a in ids if sum(b[0] == a[0] for b in ids) > 1)
    assert store.trace(ids[0][:20].upper()).trace.trace_id == ids[0]
    with pytest.raises(TraceNotFoundError, match=f"Several traces begin with '{shared}': .* Type more of the id"):
        store.trace(shared)
    with pytest.raises(TraceNotFoundError, match=r"No trace begins with 'abcdef0123456789'. `ralph traces` lists them"):
        store.trace("abcdef0123456789")
    with pytest.raises(TraceNotFoundError, match=r"'hello' is not a trace id"):
        store.trace("hello")


def test_a_session_of_100_turns_stores_each_message_once(store: TraceStore) -> None:
    tracer = a_tracer(store)
    trace, talk = tracer.start_trace("t"), tracer.conversation()
    sizes: list[int] = []
    with contextlib.closing(sqlite3.connect(store.path)) as raw:
        for turn in range(110):
            talk.append({"role": "user", "content": os.urandom(1_500).hex()})
            with trace.span("chat m", kind=SpanKind.LLM) as span:
                span.set_request(talk, "the system text " * 100, [{"name": "bash"}])
            query = (
                "SELECT (SELECT sum(length(data)) FROM payload) + (SELECT count(*) FROM conversation) * 200"
                " + (SELECT sum(length(attributes) + length(events) + 400) FROM span)"
            )
            sizes.append(raw.execute(query).fetchone()[0])
            assert len(store.conversation(talk.head)) == turn + 1
        messages = raw.execute("SELECT count(*) FROM payload").fetchone()[0]
    assert messages == 110 + 2
    assert (sizes[105] - sizes[95]) <= 1.2 * (sizes[15] - sizes[5])
    last = store.trace(trace.trace_id).spans[-1]
    assert (last.system(), last.tools()) == ("the system text " * 100, [{"name": "bash"}])
    assert len(last.messages()) == 110


def test_the_file_itself_grows_as_much_at_turn_100_as_at_turn_10(tmp_path: Path) -> None:
    def pages_bytes(turns: int) -> int:
        with contextlib.closing(TraceStore.open(tmp_path / f"{turns}" / "traces.db")) as store:
            trace, talk = a_tracer(store).start_trace("t"), a_tracer(store).conversation()
            for turn in range(turns):
                talk.append({"role": "user", "content": f"{turn} " + os.urandom(2_000).hex()})
                with trace.span("chat m", kind=SpanKind.LLM) as span:
                    span.set_request(talk)
        with contextlib.closing(sqlite3.connect(tmp_path / f"{turns}" / "traces.db")) as file:
            file.execute("INSERT INTO mention_text(mention_text) VALUES ('optimize')")  # the index merges in steps
            file.commit()
            file.execute("VACUUM")
        return (tmp_path / f"{turns}" / "traces.db").stat().st_size

    at = {turns: pages_bytes(turns) for turns in (10, 30, 90, 110)}
    assert at[110] - at[90] <= 1.2 * (at[30] - at[10])


CANARY = 'canary-5f"3\\b-value'


def test_a_secret_reaches_the_disk_by_no_way(store: TraceStore, tmp_path: Path) -> None:
    tracer = a_tracer(store, CANARY)
    trace = tracer.start_trace(f"name {CANARY}", agent_id=CANARY, session_id=CANARY, metadata={CANARY: [CANARY]})
    talk = tracer.conversation()
    talk.append({"role": "user", "content": [{"type": "text", "text": f"x\n{CANARY}"}]})
    with (
        contextlib.suppress(ValueError),
        trace.span(CANARY, input={"arg": CANARY}, attributes={CANARY: CANARY}) as span,
    ):
        span.set({"list": [CANARY]})
        span.set_request(talk, CANARY, [{"description": CANARY}])
        span.set_output('{"nested": "canary-5f\\"3\\\\b-value"}')
        span.event(CANARY, {"at": CANARY})
        raise ValueError(CANARY)
    trace.set_metadata({"env": {"KEY": CANARY}})
    trace.add_span("over", error=CANARY, output=b"bytes " + CANARY.encode())
    trace.end("error", error=CANARY)
    stored = raw_bytes(tmp_path)
    assert b"redacted: secret" in stored
    assert b"canary-5f" not in stored
    assert store.trace(trace.trace_id).spans[1].attributes["ralph.redacted"] is True


def test_a_tool_call_whose_input_had_no_secret_is_not_marked(store: TraceStore) -> None:
    trace = a_tracer(store, CANARY).start_trace("t")
    trace.add_span("execute_tool bash", kind=SpanKind.TOOL, input={"command": "ls"}, output=CANARY)
    assert "ralph.redacted" not in store.trace(trace.trace_id).spans[1].attributes


@pytest.mark.parametrize(
    ("content", "expected"),
    [(Content.FULL, "a" * 900), (Content.HASH, None), (Content.NONE, None)],
)
def test_the_content_setting_says_how_much_is_kept(store: TraceStore, content: Content, expected: str | None) -> None:
    trace = a_tracer(store, content=content).start_trace("t")
    trace.add_span("s", input="a" * 900)
    span = store.trace(trace.trace_id).spans[1]
    assert span.input() == expected
    assert (span.refs.input is None) == (content is Content.NONE)


def test_a_preview_keeps_the_beginning_the_size_and_the_hash(store: TraceStore) -> None:
    trace = a_tracer(store, content=Content.PREVIEW).start_trace("t")
    trace.add_span("s", input="a" * 900)
    kept = store.trace(trace.trace_id).spans[1].input()
    assert isinstance(kept, dict)
    assert (kept["preview"], kept["bytes"], len(str(kept["sha256"]))) == ("a" * 500, 902, 64)


def test_one_log_record_tells_of_each_model_call(store: TraceStore, caplog: pytest.LogCaptureFixture) -> None:
    tracer = a_tracer(store, CANARY)
    trace, talk = tracer.start_trace("t"), tracer.conversation()
    talk.append({"role": "user", "content": f"hello {CANARY}"})
    with caplog.at_level(logging.INFO, "tracing.calls"), trace.span("chat m", kind=SpanKind.LLM) as span:
        span.set_request(talk)
        span.set_output("hi")
        span.set(
            names.llm_response_attributes(model="m", stop_reason="end_turn", uncached_input_tokens=7, output_tokens=2)
        )
    (record,) = caplog.records
    told = {
        name: record.__dict__[name] for name in ("trace_id", "model", "input_tokens", "stop_reason", "input_preview")
    }
    assert told == {
        "trace_id": trace.trace_id,
        "model": "m",
        "input_tokens": 7,
        "stop_reason": "end_turn",
        "input_preview": "user hello [redacted: secret]",
    }


KILLED = """
import os, signal, sys
from pathlib import Path
from tracing import Tracer, TraceStore
trace = Tracer(TraceStore.open(Path(sys.argv[1]))).start_trace("doomed")
trace.add_span("finished")
trace.start_span("open one", input="still here")
print(trace.trace_id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_open_is_closed_as_interrupted_by_the_next(store: TraceStore) -> None:
    mine = Tracer(store).start_trace("alive")
    child = subprocess.run([sys.executable, "-c", KILLED, str(store.path)], capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    doomed = child.stdout.strip()
    assert [span.ended_at_ns is None for span in store.trace(doomed).spans] == [True, False, True]
    assert store.close_interrupted() == [doomed]
    assert store.close_interrupted() == []
    detail = store.trace(doomed)
    assert [span.status for span in detail.spans] == [SpanStatus.INTERRUPTED, SpanStatus.OK, SpanStatus.INTERRUPTED]
    assert detail.trace.status is TraceStatus.INTERRUPTED
    assert "ended without closing this; found and closed at 20" in str(detail.trace.error)
    assert detail.spans[2].input() == "still here"
    assert detail.spans[2].events[-1].name == "interrupted"
    assert store.trace(mine.trace_id).trace.status is TraceStatus.RUNNING


def test_a_process_is_dead_if_its_pid_its_start_or_the_boot_is_another() -> None:
    me = this_process()
    assert is_alive(me)
    assert not is_alive(Owner(me.pid, "another time", me.boot_id))
    assert not is_alive(Owner(me.pid, me.started, "another boot"))
    assert not is_alive(Owner(2**22 + 7, me.started, me.boot_id))


def tree(store: TraceStore) -> dict[str, str | None]:
    """Name of each span of the newest trace -> name of its parent."""
    detail = store.trace(store.traces()[0].trace_id)
    by_id = {span.span_id: span.name for span in detail.spans}
    return {span.name: by_id.get(span.parent_span_id or "") for span in detail.spans}


@pytest.fixture
def default_store() -> Iterator[TraceStore]:
    with contextlib.closing(default_tracer().store) as opened:
        yield opened


def test_observed_functions_of_every_form_nest_by_context(default_store: TraceStore) -> None:
    @observe("leaf")
    def leaf(number: int) -> int:
        return number + 1

    @observe("numbers")
    def numbers(last: int) -> Iterator[int]:
        for number in range(last):
            yield leaf(number)

    @observe("async leaf")
    async def async_leaf() -> str:
        await asyncio.sleep(0)
        return "done"

    @observe("stream")
    async def stream() -> AsyncIterator[str]:
        yield await async_leaf()

    @observe("outer", kind=SpanKind.AGENT)
    async def outer() -> list[object]:
        got: list[object] = []
        for item in numbers(1):
            name = current_span()
            assert name is not None
            assert name.state.name == "outer"
            got.append(item)
        return [*got, *[item async for item in stream()]]

    assert asyncio.run(outer()) == [1, "done"]
    assert tree(default_store) == {
        "outer": "outer",
        "numbers": "outer",
        "leaf": "numbers",
        "stream": "outer",
        "async leaf": "stream",
    }
    detail = default_store.trace(default_store.traces()[0].trace_id)
    spans = {span.name: span for span in detail.spans if span.parent_span_id}
    assert (spans["leaf"].input(), spans["leaf"].output(), spans["numbers"].output()) == ({"number": 0}, 1, [1])
    assert detail.trace.status is TraceStatus.SUCCESS
    assert current_span() is None


def test_a_generator_passes_on_what_is_sent_thrown_and_returned(default_store: TraceStore) -> None:
    @observe()
    def echo() -> Iterator[object]:
        seen: list[object] = []
        try:
            seen.append((yield "first"))
            yield seen
        except KeyError:
            yield "caught"
        return "end"  # type: ignore[return-value]

    generator = echo()
    assert next(generator) == "first"
    assert generator.send("sent") == ["sent"]  # type: ignore[attr-defined]
    assert generator.throw(KeyError("x")) == "caught"  # type: ignore[attr-defined]
    with pytest.raises(StopIteration) as stopped:
        next(generator)
    assert stopped.value.value == "end"


def test_a_generator_that_is_left_early_is_closed_and_no_failure(default_store: TraceStore) -> None:
    @observe("endless")
    def endless() -> Iterator[int]:
        yield from itertools.count()

    generator = endless()
    assert next(generator) == 0
    generator.close()  # type: ignore[attr-defined]
    row = default_store.traces()[0]
    assert (row.status, row.errors) == (TraceStatus.SUCCESS, 0)


def test_an_observed_failure_is_recorded_and_raised(default_store: TraceStore) -> None:
    @observe("fails")
    def fails() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError):
        fails()
    row = default_store.traces()[0]
    assert (row.status, row.error) == (TraceStatus.ERROR, "nothing there")


def test_threads_take_the_span_they_are_given_and_keep_theirs_apart(store: TraceStore) -> None:
    trace = a_tracer(store).start_trace("t")

    def work(number: int) -> None:
        with use_span(parent), trace.span(f"work {number}"):
            trace.add_span(f"inside {number}")

    with trace.span("parent") as parent, ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
        trace.add_span("beside")
    got = tree(store)
    assert all(got[f"work {n}"] == "parent" and got[f"inside {n}"] == f"work {n}" for n in range(8))
    assert got["beside"] == "parent"


def test_three_lines_trace_any_agent_and_a_child_process_is_linked(
    default_store: TraceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert child_environment() == {}
    with start_trace("parent", agent_id="a") as parent:
        environment = child_environment()
    assert parse_traceparent(environment["TRACEPARENT"]) == (parent.trace_id, parent.root.span_id)
    monkeypatch.setenv("TRACEPARENT", environment["TRACEPARENT"])
    child = start_trace("child")
    child.end()
    assert default_store.trace(child.trace_id).spans[0].attributes["ralph.parent.trace_id"] == parent.trace_id


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __str__(self) -> str:
        raise RuntimeError("no str")


def use_everything(tracer: Tracer) -> None:
    trace = tracer.start_trace("t", metadata={"odd": Hostile()})
    with trace.span("s", input=Hostile(), attributes={"a": Hostile()}) as span:  # type: ignore[dict-item]
        span.set_output({1: {2, 3}, "self": float("nan"), "surrogate": "\ud800"})
        span.error(Hostile())  # type: ignore[arg-type]
        span.end("no such status")
    talk = tracer.conversation()
    talk.append(Hostile())  # type: ignore[arg-type]
    trace.end("no such status")


def test_text_that_is_no_utf8_is_kept_as_questions_wherever_it_stands(store: TraceStore) -> None:
    lone = "lone \ud800"
    stop = names.llm_response_attributes(
        model=lone, stop_reason=lone, uncached_input_tokens=1, output_tokens=1, cost_micros=1
    )
    with Tracer(store).start_trace(lone, agent_id=lone, metadata={names.STORY_ID: lone, names.REPO: lone}) as trace:
        trace.start_span(lone, kind=SpanKind.LLM, attributes={**stop, "a": lone}).end()
    found = Finding(lone, Severity.NOTE, lone, lone, lone, (trace.root.span_id,))
    store.write([PutFindings(trace.trace_id, (found,), 1, 1)])
    detail = store.trace(trace.trace_id)
    assert {detail.trace.story, detail.trace.repo, detail.trace.name, detail.spans[1].model} == {"lone ?"}
    assert detail.spans[1].attributes["a"] == "lone ?"
    assert store.span_rows(trace.trace_id)
    assert {store.findings(trace.trace_id)[0].title, store.findings(trace.trace_id)[0].evidence} == {"lone ?"}


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RALPH_TRACER_STRICT")


@pytest.mark.usefixtures("lenient")
def test_values_that_cannot_be_recorded_do_not_reach_the_host(store: TraceStore) -> None:
    use_everything(Tracer(store))
    assert store.traces()[0].status is TraceStatus.ERROR


@pytest.mark.usefixtures("lenient")
def test_a_closed_store_is_said_once_and_does_not_reach_the_host(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = TraceStore.open(tmp_path / "traces.db")
    tracer = Tracer(store)
    store.close()
    for _ in range(3):
        tracer.start_trace("t").end()
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["Traces cannot be written now"]
    assert tracer.recorder.lost > 0


@pytest.mark.usefixtures("lenient")
def test_a_folder_that_cannot_be_made_does_not_reach_the_host(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    tracer = Tracer(TraceStore(tmp_path / "file" / "traces.db"))
    tracer.start_trace("t").end()
    assert tracer.recorder.waiting > 0


def limit_pages(store: TraceStore, pages: int) -> None:
    """SQLite's own way to say that the disk is full; it never goes below what the file has already."""
    assert store._connection is not None
    store._connection.execute(f"PRAGMA max_page_count={pages}")


@pytest.mark.usefixtures("lenient")
def test_a_full_disk_spills_and_what_waited_is_written_when_there_is_room(store: TraceStore) -> None:
    tracer = Tracer(store)
    limit_pages(store, 1)
    trace = tracer.start_trace("t")
    trace.add_span("s", input="x" * 100_000 + os.urandom(100_000).hex())
    assert tracer.recorder.waiting > 0
    limit_pages(store, 1_000_000)
    assert tracer.catch_up()
    assert [span.name for span in store.trace(trace.trace_id).spans] == ["t", "s"]


@pytest.mark.usefixtures("lenient")
def test_a_locked_file_holds_the_host_up_for_one_wait_and_then_spills_and_catches_up(tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    TraceStore.open(path).close()
    with contextlib.closing(TraceStore(path, busy_timeout_ms=50)) as store:
        tracer = Tracer(store)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            trace = tracer.start_trace("t")
            for number in range(50):
                trace.add_span(f"s{number}")
            trace.end()
            assert tracer.recorder.waiting > 50
            other.execute("ROLLBACK")
        assert tracer.catch_up()
        row = store.traces()[0]
        assert (row.spans, row.status, tracer.recorder.lost) == (51, TraceStatus.SUCCESS, 0)


def test_in_strict_mode_a_failure_is_raised(tmp_path: Path) -> None:
    store = TraceStore.open(tmp_path / "traces.db")
    store.close()
    with pytest.raises(StateError, match="this trace store was closed"):
        Tracer(store).start_trace("t")


def test_many_threads_on_one_tracer_lose_nothing(store: TraceStore) -> None:
    trace = Tracer(store).start_trace("t")

    def ten_calls() -> None:
        for _ in range(10):
            a_call(trace)

    threads = [threading.Thread(target=ten_calls) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = store.traces()[0]
    assert (row.turns, row.cost_micros, row.spans) == (40, 4_000, 41)
