"""`ralph diff`, `ralph trace --follow` and findings in the tree: real stores, real commands."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli.follow import followed
from ralph.cli.main import cli
from tracing import attributes as names
from tracing.failures.detectors import VERSION
from tracing.finding import Finding, Severity, Waste
from tracing.span import SpanKind, TraceStatus
from tracing.store import TraceStore
from tracing.store.writes import PutFindings
from tracing.tracer import Trace, Tracer


@pytest.fixture
def store() -> Iterator[TraceStore]:
    home = Path(os.environ["RALPH_HOME"])
    home.mkdir(parents=True)
    with closing(TraceStore.open(home / "traces.db")) as opened:
        yield opened


def ralph(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(cli, arguments)


def bash(trace: Trace, command: str, exit_code: int = 0) -> str:
    with trace.span("execute_tool bash", kind=SpanKind.TOOL, input={"command": command}) as span:
        span.set(names.tool_result_attributes(exit_code=exit_code))
    return span.span_id


def a_trace(store: TraceStore, *commands: str, exit_code: int = 0) -> str:
    with Tracer(store).start_trace("invoke_agent ralph", metadata={"ralph.story.id": "US-001"}) as trace:
        for command in commands:
            bash(trace, command, exit_code)
        trace.end(TraceStatus.SUCCESS)
    return trace.trace_id


def test_a_diff_says_where_two_traces_part_and_what_each_did_from_there(store: TraceStore) -> None:
    a, b = a_trace(store, "ls", "make red"), a_trace(store, "ls", "make green", "git diff")
    told = ralph("diff", a, b).output
    assert "they part at step 2 of 3; 1 before is the same (--all shows them)" in told
    lines = [" ".join(line.split()[:1] + line.split()[2:5]) for line in told.splitlines() if "bash make" in line]
    assert lines == ["A bash make red", "B bash make green"]
    assert "bash: 2 in A, 3 in B" in told
    assert "bash ls" in ralph("diff", a, b, "--all").output


def test_the_same_call_that_ended_otherwise_is_where_they_part(store: TraceStore) -> None:
    told = ralph("diff", a_trace(store, "make"), a_trace(store, "make", exit_code=2)).output
    assert "exit 0" in told
    assert "exit 2" in told


def test_a_diff_of_equal_traces_says_so(store: TraceStore) -> None:
    assert "no step differs: 1 is the same in both" in ralph("diff", a_trace(store, "ls"), a_trace(store, "ls")).output


def test_a_diff_with_a_trace_that_is_not_there_is_an_error_of_usage(store: TraceStore) -> None:
    result = ralph("diff", a_trace(store, "ls"), "ffff")
    assert str(result.exception) == "No trace begins with 'ffff'. `ralph traces` lists them."


def found(span_id: str) -> Finding:
    return Finding(
        detector="retry_loop",
        severity=Severity.CRITICAL,
        title="the same bash call brought the same result 6 times",
        evidence="`make` failed the same way.\nNothing was changed between.",
        remedy="Tell the agent what `make` needs.",
        span_ids=(span_id,),
        waste=Waste(tokens=15_300, cost_micros=12_000, duration_ns=4_100_000_000),
    )


def test_a_trace_shows_what_went_wrong_above_its_tree_and_pinned_to_the_span(store: TraceStore) -> None:
    with Tracer(store).start_trace("t") as trace:
        span_id = bash(trace, "make", 2)
        trace.end()
    store.write([PutFindings(trace.trace_id, (found(span_id),), VERSION, 1)])
    lines = ralph("trace", trace.trace_id).output.splitlines()
    told = [line.strip() for line in lines]
    start = told.index("‼ critical: the same bash call brought the same result 6 times")
    assert told[start + 1 : start + 5] == [
        "`make` failed the same way.",
        "Nothing was changed between.",
        "cost: $0.0120, 15.3k tokens, 4.1 s",
        "do: Tell the agent what `make` needs.",
    ]
    bash_line = next(number for number, line in enumerate(lines) if "bash make" in line)
    assert lines[bash_line + 1].strip() == "‼ the same bash call brought the same result 6 times"
    assert "‼ 1" in ralph("traces").output


def test_following_prints_each_span_once_and_ends_with_the_trace_and_what_was_found(store: TraceStore) -> None:
    trace = Tracer(store).start_trace("t")
    bash(trace, "one")
    polls: list[float] = []

    def meanwhile(poll_s: float) -> None:
        polls.append(poll_s)
        if len(polls) == 1:
            bash(trace, "two", 1)
        else:
            trace.end()

    lines = list(followed(store, trace.trace_id, sleep=meanwhile))
    assert [word for line in lines for word in ("bash one", "bash two", "ended: success") if word in line] == [
        "bash one",
        "bash two",
        "ended: success",
    ]


def test_following_tells_a_finding_when_it_is_made_and_again_when_it_turns_graver(store: TraceStore) -> None:
    trace, polls = Tracer(store).start_trace("t"), iter(range(8))

    def meanwhile(_s: float) -> None:
        if next(polls) < 6:
            trace.add_span("look", kind=SpanKind.TOOL, input={"q": "x"}, output="nothing there")
        else:
            trace.end()

    lines = list(followed(store, trace.trace_id, sleep=meanwhile))
    told = [line.split(":")[0] for line in lines if "brought the same result" in line and line[0] in "·!‼"]
    assert told == ["· note", "! warning", "‼ critical", "‼ critical"]
    assert lines[-1].strip().startswith("see: ralph trace")


@pytest.mark.parametrize(("known", "told"), [({"ralph.story.id": "US-1"}, True), ({"story": "a book"}, False)])
def test_only_of_a_story_of_ours_it_is_said_that_the_next_run_takes_it_up(
    store: TraceStore, known: dict[str, str], told: bool
) -> None:
    trace = Tracer(store).start_trace("t", metadata=known)
    store.close_interrupted(lambda _owner: False)
    assert ("takes the story up again" in ralph("trace", trace.trace_id).output) is told


def test_following_ends_when_the_process_that_wrote_the_trace_is_gone(store: TraceStore) -> None:
    trace = Tracer(store).start_trace("t")

    def die(_s: float) -> None:
        store.close_interrupted(lambda _owner: False)

    told = list(followed(store, trace.trace_id, sleep=die))
    assert told[-1].startswith("ended: interrupted")
