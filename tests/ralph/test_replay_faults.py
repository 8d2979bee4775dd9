"""Every fault and stop reason, seen through the real SDK on both transports."""

from threading import Event, Thread

import anthropic
import httpx2
import pytest

from ralph.replay.scripted import (
    ScriptedModel,
    Turn,
    calls,
    cut_tool_json,
    drops,
    error_midway,
    fails,
    finish_blocked,
    garbage_lines,
    hangs_up,
    malformed_data,
    malformed_tool_json,
    never_answers,
    no_message_stop,
    refuses,
    says,
    stalls,
    stops,
)
from ralph.replay.server import serve

EDIT = {"file_path": "a.py", "old_string": "x = 1\n" * 4, "new_string": "x = 2\n" * 4}


def ask(client: anthropic.Anthropic, max_tokens: int = 64_000) -> anthropic.types.Message:
    messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": "Hello"}]
    with client.messages.stream(model="claude-opus-5-5", max_tokens=max_tokens, messages=messages) as stream:
        return stream.get_final_message()


def answer(turn: Turn, max_tokens: int = 64_000) -> anthropic.types.Message:
    with ScriptedModel([turn]).client() as client:
        return ask(client, max_tokens)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (402, anthropic.PaymentRequiredError, "billing_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.ContentTooLargeError, "request_too_large"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.OverloadedError, "overloaded_error"),
    ],
)
def test_an_http_error_arrives_as_the_sdks_own_exception_and_costs_nothing(
    status: int, error: type[anthropic.APIStatusError], kind: str
) -> None:
    model = ScriptedModel([fails(status, retry_after=7, error_code="some_code")])
    with model.client() as client, pytest.raises(error) as caught:
        ask(client)
    assert (caught.value.type, caught.value.error_code) == (kind, "some_code")
    assert caught.value.response.headers["retry-after"] == "7"
    assert model.bills == []


def test_an_error_event_in_the_stream_is_a_status_error_with_status_200() -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        answer(error_midway("overloaded_error"))
    assert (caught.value.status_code, caught.value.type) == (200, "overloaded_error")


def test_a_dropped_stream_is_a_protocol_error_and_is_billed() -> None:
    model = ScriptedModel([drops(says("word " * 100))])
    with model.client() as client, pytest.raises(httpx2.RemoteProtocolError):
        ask(client)
    assert model.billed.output_tokens == 126
    assert model.billed.input_tokens > 0


def test_a_stalled_stream_ends_by_the_clients_read_time_out() -> None:
    waited: list[float | None] = []

    def no_time_passes(event: Event, timeout_s: float | None) -> bool:
        waited.append(timeout_s)
        return False

    model = ScriptedModel([stalls()], wait=no_time_passes)
    with model.client(timeout=42.0) as client, pytest.raises(httpx2.ReadTimeout):
        ask(client)
    assert waited == [42.0]


def test_a_stalled_stream_ends_when_another_thread_closes_it() -> None:
    standing = Event()

    def tell_and_wait(event: Event, timeout_s: float | None) -> bool:
        standing.set()
        return event.wait(timeout_s)

    model = ScriptedModel([stalls()], wait=tell_and_wait)
    with (
        model.client() as client,
        client.messages.stream(
            model="claude-opus-5-5", max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
        ) as stream,
    ):

        def close_it() -> None:
            standing.wait(5)
            stream.response.close()

        watchdog = Thread(target=close_it)
        watchdog.start()
        with pytest.raises(httpx2.ReadError):
            stream.get_final_message()
        watchdog.join()


def test_a_released_stall_goes_on_with_the_rest_of_the_answer() -> None:
    model = ScriptedModel([stalls(says("All of it."))], wait=lambda _event, _timeout_s: True)
    with model.client() as client:
        assert ask(client).stop_reason == "end_turn"


def test_a_hang_up_before_the_status_line_is_a_connection_error() -> None:
    with pytest.raises(anthropic.APIConnectionError):
        answer(hangs_up())


def test_silence_before_the_status_line_is_a_time_out() -> None:
    model = ScriptedModel([never_answers()], wait=lambda _event, _timeout_s: False)
    with model.client() as client, pytest.raises(anthropic.APITimeoutError):
        ask(client)
    assert model.billed.input_tokens > 0


def test_a_missing_message_stop_gives_no_stop_reason() -> None:
    message = answer(no_message_stop(calls("bash", {"command": "ls"}), after_events=3))
    assert message.stop_reason is None
    assert message.content[0].type == "tool_use"
    assert message.content[0].input == {}


def test_cut_tool_json_loses_its_last_pair_and_ends_with_max_tokens() -> None:
    message = answer(cut_tool_json("edit", EDIT))
    assert message.stop_reason == "max_tokens"
    assert message.content[0].type == "tool_use"
    assert sorted(message.content[0].input) == ["file_path", "old_string"]


def test_content_beyond_max_tokens_is_cut_off_and_billed_up_to_it() -> None:
    message = answer(says("word " * 1_000), max_tokens=10)
    assert message.stop_reason == "max_tokens"
    assert message.content[0].type == "text"
    assert len(message.content[0].text) == 40
    assert message.usage.output_tokens == 10


def test_malformed_tool_json_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"JSON|expected"):
        answer(malformed_tool_json("bash"))


def test_malformed_event_data_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"Expecting"):
        answer(malformed_data())


def test_garbage_between_events_is_skipped() -> None:
    assert answer(garbage_lines()).stop_reason == "end_turn"


@pytest.mark.parametrize(
    "reason",
    [
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "model_context_window_exceeded",
        "never_heard_of",
    ],
)
def test_every_stop_reason_arrives(reason: str) -> None:
    assert answer(stops(reason)).stop_reason == reason


def test_a_refusal_carries_its_details() -> None:
    message = answer(refuses("bio"))
    assert message.stop_reason == "refusal"
    assert message.stop_details is not None
    assert message.stop_details.category == "bio"


def test_thinking_comes_first_and_counts_as_reasoning() -> None:
    message = answer(says("Done.").thinking("hm " * 40))
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens == 30


def test_a_turn_can_cost_more_than_it_says() -> None:
    assert answer(says("Short.").costing(5_000)).usage.output_tokens == 5_000


SAME_BYTES = [
    pytest.param(says("Grüße, 世界"), id="text"),
    pytest.param(calls("bash", {"command": "ls"}, ("edit", EDIT), saying="Both."), id="calls"),
    pytest.param(finish_blocked("The spec contradicts the tests."), id="blocked"),
    pytest.param(fails(429, retry_after=3), id="429"),
    pytest.param(error_midway(), id="error-event"),
    pytest.param(garbage_lines(), id="garbage"),
    pytest.param(cut_tool_json("edit", EDIT), id="cut"),
    pytest.param(refuses(), id="refusal"),
]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("turn", SAME_BYTES)
def test_the_server_sends_the_bytes_of_the_transport(turn: Turn, stream: bool) -> None:
    body = {
        "model": "claude-opus-5-5",
        "max_tokens": 64_000,
        "stream": stream,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    headers = {"x-api-key": "k", "anthropic-version": "2026-10-21"}
    with httpx2.Client(transport=ScriptedModel([turn]).transport()) as client:
        here = client.post("http://model/v1/messages", json=body, headers=headers)
    with serve(ScriptedModel([turn])) as base_url, httpx2.Client(trust_env=False) as client:
        there = client.post(f"{base_url}/a/prefix/v1/messages", json=body, headers=headers)
    assert there.content == here.content
    assert there.status_code == here.status_code
    assert {name: there.headers[name] for name in here.headers if name != "content-length"} == {
        name: value for name, value in here.headers.items() if name != "content-length"
    }


def over_loopback(model: ScriptedModel, timeout_s: float = 5.0) -> anthropic.types.Message:
    with (
        serve(model) as base_url,
        httpx2.Client(trust_env=False) as http_client,
        anthropic.Anthropic(
            api_key="k", base_url=base_url, max_retries=0, http_client=http_client, timeout=timeout_s
        ) as client,
    ):
        return ask(client)


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        pytest.param(drops(), httpx2.RemoteProtocolError, id="drop"),
        pytest.param(stalls(), httpx2.ReadTimeout, id="stall"),
        pytest.param(hangs_up(), anthropic.APIConnectionError, id="hang-up"),
        pytest.param(never_answers(), anthropic.APITimeoutError, id="silence"),
    ],
)
def test_the_server_breaks_like_the_transport(turn: Turn, error: type[Exception]) -> None:
    with pytest.raises(error):
        over_loopback(ScriptedModel([turn]), timeout_s=0.2)


def test_the_models_can_be_listed_and_looked_up() -> None:
    with ScriptedModel([]).client() as client:
        assert "claude-opus-5-5" in [model.id for model in client.models.list()]
        assert client.models.retrieve("claude-sonnet-5-5").max_tokens == 128_000
        with pytest.raises(anthropic.NotFoundError):
            client.models.retrieve("claude-0")


def test_a_script_that_is_too_short_says_so() -> None:
    model = ScriptedModel([])
    with model.client() as client, pytest.raises(anthropic.BadRequestError, match="has 0 turns and this is request 1"):
        ask(client)
    assert model.drift is not None


def test_a_script_may_be_a_function_of_the_request() -> None:
    with ScriptedModel(lambda request: says(f"request {request.number} to {request.model}")).client() as client:
        content = ask(client).content[0]
    assert content.type == "text"
    assert content.text == "request 1 to claude-opus-5-5"


def test_an_answer_says_which_kind_of_model_it_came_from() -> None:
    with ScriptedModel([says("Hi")]).client() as client:
        response = client.messages.with_raw_response.create(
            model="claude-opus-5-5", max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
        )
    assert response.headers["ralph-model"] == "scripted"
