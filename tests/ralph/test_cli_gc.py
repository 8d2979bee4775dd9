"""`ralph gc`, `ralph vacuum`, `ralph export` to a bundle and `ralph import`: what they print and leave."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli.main import cli
from ralph.errors import RalphError
from tracing import Tracer, TraceStore


@pytest.fixture
def store() -> Iterator[TraceStore]:
    home = Path(os.environ["RALPH_HOME"])
    home.mkdir(parents=True)
    with closing(TraceStore.open(home / "traces.db")) as opened:
        yield opened


def ralph(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(cli, arguments)


def a_trace(store: TraceStore, began_ns: int | None = None) -> str:
    ticks = iter(range(began_ns or 0, 2**63, 10**6))
    clock = None if began_ns is None else lambda: next(ticks)
    with Tracer(store, clock=clock, watch=None).start_trace("story") as trace:
        trace.add_span("bash", input={"command": "make otter"}, output="done")
    return trace.trace_id


def test_nothing_old_is_said_in_one_line() -> None:
    assert ralph("gc").output == ralph("gc", "--dry-run").output == "Nothing is old enough to go.\n"


def test_a_dry_run_says_what_would_go_and_gc_lets_it_go(store: TraceStore) -> None:
    a_trace(store, 1_600_000_000 * 10**9)
    dry = ralph("gc", "--dry-run").output.splitlines()
    assert dry[0].split() == ["what", "how", "many", "size", "from", "to", "why"]
    assert dry[1].startswith("traces")
    assert "older than 180d ([retention] traces)" in dry[1]
    assert dry[-1] == "1 would go. Run `ralph gc` to let it go."
    assert len(store.traces()) == 1
    facts = json.loads(ralph("gc", "--json").output)
    assert [(pile["what"], pile["count"]) for pile in facts["piles"]] == [("traces", 1)]
    assert facts["done"] == {"cleared": [{"what": "traces", "count": 1}], "is_finished": True}
    assert store.traces() == []


def test_an_age_that_is_none_is_refused() -> None:
    result = ralph("gc", "--older-than", "soon")
    assert result.exit_code == 2
    assert '--older-than: "soon" is not a length of time' in result.output


def test_vacuum_says_what_each_file_took_and_takes(store: TraceStore) -> None:
    a_trace(store)
    lines = ralph("vacuum").output.splitlines()
    assert [line.split(":")[0] for line in lines] == ["traces.db"]
    assert "MB before" in lines[0]


def test_a_trace_goes_to_somebody_else_as_one_file(
    store: TraceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace_id = a_trace(store)
    monkeypatch.chdir(tmp_path)
    made = ralph("export", trace_id[:6])
    name = f"{trace_id[:8]}.ralph-trace"
    assert f"{name}: 0.1 MB, 2 spans" in made.output
    assert f"To take it in elsewhere: ralph import {name}" in made.output
    monkeypatch.setenv("RALPH_HOME", str(tmp_path / "colleague"))
    assert ralph("import", name).output == f"{name}: taken in: 2 spans. ralph trace {trace_id[:8]}\n"
    assert ralph("import", name).output == f"{name}: here already, the same: 2 spans. ralph trace {trace_id[:8]}\n"
    assert "bash" in ralph("trace", trace_id[:8]).output


def test_a_file_that_is_no_trace_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    result = ralph("import", str(tmp_path / "notes.txt"))
    assert isinstance(result.exception, RalphError)
    assert "notes.txt: is no file that `ralph export` wrote" in str(result.exception)
    assert str(result.exception).endswith("Nothing of it was taken in.")


def test_an_age_of_less_than_a_day_is_refused() -> None:
    result = CliRunner().invoke(cli, ["gc", "--dry-run", "--older-than", "1h"])

    assert result.exit_code == 2
    assert "--older-than: at least 1d; what is younger than a day always stays." in result.output
