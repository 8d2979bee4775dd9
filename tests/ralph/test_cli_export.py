"""`ralph export TRACE --html`: where the file goes, what is never written over, what is said beside it."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli.export import hints, summary
from ralph.cli.main import cli, report
from ralph.errors import ExitCode, RalphError
from tracing import attributes as names
from tracing.span import SpanKind, TraceStatus
from tracing.store import TraceStore
from tracing.tracer import Tracer
from tracing.web.page import Site
from tracing.web.standalone import Extent, standalone


@pytest.fixture
def store() -> Iterator[TraceStore]:
    home = Path(os.environ["RALPH_HOME"])
    home.mkdir(parents=True)
    with closing(TraceStore.open(home / "traces.db")) as opened:
        yield opened


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def export(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(cli, ["export", *arguments])


def a_trace(store: TraceStore, times: int = 1, output: str = "still no otter") -> str:
    metadata = {"ralph.story.id": "US-001", "ralph.story.title": "Kittens", "ralph.repo": "/nowhere"}
    with Tracer(store).start_trace("invoke_agent ralph", agent_id="ralph", metadata=metadata) as trace:
        for _ in range(times):
            with trace.span("execute_tool bash", kind=SpanKind.TOOL, input={"command": "make otter"}) as span:
                span.set_output(output)
                span.set(names.tool_result_attributes(exit_code=1))
        trace.end(TraceStatus.ERROR)
    return trace.trace_id


def test_the_file_stands_in_the_current_folder_and_is_named_after_the_trace(store: TraceStore, here: Path) -> None:
    trace_id = a_trace(store)
    result = export(trace_id[:6], "--html")
    assert result.exit_code == 0, result.output
    file = here / f"ralph-trace-{trace_id[:8]}.html"
    assert [*here.iterdir()] == [file]
    assert file.read_text().startswith("<!doctype html>")
    assert "still no otter" in file.read_text()
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{file.name}: 0.1 MB, 2 spans",
        "It holds prompts and outputs as stored: look through it before you send it.",
    ]


def test_a_file_that_is_there_is_replaced_only_when_it_is_named(store: TraceStore, here: Path) -> None:
    trace_id = a_trace(store)
    file = here / f"ralph-trace-{trace_id[:8]}.html"
    file.write_text("mine")
    result = export("latest", "--html")
    assert isinstance(result.exception, RalphError)
    assert str(result.exception) == (
        f"{file.name} is there already. Write over it with -o {file.name}, or name another file."
    )
    assert file.read_text() == "mine"
    assert export("latest", "--html", "-o", file.name).exit_code == 0
    assert "Kittens" in file.read_text()


def test_a_dash_is_standard_output_and_nothing_else_is_on_it(store: TraceStore, here: Path) -> None:
    a_trace(store)
    result = export("latest", "--html", "-o", "-")
    assert result.stdout.startswith("<!doctype html>")
    assert result.stdout.endswith("</html>")
    assert result.stderr.startswith("standard output: ")
    assert [*here.iterdir()] == []


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        pytest.param("no/such/folder.html", "No such file or directory", id="no-folder"),
        pytest.param(".", "Is a directory", id="a-folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_said(store: TraceStore, here: Path, place: str, problem: str) -> None:
    a_trace(store)
    error = export("latest", "--html", "-o", place).exception
    assert isinstance(error, RalphError)
    assert str(error) == f"{place} cannot be written: {problem}. Name another file with -o FILE."
    assert report(error) == ExitCode.USAGE
    assert [*here.iterdir()] == []


def test_without_content_no_text_is_in_the_file(store: TraceStore, here: Path) -> None:
    trace_id = a_trace(store, times=6)
    result = export("latest", "--html", "--no-content")
    html = (here / f"ralph-trace-{trace_id[:8]}.html").read_text()
    assert "otter" not in html
    assert "/nowhere" not in html
    assert "US-001: Kittens" in html
    assert "It holds no texts: names, times, costs and the titles of findings." in result.stderr


def test_what_nobody_has_analysed_is_analysed_first(store: TraceStore, here: Path) -> None:
    trace_id = a_trace(store, times=8)
    export("latest", "--html")
    assert store.findings(trace_id)
    html = (here / f"ralph-trace-{trace_id[:8]}.html").read_text()
    assert store.findings(trace_id)[0].title in html


def test_the_outcome_is_in_it_without_commands_for_this_machine_or_its_places(store: TraceStore, here: Path) -> None:
    trace_id = a_trace(store)
    export("latest", "--html")
    html = (here / f"ralph-trace-{trace_id[:8]}.html").read_text()
    assert 'class="outcome is-error"' in html
    assert "Not committed" in html
    assert "ralph explain" not in html
    assert os.environ["RALPH_HOME"] not in html


def test_what_is_left_out_is_said_with_how_to_get_it(store: TraceStore) -> None:
    made = standalone(Site(store), a_trace(store, times=9), Extent(most_rows=3))
    assert summary(made) == "0.1 MB, 3 spans"
    said = hints(made, has_texts=True)
    assert said[0].startswith("not in it: 7 of 10 spans.")
    assert said[1] == "--full writes all of it."


def test_a_full_file_holds_what_another_cuts(store: TraceStore, here: Path) -> None:
    a_trace(store, output="z" * 21_000 + "END")
    assert "zEND" not in export("latest", "--html", "-o", "-").stdout
    assert "zEND" in export("latest", "--html", "--full", "-o", "-").stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(("latest", "--full"), "--full is about --html: without that the file has everything.", id="full"),
        pytest.param(
            ("latest", "--html", "--full", "--no-content"),
            "--full and --no-content contradict each other: leave one out.",
            id="contradiction",
        ),
    ],
)
def test_what_cannot_be_meant_is_said(arguments: tuple[str, ...], problem: str) -> None:
    result = export(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert problem in result.stderr


def test_a_trace_that_is_not_there_is_said(store: TraceStore, here: Path) -> None:
    assert str(export("latest", "--html").exception) == "no traces yet: `ralph run` or `ralph demo` makes the first"
    a_trace(store)
    assert str(export("ffff", "--html").exception) == "No trace begins with 'ffff'. `ralph traces` lists them."
