"""Anthropic-compatible servers (Ollama, vLLM, LiteLLM, llama.cpp) with the deviations they are known for.

The wire is written by hand here, event by event, because the scripted model only says what Anthropic's service says.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ralph.model.blocks import text
from ralph.model.cache_health import CacheHealth
from ralph.model.call import CallTerms
from ralph.model.client import sdk_client
from ralph.model.dialogue import Dialogue
from ralph.model.failures import ContextTooLongError, Failure
from ralph.model.pace import Pace
from ralph.model.pool import Models
from ralph.model.reply import Reply
from ralph.model.stop_reasons import StopReason
from ralph.model.trouble import ServiceError
from ralph.replay.sse import Answer
from ralph.replay.stalls import Stalls
from ralph.replay.transport import Transport
from tracing.budget import Ledger, Limit
from tracing.meter import Meter
from tracing.prices import ModelPrice, PriceBook
from tracing.redact import Redactor
from tracing.store import TraceStore
from tracing.tracer import Tracer

Json = dict[str, Any]
FREE = PriceBook({"qwen3-coder": ModelPrice.model_validate({"input": 0, "output": 0})})
DEAR = PriceBook({"qwen3-coder": ModelPrice.model_validate({"input": 1, "output": 5})})
USAGE = {"input_tokens": 12, "output_tokens": 7}


def stream(*events: Json) -> Answer:
    frames = tuple(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)
    return Answer(200, (("content-type", "text/event-stream"),), frames)


def refusal(status: int, body: object) -> Answer:
    return Answer(status, (("content-type", "application/json"),), (json.dumps(body).encode(),))


def started(**message: Any) -> Json:
    return {"type": "message_start", "message": {"type": "message", "role": "assistant", "content": [], **message}}


def said(words: str) -> list[Json]:
    return [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words}},
        {"type": "content_block_stop", "index": 0},
    ]


def ended(reason: str | None = "end_turn", **usage: Any) -> list[Json]:
    return [{"type": "message_delta", "delta": {"stop_reason": reason}, **usage}, {"type": "message_stop"}]


def plain(reason: str = "end_turn") -> Answer:
    return stream(started(id="msg_1", model="m", usage=USAGE), *said("hi"), *ended(reason, usage=USAGE))


class Server:
    """Answers from a list, or by looking at the request."""

    def __init__(self, folder: Path, prices: PriceBook = FREE) -> None:
        self.bodies: list[Json] = []
        self.told: list[Failure] = []
        self.store = TraceStore.open(folder / "traces.db")
        self.ledger = Ledger.open(folder / "ledger.db")
        self.trace = Tracer(self.store, redact=Redactor()).start_trace("invoke_agent ralph")
        self.dialogue = Dialogue("You implement one story.", [], Tracer(self.store).conversation())
        self.dialogue.hear([text("Story: US-001")])
        client = sdk_client(api_key="no-key", transport=Transport(self.respond, Stalls()))
        self.models = Models(client, Meter(self.ledger, prices), pace=Pace(sleep=lambda _s, _cancel: None))
        self.play: Callable[[Json], Answer] = lambda _body: plain()

    def respond(self, _method: str, _path: str, _headers: Mapping[str, str], body: bytes) -> Answer:
        self.bodies.append(json.loads(body))
        return self.play(self.bodies[-1])

    def answers(self, *answers: Answer) -> None:
        left = iter(answers)
        self.play = lambda _body: next(left)

    def ask(self, *, micros: int = 5_000_000, max_tokens: int = 64_000) -> Reply:
        terms = CallTerms(
            limits=lambda: [Limit("run:r1", micros)],
            max_tokens=max_tokens,
            effort="medium",
            attempt_failed=lambda _attempt, failure, _wait_s: self.told.append(failure),
        )
        reply = self.models.get("qwen3-coder").call(self.dialogue, terms, trace=self.trace, health=CacheHealth())
        self.dialogue.answered(reply.content, reply.usage)
        self.dialogue.hear([text("Go on.")])
        return reply

    def close(self) -> None:
        self.models.close()
        self.trace.end()
        self.store.close()
        self.ledger.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


@pytest.fixture
def dear_server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, DEAR)
    yield made
    made.close()


def test_a_price_of_zero_works_with_limits_even_with_nothing_left(server: Server) -> None:
    first = server.ask(micros=1)
    second = server.ask(micros=0)
    assert (first.cost_micros, second.cost_micros) == (0, 0)
    assert [body["max_tokens"] for body in server.bodies] == [64_000, 64_000]
    assert server.ledger.spent("run:r1").total_micros == 0


@pytest.mark.parametrize(
    ("in_start", "in_end", "counted"),
    [
        pytest.param(USAGE, USAGE, (12, 7), id="anthropics-own"),
        pytest.param({"input_tokens": 0, "output_tokens": 0}, USAGE, (12, 7), id="only-at-the-end"),
        pytest.param({"input_tokens": 12, "output_tokens": 1}, {"output_tokens": 7}, (12, 7), id="output-at-the-end"),
        pytest.param(USAGE | {"cache_read_input_tokens": None}, USAGE | {"cache_creation": None}, (12, 7), id="nulls"),
        pytest.param(None, USAGE, (12, 7), id="null-at-the-start"),
        pytest.param(None, None, None, id="none-at-all"),
        pytest.param({"input_tokens": 12, "output_tokens": 0}, None, None, id="none-at-the-end"),
        pytest.param({"input_tokens": 0, "output_tokens": 0}, {"output_tokens": 7}, None, id="no-input"),
        pytest.param({"input_tokens": 12, "output_tokens": 0}, {"output_tokens": 0}, None, id="no-output"),
        pytest.param({"input_tokens": -1}, {"output_tokens": "many"}, None, id="nonsense"),
    ],
)
def test_what_is_counted_is_charged_exactly_and_what_is_not_as_the_worst_case(
    dear_server: Server, in_start: Json | None, in_end: Json | None, counted: tuple[int, int] | None
) -> None:
    bound = dear_server.dialogue.input_bound_tokens
    input_seen = (in_start or {}).get("input_tokens", 0) > 0
    dear_server.answers(stream(started(usage=in_start), *said("hi"), *ended(usage=in_end)), plain())
    reply = dear_server.ask(max_tokens=1_000)
    assert reply.usage_is_bound is (counted is None)
    if counted:
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == counted
        assert reply.cost_micros == counted[0] + 5 * counted[1]
    else:
        assert reply.usage.input_tokens == (12 if input_seen else bound)
        assert 0 < reply.usage.output_tokens <= 1_000
        assert reply.cost_micros == (12 + 5_000 if input_seen else DEAR.worst_case_micros("qwen3-coder", bound, 1_000))
        assert input_seen or dear_server.dialogue.input_bound_tokens > bound
    assert dear_server.ledger.spent("run:r1").settled_micros == reply.cost_micros
    dear_server.ask(max_tokens=1_000)
    span = dear_server.store.trace(dear_server.trace.trace_id).spans[-2]
    assert ("ralph.usage.estimated" in span.attributes) is (counted is None)


def test_ids_names_and_usage_that_are_missing_do_no_harm(server: Server) -> None:
    events: Sequence[Json] = [
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "bash"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a": 1}'}},
        *ended("tool_use"),
    ]
    server.answers(stream(*events))
    reply = server.ask()
    (call,) = reply.tool_calls
    assert call["input"] == {"a": 1}
    assert call["id"].startswith("toolu_")
    assert (reply.model, reply.response_id) == ("", "")


def test_a_tool_call_that_comes_whole_in_its_first_event_is_taken(server: Server) -> None:
    block = {"type": "tool_use", "id": "call_1", "name": "bash", "input": {"command": "ls"}}
    events = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_stop", "index": 0},
    ]
    server.answers(stream(started(usage=USAGE), *events, *ended("tool_use", usage=USAGE)))
    assert server.ask().tool_calls == (block,)


def test_text_and_thinking_blocks_may_begin_without_their_fields(server: Server) -> None:
    events: Sequence[Json] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 1},
    ]
    server.answers(stream(started(usage=USAGE), *events, *ended(usage=USAGE)), plain())
    server.ask()
    server.ask()
    assert [block["type"] for block in server.bodies[1]["messages"][1]["content"]] == [
        "text"
    ]  # unsigned thinking stays out


@pytest.mark.parametrize(
    "ping", [b"event: ping\ndata: {}\n\n", b": keep-alive\n\n", b"event: ping\n\n", b"data: [DONE]\n\n"]
)
def test_pings_in_any_form_and_no_ping_at_all_are_the_same(server: Server, ping: bytes) -> None:
    whole = plain()
    parts = [part for frame in whole.parts for part in (frame, ping)]
    server.answers(Answer(200, whole.headers, tuple(parts)))
    assert server.ask().content[0]["text"] == "hi"


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("end_turn", StopReason.END_TURN),
        ("stop", StopReason.END_TURN),
        ("STOP", StopReason.END_TURN),
        ("eos", StopReason.END_TURN),
        ("length", StopReason.MAX_TOKENS),
        ("tool_calls", StopReason.TOOL_USE),
        ("function_call", StopReason.TOOL_USE),
        ("content_filter", StopReason.REFUSAL),
        ("abort", StopReason.UNKNOWN),
    ],
)
def test_stop_reasons_of_the_other_family_mean_the_same(server: Server, sent: str, reason: StopReason) -> None:
    server.answers(plain(sent))
    reply = server.ask()
    assert (reply.stop_reason, reply.raw_stop_reason) == (reason, sent)


EXTRA = "Extra inputs are not permitted"


def strict(*unknown: str) -> Callable[[Json], Answer]:
    """A FastAPI server that names each field it does not know."""

    def play(body: Json) -> Answer:
        found = [{"type": "extra_forbidden", "loc": ["body", name], "msg": EXTRA} for name in unknown if name in body]
        return refusal(422, {"detail": found}) if found else plain()

    return play


def no_marks(body: Json) -> Answer:
    place = next(
        (
            f"messages.{n}.content.0"
            for n, message in enumerate(body["messages"])
            if "cache_control" in json.dumps(message)
        ),
        "",
    )
    place = "system.0" if "cache_control" in json.dumps(body["system"]) else place
    if "cache_control" in body:
        return refusal(400, {"error": {"message": f"cache_control: {EXTRA}", "type": "BadRequestError"}})
    return refusal(400, {"error": {"message": f"{place}.cache_control: {EXTRA}"}}) if place else plain()


@pytest.mark.parametrize(
    ("play", "dropped"),
    [
        pytest.param(strict("output_config"), [("effort",)], id="422-effort"),
        pytest.param(strict("cache_control"), [("cache_control",)], id="422-cache"),
        pytest.param(strict("cache_control", "output_config"), [("effort", "cache_control")], id="422-both"),
        pytest.param(no_marks, [("cache_control",), ("cache_control on blocks",)], id="400-every-mark"),
    ],
)
def test_fields_that_a_server_does_not_know_are_left_out_from_then_on(
    server: Server, play: Callable[[Json], Answer], dropped: list[tuple[str, ...]]
) -> None:
    server.play = play
    server.ask()
    server.ask()
    assert [failure.dropped for failure in server.told] == dropped
    assert len(server.bodies) == 2 + len(dropped)


def test_without_the_moving_breakpoint_the_last_block_is_marked_until_that_is_refused_too(server: Server) -> None:
    server.play = strict("cache_control")
    server.ask()
    assert server.bodies[-1]["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" in server.bodies[-1]["system"][0]
    server.play = no_marks
    server.ask()
    assert "cache_control" not in json.dumps(server.bodies[-1])
    assert "cache_control" not in json.dumps(server.dialogue.messages)  # what is recorded never had them


VLLM = "This model's maximum context length is {window} tokens. However, you requested {out} output tokens and your prompt contains {given} input tokens, for a total of {total} tokens."
VLLM_SHORT = "max_tokens is too large: {out}. This model's maximum context length is {window} tokens and your request has {given} input tokens ({out} > {window} - {given})."
VLLM_OLD = "This model's maximum context length is {window} tokens. However, you requested {total} tokens ({given} in the messages, {out} in the completion)."


@pytest.mark.parametrize("words", [VLLM, VLLM_SHORT, VLLM_OLD])
def test_an_answer_that_does_not_fit_into_a_small_window_is_asked_for_shorter(server: Server, words: str) -> None:
    given = iter([5_000, 5_000, 9_000, 9_000])

    def play(body: Json) -> Answer:
        tokens, out = next(given), body["max_tokens"]
        said = words.format(window=32_768, out=out, given=tokens, total=tokens + out)
        return (
            refusal(400, {"error": {"message": said, "type": "BadRequestError"}}) if tokens + out > 32_768 else plain()
        )

    server.play = play
    server.ask()
    server.ask()
    assert [body["max_tokens"] for body in server.bodies] == [64_000, 27_768, 27_768, 13_884]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": VLLM_OLD.format(window=8_192, total=72_000, given=8_000, out=64_000)}}),
        (400, {"error": {"message": VLLM.format(window=8_192, total=73_000, given=9_000, out=64_000)}}),
        (400, {"error": {"message": "This model's maximum context length is 8192 tokens."}}),
        (
            400,
            {
                "error": {
                    "type": "exceed_context_size_error",
                    "message": "the request exceeds the available context size",
                }
            },
        ),
        (400, {"error": {"message": "litellm.ContextWindowExceededError: too long", "code": "400"}}),
        (400, {"error": "the input length exceeds the context length"}),
        (422, {"detail": "context_length_exceeded"}),
    ],
)
def test_a_conversation_that_does_not_fit_is_told_apart_in_every_servers_words(
    server: Server, status: int, body: Json
) -> None:
    server.answers(refusal(status, body))
    with pytest.raises(ContextTooLongError):
        server.ask()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            404,
            {"error": {"type": "not_found_error", "message": "model 'qwen3' not found"}},
            "model 'qwen3' not found.*model's name",
        ),
        (404, {"detail": "Not Found"}, "404: Not Found"),
        (400, {"error": "registry says no"}, "400: registry says no"),
        (401, {"error": {"message": "Authentication Error, no key"}}, "Authentication Error, no key"),
    ],
)
def test_a_servers_refusal_is_shown_in_its_own_words(server: Server, status: int, body: Json, words: str) -> None:
    server.answers(refusal(status, body))
    with pytest.raises(ServiceError, match=words):
        server.ask()
