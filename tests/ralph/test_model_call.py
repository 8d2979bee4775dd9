"""One guarded, traced, retried model call, over the real SDK, the real ledger and a scripted service."""

import math
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from ralph.deadline import Left
from ralph.model.blocks import text
from ralph.model.cache_health import CacheHealth
from ralph.model.call import CallTerms, Model
from ralph.model.client import sdk_client
from ralph.model.concessions import Concessions
from ralph.model.dialogue import Dialogue
from ralph.model.failures import (
    CallCancelledError,
    Charge,
    ContextTooLongError,
    DeadlineError,
    Failure,
    Verdict,
    WorstCaseError,
)
from ralph.model.pace import Pace
from ralph.model.reply import Reply
from ralph.model.retry_notice import retry_notice
from ralph.model.stop_reasons import StopReason
from ralph.model.trouble import ServiceError
from ralph.replay.scripted import Bill, Request, Script, ScriptedModel
from ralph.replay.turn import (
    Turn,
    calls,
    cut_tool_json,
    drops,
    error_midway,
    fails,
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
from tracing.budget import Ledger, Limit, OverBudgetError
from tracing.meter import Meter
from tracing.prices import PriceBook, TokenUsage
from tracing.reconcile import Books
from tracing.redact import Redactor
from tracing.span import SpanKind
from tracing.store import TraceStore
from tracing.store.detail import SpanRow
from tracing.tracer import Tracer

pytestmark = pytest.mark.usefixtures("in_utc")
MODEL = "claude-opus-5-5"
RUN = "run:r1"
TOOLS: list[dict[str, Any]] = [
    {
        "name": "bash",
        "description": "Run a command.",
        "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}},
    }
]
SYSTEM = "You implement one story. " * 200  # long enough to be cached
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Moves when somebody waits; dice always fall high."""

    now_s: float = 1000.0
    waits_s: list[float] = field(default_factory=list)

    def sleep(self, seconds: float, _cancel: object) -> None:
        self.waits_s.append(round(seconds, 3))
        self.now_s += seconds

    def until(self, left_s: float | None) -> Left:
        """A deadline in so many seconds; None: no deadline."""
        ends_s = math.inf if left_s is None else self.now_s + left_s
        return lambda: ends_s - self.now_s

    def pace(self) -> Pace:
        return Pace(clock=lambda: self.now_s, sleep=self.sleep, dice=lambda: 1.0, now=lambda: NOON)


def token_usage(bill: Bill) -> TokenUsage:
    return TokenUsage(**{name: getattr(bill.usage, name, 0) for name in TokenUsage.__dataclass_fields__})


class Bench:
    """A ledger, a trace store, a clock and a service that plays a script."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = TraceStore.open(folder / "traces.db")
        self.ledger = Ledger.open(folder / "ledger.db")
        self.prices = PriceBook()
        self.meter = Meter(self.ledger, self.prices)
        self.tracer = Tracer(self.store, redact=Redactor())
        self.trace = self.tracer.start_trace("invoke_agent ralph")
        self.health = CacheHealth()
        self.stall_limits_s: list[float | None] = []
        self._models: list[Model] = []
        self.dialogue = self.a_dialogue("Story: US-001 - Title")

    def a_dialogue(self, words: str, system: str = SYSTEM) -> Dialogue:
        dialogue = Dialogue(system, TOOLS, self.tracer.conversation())
        dialogue.hear([text(words)])
        return dialogue

    def service(self, script: Sequence[Turn] | Script) -> ScriptedModel:
        self.scripted = ScriptedModel(script, clock=lambda: self.clock.now_s, wait=self._stall)
        self.model = Model(
            sdk_client(api_key="scripted", transport=self.scripted.transport()),
            self.meter,
            MODEL,
            pace=self.clock.pace(),
        )
        self._models.append(self.model)
        return self.scripted

    def ask(self, *, micros: int = 10_000_000, dialogue: Dialogue | None = None, **terms: Any) -> Reply:
        given: dict[str, Any] = {
            "max_tokens": 64_000,
            "effort": "medium",
            "limits": lambda: [Limit(RUN, micros)],
        } | terms
        return self.model.call(dialogue or self.dialogue, CallTerms(**given), trace=self.trace, health=self.health)

    @property
    def spent_micros(self) -> int:
        return self.ledger.spent(RUN).settled_micros

    @property
    def held_micros(self) -> int:
        return self.ledger.spent(RUN).held_micros

    @property
    def billed_micros(self) -> int:
        return sum(self.prices.cost_micros(MODEL, token_usage(bill)) for bill in self.scripted.bills)

    def spans(self) -> list[SpanRow]:
        return [span for span in self.store.trace(self.trace.trace_id).spans if span.kind == SpanKind.LLM]

    def close(self) -> None:
        for model in self._models:
            model.close()
        self.trace.end()
        self.store.close()
        self.ledger.close()

    def _stall(self, _event: threading.Event, timeout_s: float | None) -> bool:
        self.stall_limits_s.append(timeout_s)
        return False


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_a_request_has_fixed_system_and_tools_a_moving_breakpoint_an_effort_and_nothing_that_5x_models_refuse(
    bench: Bench,
) -> None:
    service = bench.service([says("hi")])
    bench.ask()
    body = service.requests[0]
    assert body["system"] == [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
    assert body["tools"] == TOOLS
    assert body["cache_control"] == {"type": "ephemeral"}
    assert body["output_config"] == {"effort": "medium"}
    assert body["stream"] is True
    assert body["max_tokens"] == 64_000
    assert set(body) == {
        "model", "max_tokens", "system", "tools", "cache_control", "output_config", "stream", "messages",
    }  # fmt: skip


def test_a_call_costs_exactly_what_the_provider_bills(bench: Bench) -> None:
    bench.service([says("hi").thinking("hm")])
    reply = bench.ask()
    assert reply.cost_micros == bench.billed_micros == bench.spent_micros > 0
    assert bench.held_micros == 0


@pytest.mark.parametrize(
    ("turn", "stays_charged"),
    [
        pytest.param(fails(408), False, id="408"),
        pytest.param(fails(409), False, id="409"),
        pytest.param(fails(429), False, id="429"),
        pytest.param(fails(500), False, id="500"),
        pytest.param(fails(503), False, id="503"),
        pytest.param(fails(504), False, id="504"),
        pytest.param(fails(529), False, id="529"),
        pytest.param(fails(400, headers={"x-should-retry": "true"}), False, id="told-to-retry"),
        pytest.param(error_midway("overloaded_error"), True, id="error-event-after-status-200"),
        pytest.param(error_midway("api_error"), True, id="api-error-event"),
        pytest.param(drops(), True, id="dropped-stream"),
        pytest.param(no_message_stop(), True, id="no-message-stop"),
        pytest.param(malformed_data(), True, id="event-that-is-not-json"),
        pytest.param(hangs_up(), True, id="sent-and-nothing-seen"),
        pytest.param(stalls(), True, id="stalled-stream"),
    ],
)
def test_a_passing_failure_is_tried_again_and_charged_for_what_may_have_been_billed(
    bench: Bench, turn: Turn, stays_charged: bool
) -> None:
    bench.service([turn, says("hi")])
    reply = bench.ask()
    assert reply.content[0]["text"] == "hi"
    assert bench.clock.waits_s == [2.0]
    assert bench.held_micros == 0
    assert (bench.spent_micros > reply.cost_micros) is stays_charged
    assert bench.spent_micros >= bench.billed_micros
    (span,) = bench.spans()
    assert span.attributes["ralph.call.attempts"] == 2
    assert len(span.attributes["ralph.call.attempt_errors"]) == 1  # type: ignore[arg-type]
    assert span.attributes["ralph.cost.micros"] == bench.spent_micros
    assert span.attributes["ralph.cost.unseen_micros"] == bench.ledger.spent(RUN).unseen_micros
    assert (span.unseen_micros > 0) is stays_charged
    assert [event.name for event in span.events] == ["attempt_failed"]


@pytest.mark.parametrize(
    ("turn", "says_why"),
    [
        pytest.param(fails(400), "400 invalid_request_error", id="400"),
        pytest.param(fails(401), "Set ANTHROPIC_API_KEY to a valid key", id="401"),
        pytest.param(fails(402), "Add credit to the account", id="402"),
        pytest.param(fails(403), "Check that the key may use this model", id="403"),
        pytest.param(fails(404), "Check the model's name", id="404"),
        pytest.param(
            fails(429, error_code="enforced_spend_limit_reached"), "429 rate_limit_error", id="429-spend-limit"
        ),
        pytest.param(fails(403, error_code="organization_on_hold"), "403 permission_error", id="403-on-hold"),
        pytest.param(fails(429, headers={"x-should-retry": "false"}), "429", id="told-not-to"),
        pytest.param(error_midway("billing_error"), "billing_error in the middle of the stream", id="billing-event"),
    ],
)
def test_a_refusal_for_good_is_never_tried_again_and_says_what_to_do(bench: Bench, turn: Turn, says_why: str) -> None:
    service = bench.service([turn, says("never asked")])
    with pytest.raises(ServiceError, match=says_why):
        bench.ask()
    assert len(service.requests) == 1
    assert bench.clock.waits_s == []
    assert bench.held_micros == 0


@pytest.mark.parametrize(
    ("message", "field", "before", "after"),
    [
        pytest.param("output_config: Extra inputs are not permitted", "output_config", True, False, id="output-config"),
        pytest.param("This model does not support the effort parameter.", "output_config", True, False, id="effort"),
        pytest.param("cache_control: Extra inputs are not permitted", "cache_control", True, False, id="top-level-cache"),
        pytest.param(
            "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for claude-3-5-20241022",
            "max_tokens", 64_000, 8_192, id="too-long-an-answer",
        ),
        pytest.param("max_tokens is too large", "max_tokens", 64_000, 8_192, id="too-long-without-a-number"),
    ],
)  # fmt: skip
def test_a_feature_that_the_service_does_not_know_is_dropped_for_good_and_the_call_sent_again_at_once(
    bench: Bench, message: str, field: str, before: int, after: int
) -> None:
    service = bench.service([fails(400, message=message), says("hi"), says("again")])
    bench.ask()
    bench.ask(dialogue=bench.a_dialogue("Another story"))
    sent = [body.get(field, 0) if field == "max_tokens" else field in body for body in service.requests]
    assert sent == [before, after, after]
    assert bench.clock.waits_s == []
    assert bench.spent_micros == bench.billed_micros
    assert "feature_dropped" in [event.name for event in bench.spans()[0].events]


@pytest.mark.parametrize(
    "turns",
    [
        pytest.param([fails(400, message="messages.0.content.0.cache_control: no")] * 2, id="a-block-twice"),
        pytest.param([fails(400, message="effort: no"), fails(400, message="effort: no")], id="the-same-again"),
    ],
)  # fmt: skip
def test_a_refusal_that_dropping_a_feature_does_not_mend_stays_fatal(bench: Bench, turns: list[Turn]) -> None:
    service = bench.service([*turns, says("never asked")])
    with pytest.raises(ServiceError, match="The model service refused: 400"):
        bench.ask()
    assert len(service.requests) == len(turns)


def test_no_more_output_is_asked_for_than_the_model_is_known_to_give(bench: Bench) -> None:
    service = bench.service([says("a"), says("b")])
    bench.ask(max_tokens=200_000)
    bench.model._concessions = Concessions("claude-haiku-4-5-20251001")
    bench.ask(max_tokens=128_000, dialogue=bench.a_dialogue("Another story"))
    assert [body["max_tokens"] for body in service.requests] == [128_000, 64_000]


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(fails(400, message="prompt is too long: 1000001 tokens > 1000000 maximum"), id="400"),
        pytest.param(fails(413), id="413"),
    ],
)
def test_a_conversation_that_is_too_long_is_told_apart_from_other_refusals(bench: Bench, turn: Turn) -> None:
    bench.service([turn])
    with pytest.raises(ContextTooLongError):
        bench.ask()
    assert bench.spent_micros == bench.held_micros == 0


def test_the_wait_doubles_from_2_to_60_seconds_and_ends_after_a_quarter_of_an_hour(bench: Bench) -> None:
    bench.service([fails(529)] * 20)
    with pytest.raises(
        ServiceError, match=r"failed 20 times in a row in 15 min, last with: 529 overloaded_error: Overloaded\. Run"
    ):
        bench.ask()
    assert bench.clock.waits_s == [2, 4, 8, 16, 32, *[60] * 14]
    (span,) = bench.spans()
    assert span.status == "error"
    assert len(span.attributes["ralph.call.attempt_errors"]) == 20  # type: ignore[arg-type]


def test_attempts_that_may_have_been_billed_end_after_ten(bench: Bench) -> None:
    service = bench.service([hangs_up()] * 11)
    with pytest.raises(ServiceError, match="failed 10 times in a row"):
        bench.ask(max_tokens=1_000)
    assert len(service.bills) == 10
    assert bench.spent_micros >= bench.billed_micros


@pytest.mark.parametrize(
    ("retry_after", "waited_s"),
    [
        pytest.param(120, 120.0, id="seconds"),
        pytest.param("Sat, 21 Nov 2026 12:01:30 GMT", 90.0, id="a-date"),
        pytest.param("soon", 2.0, id="nonsense-is-ignored"),
    ],
)
def test_retry_after_is_honoured(bench: Bench, retry_after: str | float, waited_s: float) -> None:
    bench.service([fails(429, retry_after=retry_after), says("hi")])
    bench.ask(left_s=bench.clock.until(3600))
    assert bench.clock.waits_s == [waited_s]


@pytest.mark.parametrize(
    ("turn", "waited_s"),
    [
        pytest.param(fails(429, message="limit reached, try again at 2026-11-21T15:00:00Z"), 3 * 3600, id="words"),
        pytest.param(fails(429, message="try again in 2 hours 10 minutes"), 7800, id="duration"),
        pytest.param(
            fails(429, message="resets at 1pm (UTC)", headers={"x-should-retry": "false"}), 3600, id="told-not-to-retry"
        ),
        pytest.param(
            fails(
                429,
                headers={
                    "anthropic-ratelimit-input-tokens-remaining": "0",
                    "anthropic-ratelimit-input-tokens-reset": "2026-11-21T12:20:00Z",
                },
            ),
            1200,
            id="headers",
        ),
    ],
)
@pytest.mark.parametrize("deadline", [pytest.param(None, id="no-deadline"), pytest.param(4 * 3600, id="deadline")])
def test_a_limits_reset_time_is_waited_for_with_nothing_reserved(
    bench: Bench, turn: Turn, waited_s: float, deadline: float | None
) -> None:
    bench.service([turn, says("hi")])
    told: list[tuple[str, float, int]] = []

    def failed(attempt: int, failure: Failure, wait_s: float) -> None:
        text, fields = retry_notice(attempt, failure, wait_s, NOON)
        told.append((f"{text} {fields['until']}", wait_s, bench.held_micros))

    bench.ask(left_s=bench.clock.until(deadline), attempt_failed=failed)
    assert bench.clock.waits_s == [waited_s]
    ((words, wait_s, held_micros),) = told
    assert words.startswith("waiting for the model service until ")
    assert words.endswith((NOON + timedelta(seconds=waited_s)).isoformat())
    assert (wait_s, held_micros) == (waited_s, 0)


@pytest.mark.parametrize(
    ("waits_for_reset", "deadline", "why"),
    [
        pytest.param(True, 3600.0, r"in 3 h 00 min\), which is past the run's time", id="past-the-deadline"),
        pytest.param(False, None, "run.wait_for_reset is off", id="not-wanted"),
        pytest.param(False, 24 * 3600.0, "run.wait_for_reset is off", id="not-wanted-before-a-deadline"),
    ],
)
def test_a_reset_time_that_is_not_waited_for_ends_the_call_and_says_when_it_goes_on(
    bench: Bench, waits_for_reset: bool, deadline: float | None, why: str
) -> None:
    bench.service([fails(429, message="try again in 3 hours")])
    bench.model.pace = replace(bench.clock.pace(), wait_for_reset=waits_for_reset)
    with pytest.raises(ServiceError, match=f"rate limited until 2026-11-21 15:00 UTC.*{why}"):
        bench.ask(left_s=bench.clock.until(deadline))
    assert bench.clock.waits_s == []


def test_without_a_deadline_no_more_than_six_hours_are_waited_in_all(bench: Bench) -> None:
    bench.service([fails(429, message="try again in 4 hours")] * 2)
    with pytest.raises(ServiceError, match=r"longer than a run without --until or --max-duration waits \(6 h\)"):
        bench.ask()
    assert bench.clock.waits_s == [4 * 3600]


def test_after_a_wait_for_a_reset_patience_begins_anew(bench: Bench) -> None:
    bench.service([fails(529)] * 15 + [fails(429, retry_after=3600)] + [fails(529)] * 15 + [says("hi")])
    assert bench.ask().content[0]["text"] == "hi"


def test_a_service_that_says_soon_for_a_quarter_of_an_hour_is_given_up(bench: Bench) -> None:
    bench.service(lambda _request: fails(429, retry_after=50))
    with pytest.raises(ServiceError, match="as it has been saying for a while"):
        bench.ask()
    assert set(bench.clock.waits_s) == {50.0}
    assert sum(bench.clock.waits_s) == 900


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(fails(400, message="Your credit balance is too low to access the Anthropic API."), id="credit"),
        pytest.param(
            fails(
                400,
                message="You have reached your specified API usage limits. You will regain access on 2026-11-22 at 00:00 UTC.",
            ),
            id="monthly-limit",
        ),
        pytest.param(fails(429, error_code="enforced_spend_limit_reached", message="resets at 7pm"), id="spend-limit"),
        pytest.param(fails(429, message="Budget has been exceeded! Resets at 7pm"), id="litellms-budget"),
        pytest.param(fails(429, message="You exceeded your current quota", retry_after=60), id="quota"),
        pytest.param(fails(403, error_code="organization_on_hold", retry_after=5), id="on-hold"),
        pytest.param(fails(402, retry_after=5), id="402"),
    ],
)
def test_no_money_is_never_waited_for(bench: Bench, turn: Turn) -> None:
    service = bench.service([turn, says("never asked")])
    with pytest.raises(ServiceError, match="Add credit to the account"):
        bench.ask()
    assert (len(service.requests), bench.clock.waits_s, bench.held_micros) == (1, [], 0)


@pytest.mark.parametrize(
    ("failure", "wait_s", "words"),
    [
        pytest.param({}, 2, "the model service failed (529); trying again in 2 s", id="a-guess"),
        pytest.param({"retry_after_s": 7}, 7, "the model service asked to wait (529); trying again in 7 s", id="soon"),
        pytest.param({"retry_after_s": 7800}, 7800, r", in 2 h 10 min (529); Ctrl-C stops", id="in-hours"),
        pytest.param(
            {"retry_after_s": 90_000}, 90_000, "waiting for the model service until 2026-11-22 ", id="in-days"
        ),
    ],
)
def test_a_person_is_told_why_and_how_long_ralph_waits(failure: dict[str, float], wait_s: float, words: str) -> None:
    failed = Failure(Verdict.RETRY, Charge.NOTHING, "529", retry_after_s=failure.get("retry_after_s"))
    text, fields = retry_notice(3, failed, wait_s, NOON)
    assert words in text
    assert (fields["attempt"], fields["wait_s"], "until" in fields) == (3, wait_s, bool(failure))


def test_a_feature_that_is_dropped_is_told_without_a_wait(bench: Bench) -> None:
    bench.service(
        [fails(422, "invalid_request_error", message="body.cache_control: Extra inputs are not permitted"), says("hi")]
    )
    told: list[tuple[str, float]] = []
    bench.ask(
        attempt_failed=lambda n, failure, wait_s: told.append((retry_notice(n, failure, wait_s, NOON)[0], wait_s))
    )
    assert told == [("the model service does not take cache_control; going on without", 0.0)]


def test_a_retry_after_beyond_the_deadline_stops_at_once_and_says_until_when(bench: Bench) -> None:
    bench.service([fails(429, retry_after=4_294_967)])
    with pytest.raises(ServiceError, match=r"rate limited until 2027-01-10 05:03 UTC"):
        bench.ask(left_s=bench.clock.until(3600))
    assert bench.clock.waits_s == []


def test_no_attempt_begins_after_the_deadline(bench: Bench) -> None:
    service = bench.service([fails(529)] * 5)
    with pytest.raises(DeadlineError):
        bench.ask(left_s=bench.clock.until(5))
    assert bench.clock.waits_s == [2.0]
    assert len(service.requests) == 2


def test_an_answer_that_runs_past_the_deadline_is_cut_and_charged(bench: Bench) -> None:
    def slow(request: Request) -> Turn:
        bench.clock.now_s += 100
        return says("late")

    bench.service(slow)
    with pytest.raises(DeadlineError):
        bench.ask(left_s=bench.clock.until(50))
    assert bench.spent_micros >= bench.billed_micros
    assert bench.held_micros == 0


@pytest.mark.parametrize(
    ("left_s", "limit_s"), [pytest.param(None, 300, id="five-minutes"), pytest.param(40, 40, id="until-the-deadline")]
)
def test_a_silent_stream_is_given_up_after_the_idle_limit(bench: Bench, left_s: int | None, limit_s: int) -> None:
    bench.service([stalls(), says("hi")])
    bench.ask(left_s=bench.clock.until(left_s))
    assert bench.stall_limits_s == [limit_s]


def test_tool_input_that_is_not_json_is_reported_with_its_exact_cost(bench: Bench) -> None:
    bench.service([malformed_tool_json("bash")])
    reply = bench.ask()
    (call,) = reply.tool_calls
    assert call["input"] == {}
    assert "It began: " in reply.malformed[call["id"]]
    assert reply.cost_micros == bench.billed_micros == bench.spent_micros


def test_a_call_that_was_cut_off_keeps_no_half_of_its_input(bench: Bench) -> None:
    bench.service([cut_tool_json("edit", {"file_path": "a.py", "old_string": "x = 1", "new_string": "x = 2"})])
    reply = bench.ask()
    assert reply.stop_reason is StopReason.MAX_TOKENS
    assert all(call["input"] == {} for call in reply.tool_calls)


def test_lines_that_are_no_events_lose_nothing(bench: Bench) -> None:
    bench.service([garbage_lines(says("all of it"))])
    assert bench.ask().content[0]["text"] == "all of it"


def test_an_unknown_stop_reason_is_passed_on_as_unknown(bench: Bench) -> None:
    bench.service([stops("vacation")])
    reply = bench.ask()
    assert (reply.stop_reason, reply.raw_stop_reason) == (StopReason.UNKNOWN, "vacation")


def test_a_refusal_keeps_its_category_in_the_span(bench: Bench) -> None:
    bench.service([refuses("cyber", "Not this.")])
    reply = bench.ask()
    assert (reply.stop_reason, reply.refusal) == (StopReason.REFUSAL, "cyber: Not this.")
    assert bench.spans()[0].attributes["ralph.refusal"] == "cyber: Not this."


def test_a_service_that_cannot_be_reached_costs_nothing_and_is_tried_again(bench: Bench) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        bench.service([])
        bench.model = Model(sdk_client(api_key="k", base_url=address), bench.meter, MODEL, pace=bench.clock.pace())
        with pytest.raises(
            ServiceError, match="could not be reached 20 times in a row in 15 min, last with: ConnectError"
        ):
            bench.ask()
    bench.model.close()
    assert bench.ledger.spent(RUN).total_micros == 0


def test_a_short_budget_shortens_the_answer_and_an_empty_one_stops_before_the_request(bench: Bench) -> None:
    service = bench.service([says("hi"), says("never asked")])
    assert bench.ask(micros=300_000).max_tokens < 64_000
    assert cast("int", service.requests[0]["max_tokens"]) < 64_000
    with pytest.raises(OverBudgetError):
        bench.ask(micros=bench.spent_micros + 1000)
    assert len(service.requests) == 1


def test_a_retry_is_a_new_reservation_that_may_not_fit_any_more(bench: Bench) -> None:
    service = bench.service([drops(), says("never asked")])
    with pytest.raises(OverBudgetError):
        bench.ask(micros=200_000)
    assert len(service.requests) == 1
    assert 0 < bench.spent_micros <= 200_000
    assert bench.spans()[0].attributes["ralph.cost.micros"] == bench.spent_micros


def test_an_attempt_after_midnight_is_charged_to_the_new_day(bench: Bench) -> None:
    bench.service([fails(529), says("hi")])
    days = iter(("2026-11-21", "2026-11-22"))
    reply = bench.ask(limits=lambda: [Limit(f"day:{next(days)}", 10_000_000)])
    assert bench.ledger.spent("day:2026-11-21").total_micros == 0
    assert bench.ledger.spent("day:2026-11-22").settled_micros == reply.cost_micros > 0


def miscounted(bench: Bench) -> Dialogue:
    """A conversation whose count is far too low: its input bound does not hold."""
    dialogue = bench.a_dialogue("Story")
    dialogue.answered([text("word " * 100_000)], TokenUsage())
    dialogue.hear([text("Go on.")])
    return dialogue


def test_a_call_that_cost_more_than_its_reservation_is_the_last_one(bench: Bench) -> None:
    service = bench.service([says("hi"), says("never asked")])
    with pytest.raises(WorstCaseError, match="the price table or the bound on the input is wrong") as caught:
        bench.ask(dialogue=miscounted(bench), max_tokens=100)
    with pytest.raises(WorstCaseError):
        bench.ask(dialogue=bench.a_dialogue("Another story"))
    (broken,) = bench.meter.broken_assumptions
    assert str(caught.value) == str(broken)
    assert len(service.requests) == 1
    assert bench.spent_micros == bench.billed_micros == broken.charged_micros
    (span,) = bench.spans()
    (event,) = span.events
    assert event.name == "worst_case_exceeded"
    assert span.attributes["ralph.cost.exceeded_micros"] == broken.charged_micros - broken.reserved_micros
    assert event.attributes == {"reserved_micros": broken.reserved_micros, "charged_micros": broken.charged_micros}
    assert span.attributes["ralph.cost.micros"] == broken.charged_micros


def test_after_a_broken_worst_case_no_other_process_calls_until_a_person_has_accepted_it(
    bench: Bench, tmp_path: Path
) -> None:
    bench.service([says("hi")])
    with pytest.raises(WorstCaseError):
        bench.ask(dialogue=miscounted(bench), max_tokens=100)
    bench.meter = Meter(bench.ledger, bench.prices)  # as in another process, or in the next run
    service = bench.service([says("asked at last")])
    with pytest.raises(WorstCaseError, match="ralph costs reconcile 1 --accept"):
        bench.ask(dialogue=bench.a_dialogue("Another story"))
    assert service.requests == []
    with closing(Books.open(tmp_path / "ledger.db")) as books:
        books.settle(1, None, made_by="ann")
    assert bench.ask(dialogue=bench.a_dialogue("Another story")).content[0]["text"] == "asked at last"


def test_a_broken_stream_that_cost_more_than_its_reservation_is_not_tried_again(bench: Bench) -> None:
    service = bench.service([no_message_stop(), says("never asked")])
    with pytest.raises(WorstCaseError):
        bench.ask(dialogue=miscounted(bench), max_tokens=100)
    assert len(service.requests) == 1
    assert "worst_case_exceeded" in [event.name for event in bench.spans()[0].events]


def test_a_stop_wakes_the_wait_between_attempts(bench: Bench) -> None:
    bench.service([fails(529), says("never asked")])
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CallCancelledError):
        bench.ask(cancel=cancel)


def test_a_second_ctrl_c_in_the_middle_of_an_answer_leaves_nothing_unsettled(bench: Bench) -> None:
    def interrupted(event: threading.Event, timeout_s: float | None) -> bool:
        raise KeyboardInterrupt

    service = bench.service([stalls()])
    service.stalls.wait = interrupted
    with pytest.raises(KeyboardInterrupt):
        bench.ask()
    assert bench.held_micros == 0
    assert bench.spent_micros >= bench.billed_micros
    assert [span.status for span in bench.spans()] == ["interrupted"]


def test_without_a_key_the_message_says_which_variable_to_set(bench: Bench) -> None:
    bench.service([says("hi")])
    bench.model = Model(sdk_client(transport=bench.scripted.transport()), bench.meter, MODEL, pace=bench.clock.pace())
    with pytest.raises(ServiceError, match="Set ANTHROPIC_API_KEY to a valid key"):
        bench.ask()
    bench.model.close()
    assert bench.held_micros == 0


def test_the_base_url_of_the_environment_is_honoured(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/proxy")
    client = sdk_client(api_key="k")()
    assert str(client.base_url).rstrip("/") == "http://127.0.0.1:9/proxy"
    client.close()


def test_the_span_has_request_response_usage_cost_and_times(bench: Bench) -> None:
    bench.service([calls("bash", {"command": "ls"}, saying="Look.")])
    reply = bench.ask()
    (span,) = bench.spans()
    assert span.name == f"chat {MODEL}"
    assert span.messages() == bench.dialogue.messages
    assert span.system() == bench.dialogue.system
    assert span.tools() == TOOLS
    assert span.output() == list(reply.content)
    wanted = {
        "gen_ai.request.model": MODEL,
        "gen_ai.usage.input_tokens": reply.usage.input_tokens,
        "gen_ai.usage.output_tokens": reply.usage.output_tokens,
        "ralph.cost.micros": reply.cost_micros,
        "ralph.price.version": bench.prices.version,
        "ralph.call.attempts": 1,
        "ralph.cache.hit_ratio": 0.0,
        "ralph.cost.simulated": True,
        "ralph.model.played_by": "scripted",
    }
    assert {name: span.attributes[name] for name in wanted} == wanted
    assert "ralph.time_to_first_token_ms" in span.attributes
    assert "ralph.cache.break" not in span.attributes


def turn_of(bench: Bench, *results: str) -> Reply:
    reply = bench.ask()
    bench.dialogue.answered(reply.content, reply.usage)
    bench.dialogue.hear(
        [
            {"type": "tool_result", "tool_use_id": call["id"], "content": words, "is_error": False}
            for call, words in zip(reply.tool_calls, results, strict=True)
        ]
    )
    return reply


def test_each_call_of_a_growing_conversation_reads_what_the_one_before_left_in_the_cache(bench: Bench) -> None:
    bench.service([calls("bash", {"command": f"step {n}"}) for n in range(4)])
    replies = [turn_of(bench, f"result {n} " * 300) for n in range(4)]
    assert replies[0].usage.cache_read_tokens == 0
    assert all(reply.usage.cache_read_tokens > 0 for reply in replies[1:])
    assert not any("ralph.cache.break" in span.attributes for span in bench.spans())
    assert bench.spent_micros == bench.billed_micros


def test_a_turn_with_more_blocks_than_the_service_looks_back_over_keeps_the_cache(bench: Bench) -> None:
    many = [("bash", {"command": f"step {n}"}) for n in range(19)]
    service = bench.service([calls("bash", {"command": "first"}), calls("bash", {"command": "x"}, *many), says("done")])
    turn_of(bench, "one")
    turn_of(bench, *["result " * 100] * 20)
    last = bench.ask()
    marks = [
        block
        for message in cast("list[dict[str, Any]]", service.requests[-1]["messages"])
        for block in message["content"]
        if "cache_control" in block
    ]
    assert len(marks) == 2
    assert last.usage.cache_read_tokens > 0
    assert not any("ralph.cache.break" in span.attributes for span in bench.spans())


def test_a_call_after_the_cache_expired_is_marked_with_the_cause(bench: Bench) -> None:
    bench.service([calls("bash", {"command": "make"}), says("done")])
    turn_of(bench, "slow")
    bench.clock.now_s += 400
    bench.ask()
    assert bench.spans()[-1].attributes["ralph.cache.break"] == "expired: 400 s since the last call"


def test_a_changed_effort_is_named_as_the_cause_of_a_cache_break(bench: Bench) -> None:
    service = bench.service([says("a"), says("b")])
    bench.ask()
    other = bench.a_dialogue("Another conversation", system="Other words. " * 800)
    bench.model.call(
        other, CallTerms(limits=list, max_tokens=5000, effort="high"), trace=bench.trace, health=bench.health
    )
    assert len(service.requests) == 2
    assert bench.spans()[-1].attributes["ralph.cache.break"] == "system changed"


def test_the_input_bound_is_never_below_what_is_billed_as_input(bench: Bench) -> None:
    bench.service([calls("bash", {"command": "日本語 \U0001f600" * n}) for n in range(1, 6)])
    for n in range(5):
        bound = bench.dialogue.input_bound_tokens
        reply = turn_of(bench, "Ergebnis: größer €\x00 \ud800" * 50 * n)
        assert reply.usage.input_tokens <= bound
    assert bench.meter.broken_assumptions == ()
