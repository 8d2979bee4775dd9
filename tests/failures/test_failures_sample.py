"""On a sample of real runs: nobody who solves the task is stopped, what is put in is found, and online says what offline says."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from types import FrameType

import pytest

from tests.failures.inject import INJECTIONS, in_time
from tests.failures.score import Read, natural, read, recall, watched
from tracing.failures.detectors import DETECTORS, detectors
from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.replaying import as_begun, moments
from tracing.failures.watch import Watch
from tracing.finding import Finding, Verdict
from tracing.span import SpanKind

SAMPLE = Path(__file__).with_name("solved.jsonl.gz")
MOST_FALSE_ALARMS = 0.02
LEAST_RECALL = 0.95
CASES = 8


@pytest.fixture(scope="module")
def runs() -> list[Read]:
    return read(SAMPLE)


def test_the_sample_holds_solved_and_failed_runs(runs: list[Read]) -> None:
    outcomes = [ending.passed for _, _, ending in runs]

    assert (outcomes.count(True), outcomes.count(False)) == (25, 10)
    assert sum(span.kind is SpanKind.TOOL for _, spans, _ in runs for span in spans) > 800


def test_no_detector_stops_or_interrupts_a_run_that_solves_its_task(runs: list[Read]) -> None:
    solved = natural(runs, passed=True)

    for detector in DETECTORS:
        assert solved.share(detector.name, Verdict.STOP) == 0, detector.name
        assert solved.share(detector.name, Verdict.NUDGE) <= MOST_FALSE_ALARMS, detector.name


@pytest.mark.parametrize("kind", INJECTIONS)
def test_a_failure_put_in_is_found(runs: list[Read], kind: str) -> None:
    solved = [run for run in runs if run[2].passed][:CASES]

    (found,) = recall(solved, [kind], seeds=2)

    assert found.cases >= CASES
    assert found.found >= LEAST_RECALL * found.cases


def _online(subject: Subject, spans: Sequence[Observed], ending: Ending) -> Iterable[Finding]:
    """As it happens: what is found is asked for after every event, and the span that began is not the one that ended."""
    watch = Watch(detectors(subject))
    for span, is_over in moments(spans):
        news = watch.ended(span) if is_over else watch.began(as_begun(span))
        if news:
            watch.due()
    watch.closed(ending)
    return watch.findings


def test_online_finds_what_offline_finds(runs: list[Read]) -> None:
    subject, spans, ending = min((run for run in runs if len(run[1]) > 40), key=lambda run: len(run[1]))

    for kind, (_, put_in) in INJECTIONS.items():
        run = put_in(spans, Random(kind)) or spans
        assert _online(subject, run, ending) == watched(subject, run, ending), kind


def _operations(spans: Sequence[Observed]) -> int:
    """How many functions are called to watch them: a measure of work that does not hang on the machine."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        watched(Subject(), spans, Ending())
    finally:
        sys.setprofile(before)
    return count


def test_the_work_is_linear_in_the_length_of_the_trace(runs: list[Read]) -> None:
    one = runs[0][1]
    short, long = in_time(one * 2), in_time(one * 8)

    assert _operations(long) < 4 * 1.25 * _operations(short)


def test_the_work_is_linear_when_nothing_but_one_call_is_repeated() -> None:
    again = [Observed("", None, SpanKind.TOOL, "read", input="a", output="the same result each time, and a long one")]

    assert _operations(in_time(again * 800)) < 4 * 1.25 * _operations(in_time(again * 200))


def test_what_is_kept_does_not_grow_with_the_length_of_texts() -> None:
    """Digests are kept, not texts: of a thousand results of 50,000 characters only the ends of the last few may stay."""
    watch = Watch(detectors(Subject()))
    results = [f"{number} " * 10_000 for number in range(5)]
    kept: list[int] = []
    for number in range(200):
        result = results[number % 5] + str(number)
        watch.ended(
            Observed(f"{number}", None, SpanKind.TOOL, "read", number, number, input={"page": number}, output=result)
        )
        if number in {100, 199}:
            kept.append(_size(watch))

    assert kept[1] - kept[0] < len(results[0])


def _size(thing: object, seen: set[int] | None = None) -> int:
    """Characters of all texts that can be reached."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, str):
        return len(thing)
    if isinstance(thing, dict):
        return sum(_size(item, seen) for pair in thing.items() for item in pair)
    if isinstance(thing, list | tuple | set | frozenset) or type(thing).__name__ == "deque":
        return sum(_size(item, seen) for item in thing)  # type: ignore[attr-defined, misc]  # a deque iterates
    slots = getattr(thing, "__dict__", {})
    return _size(slots, seen) if type(thing).__module__.startswith("tracing") else 0
