"""A trace as one file: it needs nothing, leads nowhere outside, is bounded, and says what it leaves out."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tracing import Tracer, TraceStore
from tracing import attributes as names
from tracing.finding import Finding, Severity
from tracing.span import SpanKind
from tracing.store.writes import PutFindings
from tracing.tracer import Trace
from tracing.web.page import NotFoundError, Page, Panel, Site
from tracing.web.pages import traces
from tracing.web.standalone import FULL, Extent, Standalone, standalone

HOSTILE = """</style></script><script>alert(1)</script><img src=x onerror=alert(2)> " href="#elsewhere" <a href="http://evil.example">"""
PANEL = '<p id="panel">{{ view }} <a href="{{ url("trace", trace_id="0" * 32) }}">another trace</a></p>'


class Reader(HTMLParser):
    """Notes every element with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def values(self, name: str) -> list[str]:
        return [str(attrs[name]) for _, attrs in self.found if name in attrs]

    def count(self, tag: str) -> int:
        return sum(one == tag for one, _ in self.found)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    opened = TraceStore.open(tmp_path / "traces.db")
    yield opened
    opened.close()


def a_call(tracer: Tracer, of: Trace, *messages: str, answer: str = "Fine.") -> None:
    talk = tracer.conversation()
    for number, text in enumerate(messages):
        talk.append({"role": "assistant" if number % 2 else "user", "content": text})
    with of.span("chat m", kind=SpanKind.LLM) as call:
        call.set_request(talk, system="You are a plumber.", tools=[{"name": "wrench", "description": "It turns."}])
        call.set(
            names.llm_response_attributes(
                model="m", stop_reason="end_turn", uncached_input_tokens=100, output_tokens=10, cost_micros=5_000
            )
        )
        call.set_output(answer)


def a_tool(of: Trace, name: str, told: object, output: str = "fine", error: str = "") -> str:
    with of.span(f"execute_tool {name}", kind=SpanKind.TOOL, input=told) as tool:
        tool.set_output(output)
        if error:
            tool.error(error)
    return tool.span_id


def found_in(store: TraceStore, trace: Trace, *span_ids: str) -> None:
    found = Finding("retry_loop", Severity.CRITICAL, "Again and again", "It ran `make zebra`.", "Stop it.", span_ids)
    store.write([PutFindings(trace.trace_id, (found,), 1, 1)])


def a_trace(store: TraceStore) -> tuple[Trace, str]:
    """Two turns, an edit, and a command that failed and has a finding."""
    tracer = Tracer(store)
    made = tracer.start_trace("work", agent_id="an agent", metadata={names.STORY_ID: "US-1", "ralph.repo": "/r"})
    a_call(tracer, made, "Mend the tap.", answer="I look at the giraffe.")
    a_tool(made, "edit", {"file_path": "tap.py", "old_string": "drip = 1", "new_string": "drip = 0"})
    guilty = a_tool(made, "bash", {"command": "make test"}, "boom", error="exit 2")
    a_call(tracer, made, "Mend the tap.", "I look at the giraffe.", "The otter is new.")
    made.end()
    found_in(store, made, guilty)
    return made, guilty


def many(store: TraceStore, count: int) -> Trace:
    """So many tools below one step; the one before the last failed."""
    made = Tracer(store).start_trace("work", agent_id="an agent")
    with made.span("step", kind=SpanKind.CHAIN):
        ids = [a_tool(made, "bash", {"command": f"make {n}"}, error="x" * (n == count - 2)) for n in range(count)]
    made.end()
    found_in(store, made, ids[-2], ids[-3])
    return made


def file_of(store: TraceStore, extent: Extent | None = None, **site: object) -> Standalone:
    whole = replace(Site(store, name="Ralph", pages=traces.PAGES), **site)  # type: ignore[arg-type]
    return standalone(whole, "latest", extent or Extent(), version="1.2")


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html.partition("<body>")[2]))


def test_nothing_is_fetched_and_every_link_leads_to_a_place_in_the_file(store: TraceStore) -> None:
    a_trace(store)
    html = file_of(store).html
    reader = Reader(html)
    assert not {"link", "img", "iframe", "object", "form", "base", "embed"} & {tag for tag, _ in reader.found}
    assert "://" not in html
    assert reader.values("src") == []
    places = {f"#{one}" for one in reader.values("id")}
    assert set(reader.values("href")) <= places
    assert len(places) == len(reader.values("id"))  # no id twice


def test_the_policy_forbids_all_but_its_own_style_and_its_one_script(store: TraceStore) -> None:
    a_trace(store)
    html = file_of(store).html
    policy = next(str(attrs["content"]) for _, attrs in Reader(html).found if "http-equiv" in attrs)
    script = html.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert html.count("<style>") == 1
    assert "style=" not in html.partition("<body>")[2]


def test_findings_stand_before_the_spans_and_lead_to_them(store: TraceStore) -> None:
    a_trace(store)
    html = file_of(store).html
    assert html.index("Again and again") < html.index('id="tree"')
    assert '<h3><a href="#s3">Again and again</a></h3>' in html
    assert '<article class="span kind-tool state-failed" id="s3" aria-label="bash">' in html


def test_head_and_foot_say_what_it_was_and_where_it_comes_from(store: TraceStore) -> None:
    a_trace(store)
    said = text_of(file_of(store).html)
    assert "US-1: work" in said
    assert "an agent" in said
    assert "Made by Ralph 1.2 on" in said
    assert "ago" not in said.partition("Began")[2][:40]


def test_spans_show_what_was_new_the_diff_and_the_output(store: TraceStore) -> None:
    a_trace(store)
    html = file_of(store).html
    last = html.partition('id="s4"')[2].partition("</article>")[0]
    assert "The otter is new." in last
    assert "Mend the tap." not in last
    assert "Before that stood 1 earlier message: the turns before show them." in last
    assert "boom" in html.partition('id="s3"')[2].partition("</article>")[0]
    assert '<span class="line add">+ drip = 0</span>' in html


def test_the_system_text_and_the_tools_stand_at_the_first_call_alone(store: TraceStore) -> None:
    a_trace(store)
    html = file_of(store).html
    assert html.count("You are a plumber.") == 1
    assert html.count("It turns.") == 1


def test_hostile_text_is_only_ever_text(store: TraceStore) -> None:
    tracer = Tracer(store)
    made = tracer.start_trace(HOSTILE, agent_id=HOSTILE, metadata={names.STORY_ID: HOSTILE})
    a_call(tracer, made, HOSTILE, answer=HOSTILE)
    guilty = a_tool(made, HOSTILE, {"command": HOSTILE, HOSTILE: HOSTILE}, HOSTILE, error=HOSTILE)
    made.end(error=HOSTILE)
    store.write(
        [PutFindings(made.trace_id, (Finding("x", Severity.NOTE, HOSTILE, HOSTILE, HOSTILE, (guilty,)),), 1, 1)]
    )
    html = file_of(store).html
    reader = Reader(html)
    assert (reader.count("script"), reader.count("style"), reader.count("img")) == (1, 1, 0)
    assert not [name for _, attrs in reader.found for name in attrs if name.startswith("on")]
    assert all(re.fullmatch(r"#(s\d+|main|tree)", one) for one in reader.values("href"))
    assert "&#34; href=&#34;#elsewhere&#34;" in html  # as it was written


def test_without_texts_only_names_times_costs_and_titles_are_left(store: TraceStore) -> None:
    a_trace(store)
    made = file_of(store, Extent(has_texts=False), panels=(a_panel("the panel's text"),), templates=())
    for word in ("giraffe", "otter", "tap", "zebra", "boom", "make test", "exit 2", "plumber", "panel", "/r "):
        assert word not in text_of(made.html), word
    said = text_of(made.html)
    assert "Again and again" in said
    assert "Stop it." in said
    assert "$0.0050" in said
    assert '<div class="step" id="s3">' in made.html
    assert made.left_out == ("All texts: prompts, answers, what tools were told and brought, errors, evidence.",)
    assert "as they were stored" not in said


def test_of_a_long_trace_the_telling_spans_are_kept_with_what_is_above_them(store: TraceStore) -> None:
    many(store, 40)
    made = file_of(store, Extent(most_rows=6))
    assert made.spans == 6
    assert re.findall(r'<article [^>]*id="(s\d+)"', made.html) == ["s0", "s1", "s2", "s3", "s39", "s40"]
    assert made.left_out == (
        "36 of 42 spans. Kept are those with findings, those that failed, what is above them, and the first ones.",
    )
    assert re.findall(r'<p class="gap">(.*?)</p>', made.html) == ["35 spans left out here", "1 span left out here"]
    assert set(Reader(made.html).values("href")) <= {f"#{one}" for one in Reader(made.html).values("id")}


def test_texts_beyond_the_room_are_left_out_and_those_of_findings_are_not(store: TraceStore) -> None:
    many(store, 40)
    made = file_of(store, Extent(most_chars=6_000))
    kept = re.findall(r'<article [^>]*id="(s\d+)"', made.html)
    assert {"s39", "s40"} <= set(kept)
    assert len(kept) < 10
    assert made.left_out == (
        f"The texts of {42 - len(kept)} spans. Kept are those of spans with findings, of spans that failed, and of the first ones.",
    )
    assert made.left_out[0] in text_of(made.html)
    assert made.spans == 42


def test_one_huge_span_does_not_cost_the_others_their_texts(store: TraceStore) -> None:
    made = Tracer(store).start_trace("work")
    huge = a_tool(made, "bash", {"command": "cat"}, "a line\n" * 2_500)
    for number in range(5):
        a_tool(made, "bash", {"command": f"make {number}"})
    made.end()
    found_in(store, made, huge)
    kept = re.findall(r'<article [^>]*id="(s\d+)"', file_of(store, Extent(most_chars=17_000)).html)
    assert kept == ["s0", "s2", "s3", "s4", "s5", "s6"]


def test_a_long_text_is_cut_with_a_note_and_whole_in_a_full_file(store: TraceStore) -> None:
    made = Tracer(store).start_trace("work")
    a_tool(made, "bash", {"command": "cat"}, "y" * 30_000 + "END")
    made.end()
    cut, full = file_of(store), file_of(store, FULL)
    assert "10003 more characters left out." in cut.html
    assert "Show all" not in cut.html
    assert "yEND" not in cut.html
    assert "yEND" in full.html
    assert full.left_out == ()


def a_panel(text: str) -> Panel:
    return Panel("outcome", "Outcome", lambda _query, _detail: text, "a_panel.html", first=True)


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "a_panel.html").write_text(PANEL)
    return folder


def test_what_others_know_stands_between_findings_and_spans_without_links_elsewhere(
    store: TraceStore, templates: Path
) -> None:
    a_trace(store)
    html = file_of(store, panels=(a_panel("committed"),), templates=(templates,)).html
    assert html.index("Again and again") < html.index('<p id="panel">committed <a>another trace</a></p>')
    assert html.index('<p id="panel">') < html.index('id="tree"')


def test_what_others_know_is_left_out_where_it_is_too_long_and_that_is_said(store: TraceStore, templates: Path) -> None:
    a_trace(store)
    made = file_of(store, Extent(most_chars=50_000), panels=(a_panel("w" * 60_000),), templates=(templates,))
    assert made.left_out == ("Outcome: it is too long.",)
    assert "wwww" not in made.html


def test_the_style_sheets_of_other_packages_are_in_it(store: TraceStore, tmp_path: Path) -> None:
    a_trace(store)
    (tmp_path / "own.css").write_text(".own { color: red; }")
    made = file_of(store, statics={"them": tmp_path}, styles=("them/own.css",))
    assert ".own { color: red; }" in made.html.partition("</style>")[0]


def test_a_trace_that_still_runs_says_so(store: TraceStore) -> None:
    made = Tracer(store).start_trace("work")
    a_tool(made, "bash", {"command": "ls"})
    said = text_of(file_of(store).html)
    assert "while it was still running" in said
    assert "The detectors found nothing that went wrong so far." in said
    made.end()


def test_a_trace_that_is_not_there_is_said(store: TraceStore) -> None:
    with pytest.raises(NotFoundError, match="There is no trace yet"):
        file_of(store)
    a_trace(store)
    with pytest.raises(NotFoundError, match="No trace begins with 'ffff'"):
        standalone(Site(store), "ffff", Extent())


def test_pages_of_a_site_are_not_asked(store: TraceStore) -> None:
    """A site without pages makes a file too."""
    a_trace(store)
    assert "US-1: work" in standalone(Site(store, pages=tuple[Page, ...]()), "latest", Extent()).html
