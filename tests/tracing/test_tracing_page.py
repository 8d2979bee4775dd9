"""The example of docs/tracing.md runs as it stands, and does what the page says."""

import os
import re
from contextlib import closing
from pathlib import Path

import pytest

from tracing import SpanKind, TraceStore

PAGE = Path(__file__).parents[2] / "docs" / "tracing.md"


def test_the_example_runs_and_its_trace_holds_call_tool_and_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RALPH_HOME", str(tmp_path / "home"))
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    exec(compile(example, "docs/tracing.md", "exec"), {"__name__": "example"})
    with closing(TraceStore.open(Path(os.environ["RALPH_HOME"]) / "traces.db")) as store:
        (row,) = store.traces()
        detail = store.trace(row.trace_id)
    assert [span.kind for span in detail.spans] == [SpanKind.AGENT, SpanKind.LLM, SpanKind.TOOL]
    assert (row.agent_id, row.turns, row.cost_micros, row.output_tokens) == ("helper", 1, 1105, 40)
    assert row.metadata["ralph.outcome.passed"] is True
