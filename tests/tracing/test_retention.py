"""Retention: what goes, what a kept trace shares, what is found afterwards, and that a kill at any point loses track of nothing."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracing import Conversation, SpanKind, Trace, TraceFilter, Tracer, TraceStore
from tracing import attributes as names
from tracing.slices import Slices
from tracing.sqlite import connect
from tracing.store import GroupBy
from tracing.store.retention import delete_loose, delete_texts, delete_traces, ended_before
from tracing.store.soundness import unsound
from tracing.store.volumes import drop_emptied, open_volume, volumes
from tracing.web.page import Query, Site
from tracing.web.pages import span as span_pages
from tracing.web.pages import trace as trace_pages
from tracing.web.render import Renderer, Where

TRACE_PAGES = (*trace_pages.PAGES, *span_pages.PAGES)
DAY_NS = 86_400 * 10**9
FIRST_NS = 1_800_000_000 * 10**9


class Days:
    """A clock that a test sets, which ticks by a millisecond."""

    def __init__(self) -> None:
        self.ns = FIRST_NS

    def __call__(self) -> int:
        self.ns += 10**6
        return self.ns

    def to(self, day: int) -> int:
        self.ns = FIRST_NS + day * DAY_NS
        return self.ns


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    with closing(TraceStore.open(tmp_path / "traces.db")) as opened:
        yield opened


@pytest.fixture
def file(store: TraceStore) -> Iterator[sqlite3.Connection]:
    with closing(connect(store.path, synchronous="NORMAL")) as opened:
        yield opened


@pytest.fixture
def tracer(store: TraceStore, days: Days) -> Tracer:
    return Tracer(store, clock=days)


def a_trace(tracer: Tracer, name: str, *said: str, turns: int = 3, ends: bool = True) -> Trace:
    trace = tracer.start_trace(name, agent_id="bot", metadata={"repo": "r", "story": "US-1"})
    conversation = tracer.conversation()
    a_talk(trace, conversation, *said, turns=turns)
    conversation.append({"role": "assistant", "content": f"{name} was heard by nobody"})  # behind the last call
    if ends:
        trace.end()
    return trace


def a_talk(trace: Trace, conversation: Conversation, *said: str, turns: int) -> None:
    for turn in range(turns):
        conversation.append({"role": "user", "content": f"turn {turn} {' '.join(said)}"})
        with trace.span("chat", kind=SpanKind.LLM) as span:
            span.set({names.REQUEST_MODEL: "m", names.COST_MICROS: 7})
            span.set_request(conversation, system="the same for all", tools=[{"name": "bash"}])
            span.set_output({"text": f"answer to {' '.join(said)}"})
        trace.add_span("bash", kind=SpanKind.TOOL, input={"command": "pytest"}, output="the same output")


def slices(file: sqlite3.Connection) -> Slices:
    return Slices(file, breathe=lambda _: None)


def swept(file: sqlite3.Connection, now_ns: int, *, traces_ns: int = 0, texts_ns: int = 0) -> None:
    work = slices(file)
    work.carry_out(delete_traces(file, ended_before(file, traces_ns)), "delete traces")
    work.carry_out(delete_texts(file, ended_before(file, texts_ns, with_texts=True), now_ns), "delete texts")
    work.carry_out(delete_loose(file), "delete loose")
    work.carry_out((None for _ in range(1) if open_volume(file, now_ns)), "open volume")
    work.carry_out(drop_emptied(file), "drop volumes")


def counts(file: sqlite3.Connection) -> dict[str, int]:
    tables = ("trace", "span", "payload", "conversation", "finding", "loose")
    return {table: file.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def test_a_trace_goes_whole_and_what_another_one_shares_with_it_stays(
    store: TraceStore, file: sqlite3.Connection, tracer: Tracer, days: Days
) -> None:
    a_trace(tracer, "old", "umbrella")
    days.to(100)
    kept = a_trace(tracer, "new", "raincoat")
    before = store.trace(kept.trace_id)
    told = [(span.input(), span.output(), span.messages(), span.system(), span.tools()) for span in before.spans]
    swept(file, days.ns, traces_ns=days.to(50))
    after = store.trace(kept.trace_id)
    assert [row.name for row in store.traces()] == ["new"]
    assert told == [(span.input(), span.output(), span.messages(), span.system(), span.tools()) for span in after.spans]
    assert unsound(file) == []
    assert store.traces(TraceFilter(text="umbrella")) == []
    assert [row.name for row in store.traces(TraceFilter(text="same output"))] == ["new"]


def test_when_all_traces_are_gone_nothing_of_them_is_left(file: sqlite3.Connection, tracer: Tracer, days: Days) -> None:
    for name in ("one", "two"):
        a_trace(tracer, name, name)
    swept(file, days.ns, traces_ns=days.to(50))
    assert counts(file) == dict.fromkeys(counts(file), 0)
    words = file.execute("SELECT count(*) FROM sqlite_master WHERE name = 'mention_text'").fetchone()[0]
    assert (words, [volume.number for volume in volumes(file)]) == (0, [1])


def test_texts_go_and_spans_times_costs_and_findings_stay(
    store: TraceStore, file: sqlite3.Connection, tracer: Tracer, days: Days
) -> None:
    trace = a_trace(tracer, "old", "umbrella")
    before = store.trace_row(trace.trace_id)
    swept(file, days.to(60), texts_ns=days.to(50))
    detail = store.trace(trace.trace_id)
    assert detail.trace.trimmed_ns > 0
    assert (detail.trace.cost_micros, detail.trace.spans) == (before.cost_micros, before.spans)
    assert {(span.input(), span.output(), span.system(), span.gist) for span in detail.spans} == {
        (None, None, None, "")
    }
    assert [message for span in detail.spans for message in span.messages()] == []
    assert (counts(file)["payload"], counts(file)["conversation"], unsound(file)) == (0, 0, [])
    assert store.traces(TraceFilter(text="umbrella")) == []


def test_a_text_that_was_deleted_is_stored_again_when_it_comes_again(
    store: TraceStore, file: sqlite3.Connection, tracer: Tracer, days: Days
) -> None:
    a_trace(tracer, "old", "umbrella")
    swept(file, days.to(60), texts_ns=days.to(50))
    again = a_trace(tracer, "again", "umbrella")
    assert store.trace(again.trace_id).spans[1].output() == {"text": "answer to umbrella"}
    assert [row.name for row in store.traces(TraceFilter(text="umbrella"))] == ["again"]


def test_open_traces_stay_however_old(store: TraceStore, file: sqlite3.Connection, tracer: Tracer, days: Days) -> None:
    a_trace(tracer, "open", ends=False)
    swept(file, days.to(900), traces_ns=days.to(800), texts_ns=days.to(800))
    assert [(row.name, row.trimmed_ns) for row in store.traces()] == [("open", 0)]


def test_a_conversation_that_a_later_trace_goes_on_with_stays_whole(
    store: TraceStore, file: sqlite3.Connection, tracer: Tracer, days: Days
) -> None:
    conversation = tracer.conversation()
    with tracer.start_trace("monday") as monday:
        a_talk(monday, conversation, "hello", turns=2)
    days.to(100)
    with tracer.start_trace("tuesday") as tuesday:
        a_talk(tuesday, conversation, "again", turns=1)
    swept(file, days.ns, traces_ns=days.to(50))
    last = store.trace(tuesday.trace_id).spans[1]
    assert len(last.messages()) == 3
    assert unsound(file) == []


def test_a_message_that_no_call_was_sent_yet_survives_a_sweep_of_an_old_trace_with_the_same_words(
    store: TraceStore, file: sqlite3.Connection, tracer: Tracer, days: Days
) -> None:
    a_trace(tracer, "old", "hello", turns=1)
    days.to(100)
    trace, conversation = tracer.start_trace("new"), tracer.conversation()
    conversation.append({"role": "user", "content": "turn 0 hello"})
    with trace.span("chat", kind=SpanKind.LLM) as span:  # the message is on the disk from here on
        swept(file, days.ns, traces_ns=days.ns - DAY_NS)
        span.set_request(conversation, system="the same for all")
    trace.end()
    (call,) = [one for one in store.trace(trace.trace_id).spans if one.name == "chat"]
    assert (call.messages(), call.system()) == ([{"role": "user", "content": "turn 0 hello"}], "the same for all")
    assert unsound(file) == []


def test_what_deleted_calls_cost_still_adds_up(
    store: TraceStore, file: sqlite3.Connection, tracer: Tracer, days: Days
) -> None:
    for day in (0, 0, 100):
        days.to(day)
        a_trace(tracer, "t")
    before = {by: store.costs(by) for by in GroupBy}
    recent = store.costs(GroupBy.DAY, since_ns=days.to(50))
    swept(file, days.to(100), traces_ns=days.to(50))
    assert {by: store.costs(by) for by in GroupBy} == before
    assert store.costs(GroupBy.DAY, since_ns=days.to(50)) == recent


def test_words_are_found_over_all_volumes_the_newest_first(
    store: TraceStore, file: sqlite3.Connection, tracer: Tracer, days: Days
) -> None:
    for number in range(4):
        days.to(number * 20)
        a_trace(tracer, f"t{number}", "umbrella")
        swept(file, days.ns)
    assert [volume.number for volume in volumes(file)] == [4, 3, 2, 1, 0]
    assert [row.name for row in store.traces(TraceFilter(text="umbrella"))] == ["t3", "t2", "t1", "t0"]
    assert [row.name for row in store.traces(TraceFilter(text="umbr", limit=2))] == ["t3", "t2"]
    oldest = store.traces()[-1]
    assert len(store.spans_with(oldest.trace_id, "umbrella")) == 3
    swept(file, days.ns, traces_ns=days.to(30))
    assert [volume.number for volume in volumes(file)] == [4, 3, 2]
    assert [row.name for row in store.traces(TraceFilter(text="umbrella"))] == ["t3", "t2"]


SWEEP = """
import sys
from contextlib import closing
from pathlib import Path
from tracing.slices import Slices
from tracing.sqlite import connect
from tracing.store.retention import *
from tracing.store.volumes import drop_emptied, open_volume
with closing(connect(Path(sys.argv[1]), synchronous="NORMAL")) as file:
    before, now = int(sys.argv[2]), int(sys.argv[3])
    work = Slices(file, slice_s=0, breathe=lambda _: None)
    work.carry_out(delete_traces(file, ended_before(file, before)[:1]), "delete traces")
    work.carry_out(delete_texts(file, ended_before(file, before, with_texts=True), now), "delete texts")
    work.carry_out(delete_loose(file), "delete loose")
    work.carry_out((None for _ in range(1) if open_volume(file, now)), "open volume")
    work.carry_out(drop_emptied(file), "drop volumes")
"""


def sweep(path: Path, before_ns: int, failpoint: str = "") -> int:
    command = [sys.executable, "-c", SWEEP, str(path), str(before_ns), str(before_ns + 100 * DAY_NS)]
    return subprocess.run(command, env={**os.environ, "RALPH_FAILPOINT": failpoint}, check=False).returncode


def test_a_kill_at_any_point_leaves_a_sound_file_and_the_next_sweep_finishes(
    store: TraceStore, tracer: Tracer, days: Days, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        a_trace(tracer, name, name, turns=1)
    days.to(100)
    a_trace(tracer, "kept", "kept", turns=1)
    store.close()
    original, log = store.path.read_bytes(), tmp_path / "points"
    before_ns = days.to(50)
    assert sweep(store.path, before_ns, f"log:{log}") == 0
    points = len(log.read_text().splitlines())
    assert points > 20
    for point in range(2, points, 4):
        store.path.write_bytes(original)
        for left in ("-wal", "-shm"):
            store.path.with_name(store.path.name + left).unlink(missing_ok=True)
        assert sweep(store.path, before_ns, f"exit:{point}") == 137
        with closing(connect(store.path, synchronous="NORMAL")) as file:
            assert unsound(file) == []
            swept(file, before_ns, traces_ns=before_ns)
            assert unsound(file) == []
            assert (counts(file)["trace"], counts(file)["loose"]) == (1, 0)


def test_a_writer_hardly_waits_while_thousands_of_spans_go(
    store: TraceStore, file: sqlite3.Connection, tracer: Tracer, days: Days
) -> None:
    a_trace(tracer, "old", "umbrella", turns=300)
    days.to(100)
    work = Slices(file)
    assert work.carry_out(delete_traces(file, ended_before(file, days.to(50))), "delete traces")
    assert work.carry_out(delete_loose(file), "delete loose")
    assert work.longest_s < 0.5  # 15 ms are meant; this machine may be at other work
    began = time.monotonic()
    stopped = Slices(file, stop=lambda: True)
    assert not stopped.carry_out(iter([None]), "nothing")
    assert time.monotonic() - began < 0.5


def test_the_pages_say_that_texts_were_deleted(
    store: TraceStore, file: sqlite3.Connection, tracer: Tracer, days: Days
) -> None:
    trace = a_trace(tracer, "old", "umbrella")
    swept(file, days.to(60), texts_ns=days.to(50))
    path = {"trace_id": trace.trace_id, "span_id": store.trace(trace.trace_id).spans[1].span_id}
    for name in ("trace", "span"):
        page = next(one for one in TRACE_PAGES if one.name == name)
        view = page.view(Query(store, path, {}, days.ns))
        assert "deleted on 2027-03" in Renderer(Site(store, pages=TRACE_PAGES)).page(page, view, Where(page))
