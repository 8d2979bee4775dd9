"""Detectors over traces that a tracer wrote: the same as while they ran, and kept beside them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tracing import attributes as names
from tracing.contents import Content
from tracing.failures.detectors import VERSION
from tracing.failures.observed import StopReason
from tracing.failures.stored import analyse, analyse_pending, observed, subject
from tracing.finding import Verdict
from tracing.span import SpanKind
from tracing.store import TraceFilter, TraceStore
from tracing.tracer import Span, Trace, Tracer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    opened = TraceStore.open(tmp_path / "traces.db")
    yield opened
    opened.close()


@pytest.fixture
def tracer(store: TraceStore) -> Tracer:
    return Tracer(store, watch=None)


def call(trace: Trace, command: str, output: str, *, changed: bool = False) -> Span:
    attributes = names.tool_attributes(name="bash") | names.tool_result_attributes(exit_code=0, changed=changed)
    return trace.add_span(
        "execute_tool bash",
        kind=SpanKind.TOOL,
        input={"command": command},
        output=output,
        attributes=attributes,
    )


def looping(tracer: Tracer, times: int = 6) -> Trace:
    trace = tracer.start_trace("invoke_agent a", agent_id="a")
    for _ in range(times):
        call(trace, "pytest -q", "1 failed: test_total expects 3, got 4 in tests/test_total.py")
    return trace


def test_a_span_is_observed_with_its_arguments_its_result_and_what_it_cost(store: TraceStore, tracer: Tracer) -> None:
    trace = tracer.start_trace("run", agent_id="a")
    tool = call(trace, "ls", "a.py", changed=True)
    asked = trace.start_span(
        "chat m", kind=SpanKind.LLM, attributes=names.llm_request_attributes(model="m", max_tokens=9)
    )
    asked.set_output([{"type": "text", "text": "Hello"}])
    asked.set(
        names.llm_response_attributes(
            model="m-1", stop_reason="max_tokens", uncached_input_tokens=5, cache_read_tokens=3, output_tokens=9,
            cost_micros=70, attempts=2, attempt_errors=["529 overloaded"],
        )
    )  # fmt: skip
    asked.end()
    trace.end()
    detail = store.trace(trace.trace_id)
    seen = observed(detail.span(tool.span_id))
    assert (seen.name, seen.kind, seen.input, seen.output) == ("bash", SpanKind.TOOL, {"command": "ls"}, "a.py")
    assert (seen.exit_code, seen.changed, seen.is_error) == (0, True, False)
    model = observed(detail.span(asked.span_id))
    assert (model.name, model.output) == ("m-1", [{"type": "text", "text": "Hello"}])
    assert (model.stop_reason, model.max_tokens) == (StopReason.MAX_TOKENS, 9)
    assert (model.input_tokens, model.cache_read_tokens, model.output_tokens, model.cost_micros) == (8, 3, 9, 70)
    assert (model.attempts, model.attempt_errors) == (2, ("529 overloaded",))


def test_the_subject_is_the_storys_title_else_the_first_thing_that_the_model_was_told(
    store: TraceStore, tracer: Tracer
) -> None:
    titled = tracer.start_trace(
        "run", agent_id="ralph", metadata={"ralph.story.title": "Add totals", "ralph.story.criteria": ["Sums", "Shows"]}
    )
    asked = tracer.start_trace("run", agent_id="other")
    for trace in (titled, asked):
        said = tracer.conversation()
        said.append({"role": "user", "content": [{"type": "text", "text": "Book a flight to Oslo"}]})
        with trace.span("chat m", kind=SpanKind.LLM) as span:
            span.set_request(said)
        trace.end()
    first, second = (subject(store, store.trace(trace.trace_id)) for trace in (titled, asked))
    assert (first.agent, first.goal, first.criteria) == ("ralph", "Add totals", ("Sums", "Shows"))
    assert (second.agent, second.goal, second.criteria) == ("other", "Book a flight to Oslo", ())


def test_an_ended_trace_is_analysed_for_good_and_its_findings_are_beside_it(store: TraceStore, tracer: Tracer) -> None:
    trace = looping(tracer)
    trace.end()
    (found,) = analyse(store, trace.trace_id[:12])
    assert store.findings(trace.trace_id) == [found]
    assert (found.detector, found.verdict) == ("retry_loop", Verdict.STOP)
    row = store.trace(trace.trace_id).trace
    assert (row.findings, row.worst, row.analysed) == (1, int(found.severity), VERSION)
    assert row.updated_at_ns == row.ended_at_ns


def test_a_running_trace_is_analysed_as_far_as_it_is_and_again_when_it_is_over(
    store: TraceStore, tracer: Tracer
) -> None:
    trace = looping(tracer, times=4)
    assert [found.verdict for found in analyse(store, trace.trace_id)] == [Verdict.NUDGE]
    assert store.trace(trace.trace_id).trace.analysed == 0
    assert analyse_pending(store, limit=9) == 0
    trace.end()
    assert analyse_pending(store, limit=9) == 1
    assert store.trace(trace.trace_id).trace.analysed == VERSION


def test_nothing_is_written_where_only_the_answer_is_wanted(store: TraceStore, tracer: Tracer) -> None:
    trace = looping(tracer)
    trace.end()
    assert analyse(store, trace.trace_id, write=False)
    assert store.findings(trace.trace_id) == []


def test_pending_traces_are_analysed_newest_first_and_once(store: TraceStore, tracer: Tracer) -> None:
    for _ in range(3):
        looping(tracer).end()
    assert analyse_pending(store, limit=2) == 2
    assert [row.analysed for row in store.traces(TraceFilter())] == [VERSION, VERSION, 0]
    assert (analyse_pending(store, limit=2), analyse_pending(store, limit=2)) == (1, 0)


@pytest.mark.parametrize("content", [Content.HASH, Content.PREVIEW])
def test_a_loop_is_seen_where_only_hashes_or_beginnings_were_kept(store: TraceStore, content: Content) -> None:
    trace = looping(Tracer(store, content=content, watch=None))
    trace.end()
    assert [found.verdict for found in analyse(store, trace.trace_id)] == [Verdict.STOP]


def test_calls_whose_contents_nobody_kept_are_no_loop(store: TraceStore) -> None:
    trace = Tracer(store, content=Content.NONE, watch=None).start_trace("run")
    for number in range(9):
        call(trace, f"cat {number}", f"file {number}")
    trace.end()
    assert analyse(store, trace.trace_id) == ()
