"""A trace as one file: what comes in is what went out, twice is once, and a file that an enemy made gets nowhere."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tracing import SpanKind, Trace, TraceFilter, Tracer, TraceStore
from tracing import attributes as names
from tracing.bundle import BundleError, export_trace, import_trace
from tracing.finding import Finding, Severity, Waste
from tracing.scores import Score
from tracing.slices import Slices
from tracing.sqlite import connect
from tracing.store import GroupBy
from tracing.store.scores import PutScore
from tracing.store.soundness import unsound
from tracing.store.writes import PutFindings
from tracing.web.page import Query, Site
from tracing.web.pages import span as span_pages
from tracing.web.pages import trace as trace_pages
from tracing.web.render import Renderer, Where

TRACE_PAGES = (*trace_pages.PAGES, *span_pages.PAGES)
NOW_NS = 1_900_000_000 * 10**9
Line = dict[str, Any]


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[TraceStore]:
    with closing(TraceStore.open(tmp_path / "ours.db")) as opened:
        yield opened


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[TraceStore]:
    with closing(TraceStore.open(tmp_path / "theirs.db")) as opened:
        yield opened


def a_trace(store: TraceStore, *, ends: bool = True) -> Trace:
    tracer = Tracer(store, watch=None)
    trace = tracer.start_trace("story", agent_id="ralph", session_id="s-1", metadata={names.STORY_ID: "US-1", "n": [1]})
    conversation = tracer.conversation()
    for turn in range(3):
        conversation.append({"role": "user", "content": f"turn {turn}: \ud800 umbrella " + "long " * 200})
        with trace.span("chat", kind=SpanKind.LLM) as span:
            span.set({names.REQUEST_MODEL: "m", names.COST_MICROS: 7, names.INPUT_TOKENS: 12})
            span.set_request(conversation, system="be brief", tools=[{"name": "bash"}])
            span.set_output({"text": f"answer {turn}"})
            span.event("retry", {"after_s": 0.5})
    with trace.span("bash", kind=SpanKind.TOOL, input={"command": "make"}) as tool:
        tool.error("it broke", "Broken")
    found = Finding("retry_loop", Severity.WARNING, "t", "e", "r", (tool.span_id,), Waste(1, 2, 3))
    if ends:
        trace.end()
    store.write([PutFindings(trace.trace_id, (found,), 5, 77), PutScore(Score("s", trace.trace_id, "helpful", 0.5, 9))])
    return trace


def exported(store: TraceStore, trace_id: str, to: Path, *, has_content: bool = True) -> Path:
    made = BytesIO()
    export_trace(store.path, trace_id, made, has_content=has_content, made_by="test")
    to.write_bytes(made.getvalue())
    return to


@pytest.fixture
def file(ours: TraceStore, tmp_path: Path) -> Path:
    return exported(ours, a_trace(ours).trace_id, tmp_path / "a.ralph-trace")


def hasty(connection: Any) -> Slices:
    return Slices(connection, breathe=lambda _: None)


def taken_in(store: TraceStore, file: Path) -> str:
    return import_trace(store.path, file, NOW_NS, slices=hasty).trace_id


def told(store: TraceStore, trace_id: str) -> list[object]:
    detail = store.trace(trace_id)
    texts = [(one.input(), one.output(), one.system(), one.tools(), one.messages()) for one in detail.spans]
    return [detail.spans, texts, store.findings(trace_id), store.scores(trace_id)]


def test_what_comes_in_is_what_went_out(ours: TraceStore, theirs: TraceStore, file: Path) -> None:
    trace_id = taken_in(theirs, file)
    assert told(theirs, trace_id) == told(ours, trace_id)
    there, here = theirs.trace_row(trace_id), ours.trace_row(trace_id)
    marked = {**here.__dict__, "imported_ns": NOW_NS, "metadata": {**there.metadata}}
    assert there.__dict__ == marked
    assert {**there.metadata} == {**here.metadata, "ralph.imported": "2030-03-17T17:46:40.000+00:00"}
    with closing(connect(theirs.path, synchronous="NORMAL")) as connection:
        assert unsound(connection) == []
    for words in ("umbrella", "make", "broke", "US-1"):
        assert [row.trace_id for row in theirs.traces(TraceFilter(text=words))] == [trace_id], words


def pages(store: TraceStore, trace_id: str) -> list[str]:
    """Its page and those of its spans, less the line that says that it was imported, and in which file it is."""
    shown = []
    for page in TRACE_PAGES:
        for span in store.trace(trace_id).spans:
            query = Query(store, {"trace_id": trace_id, "span_id": span.span_id}, {}, NOW_NS)
            html = Renderer(Site(store, pages=TRACE_PAGES)).page(page, page.view(query), Where(page))
            shown.append(
                " ".join(re.sub(r'<p class="muted">Imported on .*?</p>', "", html).replace(str(store.path), "").split())
            )
    return shown


@pytest.mark.slow
def test_its_pages_look_the_same_in_both_stores(ours: TraceStore, theirs: TraceStore, file: Path) -> None:
    trace_id = taken_in(theirs, file)
    assert pages(theirs, trace_id) == pages(ours, trace_id)


def test_an_imported_trace_goes_out_as_it_came_in(theirs: TraceStore, file: Path, tmp_path: Path) -> None:
    again = exported(theirs, taken_in(theirs, file), tmp_path / "again")
    assert again.read_bytes() == file.read_bytes()


def test_what_somebody_else_paid_is_not_counted_as_ours(theirs: TraceStore, file: Path) -> None:
    trace_id = taken_in(theirs, file)
    assert theirs.trace_row(trace_id).cost_micros == 21
    assert [store for by in GroupBy for store in theirs.costs(by)] == []
    assert theirs.costs(GroupBy.DAY, since_ns=1) == []


def test_the_same_file_again_changes_nothing(ours: TraceStore, theirs: TraceStore, file: Path) -> None:
    first = import_trace(theirs.path, file, NOW_NS)
    second = import_trace(theirs.path, file, NOW_NS + 1)
    assert (first.is_new, second.is_new, first.spans) == (True, False, second.spans)
    assert theirs.trace_row(first.trace_id).imported_ns == NOW_NS
    assert not import_trace(ours.path, file, NOW_NS).is_new


def test_another_trace_with_the_same_id_is_refused(theirs: TraceStore, file: Path, tmp_path: Path) -> None:
    trace_id = taken_in(theirs, file)
    before = told(theirs, trace_id)
    forged = tampered(file, tmp_path / "forged", lambda lines: of(lines, "span").update(name="harmless"))
    with pytest.raises(BundleError, match="and it says something else"):
        import_trace(theirs.path, forged, NOW_NS)
    assert told(theirs, trace_id) == before


def test_a_trace_that_was_open_comes_in_as_interrupted(ours: TraceStore, theirs: TraceStore, tmp_path: Path) -> None:
    file = exported(ours, a_trace(ours, ends=False).trace_id, tmp_path / "open")
    trace_id = taken_in(theirs, file)
    row = theirs.trace_row(trace_id)
    assert (row.status, row.ended_at_ns, row.error) == (
        "interrupted",
        row.updated_at_ns,
        "It was still open when it was exported.",
    )
    assert {span.status for span in theirs.trace(trace_id).spans} == {"ok", "error", "interrupted"}
    assert not import_trace(theirs.path, file, NOW_NS).is_new


def test_without_content_nothing_that_was_said_is_in_the_file(
    ours: TraceStore, theirs: TraceStore, tmp_path: Path
) -> None:
    trace = a_trace(ours)
    file = exported(ours, trace.trace_id, tmp_path / "bare", has_content=False)
    text = gzip.decompress(file.read_bytes()).decode()
    assert not [word for word in ("umbrella", "answer", "make", "broke", "brief") if word in text]
    taken_in(theirs, file)
    assert theirs.trace_row(trace.trace_id).cost_micros == 21


def of(lines: list[Line], kind: str, nth: int = 0) -> Line:
    return [line for line in lines if line["kind"] == kind][nth]


def tampered(file: Path, to: Path, change: Callable[[list[Line]], object]) -> Path:
    lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    change(lines)
    lines[-1]["lines"] = len(lines) - 2
    to.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    return to


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            lambda ls: ls[0].update(version=2), "version 2, and this Ralph reads 1. Upgrade Ralph", id="newer"
        ),
        pytest.param(lambda ls: ls[0].update(kind="zip"), "line 1: ", id="another-head"),
        pytest.param(lambda ls: ls.insert(1, dict(ls[0])), "line 2: a second head", id="two-heads"),
        pytest.param(
            lambda ls: of(ls, "payload").update(data='"forged"'), "not what its hash says", id="forged-payload"
        ),
        pytest.param(
            lambda ls: of(ls, "payload").update(hash="../../etc/passwd"), "payload.hash", id="path-for-a-hash"
        ),
        pytest.param(lambda ls: of(ls, "trace").update(trace_id="x" * 32), "trace.trace_id", id="no-hex"),
        pytest.param(lambda ls: of(ls, "trace").update(surprise=1), "trace.surprise", id="unknown-field"),
        pytest.param(lambda ls: of(ls, "trace").update(metadata={"a": nested(200)}), "nested too deep", id="deep"),
        pytest.param(lambda ls: of(ls, "trace").update(started_at_ns=-1), "trace.started_at_ns", id="before-time"),
        pytest.param(lambda ls: of(ls, "trace").update(ended_at_ns=5), "ends before it begins", id="backwards"),
        pytest.param(
            lambda ls: of(ls, "trace").update(root_span_id="0" * 16), "its root span is not there", id="no-root"
        ),
        pytest.param(lambda ls: ls.remove(of(ls, "trace")), "a span before its trace", id="no-trace"),
        pytest.param(lambda ls: ls.insert(2, dict(of(ls, "trace"))), "a second trace", id="two-traces"),
        pytest.param(lambda ls: of(ls, "message", 1).update(length=9), "message before it is not there", id="gap"),
        pytest.param(
            lambda ls: of(ls, "message").update(message="0" * 64), "not what its hash says", id="forged-message"
        ),
        pytest.param(
            lambda ls: of(ls, "span").update(output="0" * 64), "a payload of it is not there", id="no-payload"
        ),
        pytest.param(
            lambda ls: of(ls, "span").update(conversation="0" * 64), "conversation is not there", id="no-talk"
        ),
        pytest.param(
            lambda ls: of(ls, "span", 1).update(span_id=of(ls, "span")["span_id"]), "a second span", id="twice"
        ),
        pytest.param(
            lambda ls: of(ls, "span").update(parent_span_id=of(ls, "span")["span_id"]),
            "its own parent",
            id="own-parent",
        ),
        pytest.param(
            lambda ls: of(ls, "span", 1)["attributes"].update({names.COST_MICROS: 2**61}),
            "beyond all measure",
            id="amount",
        ),
        pytest.param(
            lambda ls: of(ls, "span")["attributes"].update(a={"b": 1}), "span.attributes", id="nested-attribute"
        ),
        pytest.param(lambda ls: of(ls, "span").update(name="n" * 2_000_000), "span.name", id="long-name"),
        pytest.param(
            lambda ls: of(ls, "finding").update(span_ids=["0" * 16]), "a span that is not there", id="finding"
        ),
        pytest.param(lambda ls: ls.pop(), "is cut behind line", id="no-end"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_before_anything_is_written(
    theirs: TraceStore, file: Path, tmp_path: Path, change: Callable[[list[Line]], object], said: str
) -> None:
    lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    change(lines)
    if lines[-1]["kind"] == "end":
        lines[-1]["lines"] = len(lines) - 2
    wrong = tmp_path / "wrong"
    wrong.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    with pytest.raises(BundleError) as error:
        import_trace(theirs.path, wrong, NOW_NS)
    assert said in str(error.value)
    assert str(error.value).startswith(str(wrong))
    assert len(str(error.value)) < 600
    assert theirs.traces() == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "is cut behind line 0", id="empty"),
        pytest.param(b"PK\x03\x04 a zip", "is no file that `ralph export` wrote", id="a-zip"),
        pytest.param(gzip.compress(b"{}\n"), "line 1: ", id="empty-object"),
        pytest.param(gzip.compress(b"[" * 100_000 + b"\n"), "line 1: ", id="brackets"),
        pytest.param(gzip.compress(b"\xff\xfe\n"), "line 1: ", id="no-text"),
        pytest.param(gzip.compress(b'{"kind": "ralph-trace", "version": 1}\n')[:-9], "is cut", id="cut"),
    ],
)
def test_what_is_no_trace_is_said_to_be_none(theirs: TraceStore, tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(BundleError) as error:
        import_trace(theirs.path, tmp_path / "file", NOW_NS)
    assert said in str(error.value)


def test_a_bomb_is_given_up_long_before_it_fills_the_memory(theirs: TraceStore, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb"
    with gzip.open(bomb, "wb", compresslevel=9) as file:
        for _ in range(40):
            file.write(b" " * 1_000_000)
    with pytest.raises(BundleError, match="longer than 32,000,000 bytes"):
        import_trace(theirs.path, bomb, NOW_NS)


IMPORT = """
import sys
from pathlib import Path
from tracing.bundle import import_trace
from tracing.slices import Slices
import_trace(Path(sys.argv[1]), Path(sys.argv[2]), 5, slices=lambda file: Slices(file, slice_s=0, breathe=lambda _: None))
"""


@pytest.mark.parametrize("point", ["after import trace#1", "inside import trace#7", "after import trace#25"])
def test_an_import_that_was_killed_is_done_anew_by_the_next(
    ours: TraceStore, theirs: TraceStore, file: Path, point: str
) -> None:
    command = [sys.executable, "-c", IMPORT, str(theirs.path), str(file)]
    killed = subprocess.run(command, env={**os.environ, "RALPH_FAILPOINT": f"exit:{point}"}, check=False)
    assert killed.returncode == 137
    theirs.close_interrupted()
    trace_id = taken_in(theirs, file)
    with closing(connect(theirs.path, synchronous="NORMAL")) as connection:
        assert unsound(connection) == []
    assert told(theirs, trace_id) == told(ours, trace_id)


def test_what_came_from_elsewhere_says_nothing_about_work_done_here(theirs: TraceStore, file: Path) -> None:
    trace_id = taken_in(theirs, file)
    assert [row.trace_id for row in theirs.traces()] == [trace_id]
    assert theirs.traces(TraceFilter(own=True)) == []
    assert theirs.scores(trace_id)
    assert theirs.score_averages("helpful", last=5) == []


def test_a_file_that_names_a_text_only_by_its_hash_does_not_keep_it_from_being_stored_later(
    ours: TraceStore, theirs: TraceStore, file: Path, tmp_path: Path
) -> None:
    def forget(lines: list[Line]) -> None:
        for line in lines:
            line.update({"data": None} if line["kind"] == "payload" else {})

    taken_in(theirs, tampered(file, tmp_path / "b.ralph-trace", forget))
    trace = a_trace(theirs)
    assert told(theirs, trace.trace_id)[1] == told(ours, ours.traces()[0].trace_id)[1]
