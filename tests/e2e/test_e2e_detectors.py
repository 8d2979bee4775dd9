"""A run whose agent goes wrong: it is told, then stopped, and the trace says what happened, while it runs and afterwards."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from ralph.replay.scripted import calls, finish_done
from tracing.failures.stored import analyse
from tracing.finding import Verdict
from tracing.span import SpanKind
from tracing.store import TraceStore

World = Any
ONE_TRY = "[agent]\nattempts = 1\nrepairs = 0\n"
LOOK = calls("bash", {"command": "grep -rn total src"})


@pytest.fixture
def store(world: World) -> Iterator[TraceStore]:
    with closing(TraceStore(world.home / "traces.db")) as opened:
        yield opened


def add_settings(world: World, text: str) -> None:
    world.write("ralph.toml", text + (world.root / "ralph.toml").read_text())
    world.commit()


def test_a_loop_is_told_then_stopped_and_the_analysis_afterwards_says_the_same(
    world: World, store: TraceStore, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1))
    add_settings(world, ONE_TRY)
    played = play([LOOK] * 20)
    assert played.outcome.exit_code == 1
    (detail,) = world.traces()
    (found,) = [one for one in store.findings(detail.trace.trace_id) if one.verdict is Verdict.STOP]
    looked = [span for span in detail.spans if span.kind is SpanKind.TOOL]
    assert found.detector == "retry_loop"
    assert set(found.span_ids) <= {span.span_id for span in looked}
    assert [span.attributes["ralph.tool.changed"] for span in looked] == [False] * len(looked)
    (reason,) = (result.reason for result in played.outcome.results)
    assert "grep -rn total src" in reason
    assert f"{len(looked)} times" in reason
    warned = [event.text for event in played.events if event.kind == "warning" and "detector" in event.fields]
    assert warned[-1].endswith("; the attempt is stopped")
    assert any(text.endswith("; the agent is told") for text in warned)
    assert any("[harness]" in str(request["messages"][-1]) for request in played.model.requests)
    before = store.findings(detail.trace.trace_id)
    assert sorted(analyse(store, detail.trace.trace_id), key=str) == sorted(before, key=str)
    analysed = json.loads(world.command("analyze", "latest", "--json").out)
    assert found.span_id in {one["span_ids"][0] for one in analysed["findings"]}


def test_a_claim_that_the_checks_contradict_is_found_when_the_trace_ends(
    world: World, store: TraceStore, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1))
    add_settings(world, ONE_TRY)
    play([tools.writes(1, "broken"), finish_done("All tests pass, everything works.")])
    (detail,) = world.traces()
    assert detail.trace.metadata["ralph.outcome.passed"] is False
    assert "contradicted_claim" in {one.detector for one in store.findings(detail.trace.trace_id)}


def test_a_story_that_passes_is_registered_as_passed_and_nothing_stops_it(
    world: World, store: TraceStore, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1))
    assert play(tools.solves(1)).outcome.exit_code == 0
    (detail,) = world.traces()
    assert detail.trace.metadata["ralph.outcome.passed"] is True
    assert detail.trace.metadata["ralph.story.criteria"]
    assert [one for one in store.findings(detail.trace.trace_id) if one.verdict is not Verdict.NOTE] == []
