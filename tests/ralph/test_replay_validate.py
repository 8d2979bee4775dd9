"""What the model refuses, word for word."""

import pytest

from ralph.replay.scripted import ScriptedModel
from ralph.replay.sse import Json
from ralph.replay.validate import problem


def call(call_id: str) -> Json:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": call_id, "name": "bash", "input": {}}]}


def result(*call_ids: str) -> Json:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": each} for each in call_ids]}


HELLO: Json = {"role": "user", "content": "Hello"}


def body(*messages: Json, **more: object) -> Json:
    return {"model": "claude-opus-5-5", "max_tokens": 10, "messages": list(messages) or [HELLO]} | more


def test_a_complete_conversation_is_fine() -> None:
    assert problem(body(HELLO, call("a"), result("a"))) is None


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        pytest.param({"model": "m", "messages": []}, "max_tokens: Field required", id="no-max-tokens"),
        pytest.param(body(temperature=0), "temperature: Extra inputs are not permitted", id="temperature"),
        pytest.param(
            body(tool_choice={"type": "any"}),
            'tool_choice: forced tool use (type "any") is not supported by this model',
            id="forced-tool",
        ),
        pytest.param(
            body(max_tokens=200_000),
            "max_tokens: 200000 > 128000, which is the maximum allowed number of output tokens for claude-opus-5-5",
            id="max-tokens",
        ),
        pytest.param(
            body(result("a")),
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: a. Each `tool_result` block "
            "must have a corresponding `tool_use` block in the previous message.",
            id="result-without-call",
        ),
        pytest.param(
            body(HELLO, call("a"), HELLO),
            "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: a. Each `tool_use` "
            "block must have a corresponding `tool_result` block in the next message.",
            id="unanswered-call",
        ),
        pytest.param(
            body(HELLO, call("a"), result("a", "a")),
            "messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks with "
            "id: a",
            id="answered-twice",
        ),
        pytest.param(
            body(HELLO, call("a"), result("a"), call("a"), result("a")),
            "messages: `tool_use` ids must be unique",
            id="id-used-twice",
        ),
        pytest.param(
            body({"role": "assistant", "content": "Hi"}, HELLO),
            'messages: first message must use the "user" role',
            id="assistant-first",
        ),
        pytest.param(
            body(HELLO, {"role": "assistant", "content": "Hi"}),
            "This model does not support assistant message prefill. The conversation must end with a user message.",
            id="prefill",
        ),
        pytest.param(
            body({"role": "user", "content": [{"type": "text", "text": " "}]}),
            "messages.0.content.0: text content blocks must contain non-whitespace text",
            id="empty-text",
        ),
        pytest.param([], "Input should be a valid dictionary or object to extract fields from", id="not-an-object"),
    ],
)
def test_a_broken_request_is_refused_in_the_services_words(request_body: object, message: str) -> None:
    assert problem(request_body) == message


@pytest.mark.parametrize(
    ("headers", "raw", "status"),
    [
        ({}, b"{}", 401),
        ({"x-api-key": "k"}, b"{}", 400),
        ({"x-api-key": "k", "anthropic-version": "2026-10-21"}, b"{nonsense", 400),
    ],
)
def test_a_request_that_is_refused_takes_no_turn(headers: dict[str, str], raw: bytes, status: int) -> None:
    model = ScriptedModel([])
    assert model.respond("POST", "/v1/messages", headers, raw).status == status
    assert model.requests == []
    assert model.drift is None


def test_a_prompt_that_outgrows_the_context_window_is_refused() -> None:
    model = ScriptedModel([], context_window_tokens=5)
    raw = b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"Hello there, model."}]}'
    answer = model.respond("POST", "/v1/messages", {"x-api-key": "k", "anthropic-version": "v"}, raw)
    assert b"prompt is too long: 11 tokens > 5 maximum" in b"".join(
        part for part in answer.parts if isinstance(part, bytes)
    )
