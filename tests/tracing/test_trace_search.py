"""Full text: what is found, where, in which order, and that an older file's texts are found too."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracing import SpanKind, TraceFilter, Tracer, TraceStore
from tracing.sqlite import connect, migrate
from tracing.store.schema import COMPONENT, MIGRATIONS
from tracing.store.search import Place, places_in
from tracing.words import plain


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    with contextlib.closing(TraceStore.open(tmp_path / "traces.db")) as opened:
        yield opened


@pytest.fixture
def tracer(store: TraceStore) -> Tracer:
    ticks = itertools.count(1_800_000_000_000_000_000, 1_000_000)
    return Tracer(store, clock=lambda: next(ticks))


def names(store: TraceStore, text: str, **more: str) -> list[str]:
    return [row.name for row in store.traces(TraceFilter(text=text, **more))]  # type: ignore[arg-type]


def said(tracer: Tracer, name: str, *texts: str, story: str = "") -> None:
    with tracer.start_trace(name, metadata={"story": story}) as trace:
        for text in texts:
            trace.add_span("execute_tool bash", kind=SpanKind.TOOL, input={"command": text}, output="the same output")


def test_what_two_traces_say_alike_is_found_in_both_the_newest_first(store: TraceStore, tracer: Tracer) -> None:
    for name in ("first", "second", "third"):
        said(tracer, name, "pytest -q")
    assert names(store, "pytest") == names(store, "same output") == ["third", "second", "first"]


def test_a_whole_word_is_found_before_words_that_only_begin_so(store: TraceStore, tracer: Tracer) -> None:
    said(tracer, "whole", "settle")
    said(tracer, "longer", "settlement")
    assert names(store, "settle") == ["whole"]
    assert names(store, "settle*") == names(store, "sett") == ["longer", "whole"]


@pytest.mark.slow
def test_few_traces_of_a_story_are_found_among_many_places_of_a_common_word(store: TraceStore, tracer: Tracer) -> None:
    said(tracer, "wanted", "common", story="US-001")
    said(tracer, "loud", *["common"] * 4_300, story="US-002")
    assert names(store, "common", story="US-001") == ["wanted"]
    assert names(store, "common") == ["loud", "wanted"]


def test_the_places_in_one_trace_are_named_by_their_spans(store: TraceStore, tracer: Tracer, tmp_path: Path) -> None:
    with tracer.start_trace("t") as trace:
        trace.add_span("one", input="nothing")
        there = trace.add_span("two", input="needle", output="needle again")
    said(tracer, "other", "needle")
    with contextlib.closing(connect(tmp_path / "traces.db", synchronous="NORMAL")) as connection:
        assert places_in(connection, "needle", trace.trace_id) == [Place(trace.trace_id, there.span_id)]


@pytest.mark.parametrize(
    ("asked", "said", "found"),
    [
        ("name", "the file check_name.py: 3", ["name"]),
        ("check_name", "the file check_name.py", ["check", "name"]),
        ("cafe", "le Café, à côté: cafe\u0301", ["Café", "cafe\u0301"]),
        ("CÔTÉ", "a cote 서울", ["cote"]),
    ],
)
def test_a_place_is_marked_where_the_index_finds_the_words(
    store: TraceStore, tracer: Tracer, asked: str, said: str, found: list[str]
) -> None:
    with tracer.start_trace("t") as trace:
        trace.add_span("one", kind=SpanKind.TOOL, input={"q": said})
    (snippet,) = store.snippets(asked, trace.trace_id)
    assert [part.text for part in snippet.parts if part.found] == found
    assert "".join(part.text for part in snippet.parts) == said


@pytest.mark.parametrize(
    ("text", "line"),
    [(" a\n b\u2003c ", "a b c"), ("a\x1b[31m\x00b\u200bc", "a [31m b c"), ("\ud800é", "é"), (7, "7")],
)
def test_text_for_one_line_has_no_character_that_moves_a_terminal(text: object, line: str) -> None:
    assert plain(text) == line


def test_what_was_written_before_the_index_knew_of_spans_is_found_after_an_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    with contextlib.closing(TraceStore.open(path)) as store:
        talk = Tracer(store).conversation()
        with Tracer(store).start_trace("old", metadata={"story": "US-9"}) as trace:
            for word in ("alpha", "beta"):
                talk.append({"role": "user", "content": word})
                with trace.span("chat m", kind=SpanKind.LLM) as span:
                    span.set_request(talk)
                    span.set_output(f"{word} answered")
    _as_before_the_index(path)
    with contextlib.closing(TraceStore.open(path)) as store:
        for text in ("alpha", "beta answered", "US-9", "chat"):
            assert names(store, text) == ["old"], text
        assert [span.gist for span in store.trace(trace.trace_id).spans[1:]] == ["alpha answered", "beta answered"]


def _as_before_the_index(path: Path) -> None:
    """Back to the tables as they were before search knew of spans, the migrations after that to be done again."""
    version = next(number for number, migration in enumerate(MIGRATIONS) if "mention" in str(migration))
    fresh = path.with_name("fresh.db")
    with contextlib.closing(connect(fresh, synchronous="NORMAL")) as file:
        migrate(file, COMPONENT, MIGRATIONS[:version])
        file.execute("ATTACH DATABASE ? AS newer", (str(path),))
        for table in ("trace", "span", "payload", "conversation"):
            shared = ", ".join(row["name"] for row in file.execute(f"PRAGMA main.table_info({table})"))
            file.execute(f"INSERT INTO main.{table}({shared}) SELECT {shared} FROM newer.{table}")
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"traces.db{suffix}").unlink(missing_ok=True)
    fresh.rename(path)
