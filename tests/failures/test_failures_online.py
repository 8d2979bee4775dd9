"""Detectors at work while a trace is open: what they find is beside it at once, and the host never notices them."""

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tracing import attributes as names
from tracing.contents import Content
from tracing.failures.detector import Detector
from tracing.failures.detectors import VERSION
from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.stored import analyse
from tracing.failures.watch import Watch
from tracing.finding import Finding, Severity, Verdict
from tracing.redact import Redactor
from tracing.span import SpanKind, TraceStatus
from tracing.store import TraceStore
from tracing.tracer import Span, Trace, Tracer
from tracing.watching import EVENT

FAILED = "1 failed: test_total expects 3, got 4 in tests/test_total.py"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    opened = TraceStore.open(tmp_path / "traces.db")
    yield opened
    opened.close()


def call(trace: Trace, command: str = "pytest -q", output: str = FAILED) -> Span:
    attributes = names.tool_attributes(name="bash") | names.tool_result_attributes(changed=False)
    return trace.add_span(
        "execute_tool bash", kind=SpanKind.TOOL, input={"command": command}, output=output, attributes=attributes
    )


def ask(trace: Trace, words: str = "Book a flight to Oslo") -> None:
    said = trace.tracer.conversation()
    said.append({"role": "user", "content": words})
    with trace.span("chat m", kind=SpanKind.LLM) as span:
        span.set_request(said)
        span.set_output([{"type": "text", "text": "Let me see what is there."}])
        span.set(
            names.llm_response_attributes(model="m", stop_reason="tool_use", uncached_input_tokens=9, output_tokens=9)
        )


class Hears(Detector):
    """Keeps what it is told, and finds one thing in the span called "guilty", where it begins or ends."""

    name = "hears"

    def __init__(self, subject: Subject, heard: list[tuple[str, Observed | Ending]]) -> None:
        super().__init__(subject)
        self.heard = heard

    def began(self, span: Observed) -> Iterable[Finding]:
        self.heard.append(("began", span))
        return [found(span)] if span.name == "guilty at once" else ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        self.heard.append(("ended", span))
        return [found(span)] if span.name == "guilty" else ()

    def closed(self, ending: Ending) -> Iterable[Finding]:
        self.heard.append(("closed", ending))
        return ()


def found(span: Observed) -> Finding:
    return Finding("hears", Severity.WARNING, "a thing", f"seen {span.input}", "look", (span.span_id,))


def hearing(store: TraceStore, **tracer: object) -> tuple[Tracer, list[tuple[str, Observed | Ending]], list[Subject]]:
    heard: list[tuple[str, Observed | Ending]] = []
    subjects: list[Subject] = []

    def make(_store: TraceStore, subject: Subject) -> Watch:
        subjects.append(subject)
        return Watch([Hears(subject, heard)])

    return Tracer(store, watch=make, **tracer), heard, subjects  # type: ignore[arg-type]


def words(heard: list[tuple[str, Observed | Ending]]) -> list[str]:
    return [f"{what} {seen.name}" if isinstance(seen, Observed) else what for what, seen in heard]


def test_a_loop_is_due_before_the_next_call_and_each_verdict_is_handed_out_once(store: TraceStore) -> None:
    trace = Tracer(store).start_trace("run", agent_id="a")
    ask(trace)
    due: list[str] = []
    for _ in range(7):
        call(trace)
        finding = trace.watch.due()
        due.append(finding.verdict if finding else "")
    assert [verdict for verdict in due if verdict] == [Verdict.NUDGE, Verdict.STOP]
    trace.end()


def test_findings_are_beside_the_trace_while_it_runs_and_final_with_its_end(store: TraceStore) -> None:
    trace = Tracer(store).start_trace("run", agent_id="a")
    ask(trace)
    for _ in range(6):
        call(trace)
    (kept,) = store.findings(trace.trace_id)
    row = store.trace(trace.trace_id).trace
    assert (kept.verdict, row.analysed, row.findings) == (Verdict.STOP, 0, 1)
    trace.end()
    assert store.trace(trace.trace_id).trace.analysed == VERSION
    assert tuple(store.findings(trace.trace_id)) == trace.watch.findings


@pytest.mark.parametrize("content", list(Content))
def test_afterwards_the_detectors_say_the_same_as_while_it_ran(store: TraceStore, content: Content) -> None:
    trace = Tracer(store, content=content).start_trace("run", agent_id="a")
    for number in range(8):
        ask(trace, f"Go on {number}")
        call(trace)
        call(trace, f"cat {number}", f"contents of the file number {number}, which nobody has seen before")
    trace.set_outcome(passed=False, words="check tests failed")
    trace.end()
    assert trace.watch.findings == analyse(store, trace.trace_id, write=False)
    assert bool(trace.watch.findings) == (content is not Content.NONE)


def test_the_guilty_span_says_it_itself_as_long_as_it_is_not_over(store: TraceStore) -> None:
    tracer, _, _ = hearing(store)
    with tracer.start_trace("run", metadata={"ralph.story.title": "T"}) as trace:
        with trace.span("guilty at once"):
            pass
        with trace.span("guilty"):
            pass
    for name in ("guilty", "guilty at once"):
        (span,) = (one for one in store.trace(trace.trace_id).spans if one.name == name)
        (event,) = (one for one in span.events if one.name == EVENT)
        assert (event.attributes["ralph.finding.detector"], event.attributes["ralph.finding.title"]) == (
            "hears",
            "a thing",
        )


def test_spans_wait_until_it_is_known_what_the_agent_was_asked_for(store: TraceStore) -> None:
    tracer, heard, subjects = hearing(store)
    trace = tracer.start_trace("run", agent_id="a")
    call(trace)
    assert (heard, subjects) == ([], [])
    ask(trace)
    assert [(one.agent, one.goal) for one in subjects] == [("a", "Book a flight to Oslo")]
    assert words(heard) == ["began a", "began bash", "ended bash", "began chat m", "ended m"]
    trace.end(TraceStatus.ERROR)
    assert words(heard)[5:] == ["ended a", "closed"]


def test_a_story_is_known_from_the_start_and_its_outcome_at_the_end(store: TraceStore) -> None:
    tracer, heard, subjects = hearing(store)
    trace = tracer.start_trace("run", metadata={"ralph.story.title": "Totals", "ralph.story.criteria": ["It adds"]})
    assert words(heard) == ["began run"]
    trace.set_outcome(passed=False, words="check tests failed, exit 1")
    trace.end(TraceStatus.ERROR)
    assert heard[-1] == ("closed", Ending(TraceStatus.ERROR, passed=False, outcome="check tests failed, exit 1"))
    assert [(one.goal, one.criteria) for one in subjects] == [("Totals", ("It adds",))]


def test_a_trace_that_never_asks_a_model_is_judged_too(store: TraceStore) -> None:
    trace = Tracer(store).start_trace("run")
    for _ in range(6):
        call(trace)
    trace.end()
    assert [finding.verdict for finding in store.findings(trace.trace_id)] == [Verdict.STOP]


def test_detectors_see_what_is_stored_so_no_secret_gets_into_a_finding(store: TraceStore) -> None:
    tracer = Tracer(store, redact=Redactor(["correct-horse-battery"]))
    trace = tracer.start_trace("run", agent_id="a")
    ask(trace, "The key is correct-horse-battery")
    for _ in range(6):
        call(trace, "curl -H correct-horse-battery", "refused: correct-horse-battery is no key of this service")
    trace.end()
    assert trace.watch.findings
    assert "correct-horse-battery" not in repr(trace.watch.findings)
    assert "correct-horse-battery" not in repr(store.findings(trace.trace_id))


def test_whoever_listens_hears_of_a_finding_when_it_is_made_and_when_it_turns_graver(store: TraceStore) -> None:
    trace = Tracer(store).start_trace("run", agent_id="a")
    heard: list[Verdict] = []
    trace.watch.listen(lambda finding: heard.append(finding.verdict))
    ask(trace)
    for _ in range(9):
        call(trace)
    trace.end()
    assert heard == [Verdict.NOTE, Verdict.NUDGE, Verdict.STOP]


class Broken(Detector):
    name = "broken"

    def ended(self, span: Observed) -> Iterable[Finding]:
        raise ZeroDivisionError(span.name)


def test_a_broken_detector_never_breaks_its_host(store: TraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RALPH_TRACER_STRICT", raising=False)
    trace = Tracer(store, watch=lambda _, subject: Watch([Broken(subject)])).start_trace("run")
    ask(trace)
    call(trace)
    trace.end()
    detail = store.trace(trace.trace_id)
    assert detail.trace.status is TraceStatus.SUCCESS
    assert all(span.ended_at_ns for span in detail.spans)


def test_without_a_watch_nothing_is_found_and_the_trace_waits_for_its_analysis(store: TraceStore) -> None:
    trace = Tracer(store, watch=None).start_trace("run")
    for _ in range(6):
        call(trace)
    assert (trace.watch.due(), trace.watch.findings) == (None, ())
    trace.end()
    assert store.trace(trace.trace_id).trace.analysed == 0


def test_threads_may_record_side_by_side(store: TraceStore) -> None:
    trace = Tracer(store).start_trace("run", metadata={"ralph.story.title": "T"})

    def work(name: str) -> None:
        for number in range(30):
            call(trace, f"cat {name}{number}", f"file {name}{number} with some text that is its own")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trace.end()
    assert store.trace(trace.trace_id).trace.spans == 121


def test_watching_costs_less_than_a_hundredth_of_the_shortest_turn(store: TraceStore) -> None:
    """A turn of a model takes a second and more."""

    def spent_s(watched: bool) -> float:
        tracer = Tracer(store) if watched else Tracer(store, watch=None)
        trace = tracer.start_trace("run", agent_id="speed", metadata={"ralph.story.title": "T"})
        began = time.process_time()
        for number in range(100):
            ask(trace)
            call(trace, f"cat {number}", f"line {number}\n" * 500)
        trace.end()
        return time.process_time() - began

    plain_s, watched_s = min(spent_s(False) for _ in range(2)), min(spent_s(True) for _ in range(2))
    assert (watched_s - plain_s) / 100 < 0.01


class Breaks(Detector):
    name = "breaks"

    def ended(self, span: Observed) -> Iterable[Finding]:
        raise ZeroDivisionError(span.name)


def test_a_detector_that_fails_is_left_out_and_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RALPH_TRACER_STRICT")
    heard: list[tuple[str, Observed | Ending]] = []
    watch = Watch([Breaks(Subject()), Hears(Subject(), heard)])
    for _ in range(2):
        watch.ended(Observed("s", None, SpanKind.TOOL, "guilty"))
    assert [finding.detector for finding in watch.findings] == ["hears"]
    assert len(heard) == 2
