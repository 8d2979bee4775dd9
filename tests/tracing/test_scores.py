"""Scores: what a person, a judge or code says of a trace as a number."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tracing import ScoreSource, Tracer, TraceStore
from tracing.scores import Score
from tracing.store.scores import _LATEST as LATEST
from tracing.store.scores import PutScore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    with closing(TraceStore.open(tmp_path / "traces.db")) as store:
        yield store


@pytest.fixture
def tracer(store: TraceStore) -> Tracer:
    return Tracer(store, clock=count(1_000).__next__, watch=None)


def test_a_trace_and_a_span_are_scored_while_they_are_open_and_after_their_end(
    store: TraceStore, tracer: Tracer
) -> None:
    with tracer.start_trace("answer", agent_id="helper") as trace, trace.span("chat") as span:
        span.score("polite", 1)
    trace.score("helpful", 0.25, "did not answer", source="person")

    helpful, polite = store.scores(trace.trace_id)
    assert (polite.name, polite.value, polite.span_id, polite.source) == ("polite", 1.0, span.span_id, ScoreSource.CODE)
    assert (helpful.name, helpful.value, helpful.span_id) == ("helpful", 0.25, "")
    assert (helpful.comment, helpful.source) == ("did not answer", ScoreSource.PERSON)


def test_a_score_that_is_sent_again_counts_once_and_a_corrected_one_replaces_the_first(
    store: TraceStore, tracer: Tracer
) -> None:
    with tracer.start_trace("answer", agent_id="helper") as trace:
        for value in (0.0, 0.0, 1.0):
            trace.score("helpful", value, source="person", id="thumb-1")

    (average,) = store.score_averages("helpful", last=20)
    assert (average.agent_id, average.average, average.count) == ("helper", 1.0, 1)


def test_a_secret_in_a_comment_is_redacted(store: TraceStore, tracer: Tracer) -> None:
    with tracer.start_trace("answer") as trace:
        trace.score("safe", 0, "it printed sk-ant-api03-" + "x" * 90)

    assert "xxxx" not in store.scores(trace.trace_id)[0].comment


def test_the_average_is_of_the_latest_of_each_agent(store: TraceStore, tracer: Tracer) -> None:
    for agent, values in {"a": (0, 1, 1), "b": (0.5,), "": (0.0,)}.items():
        with tracer.start_trace("answer", agent_id=agent) as trace:
            for value in values:
                trace.score("helpful", value)

    found = {
        one.agent_id: (one.average, one.count, one.lowest.value) for one in store.score_averages("helpful", last=2)
    }
    assert found == {"a": (1.0, 2, 1.0), "b": (0.5, 1, 0.5), "": (0.0, 1, 0.0)}


def test_scores_go_with_their_trace_and_none_is_kept_of_a_trace_that_is_gone(store: TraceStore, tracer: Tracer) -> None:
    with tracer.start_trace("answer") as trace:
        trace.score("helpful", 1)
    store._connected().execute("DELETE FROM trace WHERE trace_id = ?", (trace.trace_id,))

    assert store.scores(trace.trace_id) == []
    store.write([PutScore(Score("late", trace.trace_id, "helpful", 1.0, 5))])
    assert store.score_averages("helpful", last=5) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_cannot_be_averaged_is_refused(store: TraceStore, value: float) -> None:
    with pytest.raises(ValueError, match="Give a finite number"):
        store.write([PutScore(Score("x", "t", "helpful", value, 5))])


def test_a_bad_score_never_reaches_the_host(store: TraceStore, tracer: Tracer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RALPH_TRACER_STRICT")
    with tracer.start_trace("answer") as trace:
        trace.score("helpful", float("nan"))
        trace.score("helpful", "much")  # type: ignore[arg-type]
        trace.score("helpful", 1, source="rumour")

    assert store.scores(trace.trace_id) == []


def test_averages_are_found_by_an_index(store: TraceStore) -> None:
    connection: sqlite3.Connection = store._connected()
    for query in (
        LATEST,
        "SELECT min(agent_id) FROM score WHERE name = ? AND agent_id > ?",
    ):
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", ("a", "b", 3)[: query.count("?")]).fetchall()
        details = [row["detail"] for row in plan]
        assert details[0].startswith("SEARCH score USING"), details
        assert not [detail for detail in details if detail.startswith("SCAN") and "trace_imported" not in detail]
