"""Answers cut short, what followed, and model calls tried again unseen."""

from collections.abc import Sequence
from dataclasses import replace

from tracing.failures.detector import Detector
from tracing.failures.observed import Observed, StopReason, Subject
from tracing.failures.provider_retries import ProviderRetries
from tracing.failures.replaying import replay
from tracing.failures.token_exhaustion import TokenExhaustion
from tracing.failures.watch import Watch
from tracing.finding import Finding, Severity, Verdict, Waste
from tracing.span import SpanKind

CUT = Observed(
    "", None, SpanKind.LLM, "model", output="I will wri", stop_reason=StopReason.MAX_TOKENS, max_tokens=4_000,
    input_tokens=90_000, output_tokens=4_000, cost_micros=700,
)  # fmt: skip
FINE = Observed("", None, SpanKind.LLM, "model", output="Done, all of it.", stop_reason=StopReason.END)
EMPTY = replace(FINE, output=[], output_tokens=0)
WORKS = Observed("", None, SpanKind.TOOL, "bash", output="fine")
HUGE = replace(WORKS, name="read_log", output="x" * 50_000)
BROKEN = replace(WORKS, is_error=True, output="invalid JSON: unterminated string")


def found(spans: Sequence[Observed], detector: type[Detector] = TokenExhaustion) -> tuple[Finding, ...]:
    watch = Watch([detector(Subject())])
    timed = [
        replace(span, span_id=f"s{place}", started_at_ns=place * 10, ended_at_ns=place * 10 + 5)
        for place, span in enumerate(spans)
    ]
    replay(watch, timed, None)
    return watch.findings


def test_a_cut_answer_names_what_followed_and_what_made_the_context_so_big() -> None:
    (finding,) = found([FINE, HUGE, CUT, BROKEN, EMPTY])

    assert finding.title == "An answer was cut off at its token limit, and broken calls followed"
    assert finding.evidence == (
        "It began here: the answer reached its token limit (90.0k tokens in, 4.0k out of 4.0k allowed). "
        "What followed: 1 malformed call, 1 empty answer. "
        "The largest result that it had to carry: 50,000 characters from read_log."
    )
    assert finding.span_ids == ("s2", "s3", "s4", "s1")
    assert finding.waste == Waste(94_000, 700, 15)
    assert (finding.severity, finding.verdict) == (Severity.WARNING, Verdict.NUDGE)


def test_two_cuts_in_a_row_stop_the_agent() -> None:
    (finding,) = found([CUT, CUT])

    assert (finding.title, finding.verdict) == ("2 answers were cut off", Verdict.STOP)


def test_a_call_that_works_or_a_whole_answer_between_two_cuts_is_a_way_on() -> None:
    assert [finding.verdict for finding in found([CUT, WORKS, CUT, FINE, CUT])] == [Verdict.NUDGE]


def test_cuts_far_apart_are_two_troubles() -> None:
    assert len(found([CUT, WORKS, FINE, FINE, FINE, CUT])) == 2


def test_a_full_context_window_is_graver_whether_the_provider_stops_or_refuses() -> None:
    stopped = replace(CUT, stop_reason=StopReason.CONTEXT)
    refused = replace(CUT, stop_reason=StopReason.UNKNOWN, is_error=True, error="prompt is too long: 210000 tokens")

    for span in (stopped, refused):
        (finding,) = found([span])
        assert (finding.title, finding.severity) == ("The context window was full", Severity.CRITICAL)


def test_an_answer_as_long_as_it_might_be_was_cut_even_if_nobody_said_so() -> None:
    assert found([replace(CUT, stop_reason=StopReason.UNKNOWN)])
    assert not found([replace(CUT, stop_reason=StopReason.UNKNOWN, output_tokens=3_999)])
    assert not found([replace(CUT, stop_reason=StopReason.END)])


def test_who_allows_a_few_tokens_wants_a_word() -> None:
    assert not found([replace(CUT, max_tokens=1, output_tokens=1)])


def test_what_two_agents_suffer_is_not_added_up() -> None:
    cuts = [replace(CUT, parent_span_id="one"), replace(CUT, parent_span_id="other")]

    assert [finding.verdict for finding in found(cuts)] == [Verdict.NUDGE, Verdict.NUDGE]


def test_an_unseen_retry_is_told_with_its_errors() -> None:
    tried = replace(FINE, attempts=3, attempt_errors=("429 rate limit", "429 rate limit"))

    (finding,) = found([FINE, tried, replace(tried, attempts=2, attempt_errors=("overloaded",))], ProviderRetries)

    assert finding.title == "Model calls were tried again 3 times without the agent seeing it"
    assert finding.evidence == (
        "2 model calls went out again, 3 useless tries in all. The errors: 429 rate limit (2 x), overloaded (1 x)."
    )
    assert (finding.severity, finding.verdict, finding.span_id) == (Severity.NOTE, Verdict.NOTE, "s1")


def test_failed_calls_followed_by_the_same_question_are_retries() -> None:
    failed = replace(FINE, input="what next?", is_error=True, error="503", cost_micros=10)

    (finding,) = found([*[failed] * 5, replace(FINE, input="what next?")], ProviderRetries)

    assert (finding.severity, finding.waste.cost_micros) == (Severity.WARNING, 50)
    assert not found([failed, replace(FINE, input="something else")], ProviderRetries)


def test_one_retry_that_goes_on_is_no_news() -> None:
    assert not found([FINE, replace(FINE, attempts=2, attempt_errors=("529 overloaded",)), FINE], ProviderRetries)


def test_answers_thrown_away_and_asked_for_again_are_retries_though_nobody_recorded_an_error() -> None:
    answered = replace(FINE, output="Here is the JSON that you asked for: {,}", input_tokens=1_582, output_tokens=40)

    (finding,) = found([answered] * 6, ProviderRetries)

    assert finding.title == "Model calls were tried again 5 times without the agent seeing it"
    assert finding.waste.tokens == 5 * 1_622
    grown = [replace(answered, input_tokens=1_582 + 50 * number) for number in range(6)]
    assert not found(grown, ProviderRetries)
    assert not found([answered, WORKS] * 6, ProviderRetries)
    assert not found([replace(answered, output="yes")] * 6, ProviderRetries)


def test_the_limit_is_also_read_from_the_parameters_of_the_call() -> None:
    given = {"llm.invocation_parameters": '{"temperature": 0, "max_tokens": 1500}'}
    said = replace(CUT, stop_reason=StopReason.UNKNOWN, max_tokens=0, output_tokens=1_500, attributes=given)

    (finding,) = found([said])

    assert "1.5k out of 1.5k allowed" in finding.evidence
    assert not found([replace(said, output_tokens=1_400)])
    assert not found([replace(said, attributes={"llm.invocation_parameters": "max_tokens, but no JSON"})])


def test_an_answer_of_a_usual_limits_length_that_breaks_off_was_cut_if_nobody_knows_the_limit() -> None:
    said = replace(CUT, stop_reason=StopReason.UNKNOWN, max_tokens=0, output_tokens=1_024, output="and then the migra")

    assert found([said])
    assert not found([replace(said, output="and then the migration ends.")])
    assert not found([replace(said, output_tokens=1_025)])
