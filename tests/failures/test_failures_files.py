"""Traces from files: each kind is recognised by looking at it, and what is no trace is said with its line."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tracing.failures.files import UnreadableFileError, analyse_file, read_file
from tracing.failures.observed import Ending, Observed, StopReason, Subject
from tracing.finding import Verdict
from tracing.span import SpanKind, TraceStatus

TRACE = "0AF7651916CD43DD8448EB211C80319C"
ROOT, ASK, USE = "b7ad6b7169203331", "00f067aa0ba902b7", "53995c3f42cd8ad8"
START_NS = 1_795_299_234_483_446_020


def written(path: Path, *documents: object) -> Path:
    path.write_text("".join(f"{json.dumps(document)}\n" for document in documents), encoding="utf-8")
    return path


def read(path: Path) -> tuple[Subject, dict[str, Observed], Ending]:
    ((subject, spans, ending),) = read_file(path)
    return subject, {span.span_id: span for span in spans}, ending


def otlp_value(value: object) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [otlp_value(item) for item in value]}}
    return {"stringValue": value}


def otlp_span(span_id: str, name: str, parent: str = "", **attributes: object) -> dict[str, Any]:
    listed = [{"key": key.replace("__", "."), "value": otlp_value(value)} for key, value in attributes.items()]
    return {
        "traceId": TRACE, "spanId": span_id.upper(), "parentSpanId": parent, "name": name, "kind": 3,
        "startTimeUnixNano": str(START_NS), "endTimeUnixNano": START_NS + 2_000, "attributes": listed, "status": {},
    }  # fmt: skip


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


SAID = [{"role": "user", "parts": [{"type": "text", "content": "Book a flight"}]}]
ANSWERED = [
    {
        "role": "assistant",
        "parts": [{"type": "text", "content": "Sure."}, {"type": "tool_call", "id": "c", "name": "book", "arguments": {"to": "OSL"}}],
    }
]  # fmt: skip
BLOCKS = [
    {"type": "text", "text": "Sure."},
    {"type": "tool_use", "id": "c", "name": "book", "input": {"to": "OSL"}},
]


def test_otlp_json_is_read_with_the_newest_names(tmp_path: Path) -> None:
    ask = otlp_span(
        ASK, "chat m", ROOT, gen_ai__operation__name="chat", gen_ai__request__model="m", gen_ai__response__model="m-1",
        gen_ai__request__max_tokens=9, gen_ai__usage__input_tokens=50, gen_ai__usage__output_tokens=9,
        gen_ai__usage__cache_read__input_tokens=30, gen_ai__usage__cache_write__input_tokens=4, gen_ai__usage__cost=0.25,
        gen_ai__response__finish_reasons=["length"], gen_ai__input__messages=json.dumps(SAID),
        gen_ai__output__messages=json.dumps(ANSWERED), somebodys__own=[1, 2],
    )  # fmt: skip
    use = otlp_span(
        USE, "execute_tool book", ROOT, gen_ai__operation__name="execute_tool", gen_ai__tool__name="book",
        gen_ai__tool__call__arguments='{"to": "OSL"}', gen_ai__tool__call__result="no seats",
    )  # fmt: skip
    use["status"] = {"code": 2, "message": "sold out"}
    agent = otlp_span(ROOT, "invoke_agent travel", gen_ai__operation__name="invoke_agent", gen_ai__agent__name="travel")
    subject, spans, ending = read(written(tmp_path / "a.jsonl", otlp(ask, use), otlp(agent)))
    assert (subject.trace_id, subject.agent, subject.goal) == (TRACE.lower(), "travel", "Book a flight")
    assert ending == Ending(TraceStatus.SUCCESS)
    asked, used, root = spans[ASK], spans[USE], spans[ROOT]
    assert (asked.kind, asked.name, asked.parent_span_id, asked.output) == (SpanKind.LLM, "m-1", ROOT, BLOCKS)
    assert (asked.input_tokens, asked.cache_read_tokens, asked.cache_write_tokens, asked.output_tokens) == (
        50,
        30,
        4,
        9,
    )
    assert (asked.cost_micros, asked.max_tokens, asked.stop_reason) == (250_000, 9, StopReason.MAX_TOKENS)
    assert (asked.started_at_ns, asked.duration_ns) == (START_NS, 2_000)
    assert (used.kind, used.name, used.input, used.output) == (SpanKind.TOOL, "book", {"to": "OSL"}, "no seats")
    assert (used.is_error, used.error) == (True, "sold out")
    assert (root.kind, root.name, root.parent_span_id) == (SpanKind.AGENT, "travel", None)


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param(
            {
                "gen_ai__usage__prompt_tokens": 50, "gen_ai__usage__completion_tokens": 9, "gen_ai__request__model": "m",
                "gen_ai__prompt__0__role": "user", "gen_ai__prompt__0__content": "Book a flight",
                "gen_ai__completion__0__role": "assistant", "gen_ai__completion__0__content": "Sure.",
                "gen_ai__completion__0__tool_calls__0__name": "book", "gen_ai__completion__0__tool_calls__0__id": "c",
                "gen_ai__completion__0__tool_calls__0__arguments": '{"to": "OSL"}',
                "gen_ai__completion__0__finish_reason": "tool_calls",
            },
            id="openllmetry",
        ),
        pytest.param(
            {
                "openinference__span__kind": "LLM", "llm__model_name": "m", "llm__finish_reason": "tool_calls",
                "llm__token_count__prompt": 50, "llm__token_count__completion": 9,
                "llm__input_messages__0__message__role": "user",
                "llm__input_messages__0__message__contents__0__message_content__type": "text",
                "llm__input_messages__0__message__contents__0__message_content__text": "Book a flight",
                "llm__output_messages__0__message__role": "assistant",
                "llm__output_messages__0__message__content": "Sure.",
                "llm__output_messages__0__message__tool_calls__0__tool_call__id": "c",
                "llm__output_messages__0__message__tool_calls__0__tool_call__function__name": "book",
                "llm__output_messages__0__message__tool_calls__0__tool_call__function__arguments": '{"to": "OSL"}',
            },
            id="openinference",
        ),
    ],
)  # fmt: skip
def test_messages_that_are_spread_over_attributes_are_put_together(tmp_path: Path, attributes: dict[str, Any]) -> None:
    subject, spans, _ = read(written(tmp_path / "a.json", otlp(otlp_span(ASK, "call", **attributes))))
    asked = spans[ASK]
    assert (asked.kind, asked.name, asked.output, subject.goal) == (SpanKind.LLM, "m", BLOCKS, "Book a flight")
    assert (asked.input_tokens, asked.output_tokens, asked.stop_reason) == (50, 9, StopReason.TOOL_USE)


def tree() -> dict[str, Any]:
    """As Phoenix exports a trace, and benchmarks of agents hand it on."""
    tool = {
        "timestamp": "2025-03-19T16:49:30.123456Z", "trace_id": TRACE, "span_id": USE, "parent_span_id": ASK, "span_name": "VisitTool",
        "span_kind": "Internal", "duration": "PT1M2.5S", "status_code": "Error", "status_message": "", "child_spans": [],
        "span_attributes": {"openinference.span.kind": "TOOL", "tool.name": "visit", "input.value": '{"url": "x"}', "output.value": "gone"},
        "events": [{"Name": "exception", "attributes": {"exception.message": "404 Not Found"}}],
    }  # fmt: skip
    ask = {
        "timestamp": "2025-03-19T16:49:30Z", "trace_id": TRACE, "span_id": ASK, "parent_span_id": ROOT, "span_name": "Model.__call__",
        "duration": "PT2S", "status_code": "Unset", "child_spans": [tool],
        "span_attributes": {"openinference.span.kind": "LLM", "llm": {"model_name": "o3", "token_count": {"prompt": 7}}},
    }  # fmt: skip
    root = {
        "timestamp": "2025-03-19T16:49:29Z",
        "span_id": ROOT,
        "span_name": "main",
        "duration": "PT2H",
        "child_spans": [ask],
    }
    return {"trace_id": TRACE, "spans": [root]}


def test_a_tree_of_spans_is_read_with_its_iso_times(tmp_path: Path) -> None:
    subject, spans, ending = read(written(tmp_path / "tree.json", tree()))
    assert subject.trace_id == TRACE.lower()
    used, asked, root = spans[USE], spans[ASK], spans[ROOT]
    assert (used.kind, used.name, used.input, used.output) == (SpanKind.TOOL, "visit", {"url": "x"}, "gone")
    assert (used.is_error, used.error, used.duration_ns) == (True, "404 Not Found", 62_500_000_000)
    assert used.started_at_ns - asked.started_at_ns == 123_456_000
    assert (asked.name, asked.input_tokens, asked.parent_span_id) == ("o3", 7, ROOT)
    assert (root.kind, root.parent_span_id, root.duration_ns) == (SpanKind.CHAIN, None, 7_200_000_000_000)
    assert ending.status is TraceStatus.SUCCESS


def test_spans_as_the_sdks_print_them_are_read(tmp_path: Path) -> None:
    span = {
        "name": "lookup", "context": {"trace_id": f"0x{TRACE.lower()}", "span_id": f"0x{USE}"}, "kind": "SpanKind.INTERNAL",
        "parent_id": f"0x{ROOT}", "start_time": "2026-11-21T10:00:00.000001Z", "end_time": "2026-11-21T10:00:01Z",
        "status": {"status_code": "ERROR", "description": "boom"}, "attributes": {"tool.name": "lookup"}, "events": [],
    }  # fmt: skip
    subject, spans, _ = read(written(tmp_path / "console.jsonl", [span]))
    used = spans[USE]
    assert (subject.trace_id, used.parent_span_id, used.kind) == (TRACE.lower(), ROOT, SpanKind.TOOL)
    assert (used.error, used.duration_ns) == ("boom", 999_999_000)


def test_ids_in_base64_become_hex(tmp_path: Path) -> None:
    span = otlp_span(USE, "x") | {"traceId": "CvdlGRbNQ92ESOshHIAxnA==", "spanId": "U5lcP0LNitg="}
    subject, spans, _ = read(written(tmp_path / "a.json", otlp(span)))
    assert (subject.trace_id, [*spans]) == (TRACE.lower(), [USE])


def test_spans_of_several_traces_are_parted_and_gzip_is_opened(tmp_path: Path) -> None:
    other = otlp_span(USE, "y") | {"traceId": "11" * 16}
    packed = tmp_path / "a.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(otlp(otlp_span(ASK, "x"), other)).encode()))
    assert [(subject.trace_id, len(spans)) for subject, spans, _ in read_file(packed)] == [
        (TRACE.lower(), 1),
        ("11" * 16, 1),
    ]


def test_steps_are_read_and_judged_by_the_same_detectors(tmp_path: Path) -> None:
    steps = [
        {
            "i": number,
            "tool": "bash",
            "args": "pytest -q",
            "obs": "1 failed: expected 3 but the total was 4",
            "err": False,
        }
        for number in range(6)
    ]
    path = written(tmp_path / "steps.jsonl", {"source": "s", "trace_id": "t-1", "outcome": False, "steps": steps})
    ((subject, ending, findings),) = analyse_file(path)
    assert (subject.trace_id, ending.passed) == ("t-1", False)
    assert any(found.verdict is Verdict.STOP and found.span_id.startswith("step-") for found in findings)


def test_a_deep_tree_is_read_without_recursion(tmp_path: Path) -> None:
    deepest: dict[str, Any] = {"span_id": "0", "span_name": "x", "child_spans": []}
    for number in range(1, 300):
        deepest = {"span_id": str(number + 1), "span_name": "x", "child_spans": [deepest]}
    subject, spans, _ = read(written(tmp_path / "deep.json", {"trace_id": "t", "spans": [deepest]}))
    assert (subject.trace_id, len(spans)) == ("t", 300)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(b"hello\n", ":1:1: not JSON", id="no-json"),
        pytest.param(b'{"steps": []}\n{"steps": [\n', ":2:12: not JSON", id="second-line"),
        pytest.param(b'{\n "spans": [\n oops', ":3:2: not JSON", id="over-lines"),
        pytest.param(b'{"name": "package"}', ":1: no trace in this JSON", id="another-json"),
        pytest.param(b"[1, 2]", ":1: no trace in this JSON", id="numbers"),
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"\x1f\x8b123", "cannot be read", id="broken-gzip"),
        pytest.param(b"{}\n\xff\xfe", ":2: this is no text in UTF-8", id="binary"),
        pytest.param(b"[" * 100_000, "nested too deep", id="too-deep"),
    ],
)
def test_what_is_no_trace_is_an_error_with_its_place(tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "what"
    path.write_bytes(text)
    with pytest.raises(UnreadableFileError) as raised:
        list(read_file(path))
    assert str(raised.value).startswith(str(path))
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"spanId": "x", "traceId": None, "attributes": 7, "status": "?", "startTimeUnixNano": "soon"}, id="types"),
        pytest.param({"span_id": 5, "attributes": [{"key": "a"}, 3, {"value": {}}], "events": "none"}, id="lists"),
        pytest.param({"span_id": "x", "parent_span_id": "x", "child_spans": {"a": 1}, "duration": "PT?"}, id="own-parent"),
        pytest.param(
            {"span_id": "x", "kind": "LLM", "attributes": {"llm.output_messages": "[", "gen_ai.completion.0": "x"}}, id="llm"
        ),
        pytest.param(
            {"span_id": "x", "kind": "LLM", "attributes": {"gen_ai.output.messages": '[3, {"parts": [null, 4]}]'}}, id="parts"
        ),
    ],
)  # fmt: skip
def test_odd_spans_are_read_as_far_as_they_make_sense(tmp_path: Path, odd: dict[str, Any]) -> None:
    ((_, _, findings),) = analyse_file(written(tmp_path / "odd.json", odd))
    assert isinstance(findings, tuple)


def test_an_agent_was_asked_and_answered_in_messages(tmp_path: Path) -> None:
    agent = otlp_span(
        ROOT, "invoke_agent booker", gen_ai__operation__name="invoke_agent",
        gen_ai__input__messages=json.dumps(SAID), gen_ai__output__messages=json.dumps(ANSWERED),
    )  # fmt: skip
    _, spans, _ = read(written(tmp_path / "t.json", otlp(agent)))
    assert (spans[ROOT].input, spans[ROOT].output) == ("Book a flight", BLOCKS)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"input__value": "Book a flight"}, id="text"),
        pytest.param({"input__value": '{"task": "Book a flight", "stream": false}'}, id="arguments"),
        pytest.param({"input__value": '{"messages": [{"role": "user", "content": "Book a flight"}]}'}, id="state"),
        pytest.param({"gen_ai__input__messages": json.dumps(SAID)}, id="messages"),
    ],
)
def test_goal_and_agent_are_those_of_the_outermost_agent_though_its_children_ended_first(
    tmp_path: Path, asked: dict[str, str]
) -> None:
    root = otlp_span(ROOT, "desk", gen_ai__operation__name="invoke_agent", gen_ai__agent__name="desk", **asked)
    ask = otlp_span(
        ASK, "chat m", ROOT, gen_ai__operation__name="chat", gen_ai__agent__name="seeker",
        gen_ai__input__messages=json.dumps([{"role": "user", "content": "Find the cheapest one"}]),
    )  # fmt: skip
    subject, _, _ = read(written(tmp_path / "t.json", otlp(ask, root)))
    assert (subject.agent, subject.goal) == ("desk", "Book a flight")
