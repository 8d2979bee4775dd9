"""`ralph analyze`: real stores and files, through the real command."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ralph.cli.main import cli
from ralph.errors import RalphError
from tracing import attributes as names
from tracing.failures.detectors import VERSION
from tracing.span import SpanKind, TraceStatus
from tracing.store import TraceStore
from tracing.tracer import Trace, Tracer

FAILED = "1 failed: test_total expects 3, got 4 in tests/test_total.py"


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    home = Path(os.environ["RALPH_HOME"])
    home.mkdir(parents=True)
    with closing(TraceStore.open(home / "traces.db")) as store:
        yield Tracer(store, watch=None)


def ralph(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(cli, ("analyze", *arguments))


def looping(tracer: Tracer, title: str = "Add totals", times: int = 6) -> Trace:
    known = {"ralph.story.id": "US-001", "ralph.story.title": title}
    trace = tracer.start_trace("invoke_agent ralph", agent_id="ralph", metadata=known)
    for _ in range(times):
        attributes = names.tool_attributes(name="bash") | names.tool_result_attributes(changed=False)
        trace.add_span(
            "execute_tool bash",
            kind=SpanKind.TOOL,
            input={"command": "pytest -q"},
            output=FAILED,
            attributes=attributes,
        )
    trace.end(TraceStatus.ERROR, error="stuck")
    return trace


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.output.splitlines()]


def test_the_newest_trace_is_analysed_and_each_finding_says_what_it_cost_what_to_do_and_where_to_look(
    tracer: Tracer,
) -> None:
    trace = looping(tracer)
    result = ralph()
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"trace {trace.trace_id} (ralph, US-001 Add totals, error): 1 finding\n")
    assert "critical: The same bash call" in result.output
    assert "`pytest -q`" in result.output
    assert "    do: " in result.output
    span = tracer.store.findings(trace.trace_id)[0].span_id
    assert f"    see: ralph trace {trace.trace_id[:8]} --span {span[:8]}" in result.output
    assert tracer.store.trace(trace.trace_id).trace.analysed == VERSION


def test_a_trace_without_findings_says_so(tracer: Tracer) -> None:
    trace = looping(tracer, times=1)
    assert (
        f"trace {trace.trace_id} (ralph, US-001 Add totals, error): nothing found" in ralph(trace.trace_id[:8]).output
    )


def test_of_all_traces_those_with_findings_are_shown_and_all_are_counted(tracer: Tracer) -> None:
    looping(tracer, "Calm", times=1)
    looping(tracer, "Round and round")
    result = ralph("--all")
    assert "Round and round" in result.output
    assert "Calm" not in result.output
    assert result.output.endswith("2 traces analysed, 1 with findings\n")
    assert "0 traces analysed" in ralph("--all", "--since", "2200-01-01").output


def test_a_file_with_one_trace_and_no_finding_says_so(tracer: Tracer, tmp_path: Path) -> None:
    file = tmp_path / "calm.json"
    file.write_text(CliRunner().invoke(cli, ("trace", looping(tracer, times=1).trace_id, "--json")).output)
    assert ralph(str(file)).output == "1 trace analysed, 0 with findings\n"


def test_json_is_one_object_a_trace_with_span_ids_and_verdicts(tracer: Tracer) -> None:
    calm, grave = looping(tracer, times=1), looping(tracer)
    first, second = objects(ralph("--all", "--json"))
    assert (first["trace_id"], second["trace_id"], second["findings"]) == (grave.trace_id, calm.trace_id, [])
    (found,) = first["findings"]
    assert (found["detector"], found["severity"], found["verdict"]) == ("retry_loop", "critical", "stop")
    assert set(found["span_ids"]) <= {span.span_id for span in tracer.store.trace(grave.trace_id).spans}
    assert (first["agent"], first["status"], first["source"]) == ("ralph", "error", None)


def test_a_trace_that_was_written_to_a_file_is_judged_like_the_one_in_the_store(tracer: Tracer, tmp_path: Path) -> None:
    trace = looping(tracer)
    file = tmp_path / "trace.json"
    file.write_text(CliRunner().invoke(cli, ("trace", trace.trace_id, "--json")).output, encoding="utf-8")
    (of_file,), (of_store,) = objects(ralph(str(file), "--json")), objects(ralph(trace.trace_id, "--json"))
    assert of_file["source"] == str(file)
    assert {**of_file, "source": None} == of_store
    shown = ralph(str(file)).output
    assert f"in {file} (ralph, Add totals, error): 1 finding" in shown
    assert f"    span: {of_store['findings'][0]['span_ids'][0]}" in shown


def test_a_file_that_is_none_of_ours_is_an_error_that_says_where_and_what_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_text('{"steps": []}\nhello\n', encoding="utf-8")
    result = ralph(str(file))
    assert isinstance(result.exception, RalphError)
    assert f"{file}:2:1: not JSON" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["abc", "--all"], "leave out the traces and files", id="all-and-one"),
        pytest.param(["--since", "8h"], "--since goes with --all", id="since-alone"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], words: str) -> None:
    result = ralph(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_a_trace_or_a_file_that_is_not_there_is_an_error(tracer: Tracer) -> None:
    looping(tracer)
    for target, words in (("abcdef", "No trace begins with"), ("missing.json", "missing.json: cannot be read")):
        result = ralph(target)
        assert isinstance(result.exception, RalphError)
        assert words in str(result.exception)
