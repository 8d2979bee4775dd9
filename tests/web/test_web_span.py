"""One span: conversations of any dialect, tools with their diffs, verdicts, and text that an attacker wrote."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tracing import Tracer, TraceStore
from tracing import attributes as names
from tracing.span import AttributeValue, JsonValue, SpanKind
from tracing.tracer import Trace
from tracing.web.app import create_app
from tracing.web.blocks import BlockKind, message
from tracing.web.conversation_view import conversation
from tracing.web.page import NotFoundError, Query, Site
from tracing.web.pages import span, trace
from tracing.web.pages.span import SpanView, span_page
from tracing.web.security import Security
from tracing.web.visible import SHOWN_CHARS, visible

PORT = 7007
HOSTILE = "<script>alert(1)</script>\x1b[31mred\x1b[0m\u202eevil\x00 javascript:alert(1)"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    opened = TraceStore.open(tmp_path / "traces.db")
    yield opened
    opened.close()


@pytest.fixture
def made(store: TraceStore) -> Trace:
    return Tracer(store).start_trace("work")


def shown(store: TraceStore, of: Trace, span_id: str, **args: str) -> SpanView:
    return span_page(Query(store, {"trace_id": of.trace_id, "span_id": span_id}, args))


def a_tool(of: Trace, name: str, told: object, output: object = None, **attributes: AttributeValue) -> str:
    tool = of.start_span(f"execute_tool {name}", kind=SpanKind.TOOL, input=told)
    tool.set({names.TOOL_NAME: name, **attributes})
    if output is not None:
        tool.set_output(output)
    tool.end()
    return tool.span_id


def a_call(of: Trace, messages: Sequence[Mapping[str, object]], answer: object, *, stop: str = "tool_use") -> str:
    call = of.start_span("chat m", kind=SpanKind.LLM)
    talk = of.tracer.conversation()
    for one in messages:
        talk.append(one)
    call.set_request(system="Be good.", tools=[{"name": "bash", "description": "Runs."}], conversation=talk)
    call.set(names.llm_response_attributes(model="m", stop_reason=stop, uncached_input_tokens=30, output_tokens=10,
                                           cache_read_tokens=60, cost_micros=7, price_version="v1"))  # fmt: skip
    call.set_output(answer)
    call.end()
    return call.span_id


ASKED: dict[str, JsonValue] = {"role": "user", "content": "Make it so."}
CALLED: dict[str, JsonValue] = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "c1", "name": "bash", "input": {"command": "ls"}}],
}
BROUGHT: dict[str, JsonValue] = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "a.py", "is_error": True}],
}


def test_a_turn_shows_what_is_new_in_it_and_folds_the_rest(store: TraceStore, made: Trace) -> None:
    a_call(made, [ASKED], CALLED["content"])
    view = shown(
        store, made, a_call(made, [ASKED, CALLED, BROUGHT], [{"type": "text", "text": "Done."}], stop="length")
    )
    assert view.call is not None
    talk = view.call.conversation
    assert [one.number for one in talk.earlier] == [1]
    assert [one.number for one in talk.echo] == [2]
    assert [(one.number, one.speaker) for one in talk.new] == [(3, "tools")]
    result = talk.new[0].blocks[0]
    assert (result.kind, result.name, result.text.shown, result.is_error) == (BlockKind.RESULT, "bash", "a.py", True)
    assert talk.answer[0].blocks[0].text.shown == "Done."
    assert talk.system[0].text.shown == "Be good."
    assert [tool.name for tool in talk.tools] == ["bash"]
    assert view.call.is_cut
    assert [(part.name, part.tokens, part.share) for part in view.call.parts] == [
        ("cached", 60, 60),
        ("fresh", 30, 30),
        ("output", 10, 10),
    ]
    assert view.heading == "turn 2"
    assert view.around.call_before is not None
    assert view.around.call_after is None


def test_a_conversation_that_begins_anew_says_so() -> None:
    assert conversation([ASKED], [], [ASKED, CALLED]).broken
    assert not conversation([ASKED, CALLED], [], [ASKED]).broken


GENAI = {
    "gen_ai.input.messages": json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": "hello"}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t", "result": "42"}]},
        ]
    ),
    "gen_ai.output.messages": json.dumps(
        [{"role": "assistant", "parts": [{"type": "tool_call", "id": "t", "name": "add", "arguments": {"a": 1}}]}]
    ),
}
OPENINFERENCE = {
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "hello",
    "llm.input_messages.1.message.role": "tool",
    "llm.input_messages.1.message.content": "42",
    "llm.input_messages.1.message.tool_call_id": "t",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.tool_calls.0.tool_call.id": "t",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "add",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"a": 1}',
}
OPENAI = {
    "input.value": json.dumps({"messages": [{"role": "user", "content": "hello"}, {"role": "tool", "content": "42"}]}),
    "output.value": json.dumps({"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [
        {"id": "t", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]}}]}),
}  # fmt: skip


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param(GENAI, id="gen_ai"),
        pytest.param(OPENINFERENCE, id="openinference"),
        pytest.param(OPENAI, id="openai-values"),
    ],
)
def test_other_dialects_are_read_as_conversations(
    store: TraceStore, made: Trace, attributes: Mapping[str, AttributeValue]
) -> None:
    call = made.start_span("chat", kind=SpanKind.LLM)
    call.set(attributes)
    call.end()
    view = shown(store, made, call.span_id)
    assert view.call is not None
    talk = view.call.conversation
    assert [one.blocks[0].text.shown for one in talk.new] == ["hello", "42"]
    assert talk.new[1].blocks[0].kind is BlockKind.RESULT
    asked_for = talk.answer[0].blocks[0]
    assert (asked_for.kind, asked_for.name) == (BlockKind.CALL, "add")
    assert [(one.name, one.value.shown) for one in asked_for.arguments] == [("a", "1")]


@pytest.mark.parametrize(
    ("block", "kind", "text"),
    [
        pytest.param({"type": "thinking", "thinking": "hm"}, BlockKind.THINKING, "hm", id="thinking"),
        pytest.param({"type": "redacted_thinking", "data": "x"}, BlockKind.THINKING, "(the provider keeps it to itself)", id="hidden"),
        pytest.param({"type": "image", "source": {"media_type": "image/png", "data": "A" * 16_000}}, BlockKind.FILE, "image/png, 12 kB", id="image"),
        pytest.param({"type": "image_url", "image_url": {"url": "https://evil.example/x.png"}}, BlockKind.FILE, "image, not kept here", id="address"),
        pytest.param({"type": "novel", "x": 1}, BlockKind.OTHER, '{\n  "type": "novel",\n  "x": 1\n}', id="unknown"),
        pytest.param(7, BlockKind.TEXT, "7", id="number"),
    ],
)  # fmt: skip
def test_blocks_of_every_kind_become_text(block: JsonValue, kind: BlockKind, text: str) -> None:
    found = message({"role": "assistant", "content": [block]}).blocks[0]
    assert (found.kind, found.text.shown) == (kind, text)


@pytest.mark.parametrize(
    "odd", [None, [], {}, "", 3, {"role": 5, "content": {"a": 1}}, {"content": [None]}, {"tool_calls": [None, 3]}]
)
def test_a_message_may_be_anything(odd: JsonValue) -> None:
    message(odd)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param({"file_path": "a.py", "old_string": "x\ny", "new_string": "x\nz"}, [("a.py", 1, 1)], id="edit"),
        pytest.param({"path": "a.py", "old_str": "x", "new_str": ""}, [("a.py", 0, 1)], id="other-names"),
        pytest.param({"file_path": "b.py", "content": "1\n2\n"}, [("b.py", 2, 0)], id="write"),
        pytest.param(
            {
                "file_path": "c",
                "edits": [{"old_string": "a", "new_string": "b"}, {"old_string": "c", "new_string": "d"}],
            },
            [("c", 1, 1), ("c", 1, 1)],
            id="many",
        ),
        pytest.param({"pattern": "x"}, [], id="no-edit"),
    ],
)
def test_an_edit_is_shown_as_a_diff(
    store: TraceStore, made: Trace, told: object, expected: list[tuple[str, int, int]]
) -> None:
    view = shown(store, made, a_tool(made, "any", told))
    assert view.tool is not None
    assert [(one.path, one.added, one.removed) for one in view.tool.diffs] == expected


def test_a_command_has_its_exit_code_and_the_calls_around_it(store: TraceStore, made: Trace) -> None:
    before = a_call(made, [ASKED], "go")
    tool = a_tool(
        made, "bash", {"command": "make", "timeout_s": 5}, "out", **{names.EXIT_CODE: 2, names.TRUNCATED: True}
    )
    after = a_call(made, [ASKED, CALLED], "done")
    view = shown(store, made, tool[:9])
    assert view.tool is not None
    assert view.tool.command is not None
    assert (view.tool.command.shown, view.tool.exit_code, view.tool.is_cut) == ("make", 2, True)
    assert [one.name for one in view.tool.arguments] == ["timeout_s"]
    assert view.around.call_before is not None
    assert view.around.call_after is not None
    assert (view.around.call_before.span_id, view.around.call_after.span_id) == (before, after)


def test_a_check_and_a_guard_say_their_verdict(store: TraceStore, made: Trace) -> None:
    check = made.start_span("check tests", kind=SpanKind.EVALUATOR, input="pytest")
    check.set({names.CHECK_PASSED: False, names.CHECK_EXIT_CODE: 1})
    check.end()
    guard = made.start_span("guard", kind=SpanKind.GUARDRAIL)
    guard.set_output({"passed": False, "findings": [{"path": "a.py", "line": 3, "text": "asserts nothing"}]})
    guard.end()
    of_check, of_guard = (shown(store, made, one.span_id) for one in (check, guard))
    assert of_check.verdict is not None
    assert of_guard.verdict is not None
    assert (of_check.verdict.passed, of_check.verdict.exit_code, of_check.state) == (False, 1, "failed")
    assert of_guard.verdict.findings == ("a.py:3: asserts nothing",)


def test_an_exception_has_its_stack(store: TraceStore, made: Trace) -> None:
    failed = made.start_span("step")
    with pytest.raises(ZeroDivisionError), failed.ending():
        _ = 1 / 0
    view = shown(store, made, failed.span_id)
    assert "division by zero" in view.error.shown
    assert "Traceback" in view.stack.shown


def test_a_huge_output_is_cut_until_all_is_asked_for(store: TraceStore, made: Trace) -> None:
    tool = a_tool(made, "cat", {"path": "x"}, "x" * (SHOWN_CHARS + 5))
    cut, whole = shown(store, made, tool).output, shown(store, made, tool, whole="1").output
    assert cut is not None
    assert whole is not None
    assert (cut.left_out_chars, whole.left_out_chars) == (5, 0)


def test_what_cannot_be_seen_is_shown_as_a_sign() -> None:
    assert visible("a\x1b[31mb\x1b[0m\x00\u202ec\r\nd\te\x7f") == "ab␀⟦U+202E⟧c\nd\te␡"


def test_no_such_span_says_so(store: TraceStore, made: Trace) -> None:
    with pytest.raises(NotFoundError, match="No span of trace"):
        shown(store, made, "ffff")


@pytest.mark.parametrize("bare", ["", "&bare=1"])
def test_hostile_text_is_only_ever_text(store: TraceStore, made: Trace, bare: str) -> None:
    security = Security("token", PORT)
    client = TestClient(
        create_app(Site(store, pages=(*trace.PAGES, *span.PAGES)), security), base_url=f"http://127.0.0.1:{PORT}"
    )
    client.cookies.set(security.cookie, "token")
    spans = [
        a_tool(made, HOSTILE, {HOSTILE: HOSTILE, "command": HOSTILE, "old_string": HOSTILE, "new_string": "", "path": HOSTILE}, HOSTILE),
        a_call(made, [{"role": HOSTILE, "content": HOSTILE}], [{"type": HOSTILE, "text": HOSTILE}], stop=HOSTILE),
    ]  # fmt: skip
    for span_id in spans:
        for address in (f"/spans/{span_id}?x=1", f"?span={span_id}"):
            text = client.get(f"/traces/{made.trace_id}{address}{bare}").text
            assert "<script>alert" not in text
            assert "\u202e" not in text
            assert "\x1b" not in text
            assert 'href="javascript' not in text
            assert "&lt;script&gt;" in text
