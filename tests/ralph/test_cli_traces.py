"""The screens that explain a run: lists, trees, one span, costs; from real stores, through the real commands."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli.main import cli, report
from ralph.cli.traces import STATUSES
from ralph.errors import ExitCode, RalphError
from tracing import attributes as names
from tracing.budget import Limit, OverBudgetError
from tracing.prices import UnknownPriceError
from tracing.redact import Redactor
from tracing.span import SpanKind, TraceStatus
from tracing.store import TraceNotFoundError, TraceStore
from tracing.tracer import Trace, Tracer

FAILURE = "".join(f"noise {number}\n" for number in range(40)) + "E       assert 4 == 2\nFAILED tests/test_sub.py\n"


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    home = Path(os.environ["RALPH_HOME"])
    home.mkdir(parents=True)
    with closing(TraceStore.open(home / "traces.db")) as store:
        yield Tracer(store, redact=Redactor())


def ralph(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(cli, arguments)


def started(tracer: Tracer, story: str = "US-001", title: str = "Subtract") -> Trace:
    known = {"ralph.story.id": story, "ralph.story.title": title, "ralph.repo": "/code/shop", "ralph.branch": "ralph/x"}
    return tracer.start_trace("invoke_agent ralph", agent_id="ralph", metadata=known)


def turn(trace: Trace, *calls: tuple[str, dict[str, object]], cost_micros: int = 10_000, **more: object) -> None:
    """One model call that ended with these tool calls."""
    output = [{"type": "tool_use", "id": "x", "name": name, "input": given} for name, given in calls]
    with trace.span("chat m", kind=SpanKind.LLM) as span:
        span.set_output(output)
        span.set(
            names.llm_response_attributes(
                model="m",
                stop_reason="tool_use",
                uncached_input_tokens=100,
                cache_read_tokens=900,
                output_tokens=50,
                cost_micros=cost_micros,
                **more,  # type: ignore[arg-type]
            )
        )


def verdict(trace: Trace, *, passed: bool) -> None:
    with trace.span("verify", kind=SpanKind.CHAIN) as span:
        trace.add_span(
            "check pytest",
            kind=SpanKind.EVALUATOR,
            input="pytest -q",
            output="1 passed" if passed else FAILURE,
            error=None if passed else "exit code 1",
            attributes={"ralph.check.passed": passed, "ralph.check.exit_code": int(not passed)},
        )
        span.set_output({"passed": passed, "text": "every check passed" if passed else "failed: pytest"})


def finish(**given: object) -> tuple[str, dict[str, object]]:
    return "finish", {"status": "done", "summary": "Added sub.", "criteria": [], **given}


def a_repaired_story(tracer: Tracer) -> str:
    with started(tracer) as trace:
        turn(trace, finish())
        verdict(trace, passed=False)
        turn(trace, finish(summary="Fixed the sign.", criteria=[{"criterion": "sub works", "evidence": "a test"}]))
        verdict(trace, passed=True)
        trace.set_metadata({"ralph.commit": "e13764d0c0" + "0" * 30})
        trace.end(TraceStatus.SUCCESS)
    return trace.trace_id


def a_blocked_story(tracer: Tracer) -> str:
    with started(tracer, "US-004", "Charge the card") as trace:
        turn(trace, finish(status="blocked", summary="Stopped.", blocked_reason="There is no key for the bank."))
        trace.end(TraceStatus.BLOCKED)
    return trace.trace_id


def test_a_stranger_reads_from_the_tree_that_a_story_was_repaired_and_why(tracer: Tracer) -> None:
    shown = ralph("trace", a_repaired_story(tracer)[:6]).output
    assert "outcome  every check passed after 1 repair; committed as e13764d0c0" in shown
    assert "the failing output went back to the agent: repair 1" in shown
    assert "FAILED tests/test_sub.py" in shown
    assert "noise 3\n" not in shown
    assert "agent, done: Fixed the sign." in shown
    assert "- sub works: a test" in shown


def test_a_stranger_reads_from_the_tree_what_the_integrity_guard_saw(tracer: Tracer) -> None:
    weaker = {"path": "tests/test_sub.py", "line": 4, "text": "an assertion of test_sub was made weaker"}
    with started(tracer) as trace, trace.span("integrity", kind=SpanKind.GUARDRAIL) as span:
        span.set_output({"refused": True, "findings": [weaker, {"path": "", "line": 0, "text": "no test ran"}]})
    shown = ralph("trace", trace.trace_id[:8]).output
    assert "- tests/test_sub.py:4: an assertion of test_sub was made weaker" in shown
    assert "- no test ran" in shown


def test_a_stranger_reads_from_the_tree_why_a_story_is_blocked(tracer: Tracer) -> None:
    a_blocked_story(tracer)
    shown = ralph("trace", "latest").output
    assert "outcome  the agent says that it cannot be done: There is no key for the bank." in shown
    assert "because: There is no key for the bank." in shown


def test_the_tree_shows_failed_attempts_broken_caches_exit_codes_and_open_spans(tracer: Tracer) -> None:
    trace = started(tracer)
    turn(trace, ("bash", {"command": "make"}), attempts=2, attempt_errors=["529 overloaded"])
    with trace.span("execute_tool bash", kind=SpanKind.TOOL, input={"command": "make"}) as span:
        span.set(names.tool_result_attributes(exit_code=2, truncated=True))
        span.set_output("no rule\n[exit code 2]")
    with trace.span("chat m", kind=SpanKind.LLM) as span:
        span.set({names.CACHE_BREAK: "tools changed"})
    trace.start_span("execute_tool bash", kind=SpanKind.TOOL, input={"command": "sleep"})
    shown = ralph("trace", "latest").output
    assert "2 attempts; failed ones: 529 overloaded" in shown
    assert "cache broken, likely cause: tools changed" in shown
    assert "exit 2, output cut" in shown
    assert "│ no rule" in shown
    assert "still running" in shown
    assert [line for line in shown.splitlines() if line.startswith("…") and "bash sleep" in line and "open" in line]
    trace.end()


def test_what_a_program_printed_cannot_repaint_the_terminal(tracer: Tracer) -> None:
    with started(tracer, title="\x1b[2Jgone") as trace, trace.span("execute_tool bash", kind=SpanKind.TOOL) as span:
        span.set_output("\x1b[31mred\x07\n")
    for arguments in (("traces",), ("trace", "latest"), ("trace", "latest", "--span", span.span_id)):
        assert "\x1b" not in ralph(*arguments).output


def test_the_list_fits_a_hundred_columns_and_is_newest_first(tracer: Tracer) -> None:
    repaired = a_repaired_story(tracer)
    with started(tracer, "US-009", "A title that goes on and on " * 8) as trace:
        pass
    lines = ralph("traces").output.splitlines()
    assert max(len(line) for line in lines) <= 100
    assert [line.split()[0] for line in lines] == ["trace", trace.trace_id[:8], repaired[:8]]
    assert "$0.0200" in lines[2]
    assert "90 %" in lines[2]


@pytest.mark.parametrize(
    ("arguments", "stories"),
    [
        pytest.param((), ["US-004", "US-001"], id="none"),
        pytest.param(("--status", "blocked"), ["US-004"], id="status"),
        pytest.param(("--story", "US-001"), ["US-001"], id="story"),
        pytest.param(("--repo", "/code/shop"), ["US-004", "US-001"], id="repo"),
        pytest.param(("--repo", "/code/other"), [], id="other-repo"),
        pytest.param(("--min-cost", "0.015"), ["US-001"], id="min-cost"),
        pytest.param(("--max-cost", "$0.015"), ["US-004"], id="max-cost"),
        pytest.param(("--text", "bank"), ["US-004"], id="text"),
        pytest.param(("--since", "1h"), ["US-004", "US-001"], id="since"),
        pytest.param(("--since", "2199-01-01"), [], id="since-a-day"),
        pytest.param(("--limit", "1"), ["US-004"], id="limit"),
    ],
)
def test_each_filter_leaves_what_matches(tracer: Tracer, arguments: tuple[str, ...], stories: list[str]) -> None:
    a_repaired_story(tracer)
    a_blocked_story(tracer)
    assert [row["story"] for row in json.loads(ralph("traces", "--json", *arguments).output)] == stories


def test_a_list_that_is_cut_says_so_and_an_empty_one_says_why(tracer: Tracer) -> None:
    assert ralph("traces").output == "no traces yet: `ralph run` or `ralph demo` makes the first\n"
    a_repaired_story(tracer)
    a_blocked_story(tracer)
    assert "... and more: --limit shows them" in ralph("traces", "--limit", "1").output
    assert ralph("traces", "--story", "US-100").output == "no trace matches\n"


def test_a_span_is_shown_whole_with_the_request_that_it_sent(tracer: Tracer) -> None:
    conversation = tracer.conversation()
    conversation.append({"role": "user", "content": [{"type": "text", "text": "Do the story.\nAll of it."}]})
    with started(tracer) as trace, trace.span("chat m", kind=SpanKind.LLM) as span:
        span.set_request(conversation.head, [{"type": "text", "text": "You are Ralph."}], [{"name": "bash"}])
        span.set_output([{"type": "tool_use", "name": "bash", "input": {"command": "ls\npwd"}}])
        span.event("attempt_failed", {"error": "529"})
    shown = ralph("trace", "latest", "--span", span.span_id[:8]).output
    for part in ("You are Ralph.", "message 1, user:\n  Do the story.\n  All of it.", "command: ls\n      pwd", "529"):
        assert part in shown
    whole = json.loads(ralph("trace", "latest", "--span", span.span_id[:8], "--json").output)
    assert (whole["tools"], len(whole["messages"])) == ([{"name": "bash"}], 1)


def test_the_json_of_a_trace_has_each_message_once(tracer: Tracer) -> None:
    conversation = tracer.conversation()
    with started(tracer) as trace:
        for number in range(3):
            conversation.append({"role": "user", "content": f"message {number}"})
            with trace.span("chat m", kind=SpanKind.LLM) as span:
                span.set_request(conversation.head, None, None)
    spans = json.loads(ralph("trace", "latest", "--json").output)["spans"]
    sent = [(span["messages_kept"], len(span["messages"])) for span in spans if "messages" in span]
    assert sent == [(0, 1), (1, 1), (2, 1)]


def test_what_was_only_reserved_is_told_apart_from_what_was_spent(tracer: Tracer) -> None:
    with started(tracer) as trace:
        turn(trace, ("bash", {"command": "ls"}), cost_micros=30_000)
        with trace.span("chat m", kind=SpanKind.LLM) as span:
            span.set({names.COST_MICROS: 1_310_000, names.UNSEEN_MICROS: 1_310_000})
    words = "+ $1.31 reserved by a call whose end was never seen"
    assert f"cost     $0.0300, {words} for 2 turns" in ralph("trace", "latest").output
    assert ralph("trace", "latest").output.count(words) == 2
    assert "$0.0300" in ralph("traces").output


def test_costs_say_what_is_simulated(tracer: Tracer) -> None:
    for story, simulated in (("US-001", True), ("US-002", False)):
        with started(tracer, story) as trace, trace.span("chat m", kind=SpanKind.LLM) as span:
            span.set({names.COST_MICROS: 10_000, names.COST_SIMULATED: simulated})
    lines = ralph("costs", "--by", "story").output.splitlines()
    assert [line.partition("$")[2] for line in lines[1:]] == [
        "0.0100 (simulated)",
        "0.0100",
        "0.0200 ($0.0100 of it simulated)",
    ]


def test_a_long_id_leaves_the_title_readable_on_a_terminal_and_is_whole_in_a_pipe(
    tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tracer, "resolve-an-ambiguous-name-of-a-person", "Resolve an ambiguous name"):
        pass
    with started(tracer, "resolve-an-ambiguous-name", "Resolve an ambiguous name"):
        pass
    assert "  resolve-an-ambiguous-name-of-a-person  " in ralph("traces").output
    monkeypatch.setattr("ralph.cli.table.on_terminal", lambda: True)
    derived, own = ralph("traces").output.splitlines()[1:]
    assert "  resolve-a…        Resolve a" in derived
    assert "  resolve-an-ambi…  Resolve a" in own


def test_a_finish_without_a_summary_leaves_nothing_dangling(tracer: Tracer) -> None:
    with started(tracer) as trace:
        turn(trace, ("finish", {"status": "done"}))
    shown = ralph("trace", "latest").output
    assert "agent, done\n" in shown
    assert "None" not in shown


@pytest.mark.parametrize("by", ["day", "repo", "story", "model", "agent"])
def test_costs_add_up_by_each_group(tracer: Tracer, by: str) -> None:
    a_repaired_story(tracer)
    a_blocked_story(tracer)
    rows = json.loads(ralph("costs", "--by", by, "--json").output)
    assert sum(row["cost_micros"] for row in rows) == 30_000
    assert "$0.0300" in ralph("costs", "--by", by).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ("trace", "zz"), "'zz' is not a trace id: those are hex digits. `ralph traces` lists them.", id="no-id"
        ),
        pytest.param(("trace", "abc"), "No trace begins with 'abc'. `ralph traces` lists them.", id="unknown"),
        pytest.param(("trace", "latest"), "no traces yet: `ralph run` or `ralph demo` makes the first", id="none-yet"),
    ],
)
def test_a_trace_that_is_not_there_is_an_error_of_usage(arguments: tuple[str, ...], message: str) -> None:
    error = ralph(*arguments).exception
    assert isinstance(error, RalphError)
    assert (error.exit_code, str(error)) == (ExitCode.USAGE, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("traces", "--since", "soon"), '"soon" is not a time. Write 8h, 7d, today', id="since"),
        pytest.param(("traces", "--min-cost", "much"), '"much" is not an amount. Write dollars', id="cost"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_with_what_to_write(arguments: tuple[str, ...], message: str) -> None:
    result = ralph(*arguments)
    assert (result.exit_code, message in result.output) == (ExitCode.USAGE, True)


def test_every_status_can_be_filtered_on() -> None:
    assert set(STATUSES) == {status.value for status in TraceStatus}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(OverBudgetError(Limit("day:2026-11-21", 1), 0, 1), ExitCode.LIMIT, id="over-budget"),
        pytest.param(UnknownPriceError("no price"), ExitCode.USAGE, id="no-price"),
        pytest.param(TraceNotFoundError("no trace"), ExitCode.USAGE, id="no-trace"),
        pytest.param(ZeroDivisionError(), ExitCode.BUG, id="a-bug"),
    ],
)
def test_every_known_error_has_its_exit_code(
    error: Exception, code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == code
    assert "ralph: " in capsys.readouterr().err
