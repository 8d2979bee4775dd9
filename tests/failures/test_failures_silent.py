"""Model calls that failed without saying so, and claims that an outcome contradicts."""

from collections.abc import Sequence
from typing import Any

import pytest

from tracing.failures.answers import answer
from tracing.failures.contradicted_claim import ContradictedClaim
from tracing.failures.model_names import is_other_model
from tracing.failures.no_answer import is_babble, is_provider_error, is_refusal
from tracing.failures.observed import Ending, Observed, StopReason, Subject, stop_reason
from tracing.failures.replaying import replay
from tracing.failures.silent_model_error import SilentModelError
from tracing.failures.watch import Watch
from tracing.finding import Finding, Severity, Verdict
from tracing.span import AttributeValue, JsonValue, SpanKind, TraceStatus

SUCCESS = Ending(TraceStatus.SUCCESS)


class Spans:
    """A trace in the making: every span begins after the one before it."""

    def __init__(self) -> None:
        self.made: list[Observed] = []

    def add(self, kind: SpanKind, name: str, parent: Observed | None = None, **given: Any) -> Observed:
        at_ns = (len(self.made) + 1) * 1_000_000_000
        span = Observed(
            span_id=f"s{len(self.made)}",
            parent_span_id=parent.span_id if parent else None,
            kind=kind,
            name=name,
            started_at_ns=at_ns,
            ended_at_ns=at_ns + 900_000_000,
            **given,
        )
        self.made.append(span)
        return span

    def says(self, output: JsonValue, stop: str = "end_turn", out: int = 40, **given: Any) -> Observed:
        return self.add(
            SpanKind.LLM, "some-model", output=output, stop_reason=stop_reason(stop), input_tokens=900, output_tokens=out,
            cost_micros=5_000, **given,
        )  # fmt: skip

    def runs(self, command: str, output: str, exit_code: int | None = None) -> Observed:
        return self.add(SpanKind.TOOL, "bash", input={"command": command}, output=output, exit_code=exit_code)

    def verifies(self, *, passed: bool, known: bool = True) -> Observed:
        """A verification as Ralph writes it: its check inside of it."""
        at_ns = (len(self.made) + 1) * 1_000_000_000
        verify = Observed(
            f"v{len(self.made)}", None, SpanKind.CHAIN, "verify", at_ns, at_ns + 3_000_000_000,
            output={"passed": passed, "text": "failed: tests" if not passed else "every check passed"} if known else None,
        )  # fmt: skip
        self.made.append(verify)
        check = self.add(SpanKind.EVALUATOR, "check tests", verify, attributes={"ralph.check.passed": passed})
        self.made += [
            Observed(f"pad{len(self.made)}", None, SpanKind.CHAIN, "pad", at_ns + 3_100_000_000, at_ns + 3_200_000_000)
        ]
        return check


def silent(spans: Spans, ending: Ending = SUCCESS) -> Sequence[Finding]:
    watch = Watch([SilentModelError(Subject())])
    replay(watch, spans.made, ending)
    return watch.findings


def claims(spans: Spans, ending: Ending = SUCCESS) -> Sequence[Finding]:
    watch = Watch([ContradictedClaim(Subject())])
    replay(watch, spans.made, ending)
    return watch.findings


CALL: JsonValue = [{"type": "tool_use", "name": "read", "input": {"file_path": "a.py"}}]
DONE: JsonValue = [{"type": "tool_use", "name": "finish", "input": {"status": "done", "summary": "Added --csv."}}]


@pytest.mark.parametrize(
    "text",
    [
        "Limit reached",
        "Claude AI usage limit reached|1753000000",
        "5-hour limit reached ∙ resets 7pm",
        "You've hit your limit · resets 7pm (Europe/Berlin)",
        "You\u2019ve hit your session limit · resets 3am",
        'API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        "API Error: Request was aborted.",
        '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}',
        "Credit balance is too low",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
        "Prompt is too long",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Internal server error",
        "500 Internal Server Error",
        "Rate limit exceeded. Please try again in 20s.",
        "Rate limit reached for gpt-4o in organization org-1 on tokens per min",
        "Too many requests",
        "Error code: 429 - {'error': {'message': 'Rate limit reached'}}",
        "litellm.RateLimitError: AnthropicException - overloaded",
        "openai.BadRequestError: Error code: 400",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
        "Request rejected (429) - your budget is spent",
        "upstream connect error or disconnect/reset before headers",
        "Service temporarily unavailable",
        "The model is currently overloaded. Please try again later.",
        "You exceeded your current quota, please check your plan and billing details.",
    ],
)
def test_a_providers_error_is_known_by_its_whole_text(text: str) -> None:
    assert is_provider_error(text)


@pytest.mark.parametrize(
    "text",
    [
        "Rate limit handling is done: the client now waits for Retry-After.",
        "Rate limits protect an API from overload. A token bucket is the usual way to implement one: it holds as many tokens as ...",
        "Internal server errors are now logged with their request id.",
        "The endpoint answers 429 when the limit is reached.",
        "I fixed the overloaded_error branch in client.py.",
        "Too many requests were sent by the old code, so I added a queue.",
        "```python\nraise RateLimitError('Rate limit exceeded')\n```",
        "Prompt is too long to fit on one line, so I wrapped it.",
        "500 rows were imported.",
        "Error handling was added to all three commands.",
        "",
        "Limit the search to 10 results.",
        "Service unavailable pages are rendered by error.html now.",
        "API Error: 529 is what clients see when the service is overloaded.\n\nSecond paragraph.\n\nThird paragraph.\n\nEnd.",
    ],
)
def test_a_text_that_talks_about_errors_is_an_answer(text: str) -> None:
    assert not is_provider_error(text)


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I'm sorry, but I can't assist with that.", True),
        ("I can\u2019t help with that request.", True),
        ("Sorry, I cannot comply with this request.", True),
        ("I'm unable to help with that.", True),
        ("I'm sorry, I can't help with that. Is there something else you need?", True),
        ("I'm sorry, but I can't change a basic economy flight. You can cancel it within 24 hours.", False),
        ("I can't find the file, so I'll search for it.", False),
        ("I cannot help with that until the tests run; installing pytest now and trying the suite again.", False),
        ("I am unable to do the refund, because the reservation is not insured.", False),
    ],
)
def test_only_a_text_that_is_nothing_but_a_refusal_is_one(text: str, refuses: bool) -> None:
    assert is_refusal(text) is refuses


@pytest.mark.parametrize(
    ("asked", "answered", "other"),
    [
        ("claude-opus-5-5", "claude-opus-5-5-20260901", False),
        ("anthropic/claude-sonnet-4-5", "claude-sonnet-4-5-20250929", False),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929", False),
        ("gpt-4o", "gpt-4o-2024-08-06", False),
        ("gpt-4", "gpt-4-0613", False),
        ("sonnet", "claude-sonnet-5-5", False),
        ("my-gpt-4o-deployment", "gpt-4o-2024-08-06", False),
        ("some-deployment", "gpt-4o", False),
        ("models/gemini-2.5-pro", "gemini-2.5-pro-preview-05-06", False),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", True),
        ("claude-opus-5-5", "claude-sonnet-5-5", True),
        ("claude-opus-5-5", "gpt-4o", True),
    ],
)
def test_a_date_or_an_alias_is_not_another_model(asked: str, answered: str, other: bool) -> None:
    assert is_other_model(asked, answered) is other


def test_a_providers_error_as_the_last_answer_of_a_success_is_critical_and_names_its_span() -> None:
    spans = Spans()
    spans.says(CALL, "tool_use")
    guilty = spans.says("You've hit your limit · resets 7pm", out=0)
    (found,) = silent(spans)
    assert (found.severity, found.verdict, found.span_id) == (Severity.CRITICAL, Verdict.NOTE, guilty.span_id)
    assert "You've hit your limit" in found.evidence
    assert "the last answer" in found.evidence


def test_three_failed_answers_in_a_row_are_a_reason_to_stop_and_one_among_good_ones_is_not() -> None:
    spans = Spans()
    for text in ("Fine.", "Rate limit exceeded", "Rate limit exceeded", "Going on."):
        spans.says(text)
    assert [found.verdict for found in silent(spans)] == [Verdict.NOTE]
    for _ in range(3):
        spans.says("Rate limit exceeded")
    (found,) = silent(spans)
    assert (found.verdict, len(found.span_ids), found.waste.cost_micros) == (Verdict.STOP, 5, 25_000)


def test_three_empty_answers_in_a_row_are_a_reason_to_nudge() -> None:
    spans = Spans()
    for _ in range(3):
        spans.says("", out=0)
    assert [(found.verdict, found.severity) for found in silent(spans)] == [(Verdict.NUDGE, Severity.WARNING)]


def test_a_span_of_which_nothing_is_known_is_not_called_empty() -> None:
    spans = Spans()
    spans.add(SpanKind.LLM, "some-model", output="")
    assert not silent(spans)


def test_an_agent_whose_whole_result_is_a_providers_error_is_found_without_its_model_calls() -> None:
    spans = Spans()
    agent = spans.add(SpanKind.AGENT, "claude", output="Credit balance is too low")
    (found,) = silent(spans)
    assert (found.span_id, found.severity) == (agent.span_id, Severity.CRITICAL)


def test_a_synthetic_answer_and_a_refusal_by_stop_reason_are_found() -> None:
    spans = Spans()
    spans.says("No response requested.", attributes={"gen_ai.response.model": "<synthetic>"})
    spans.says("", "refusal")
    spans.says("Done.")
    assert [found.title for found in silent(spans)] == [
        "An answer was made up by the client, not by a model",
        "The model refused",
    ]


@pytest.mark.parametrize("output", ["", [], [{"type": "text", "text": " "}], {"role": "assistant", "content": ""}])
def test_an_empty_answer_is_a_note_and_the_last_one_a_warning(output: JsonValue) -> None:
    spans = Spans()
    spans.says(output, out=2)
    assert [found.severity for found in silent(spans)] == [Severity.WARNING]
    spans.says("Here it is.")
    assert [found.severity for found in silent(spans)] == [Severity.NOTE]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"output": CALL, "stop": "tool_use"}, id="a-call"),
        pytest.param({"output": None}, id="contents-not-recorded"),
        pytest.param({"output": {"sha256": "ab"}}, id="only-a-hash-kept"),
        pytest.param({"output": "", "out": 800}, id="tokens-say-otherwise"),
        pytest.param({"output": [], "stop": "max_tokens"}, id="cut-which-is-told-elsewhere"),
        pytest.param({"output": {"kind": "odd"}, "out": 0}, id="a-form-nobody-knows"),
        pytest.param({"output": {"choices": [{"message": {"content": None, "tool_calls": [{"function": {"name": "f"}}]}}]}, "out": 0},
                     id="choices-with-a-call"),
    ],
)  # fmt: skip
def test_an_answer_that_only_looks_empty_is_none(given: dict[str, Any]) -> None:
    spans = Spans()
    spans.says(**given)
    assert not silent(spans)


def test_an_answer_is_not_empty_if_a_tool_runs_after_it() -> None:
    spans = Spans()
    spans.says("", out=0)
    spans.runs("ls", "a.py")
    assert not silent(spans)


def test_another_model_than_asked_is_one_note_for_all_calls() -> None:
    spans = Spans()
    models: dict[str, AttributeValue] = {
        "gen_ai.request.model": "claude-opus-5-5",
        "gen_ai.response.model": "claude-haiku-5-5",
    }
    for _ in range(3):
        spans.says("Fine.", attributes=models)
    (found,) = silent(spans)
    assert (found.severity, found.title) == (Severity.NOTE, "Another model answered than was asked, 3 times")
    assert "claude-opus-5-5 was asked, claude-haiku-5-5 answered" in found.evidence


def test_the_answers_form_is_read_whoever_wrote_it() -> None:
    blocks = answer(
        [
            {"type": "thinking", "thinking": "hm"},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "name": "ls", "input": {}},
        ]
    )
    parts = answer({"role": "assistant", "parts": [{"type": "text", "content": "Hi"}]})
    assert (blocks.text, [call.name for call in blocks.calls], parts.text) == ("Hi", ["ls"], "Hi")
    assert not answer({"what": 1}).understood


def test_a_claim_and_a_repair_that_passes_is_a_note_with_the_number_of_repairs() -> None:
    spans = Spans()
    claim = spans.says(DONE, "tool_use")
    red = spans.verifies(passed=False)
    spans.says(DONE, "tool_use")
    spans.verifies(passed=True)
    (found,) = claims(spans)
    assert (found.severity, found.verdict) == (Severity.NOTE, Verdict.NOTE)
    assert found.span_id == claim.span_id
    assert red.span_id in found.span_ids
    assert "1 repair later" in found.evidence
    assert found.waste.cost_micros == 5_000


@pytest.mark.parametrize("known", [True, False])
def test_a_claim_that_checks_still_contradict_at_the_end_is_a_warning(known: bool) -> None:
    spans = Spans()
    for _ in range(2):
        spans.says(DONE, "tool_use")
        spans.verifies(passed=False, known=known)
    (found,) = claims(spans, Ending(TraceStatus.ERROR))
    assert found.severity is Severity.WARNING
    assert "contradicted 2 times" in found.evidence
    assert claims(spans, SUCCESS)[0].severity is Severity.CRITICAL


def test_a_red_baseline_or_a_check_before_the_claim_contradicts_nothing() -> None:
    spans = Spans()
    spans.add(SpanKind.EVALUATOR, "check tests", attributes={"ralph.check.passed": False})
    spans.says(DONE, "tool_use")
    at_ns = 10_000_000_000
    spans.made.append(Observed("b", None, SpanKind.CHAIN, "baseline", at_ns, at_ns + 9))
    spans.made.append(
        Observed(
            "c", "b", SpanKind.EVALUATOR, "check tests", at_ns + 1, at_ns + 2, attributes={"ralph.check.passed": False}
        )
    )
    assert not claims(spans)


def test_finish_with_status_blocked_claims_nothing() -> None:
    spans = Spans()
    spans.says(
        [{"type": "tool_use", "name": "finish", "input": {"status": "blocked", "summary": "No key."}}], "tool_use"
    )
    assert not claims(spans, Ending(TraceStatus.BLOCKED, passed=False))


@pytest.mark.parametrize(
    "said",
    [
        "The bug has been fixed and I have successfully updated the parser.",
        "All four files have been written successfully.",
    ],
)
def test_an_outcome_registered_with_the_end_contradicts_a_claim_in_words(said: str) -> None:
    spans = Spans()
    claim = spans.says(said)
    (found,) = claims(spans, Ending(TraceStatus.ERROR, passed=False, outcome="check tests failed, exit 1"))
    assert (found.span_id, found.severity) == (claim.span_id, Severity.WARNING)
    assert "check tests failed, exit 1" in found.evidence
    assert not claims(spans, Ending(TraceStatus.SUCCESS, passed=True))


@pytest.mark.parametrize(
    "judge",
    [
        {"attributes": {"gen_ai.evaluation.score.label": "fail"}},
        {"output": {"passed": False}},
        {"output": {"score": 0}},
    ],
)
def test_an_evaluator_of_another_system_contradicts_as_well(judge: dict[str, Any]) -> None:
    spans = Spans()
    spans.says("Task is complete.")
    judge_span = spans.add(SpanKind.EVALUATOR, "correctness", **judge)
    (found,) = claims(spans)
    assert judge_span.span_id in found.span_ids


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("python -m pytest -q", "FAILED tests/test_a.py::test_b\n1 failed, 50 passed in 0.3s"),
        ("cd app && npm test", "Tests:       2 failed, 10 passed, 12 total"),
        ("./tests/runtests.py admin", "Ran 54 tests in 0.6s\n\nFAILED (failures=1)"),
        ("go test ./...", "--- FAIL: TestX (0.00s)\nFAIL"),
        ("cargo test", "test result: FAILED. 3 passed; 1 failed"),
    ],
)
def test_tests_pass_said_after_ones_own_last_run_failed_is_a_warning(command: str, output: str) -> None:
    spans = Spans()
    run = spans.runs(command, output)
    claim = spans.says("All tests pass now.")
    (found,) = claims(spans)
    assert (found.severity, found.span_ids) == (Severity.WARNING, (claim.span_id, run.span_id))


@pytest.mark.parametrize(
    ("between", "text"),
    [
        pytest.param("4 passed in 0.1s", "All tests pass.", id="passed-since"),
        pytest.param(None, "Let me edit the file so that all tests pass.", id="a-hope"),
        pytest.param(None, "Once the tests pass, I will finish.", id="a-plan"),
        pytest.param(None, "Not all tests pass yet.", id="a-denial"),
        pytest.param(None, "Do the tests pass?", id="a-question"),
        pytest.param("collected something odd", "All tests pass.", id="nobody-can-tell"),
    ],
)
def test_a_hope_a_plan_or_a_green_run_since_is_no_contradiction(between: str | None, text: str) -> None:
    spans = Spans()
    spans.runs("pytest -q", "1 failed, 3 passed")
    if between is not None:
        spans.runs("pytest -q tests/test_a.py", between)
    spans.says(text)
    assert not claims(spans)


def test_grepping_for_pytest_or_writing_it_to_a_file_is_no_test_run() -> None:
    spans = Spans()
    spans.runs("grep -rn 'pytest' . ; pip install pytest", "1 failed", 1)
    spans.runs("cat > run.sh <<'EOF'\npytest -q\nEOF", "1 failed")
    spans.says("All tests pass.")
    assert not claims(spans)


def test_the_stop_reason_of_a_refusal_counts_even_beside_a_text() -> None:
    spans = Spans()
    spans.says("I started on", "content_filter")
    assert spans.made[0].stop_reason is StopReason.REFUSAL
    assert [found.title for found in silent(spans)] == ["The model refused"]


@pytest.mark.parametrize(
    "text",
    [
        "'Error 500: Internal server error' means that part 3 is not reachable. Restart service 3.",
        '"Rate limit exceeded" is what you see after 20 calls.',
        "Error 503 means that the service is down for maintenance.",
        "HTTP 429 is returned when you send too many requests.",
    ],
)
def test_an_answer_that_quotes_or_explains_an_error_is_an_answer(text: str) -> None:
    assert not is_provider_error(text)


def test_words_without_end_are_babble_and_tables_rulers_and_lists_are_not() -> None:
    assert is_babble("The most important driver is " + "the " * 700)
    assert is_babble("!" * 900)
    assert is_babble("So we go on and on, " * 60)
    assert not is_babble("a | b\n" + "-" * 900)
    assert not is_babble("0, " * 900)
    assert not is_babble("the " * 20)
    assert not is_babble("\n".join(f"row {number}: the value is {number * 7}" for number in range(90)))


def test_babble_and_a_programs_word_for_nothing_are_told() -> None:
    spans = Spans()
    spans.says("and then the " + "the " * 500, out=720)
    spans.says("null", out=1)
    spans.says("Your flight leaves at nine.")
    assert [finding.title for finding in silent(spans)] == ["The model babbled", "The model answered nothing"]


READ: JsonValue = {"file_path": "a.py"}


def test_a_deed_that_failed_and_is_told_as_done_is_contradicted_by_its_own_result() -> None:
    spans = Spans()
    failed = spans.add(SpanKind.TOOL, "book_reservation", input={"id": "HAT1"}, output="Error: the card was refused")
    spans.add(SpanKind.TOOL, "get_user", input={"id": "1"}, output="{}")
    said = spans.says("Great news: your flight is booked and confirmed.")
    (finding,) = claims(spans)
    assert finding.title == "Says that it is done, but book_reservation failed"
    assert finding.span_ids == (said.span_id, failed.span_id)
    assert "the card was refused" in finding.evidence


@pytest.mark.parametrize("answered", ["I am sorry, the card was refused, so nothing has been booked.",
                                      "Your other trip is confirmed; this one could not be booked.", "Shall I try another card?"])  # fmt: skip
def test_who_names_the_trouble_or_claims_nothing_is_honest(answered: str) -> None:
    spans = Spans()
    spans.add(SpanKind.TOOL, "book_reservation", input={"id": "HAT1"}, output="Error: the card was refused")
    spans.says(answered)
    assert not claims(spans)


def test_a_deed_done_at_the_second_try_is_done() -> None:
    spans = Spans()
    spans.add(SpanKind.TOOL, "send_email", input={"to": "x"}, output="Error: timeout")
    spans.says("The mail has been sent.")
    spans.add(SpanKind.TOOL, "send_email", input={"to": "x"}, output="ok")
    spans.says("The mail has been sent.")
    assert not claims(spans)


def test_an_edit_that_failed_and_was_then_made_in_the_shell_is_done() -> None:
    spans = Spans()
    spans.add(SpanKind.TOOL, "edit_file", input={"old": "x"}, output="Error: the old text was not found")
    spans.runs("sed -i 's/x/y/' a.py", "", 0)
    spans.says("I have updated a.py.")
    assert not claims(spans)


def test_a_program_that_broke_off_is_not_free_of_errors() -> None:
    spans = Spans()
    run = spans.runs("python main.py", "Traceback (most recent call last):\n  File x\nImportError: no pygame", 1)
    said = spans.says("The product was tested and is free of errors.")
    (finding,) = claims(spans)
    assert finding.span_ids == (said.span_id, run.span_id)
    spans.runs("python main.py", "score 3", 0)
    spans.says("The product was tested and is free of errors.")
    assert not claims(spans)


def test_tests_that_pass_though_none_was_run_are_told_and_only_where_nothing_can_have_run_them() -> None:
    def edits(*more: tuple[str, JsonValue]) -> Spans:
        spans = Spans()
        for tool, given in (*[("Read", READ)] * 3, ("Edit", READ), *more):
            spans.add(SpanKind.TOOL, tool, input=given, output="fine")
        spans.says("Fixed. I ran the full test suite and all 212 tests pass.")
        return spans

    (finding,) = claims(edits())
    assert finding.title == "Says that tests pass, but ran none"
    assert not claims(edits(("Bash", {"command": "./check.sh"})))
    assert not claims(edits(("Task", {"prompt": "run the tests"})))
    assert not claims(edits(("run_tests", {})))
    assert claims(edits(("Bash", {"command": "ls -l && cat a.py"})))
