"""Nobody but the reader gets an answer: every route is asked as a stranger would."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient

from ralph.home import Home
from ralph.ui.site import ralph_site
from tracing.store import TraceStore
from tracing.web.app import create_app
from tracing.web.page import Panel, Site
from tracing.web.security import CSP, Security

SECURITY = Security("s3cret-token", 7007)
HERE = "http://127.0.0.1:7007"
BEARER = {"Authorization": "Bearer s3cret-token"}
METHODS = ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CROSS_SITE_FETCH = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    opened = TraceStore.open(tmp_path / "traces.db")
    yield opened
    opened.close()


@pytest.fixture
def app(store: TraceStore, tmp_path: Path) -> Starlette:
    """All of Ralph's pages, and a panel: a page that is added is asked too."""
    site = ralph_site(store, Home(tmp_path))
    panel = Panel("asked", "Asked", lambda _query, _trace: None, "error.html")
    return create_app(
        Site(store, pages=site.pages, panels=(*site.panels, panel), templates=site.templates, statics=site.statics),
        SECURITY,
    )


def client(app: Starlette, base: str = HERE) -> TestClient:
    return TestClient(app, base_url=base, follow_redirects=False, raise_server_exceptions=False)


def addresses(routes: Sequence[BaseRoute], before: str = "") -> Iterator[str]:
    """Of every route, mounts included, with something put in for each part that varies."""
    for route in routes:
        if isinstance(route, Mount):
            yield f"{before}{route.path}/anything"
            yield from addresses(route.routes, before + route.path)
        else:
            assert isinstance(route, Route), f"the guard does not know a {type(route).__name__}: add it to this test"
            yield before + route.path_format.format(**dict.fromkeys(route.param_convertors, "abc"))


def guarded(app: Starlette) -> list[str]:
    found = [address for address in addresses(app.routes) if address != "/health"]
    assert {"/", "/index.json", "/live", "/static/abc/abc", "/traces/abc/asked", "/traces/abc/asked.json"} <= set(found)
    return found


STRANGERS = [
    pytest.param({}, 401, id="no-token"),
    pytest.param({"Authorization": "Bearer s3cret-tokeN"}, 401, id="wrong-bearer"),
    pytest.param({"Authorization": "Bearer "}, 401, id="empty-bearer"),
    pytest.param({"Authorization": "Basic s3cret-token"}, 401, id="token-of-another-kind"),
    pytest.param({"Cookie": "viewer-7007=wrong"}, 401, id="wrong-cookie"),
    pytest.param({"Cookie": "viewer-7008=s3cret-token"}, 401, id="cookie-of-another-viewer"),
    pytest.param({**BEARER, "Host": "evil.example"}, 403, id="foreign-host"),
    pytest.param({**BEARER, "Host": "127.0.0.1:7008"}, 403, id="another-port"),
    pytest.param({**BEARER, "Host": "127.0.0.1.evil.example:7007"}, 403, id="host-that-begins-right"),
    pytest.param({**BEARER, "Host": ""}, 403, id="no-host"),
    pytest.param({**BEARER, "Origin": "https://evil.example"}, 403, id="foreign-origin"),
    pytest.param({**BEARER, "Origin": "http://127.0.0.1:3000"}, 403, id="another-server-of-this-machine"),
    pytest.param({**BEARER, "Origin": "null"}, 403, id="sandboxed-page"),
    pytest.param({**BEARER, **CROSS_SITE_FETCH}, 403, id="script-of-another-site"),
    pytest.param({**BEARER, **CROSS_SITE_FETCH, "Sec-Fetch-Site": "same-site"}, 403, id="script-of-another-port"),
    pytest.param(
        {**BEARER, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        403,
        id="in-a-frame",
    ),
]


@pytest.mark.parametrize(("headers", "status"), STRANGERS)
def test_no_route_answers_a_stranger(app: Starlette, headers: dict[str, str], status: int) -> None:
    with client(app) as asking:
        for address in guarded(app):
            assert asking.get(address, headers=headers).status_code == status, address
            for method in METHODS:
                said = asking.request(method, address, headers=headers)
                assert said.status_code in {status, 403}, f"{method} {address}: {said.status_code}"


def test_a_wrong_token_in_the_address_opens_no_route(app: Starlette) -> None:
    for address in guarded(app):
        for token in ("", "wrong", "s3cret-token%00", "S3CRET-TOKEN"):
            said = client(app).get(f"{address}?token={token}")
            assert (said.status_code, said.headers.get("set-cookie")) == (401, None), address


def test_only_health_answers_without_a_token_and_not_even_that_to_another_site(app: Starlette) -> None:
    assert client(app).get("/health").json() == {"status": "ok"}
    assert client(app).get("/health", headers={"Host": "evil.example"}).status_code == 403
    assert client(app).get("/health", headers={"Origin": "https://evil.example"}).status_code == 403


def test_nothing_can_be_written(app: Starlette) -> None:
    for address in addresses(app.routes):
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            said = client(app).request(method, address, headers={**BEARER, "Origin": HERE})
            assert said.status_code == 405, f"{method} {address}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 405, id="a-form-of-our-own"),
        pytest.param({"Origin": HERE}, 405, id="a-script-of-our-own"),
        pytest.param({}, 403, id="nobody-says-who"),
        pytest.param({"Origin": "https://evil.example"}, 403, id="another-site"),
        pytest.param(
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
            403,
            id="a-form-of-another-site",
        ),
    ],
)
def test_a_cookie_alone_is_not_enough_to_write(app: Starlette, headers: dict[str, str], status: int) -> None:
    said = client(app).post("/", headers={"Cookie": "viewer-7007=s3cret-token", **headers})
    assert said.status_code == status


def test_the_token_goes_from_the_address_into_a_strict_cookie(app: Starlette) -> None:
    asking = client(app)
    said = asking.get("/?a=1&token=s3cret-token&b=%2F")
    assert (said.status_code, said.headers["location"]) == (303, "/?a=1&b=%2F")
    assert said.headers["set-cookie"] == "viewer-7007=s3cret-token; HttpOnly; Path=/; SameSite=strict"
    assert asking.get(said.headers["location"]).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/%5Cevil.example", "//evil.example/%2e%2e", "/%2Fevil.example"])
def test_the_token_never_leads_to_another_host(app: Starlette, path: str) -> None:
    said = client(app).get(httpx2.URL(f"{HERE}{path}?token=s3cret-token"))
    assert said.status_code == 303
    assert said.headers["location"].startswith("/")
    assert not said.headers["location"].startswith(("//", "/\\"))


def test_the_address_that_a_browser_is_started_with_lets_in_once(store: TraceStore) -> None:
    """It stands in the list of processes, which everybody on the machine can read."""
    security = Security.fresh(7007)
    app = create_app(Site(store), security)
    asking = client(app)
    assert security.token not in security.url_once
    assert asking.head(security.url_once).status_code == 401
    first, second = asking.get(security.url_once), client(app).get(security.url_once)
    assert (first.status_code, second.status_code) == (303, 401)
    assert asking.get("/").status_code == 200


def test_whoever_comes_by_a_link_from_elsewhere_gets_in_with_one_more_step(app: Starlette) -> None:
    """A strict cookie is held back on the way from another site, and so it would be behind a redirect."""
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    said = client(app).get("/?token=s3cret-token", headers=followed)
    assert said.status_code == 200
    assert 'content="0;url=/"' in said.text
    again = client(app).get("/traces?text=%22%3E%3Cscript%3E", headers=followed)
    assert again.status_code == 401
    assert 'href="/traces?text=%22%3E%3Cscript%3E"' in again.text


def test_what_is_refused_says_how_to_get_in(app: Starlette) -> None:
    page, twin = client(app).get("/"), client(app).get("/index.json")
    for words in ("This viewer needs its token", "address that ralph ui printed", "run ralph ui again"):
        assert words in page.text
        assert words in twin.json()["error"]
    assert "s3cret" not in page.text + twin.text
    assert "public_url" in client(app).get("/", headers={"Host": "tower.lan"}).text


def test_every_answer_has_the_headers_that_keep_browsers_in_bounds(app: Starlette) -> None:
    asking = client(app)
    for address in ("/", "/index.json", "/health", "/nowhere", "/live?trace=gone"):
        said = asking.get(address, headers=BEARER)
        assert said.headers["content-security-policy"] == CSP.format(style="'self'"), address
        assert said.headers["x-content-type-options"] == "nosniff"
        assert said.headers["referrer-policy"] == "no-referrer"
        assert said.headers["x-frame-options"] == "DENY"
        assert said.headers["cross-origin-opener-policy"] == "same-origin"
        assert said.headers["cross-origin-resource-policy"] == "same-origin"
        assert said.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in said.headers
    refused = asking.get("/").headers["content-security-policy"]
    assert "style-src 'sha256-" in refused
    assert "unsafe" not in refused


def test_too_long_an_address_and_too_large_a_body_are_refused(app: Starlette) -> None:
    assert client(app).get("/?text=" + "x" * 9000, headers=BEARER).status_code == 414
    large = {**BEARER, "Content-Length": "99999999", "Origin": HERE}
    assert client(app).post("/", headers=large, content=b"").status_code == 413
    assert client(app).get("/", headers={**BEARER, "Content-Length": "-1"}).status_code == 413


@pytest.mark.parametrize("host", ["127.0.0.1:7007", "localhost:7007", "LOCALHOST:7007", "[::1]:7007"])
def test_this_machine_is_reached_by_each_of_its_names(app: Starlette, host: str) -> None:
    assert client(app).get("/", headers={**BEARER, "Host": host}).status_code == 200


def test_behind_a_proxy_its_host_and_its_origin_are_known_too_and_links_begin_with_its_path(store: TraceStore) -> None:
    security = Security("s3cret-token", 7007, "https://Ralph.example.com/viewer")
    asking = client(create_app(Site(store), security))
    public = {"Host": "ralph.example.com", "Origin": "https://ralph.example.com"}
    for address in ("/", "/viewer", "/viewer/"):  # passed on with the path or without
        said = asking.get(address, headers={**BEARER, **public})
        assert said.status_code == 200, address
        assert '"/viewer/static/' in said.text
    welcome = asking.get("/viewer/?token=s3cret-token", headers=public)
    assert welcome.headers["location"] == "/viewer/"
    assert welcome.headers["set-cookie"].endswith("; SameSite=strict; Secure")
    assert asking.get("/", headers={**BEARER, **public, "Host": "other.example.com"}).status_code == 403
    assert security.url == "https://Ralph.example.com/viewer/?token=s3cret-token"


def test_each_start_has_a_token_of_its_own_that_cannot_be_guessed() -> None:
    tokens = {Security.fresh(1).token for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 43
