"""Each way in which the model service can fail, through a whole run: how the run ends, what it says, what it costs."""

from functools import partial
from typing import Any

import pytest

from ralph.replay.scripted import (
    Turn,
    calls,
    cut_tool_json,
    drops,
    error_midway,
    fails,
    finish_done,
    garbage_lines,
    hangs_up,
    malformed_data,
    malformed_tool_json,
    no_message_stop,
    refuses,
    says,
    stalls,
    stops,
)

World = Any
WRITE = ("write", {"file_path": "src/1.txt", "content": "good\n"})


def assert_sound(world: World, tools: Any, *models: Any) -> None:
    """What holds however a run ended."""
    assert world.charged_micros() >= tools.billed_micros(*models)
    assert world.charged_micros() == sum(detail.trace.cost_micros for detail in world.traces())
    assert world.checkout_hash() == world.before
    world.assert_clean()
    for detail in world.traces():
        assert detail.trace.ended_at_ns
        assert all(span.ended_at_ns for span in detail.spans)


@pytest.fixture
def play(play: Any) -> Any:
    """Without a sandbox: what the service does has nothing to do with it, and proving it is a third of a run's work."""
    return partial(play, sandbox="none")


def begin(world: World, tools: Any, settings: str = "") -> None:
    world.start_repo(tools.a_story(1))
    world.write("ralph.toml", settings + (world.root / "ralph.toml").read_text())
    world.commit()
    world.before = world.checkout_hash()


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        pytest.param(fails(400), "400 invalid_request_error", id="400", marks=pytest.mark.slow),
        pytest.param(fails(401), "Set ANTHROPIC_API_KEY to a valid key", id="401"),
        pytest.param(fails(402), "Add credit", id="402", marks=pytest.mark.slow),
        pytest.param(fails(403), "403 permission_error", id="403", marks=pytest.mark.slow),
        pytest.param(fails(404), "Check the model's name", id="404", marks=pytest.mark.slow),
        pytest.param(fails(429, retry_after=25_000), "rate limited until", id="429-for-seven-hours"),
        pytest.param(
            fails(400, message="Your credit balance is too low. It resets at 7pm"), "Add credit", id="no-credit"
        ),
        pytest.param(fails(403, error_code="organization_on_hold"), "Add credit", id="on-hold", marks=pytest.mark.slow),
        pytest.param(
            fails(429, error_code="enforced_spend_limit_reached"),
            "Add credit",
            id="spend-limit",
            marks=pytest.mark.slow,
        ),
        pytest.param(error_midway("billing_error"), "billing_error", id="billing-error-midway"),
    ],
)
def test_a_service_that_refuses_ends_the_run_with_4_and_the_next_run_carries_on(
    world: World, play: Any, tools: Any, turn: Turn, reason: str
) -> None:
    begin(world, tools)
    failed = play([calls(*WRITE), turn])
    assert failed.outcome.exit_code == 4
    (ended,) = [event for event in failed.events if event.kind == "run_ended"]
    assert reason in ended.text
    assert failed.waits_s == []
    assert "ralph/work" not in world.branches()
    (detail,) = world.traces()
    assert detail.trace.status == "error"
    assert reason in detail.trace.error
    assert [world.show(f"{ref}:src/1.txt") for ref in world.attempts()] == [b"good\n"]
    assert_sound(world, tools, failed.model)
    healthy = play(tools.solves(1))
    assert healthy.outcome.exit_code == 0
    assert world.stories_on() == ["US-001"]
    assert_sound(world, tools, failed.model, healthy.model)


@pytest.mark.parametrize(
    ("turn", "waits"),
    [
        pytest.param(fails(408), 1, id="408"),
        pytest.param(fails(429), 1, id="429"),
        pytest.param(fails(429, retry_after=7), 1, id="429-retry-after"),
        pytest.param(fails(500), 1, id="500"),
        pytest.param(fails(529), 1, id="529"),
        pytest.param(error_midway(), 1, id="error-midway"),
        pytest.param(error_midway(turn=calls(*WRITE)), 1, id="error-midway-in-a-call"),
        pytest.param(drops(), 1, id="dropped"),
        pytest.param(drops(calls(*WRITE)), 1, id="dropped-in-a-call"),
        pytest.param(hangs_up(), 1, id="hung-up"),
        pytest.param(no_message_stop(finish_done("Done.")), 1, id="no-message-stop"),
        pytest.param(malformed_data(), 1, id="malformed-data"),
        pytest.param(garbage_lines(), 0, id="garbage-lines"),
        pytest.param(fails(413), 0, id="413-compacts"),
        pytest.param(cut_tool_json(*WRITE), 0, id="cut-tool-json"),
        pytest.param(malformed_tool_json("write"), 0, id="malformed-tool-json"),
        pytest.param(says("I think about it."), 0, id="end_turn"),
        pytest.param(stops("stop_sequence", sequence="END"), 0, id="stop_sequence"),
        pytest.param(stops("max_tokens"), 0, id="max_tokens"),
        pytest.param(stops("max_tokens", calls(*WRITE)), 0, id="max_tokens-with-a-whole-call"),
        pytest.param(stops("pause_turn"), 0, id="pause_turn"),
        pytest.param(stops("model_context_window_exceeded"), 0, id="context-window"),
    ],
)
def test_a_fault_that_passes_is_survived_in_the_same_run(
    world: World, play: Any, tools: Any, turn: Turn, waits: int
) -> None:
    begin(world, tools)
    played = play([turn, *tools.solves(1)])
    assert played.outcome.exit_code == 0, played.outcome
    assert len(played.waits_s) == waits
    if turn == fails(429, retry_after=7):
        assert played.waits_s == [7.0]
    assert world.stories_on() == ["US-001"]
    (detail,) = world.traces()
    assert detail.trace.status == "success"
    assert sum(span.name == "write" or span.name.endswith(" write") for span in detail.spans) in {1, 2}
    assert_sound(world, tools, played.model)


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        pytest.param([refuses()], "the model refused", id="refusal"),
        pytest.param([stops("a_new_reason")], 'unknown stop reason "a_new_reason"', id="unknown-stop-reason"),
        pytest.param([cut_tool_json(*WRITE)] * 2, "two answers in a row were cut off", id="cut-twice"),
        pytest.param([malformed_tool_json("write")] * 3, "without a valid tool call", id="malformed-three-times"),
        pytest.param([stops("pause_turn")] * 6, "paused the turn again and again", id="paused-for-ever"),
        pytest.param([fails(413)] * 2, "too long again after a compaction", id="413-twice"),
        pytest.param([calls("bash", {"command": "ls"})] * 6, "the same result 6 times", id="going-in-circles"),
    ],
)
def test_a_model_that_does_not_mend_its_ways_costs_the_story_an_attempt(
    world: World, play: Any, tools: Any, turns: list[Turn], reason: str
) -> None:
    begin(world, tools, "[agent]\nattempts = 2\n")
    played = play([*turns, *tools.solves(1)])
    assert played.outcome.exit_code == 0, played.outcome
    assert reason in played.outcome.results[0].reason
    assert [detail.trace.status for detail in world.traces()] == ["success", "error"]
    assert world.stories_on() == ["US-001"]
    assert_sound(world, tools, played.model)


def test_a_service_that_stays_away_ends_the_run_after_the_last_try(world: World, play: Any, tools: Any) -> None:
    begin(world, tools)
    played = play([fails(529)] * 60)
    assert played.outcome.exit_code == 4
    assert "failed 60 times in a row" in played.outcome.reason
    assert len(played.waits_s) == 59
    assert world.charged_micros() == 0
    assert_sound(world, tools, played.model)


def test_a_limit_that_ends_before_the_run_does_is_waited_for_and_told(world: World, play: Any, tools: Any) -> None:
    begin(world, tools)
    limited = fails(429, message="Limit reached, try again in 2 hours 10 minutes")
    played = play([calls(*WRITE), limited, *tools.solves(1)])
    assert played.outcome.exit_code == 0, played.outcome
    assert played.waits_s == [7800.0]
    (retry,) = [event for event in played.events if event.kind == "model_retry"]
    assert retry.fields["wait_s"] == 7800.0
    assert_sound(world, tools, played.model)


def test_a_limit_that_ends_after_the_run_ends_it_with_4_and_the_time(world: World, play: Any, tools: Any) -> None:
    begin(world, tools)
    limited = fails(429, message="Limit reached, try again in 2 hours 10 minutes")
    played = play([calls(*WRITE), limited], run__max_duration="1h")
    assert played.outcome.exit_code == 4
    assert "rate limited until" in played.outcome.reason
    assert "(in 2 h 10 min), which is past the run's time" in played.outcome.reason
    assert_sound(world, tools, played.model)


def test_a_refusal_is_recorded_with_its_category(world: World, play: Any, tools: Any) -> None:
    begin(world, tools, "[agent]\nattempts = 1\n")
    played = play([refuses("cyber", "This request was declined.")])
    assert "cyber: This request was declined." in played.outcome.results[0].reason
    (detail,) = world.traces()
    assert "cyber: This request was declined." in {span.attributes.get("ralph.refusal") for span in detail.spans}
    assert_sound(world, tools, played.model)


def test_a_stream_that_stands_still_ends_with_the_runs_time_and_stays_charged(
    world: World, play: Any, tools: Any
) -> None:
    begin(world, tools)
    stalled = play([calls(*WRITE), stalls()], run__max_duration="2s")
    assert stalled.outcome.exit_code == 3, stalled.outcome
    (detail,) = world.traces()
    assert detail.trace.status == "timeout"
    assert_sound(world, tools, stalled.model)
    healthy = play(tools.solves(1))
    assert healthy.outcome.exit_code == 0
    assert_sound(world, tools, stalled.model, healthy.model)
