"""Who gets in, as a browser has it: the token once, a cookie after that, and nothing for another site's page."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.browser.viewing import Browsing, Viewer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TRIES = """async (origin) => {
  const read = async (path, how) => {
    try { return (await (await fetch(origin + path, how)).text()).length; } catch { return "refused"; }
  };
  const picture = (path) => new Promise((done) => {
    const image = new Image();
    image.onload = () => done("shown");
    image.onerror = () => done("refused");
    image.src = origin + path;
  });
  const script = () => new Promise((done) => {
    const one = document.createElement("script");
    one.onload = () => done("ran");
    one.onerror = () => done("refused");
    one.src = `${origin}/traces.json`;
    document.head.append(one);
  });
  const frame = () => new Promise((done) => {
    const one = document.createElement("iframe");
    one.onload = () => { try { done(one.contentDocument ? "read" : "refused"); } catch { done("refused"); } };
    one.src = `${origin}/`;
    document.body.append(one);
  });
  return [
    await read("/traces.json", { credentials: "include" }),
    await read("/live", { credentials: "include" }),
    await picture("/static/x/icon.svg"),
    await script(),
    await frame(),
  ];
}"""


class Elsewhere(BaseHTTPRequestHandler):
    """Another site's page."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>Elsewhere</title><body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_message: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def test_without_the_token_no_page_shows_anything(browsing: Browsing, viewer: Viewer, morning: Any) -> None:
    page = browsing.tab(viewer, signed_in=False)
    for address in ("/", "/traces", f"/traces/{morning.looped}", "/traces.json", "/live"):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 401, address
        assert "US-001" not in page.content()
        assert "ralph ui" in page.content()
    browsing.forgive("status of 401")


def test_the_printed_address_lets_in_once_and_leaves_no_token_behind(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, viewer.url, signed_in=False)
    assert page.url == f"{viewer.origin}/"
    assert viewer.token not in page.content()
    assert page.evaluate("document.cookie") == ""
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.goto("/traces")
    assert page.locator("h1").inner_text() == "Traces"


def test_another_sites_page_can_neither_read_embed_nor_run_anything(
    browsing: Browsing, viewer: Viewer, elsewhere: str
) -> None:
    page = browsing.tab(viewer)
    page.goto(elsewhere)
    assert page.evaluate(TRIES, viewer.origin) == ["refused"] * 5
    for words in ("console:", "asked elsewhere"):
        browsing.forgive(words)


def test_a_wrong_token_is_no_way_in(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, signed_in=False)
    answer = page.goto("/?token=guess")
    assert answer is not None
    assert answer.status == 401
    assert page.context.cookies() == []
    browsing.forgive("status of 401")
