"""Pages, their JSON twins, panels, static files and errors, asked for as a browser would."""

import logging
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ralph.home import Home
from ralph.ui.site import ralph_site
from tracing import Tracer
from tracing.store import TraceDetail, TraceFilter, TraceStore
from tracing.web.app import BUG, Html, create_app
from tracing.web.page import NotFoundError, Page, Panel, Query, Site
from tracing.web.security import Security

BEARER = {"Authorization": "Bearer t"}


@dataclass(frozen=True)
class Seen:
    args: dict[str, str]
    path: dict[str, str]
    number: int


def seen(query: Query) -> Seen:
    return Seen(dict(query.args), dict(query.path), query.number("number", 1))


def gone(query: Query) -> object:
    raise NotFoundError(f"There is no story {query.path['story']}. `ralph status` lists them.")


def broken(_query: Query) -> object:
    raise RuntimeError("secret detail")


def of_trace(query: Query) -> object:
    return query.store.trace(query.path["trace_id"]).trace


@dataclass(frozen=True)
class Outcome:
    commit: str


def outcome(_query: Query, trace: TraceDetail) -> Outcome | None:
    return Outcome("<b>c0ffee</b>") if trace.trace.name == "works" else None


PAGES = (
    Page("/seen/{one}", "seen", seen, "seen.html", lambda _view: "One <seen>", nav="Seen", key="s"),
    Page("/seen/words", "words", lambda _query: Seen({}, {"words": "1"}, 0), "seen.html"),
    Page("/stories/{story}", "story", gone, "seen.html"),
    Page("/broken", "broken", broken, "seen.html"),
    Page("/misspelt", "misspelt", seen, "misspelt.html"),
    Page("/traces/{trace_id}", "trace", of_trace, "trace.html"),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    opened = TraceStore.open(tmp_path / "home" / "traces.db")
    tracer = Tracer(opened)
    for name in ("works", "idles"):
        with tracer.start_trace(name, agent_id="agent"):
            pass
    yield opened
    opened.close()


@pytest.fixture
def site(store: TraceStore, tmp_path: Path) -> Site:
    (tmp_path / "seen.html").write_text("{% extends layout %}{% block main %}<p>{{ view }}</p>{% endblock %}")
    (tmp_path / "misspelt.html").write_text("{{ view.nothing_such }}")
    (tmp_path / "trace.html").write_text(
        "{% extends layout %}{% block main %}{% for panel in panels(view.trace_id) %}"
        "<section data-url='{{ panel.url }}' data-first='{{ panel.first }}'>{{ panel.title }} {{ panel.html }}</section>"
        "{% endfor %}{% endblock %}"
    )
    (tmp_path / "outcome.html").write_text("<p>commit {{ view.commit }}</p>")
    (tmp_path / "own.css").write_text("p { color: red }")
    panel = Panel("outcome", "Outcome", outcome, "outcome.html", first=True)
    return Site(store, "Test", PAGES, (panel,), (tmp_path,), {"own": tmp_path}, styles=("own/own.css",))


@pytest.fixture
def asking(site: Site) -> Iterator[TestClient]:
    app = create_app(site, Security("t", 7007), version="9.9")
    with TestClient(app, "http://127.0.0.1:7007", headers=BEARER) as client:
        yield client


def trace_id(store: TraceStore, name: str) -> str:
    return next(row.trace_id for row in store.traces(TraceFilter()) if row.name == name)


def test_a_page_and_its_twin_are_made_of_the_same_view(asking: TestClient) -> None:
    page, twin = asking.get("/seen/a%20b?x=1&x=2&number=7"), asking.get("/seen/a%20b.json?x=1&x=2&number=7")
    view = {"args": {"x": "2", "number": "7"}, "path": {"one": "a b"}, "number": 7}
    assert twin.json() == view
    assert "&#39;x&#39;: &#39;2&#39;" in page.text
    assert '<a href="/seen/a%20b.json?x=1&amp;x=2&amp;number=7">This page as JSON</a>' in page.text


def test_a_text_that_is_no_utf8_fails_no_page() -> None:
    assert Html("half a pair: \ud800").body == b"half a pair: ?"


def test_words_win_over_parts_that_vary_whatever_the_order(asking: TestClient) -> None:
    assert asking.get("/seen/words.json").json()["path"] == {"words": "1"}
    assert asking.get("/seen/other.json").json()["path"] == {"one": "other"}


def test_the_frame_says_where_one_is(asking: TestClient) -> None:
    text = asking.get("/seen/a").text
    assert "<title>One &lt;seen&gt; · Test</title>" in text
    assert 'data-go="s" aria-current="page">Seen</a>' in text
    assert "Test 9.9" in text
    assert "traces.db" in text
    assert "style=" not in text
    assert "<script>" not in text


@pytest.mark.parametrize("headers", [{}, {"X-Bare": "1"}])
def test_a_bare_page_has_no_frame(asking: TestClient, headers: dict[str, str]) -> None:
    text = asking.get("/seen/a" if headers else "/seen/a?bare=1", headers=headers).text
    assert text.strip().startswith("<p>Seen(args={}")


def test_a_site_without_a_first_page_gets_one(asking: TestClient, tmp_path: Path) -> None:
    text = asking.get("/").text
    assert "works" in text
    assert "idles" in text
    assert [row["name"] for row in asking.get("/index.json").json()["traces"]] == ["idles", "works"]
    with closing(TraceStore.open(tmp_path / "empty.db")) as empty:
        app = create_app(Site(empty), Security("t", 7007))
        first = TestClient(app, "http://127.0.0.1:7007", headers=BEARER).get("/")
    assert "No trace is here yet." in first.text


def test_a_panel_stands_in_its_traces_page_and_has_a_page_and_a_twin(asking: TestClient, store: TraceStore) -> None:
    works = trace_id(store, "works")
    inside = asking.get(f"/traces/{works}").text
    assert f"data-url='/traces/{works}/outcome' data-first='True'>Outcome <p>commit &lt;b&gt;c0ffee" in inside
    alone = asking.get(f"/traces/{works}/outcome").text
    assert "<h1>Outcome</h1>" in alone
    assert "<p>commit &lt;b&gt;c0ffee&lt;/b&gt;</p>" in alone
    assert asking.get(f"/traces/{works}/outcome.json").json() == {"commit": "<b>c0ffee</b>"}


def test_a_trace_that_a_panel_knows_nothing_of_does_not_show_it(asking: TestClient, store: TraceStore) -> None:
    idles = trace_id(store, "idles")
    assert "<section" not in asking.get(f"/traces/{idles}").text
    said = asking.get(f"/traces/{idles}/outcome.json")
    assert (said.status_code, said.json()["error"]) == (
        404,
        "This trace has no outcome. Its own page shows what there is.",
    )


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        pytest.param("/stories/US-9", 404, "There is no story US-9. `ralph status` lists them.", id="view"),
        pytest.param("/seen/a?number=x", 400, "number=x is not a whole number from 0 to 10000.", id="argument"),
        pytest.param("/traces/fff", 404, "No trace begins with 'fff'", id="trace"),
        pytest.param("/traces/zz", 404, "'zz' is not a trace id", id="no-id"),
        pytest.param("/nowhere", 404, " is not an address of this viewer.", id="address"),
        pytest.param("/broken", 500, BUG, id="bug"),
        pytest.param("/misspelt", 500, BUG, id="template"),
    ],
)
def test_what_cannot_be_shown_is_a_page_in_the_sites_look(
    asking: TestClient, address: str, status: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    path, _, args = address.partition("?")
    page, twin = asking.get(address), asking.get(f"{path}.json?{args}")
    assert page.status_code == status
    assert words in page.text.replace("&#39;", "'").replace("<code>", "`").replace("</code>", "`")
    assert '<nav aria-label="Pages">' in page.text
    if address != "/misspelt":
        assert (twin.status_code, words in twin.json()["error"]) == (status, True)


def test_a_bug_tells_the_log_and_not_the_browser(asking: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    said = asking.get("/broken")
    assert "secret detail" not in said.text
    assert "Traceback" not in said.text
    assert "secret detail" in caplog.text
    assert said.headers["x-frame-options"] == "DENY"


def test_static_files_are_kept_for_good_at_addresses_that_change_with_them(site: Site, tmp_path: Path) -> None:
    def sheet() -> str:
        app = create_app(site, Security("t", 7007))
        asking = TestClient(app, "http://127.0.0.1:7007", headers=BEARER)
        address = next(
            part.split('"')[0] for part in asking.get("/seen/a").text.split('href="') if "own/own.css" in part
        )
        said = asking.get(address)
        assert said.headers["content-type"] == "text/css; charset=utf-8"
        assert said.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert asking.get(address.replace("own.css", "seen.html")).status_code == 404
        assert asking.get(address.replace("own/own.css", "../app.py")).status_code == 404
        assert asking.get(address.replace("own/own.css", "%2e%2e%2fapp.py")).status_code == 404
        return address

    before = sheet()
    (tmp_path / "own.css").write_text("p { color: blue }")
    assert sheet() != before


def test_scripts_are_served_as_scripts_on_every_platform(asking: TestClient) -> None:
    address = next(part.split('"')[0] for part in asking.get("/").text.split('src="') if "site.js" in part)
    assert asking.get(address).headers["content-type"] == "text/javascript; charset=utf-8"


def test_how_long_an_answer_took_is_told_in_debug_only(site: Site) -> None:
    for debug in (False, True):
        app = create_app(site, Security("t", 7007), debug=debug)
        said = TestClient(app, "http://127.0.0.1:7007", headers=BEARER).get("/")
        assert ("server-timing" in said.headers) is debug


@pytest.mark.parametrize("is_empty", [True, False])
def test_every_page_of_ralphs_viewer_opens_and_leads_on(store: TraceStore, tmp_path: Path, is_empty: bool) -> None:
    with closing(TraceStore.open(tmp_path / "empty.db")) as empty:
        site = ralph_site(empty if is_empty else store, Home(tmp_path))
        app = create_app(site, Security("t", 7007))
        addresses = [page.path for page in site.pages if "{" not in page.path]
        addresses += [] if is_empty else [f"/traces/{trace_id(store, 'works')}"]
        with TestClient(app, "http://127.0.0.1:7007", headers=BEARER) as client:
            for address in addresses:
                page, twin = client.get(address), client.get("/index.json" if address == "/" else f"{address}.json")
                assert (page.status_code, twin.status_code) == (200, 200), address
                assert "#no-page-" not in page.text, address
                assert not re.search(r"<style|\sstyle=|<script(?! [^>]*src=)|\son\w+=", page.text), address


def test_a_store_that_was_deleted_is_no_page_that_looks_alive(asking: TestClient, site: Site) -> None:
    assert asking.get("/").status_code == 200
    site.store.path.unlink()
    answer = asking.get("/")
    assert (answer.status_code, f"{site.store.path} is gone" in answer.text) == (503, True)
