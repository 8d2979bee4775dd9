"""What cost or took far more than usual, beside earlier runs and beside the other calls of the run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracing import Tracer, TraceStore
from tracing import attributes as names
from tracing.failures.anomaly import CostAnomaly, LatencyAnomaly
from tracing.failures.history import history
from tracing.failures.observed import Ending, History, Observed, Subject, Usual
from tracing.failures.replaying import replay
from tracing.failures.usual import limit
from tracing.failures.watch import Watch
from tracing.finding import Finding, Severity, Verdict
from tracing.span import SpanKind, TraceStatus

SECOND_NS = 1_000_000_000
USUAL_COSTS = tuple(590_000.0 + 20_000 * (number % 5 - 2) for number in range(20))


def turns(*costs_micros: int, lengths_s: tuple[float, ...] = (), tool: str = "", **given: Any) -> list[Observed]:
    """A run of model calls (or of calls of one tool), one after another, below a root."""
    made, at_ns = [], 1_000 * SECOND_NS
    for number, cost in enumerate(costs_micros):
        length_ns = round((lengths_s[number] if lengths_s else 2) * SECOND_NS)
        kind, name = (SpanKind.TOOL, tool) if tool else (SpanKind.LLM, "some-model")
        made.append(Observed(f"t{number + 1}", "root", kind, name, at_ns, at_ns + length_ns, cost_micros=cost, **given))
        at_ns += length_ns + 1
    return [Observed("root", None, SpanKind.AGENT, "ralph", 1_000 * SECOND_NS, at_ns), *made]


def found(spans: list[Observed], known: History | None = None) -> list[Finding]:
    subject = Subject(history=known or History())
    watch = Watch([CostAnomaly(subject), LatencyAnomaly(subject)])
    replay(watch, spans, Ending(TraceStatus.SUCCESS))
    return list(watch.findings)


def test_a_run_at_four_times_the_usual_cost_says_how_much_and_in_which_turns() -> None:
    costs = [10_000] * 30 + [70_000] * 28 + [10_000] * 15
    (finding,) = found(turns(*costs), History(cost_micros=Usual(USUAL_COSTS), turns=Usual((12.0,) * 20)))
    assert finding.title == "Cost $2.4100, 4.1 x the usual $0.5900 of this agent's last 20 runs"
    assert "most of it in turns 31-5" in finding.evidence
    assert "73 turns, where 12 are usual" in finding.evidence
    assert (finding.severity, finding.verdict) == (Severity.WARNING, Verdict.NOTE)
    assert finding.span_ids[:2] == ("root", "t31")
    assert finding.waste.cost_micros == 2_410_000 - 590_000


def test_it_is_said_as_soon_as_the_cost_is_beyond_what_is_usual() -> None:
    detector = CostAnomaly(Subject(history=History(cost_micros=Usual(USUAL_COSTS))))
    said = [bool(list(detector.ended(span))) for span in turns(*[200_000] * 12)[1:]]
    assert said.index(True) == 7
    assert sum(said) == 1


@pytest.mark.parametrize(
    ("cost", "usual"),
    [
        pytest.param(30_000, (10_000.0,) * 20, id="cents"),
        pytest.param(1_100_000, (590_000.0,) * 20, id="less-than-twice"),
        pytest.param(9_000_000, (100_000.0,) * 7, id="too-few-to-know"),
        pytest.param(3_000_000, tuple(10_000.0 * 3**number for number in range(10)), id="costs-differ-widely-anyway"),
    ],
)
def test_a_cost_that_may_well_happen_is_not_told(cost: int, usual: tuple[float, ...]) -> None:
    assert not found(turns(cost), History(cost_micros=Usual(usual)))


def test_a_run_that_took_far_longer_than_usual_is_told() -> None:
    known = History(duration_ns=Usual((60.0 * SECOND_NS,) * 10))
    (finding,) = found(turns(*[0] * 5, lengths_s=(400,) * 5), known)
    assert finding.title == "Took 33m20s, 33.3 x the usual 60.0 s of this agent's last 10 runs"
    assert (finding.severity, finding.span_id) == (Severity.WARNING, "root")


def test_one_turn_that_costs_many_times_the_others_is_told_with_what_went_in() -> None:
    spans = turns(
        *[20_000] * 12, 900_000, *[20_000] * 3, input_tokens=50_000, cache_write_tokens=40_000, output_tokens=300
    )
    (finding,) = found(spans)
    assert finding.title == "Turn 13 cost $0.9000, 45 x the usual turn of this run"
    assert "50.0k tokens went in, 40.0k were written to the cache; 300 came out" in finding.evidence
    assert finding.span_ids == ("t13",)


def test_the_first_turn_may_be_dear_and_a_slowly_growing_cost_is_not_a_spike() -> None:
    assert not found(turns(900_000, *[20_000] * 15))
    assert not found(turns(*[10_000 + 8_000 * number for number in range(80)]))


def test_a_slow_model_call_is_told_beside_the_others_and_beside_history() -> None:
    lengths = (*[4.0] * 10, 240.0, *[4.0] * 3)
    (finding,) = found(turns(*[0] * 14, lengths_s=lengths))
    assert finding.title == "A slow call (model calls): 4m00s, 60 x the usual"
    assert finding.span_ids == ("t11",)
    assert finding.waste.duration_ns == 236 * SECOND_NS
    known = History(call_duration_ns=Usual((4.0 * SECOND_NS,) * 30))
    assert [one.span_id for one in found(turns(0, 0, lengths_s=(4, 240)), known)] == ["t2"]


def test_a_long_answer_may_take_long_and_a_shell_runs_short_and_long_commands() -> None:
    known = History(call_duration_ns=Usual((4.0 * SECOND_NS,) * 30))
    assert not found(turns(0, lengths_s=(240,), output_tokens=9_000), known)
    quick = turns(*[0] * 12, tool="bash", input={"command": "ls -l src"})
    suite = Observed(
        "suite", "root", SpanKind.TOOL, "bash", 2_000 * SECOND_NS, 2_400 * SECOND_NS, input={"command": "pytest -q"}
    )
    assert not found([*quick, suite])


def test_a_tool_that_hangs_beside_its_own_calls_is_told() -> None:
    (finding,) = found(turns(*[0] * 13, lengths_s=(*[1.0] * 12, 300.0), tool="web_search", input={"query": "x"}))
    assert finding.title == "A slow call (web_search): 5m00s, 300 x the usual"


def test_a_call_that_takes_most_of_a_run_is_told_though_its_kind_comes_once_and_others_follow() -> None:
    quick = turns(*[0] * 12, tool="bash", input={"command": "ls -l src"})
    at_ns = 1_005 * SECOND_NS
    install = Observed(
        "pip", "root", SpanKind.TOOL, "bash", at_ns, at_ns + 2_881 * SECOND_NS, input={"command": "pip install -e ."}
    )
    (finding,) = found([*quick, install])
    assert finding.title == "A slow call (bash pip install): 48m01s, 1440 x the usual"
    training = [replace(install, span_id=f"t{n}", started_at_ns=at_ns + n * 3_000 * SECOND_NS, ended_at_ns=at_ns + (n * 3_000 + 2_881) * SECOND_NS,
                        input={"command": f"python train{n}.py"}) for n in range(3)]  # fmt: skip
    assert not found([*quick, *training])


def test_an_early_slow_call_is_told_beside_the_later_ones() -> None:
    (finding,) = found(turns(*[0] * 12, lengths_s=(1.0, 914.0, *[1.0] * 10), tool="visit_page", input={"url": "x"}))
    assert finding.span_ids == ("t2",)


def sized(*sizes: tuple[int, int], output: str = "No.") -> list[Observed]:
    return [replace(span, input_tokens=read, output_tokens=wrote, output=output)
            for span, (read, wrote) in zip(turns(*[0] * len(sizes))[1:], sizes, strict=True)]  # fmt: skip


def test_a_call_that_reads_or_writes_many_times_the_others_tokens_is_told_without_prices() -> None:
    (read,) = found(sized(*[(1_400, 20)] * 10, (118_000, 30), *[(1_500, 20)] * 4))
    assert read.title == "One call read 118.0k tokens, 84 x the usual of this run"
    (wrote,) = found(sized(*[(3_000, 40)] * 12, (3_100, 15_800)))
    assert wrote.title == "One call wrote 15.8k tokens and shows next to none of them, 395 x the usual of this run"
    assert wrote.span_ids == ("t13",)


def test_a_long_file_a_context_that_stays_large_and_a_way_of_working_are_no_spikes() -> None:
    assert not found(sized(*[(3_000, 40)] * 12, (3_100, 15_800), output="a line of the file\n" * 3_000))
    assert not found(sized(*[(1_400, 20)] * 10, *[(118_000, 30)] * 3))
    assert not found(sized(*[(2_000, 20), (90_000, 20)] * 10))


def test_the_limit_is_robust_to_a_few_outliers_among_the_known() -> None:
    known = limit([100.0] * 18 + [9_000.0] * 2, times=2, more=0)
    assert known is not None
    assert (round(known.usual), round(known.above), known.count) == (100, 250, 20)


def test_history_is_of_the_same_agents_finished_traces_before_then(tmp_path: Path) -> None:
    store = TraceStore.open(tmp_path / "traces.db")
    tracer = Tracer(store)
    for number in range(4):
        agent = "other" if number == 1 else "ralph"
        trace = tracer.start_trace("run", agent_id=agent, metadata={"ralph.repo": f"/repo{number % 2}"})
        answered = names.llm_response_attributes(
            model="m", stop_reason="end_turn", uncached_input_tokens=5, output_tokens=9, cost_micros=70 + number
        )
        trace.start_span("chat m", kind=SpanKind.LLM, attributes=answered).end()
        trace.end(TraceStatus.INTERRUPTED if number == 3 else TraceStatus.SUCCESS)
    known = history(store, "ralph", before_ns=2**62)
    assert known.cost_micros.values == (70, 72)
    assert known.turns.values == (1, 1)
    assert len(known.call_duration_ns.values) == 2
    assert history(store, "ralph", before_ns=0) == History()
    assert len(history(store, "ralph", before_ns=2**62, repo="/repo0").turns.values) == 2
    assert history(store, "ralph", before_ns=2**62, repo="/repo1") == History()
    store.close()
