"""What a growing context costs, what made it grow, and where the cache broke."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tracing.failures.cache_breaks import CacheBreaks
from tracing.failures.context_growth import ContextGrowth
from tracing.failures.detector import Detector
from tracing.failures.observed import Ending, Observed, Subject
from tracing.finding import Finding, Severity
from tracing.span import SpanKind


def turn(
    number: int, read: int, cached: int = 0, written: int = 0, *, parent: str = "root", **more: object
) -> Observed:
    made = Observed(
        f"m{number}", parent, SpanKind.LLM, "gpt-4o", number * 10, number * 10 + 5, input_tokens=read, cache_read_tokens=cached,
        cache_write_tokens=written, output_tokens=200, cost_micros=(read - cached) * 2 + cached // 5 + 2_000,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def found_by(kind: type[Detector], spans: Iterable[Observed]) -> list[Finding]:
    detector = kind(Subject())
    found: dict[tuple[str, str], Finding] = {}
    for span in spans:
        for told in (*detector.began(span), *detector.ended(span)):
            found[told.key] = told
    return list((found | {told.key: told for told in detector.closed(Ending())}).values())


def test_a_context_that_grows_uncached_is_told_with_its_share_of_the_input_and_what_it_cost() -> None:
    (finding,) = found_by(ContextGrowth, [turn(i, 4_000 + 3_000 * i) for i in range(30)])
    assert finding.title == "The context grew 6-fold, and 94 % of the input was sent before"
    assert finding.span_id == "m29"
    assert finding.waste.tokens == sum(4_000 + 3_000 * i for i in range(29))
    assert 2_000_000 < finding.waste.cost_micros < 2 * finding.waste.tokens
    assert "No call reports anything read from a cache" in finding.evidence


def test_the_result_that_blew_the_context_up_is_named() -> None:
    dump = Observed("dump", "root", SpanKind.TOOL, "read_all", input={}, output="word " * 32_000)
    spans = [*[turn(i, 5_000) for i in range(10)], dump, *[turn(i, 45_000 + i) for i in range(10, 40)]]
    (finding,) = found_by(ContextGrowth, spans)
    assert "`read_all` returned about 40.0k tokens at once" in finding.evidence
    assert finding.span_ids == ("m39", "dump")


def test_a_huge_result_is_told_though_a_cache_carried_it() -> None:
    dump = Observed("dump", "root", SpanKind.TOOL, "read_all", input={}, output="word " * 32_000)
    spans = [
        turn(0, 5_000, 0, 5_000),
        dump,
        *[turn(i, 45_000 + i, 45_000 if i > 1 else 5_000, 40_000 if i < 2 else 1) for i in range(1, 9)],
    ]
    (finding,) = found_by(ContextGrowth, spans)
    assert (finding.span_id, finding.severity) == ("dump", Severity.NOTE)
    assert "8 more model calls carried them along" in finding.evidence


def test_a_context_near_the_models_window_is_told_once() -> None:
    (finding,) = found_by(ContextGrowth, [turn(i, size) for i, size in enumerate((100_000, 118_000, 120_000, 122_000))])
    assert finding.title == "The context is 92 % of what gpt-4o takes"
    assert finding.span_id == "m1"


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([turn(i, 4_000 + 800 * i) for i in range(20)], id="small"),
        pytest.param([turn(i, 4_000 + 3_000 * i, 1_000 + 3_000 * i, 3_000) for i in range(30)], id="cached"),
        pytest.param([turn(i, 40_000) for i in range(30)], id="large-from-the-beginning"),
        pytest.param([turn(i, 4_000 + 9_000 * (i % 3)) for i in range(30)], id="fresh-contexts"),
        pytest.param(
            [turn(i, 3_000 * (i % 5 + 1), parent=f"agent-{i // 5}") for i in range(30)], id="one-agent-after-another"
        ),
    ],
)
def test_everyday_contexts_are_not_told(spans: list[Observed]) -> None:
    assert found_by(ContextGrowth, spans) == []


def cached_turns(*reads: int) -> list[Observed]:
    """A context that grows by 1,000 a turn and is cached each time; `reads` is what each call found in the cache."""
    return [turn(i, 50_000 + 1_000 * i, read, 50_000 + 1_000 * i - read) for i, read in enumerate(reads)]


def test_a_cache_break_is_told_with_its_likely_cause_and_cost() -> None:
    spans = cached_turns(0, 50_000, 51_000, 0, 53_000)
    spans[3] = replace(spans[3], attributes={"ralph.cache.break": "the tools changed"})
    (finding,) = found_by(CacheBreaks, spans)
    assert finding.title == "The prompt cache broke once: 52.0k tokens were paid for again"
    assert finding.span_ids == ("m3",)
    assert (
        "had 52.0k tokens in the cache; this one read 0 of them (likely cause: the tools changed)" in finding.evidence
    )
    assert finding.waste.tokens == 52_000
    assert finding.waste.cost_micros > 0


def test_a_long_pause_is_named_as_the_likely_cause() -> None:
    spans = cached_turns(0, 50_000, 0)
    spans[2] = replace(spans[2], started_at_ns=900_000_000_000)
    (finding,) = found_by(CacheBreaks, spans)
    assert "a pause of 15m00s before the call" in finding.evidence


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param(cached_turns(0, 50_000, 51_000, 52_000), id="hits"),
        pytest.param([turn(i, 50_000 + i) for i in range(9)], id="no-cache-reported"),
        pytest.param([*cached_turns(0, 50_000), turn(3, 9_000, 0, 9_000)], id="a-new-conversation"),
        pytest.param([turn(0, 3_000, 0, 3_000), turn(1, 3_100)], id="too-small-to-matter"),
        pytest.param([*cached_turns(0, 50_000), turn(3, 60_000, 0, 60_000, parent="other")], id="another-agent"),
    ],
)
def test_first_calls_and_other_conversations_are_no_cache_breaks(spans: list[Observed]) -> None:
    assert found_by(CacheBreaks, spans) == []
