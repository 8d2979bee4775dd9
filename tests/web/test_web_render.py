"""What templates get: addresses, words and marks, with everything that came from a trace escaped."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest

from tracing.finding import Finding, Severity, Waste
from tracing.span import TraceStatus
from tracing.store import TraceStore
from tracing.web.page import Page, Site
from tracing.web.render import Renderer, ago, ticks
from tracing.web.twin import twin, twin_bytes

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
NOW_NS = 1_800_000_000 * 10**9


@pytest.fixture
def renderer(tmp_path: Path) -> Iterator[Renderer]:
    store = TraceStore.open(tmp_path / "traces.db")
    pages = (
        Page("/", "index", lambda _query: None, "x.html"),
        Page("/traces/{trace_id}", "trace", lambda _query: None, "x.html"),
    )
    yield Renderer(Site(store, pages=pages), base="/viewer")
    store.close()


def said(renderer: Renderer, template: str, **values: object) -> str:
    head = '{% from "macros.html" import status, money, severity, finding_card, pager, empty, stat, copy, when %}'
    return renderer.environment.from_string(head + template).render(**values)


def test_an_address_takes_its_parts_and_puts_the_rest_into_the_query(renderer: Renderer) -> None:
    assert renderer.url("index") == "/viewer/"
    assert renderer.url("trace", trace_id="ab/c d", span="1&2") == "/viewer/traces/ab%2Fc%20d?span=1%262"
    assert renderer.url("trace.json", trace_id="abc") == "/viewer/traces/abc.json"
    assert renderer.url("index.json") == "/viewer/index.json"


def test_what_is_not_said_is_left_out_of_an_address_and_zero_is_said(renderer: Renderer) -> None:
    assert renderer.url("index", a="", b=None, c=False, d=0, e=True) == "/viewer/?d=0&e=True"


def test_a_page_that_the_site_does_not_have_gives_a_link_that_leads_nowhere(renderer: Renderer) -> None:
    assert renderer.url("compare", a="1") == "#no-page-compare"


@pytest.mark.parametrize("status", list(TraceStatus))
def test_every_status_has_a_mark_and_a_word(renderer: Renderer, status: TraceStatus) -> None:
    html = said(renderer, "{{ status(it) }}", it=status)
    mark, word = html.removesuffix("</span>").split("</span>")
    assert mark[-1] not in "·>"
    assert word.isprintable()
    assert word


@pytest.mark.parametrize("severity", list(Severity))
def test_every_severity_has_a_mark_and_a_word(renderer: Renderer, severity: Severity) -> None:
    assert said(renderer, "{{ severity(it) }}", it=severity).endswith(f"</span>{severity.name.lower()}</span>")
    assert said(renderer, "{{ severity(0) }}") == ""


def test_a_finding_tells_what_where_what_it_cost_and_what_to_do_and_escapes_all_of_it(renderer: Renderer) -> None:
    finding = Finding(
        "silent_retry_loop",
        Severity.CRITICAL,
        HOSTILE,
        f"`{HOSTILE}`",
        HOSTILE,
        ("a1", "b2"),
        Waste(1500, 20_000, 10**9),
    )
    html = said(renderer, "{{ finding_card(it, 'abc') }}", it=finding)
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="/viewer/traces/abc?span=a1"' in html
    for words in ("critical", "silent retry loop", "$0.0200 · 1.5k tokens · 1.0 s", "<code>&lt;script&gt;"):
        assert words in html


def test_small_parts_escape_what_they_are_given(renderer: Renderer) -> None:
    for template in (
        "{{ empty(it, it) }}",
        "{{ stat(it, it, it) }}",
        "{{ copy(it) }}",
        "{{ pager(it, it, it) }}",
        "{{ status(it) }}",
    ):
        html = said(renderer, template, it=HOSTILE)
        assert "<script" not in html
        assert "<img" not in html


def test_a_cost_that_nobody_knows_is_not_nothing(renderer: Renderer) -> None:
    assert "unknown" in said(renderer, "{{ money(none) }}")
    assert "$0.0000" in said(renderer, "{{ money(0) }}")


def test_a_name_that_a_template_misspells_is_an_error(renderer: Renderer) -> None:
    with pytest.raises(Exception, match="nonsense"):
        said(renderer, "{{ nonsense }}")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("run `a<b`", "run <code>a&lt;b</code>"),
        ("`a` and `b`", "<code>a</code> and <code>b</code>"),
        ("one ` tick <", "one ` tick &lt;"),
        ("`a` and `", "<code>a</code> and `"),
        ("", ""),
    ],
)
def test_what_stands_between_ticks_is_code(text: str, html: str) -> None:
    assert str(ticks(text)) == html


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "just now"), (59, "just now"), (60, "1 min ago"), (7_300, "2 h ago"), (3 * 86_400, "3 d ago")],
)
def test_how_long_ago_is_told_in_one_unit(seconds: int, words: str) -> None:
    assert ago(NOW_NS - seconds * 10**9, NOW_NS) == words


def test_after_a_month_the_date_says_more() -> None:
    assert ago(NOW_NS - 90 * 86_400 * 10**9, NOW_NS).startswith("2026-10-")


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    name: str
    _hidden: int = 1
    load: object = field(default=print, repr=False)
    call: object = print


@dataclass(frozen=True)
class Outer:
    inner: tuple[Inner, ...]
    cost_usd: float = float("nan")
    most: float = float("inf")
    colour: Colour = Colour.RED
    severity: Severity = Severity.CRITICAL
    path: Path = Path("a/b")
    at: datetime = datetime(2026, 11, 21, tzinfo=UTC)
    by_colour: dict[Colour, bool] = field(default_factory=lambda: {Colour.RED: True})
    names: frozenset[str] = frozenset({"b", "a"})
    text: object = ticks("a")
    nothing: None = None


def test_a_twin_has_the_fields_names_and_values_that_every_reader_takes() -> None:
    assert json.loads(twin_bytes(Outer((Inner("x"),)))) == {
        "inner": [{"name": "x"}],
        "cost_usd": None,
        "most": None,
        "colour": "red",
        "severity": "critical",
        "path": "a/b",
        "at": "2026-11-21T00:00:00+00:00",
        "by_colour": {"red": True},
        "names": ["a", "b"],
        "text": "a",
        "nothing": None,
    }


def test_half_of_a_surrogate_pair_does_not_break_a_twin() -> None:
    assert json.loads(twin_bytes({"a": "\ud800é"})) == {"a": "\ud800é"}


def test_a_whole_number_stays_whole_and_a_truth_stays_true() -> None:
    assert twin([2**60, True, 0.5]) == [2**60, True, 0.5]
