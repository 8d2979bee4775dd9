"""The web app of one site: every page with its JSON twin, panels, static files, live changes, and errors in the site's look.

Knows nothing about what the pages show, nor how the app is served.
"""

import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracing.sqlite import StateError, is_about_the_file
from tracing.store import TraceNotFoundError
from tracing.web import index
from tracing.web.live import Live
from tracing.web.page import NotFoundError, Page, PageError, Panel, Query, Site
from tracing.web.render import Renderer, Where, json_path, panel_name, panel_path, query_of
from tracing.web.security import SAFE_METHODS, Guard, Security
from tracing.web.statics import Statics
from tracing.web.twin import twin_bytes

LOG = logging.getLogger(__name__)
NOT_ARGUMENTS = {"bare", "token"}
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Problem:
    """What went wrong, for a person."""

    status: int
    title: str
    error: str


TITLES = {
    400: "This cannot be shown",
    404: "There is no such thing here",
    405: "The viewer only shows",
    503: "This cannot be read now",
}
LATER = "Other pages may work on; load this one again in a while."
TOO_DEEP = "Something that this page would show is nested deeper than can be read. The pages of the other spans and traces work on."
BUG = (
    "This is a bug in the viewer, not in your run: traces are not touched by looking at them. What happened stands in "
    "the terminal where the viewer was started. The other pages work on."
)


def create_app(site: Site, security: Security, *, version: str = "", debug: bool = False) -> Starlette:
    """The app. `version` is shown at the foot of every page; `debug` tells in each answer how long it took."""
    if not any(page.path == "/" for page in site.pages):
        site = replace(site, pages=(index.PAGE, *site.pages))
    statics = Statics(site.statics)
    pages = Pages(Renderer(site, statics.url, security.base, version))
    live = Live(site.store.path)
    routes = [
        Route("/health", _health),
        Route("/live", live.stream),
        Route("/static/{version}/{name:path}", statics.answer),
        *pages.routes(),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            *([Middleware(Timing)] if debug else []),
            Middleware(Guard, security=security),
            Middleware(Boundary, pages=pages),
        ],
        exception_handlers={HTTPException: pages.http_error},
    )
    app.router.redirect_slashes = False  # it would redirect to the address inside, without the proxy's scheme and path
    app.state.live = live
    return app


class Html(HTMLResponse):
    """Half of a surrogate pair, which a broken text may hold, is shown as "?"; no page fails for it."""

    def render(self, content: str) -> bytes:
        return content.encode(errors="replace")


class Pages:
    """Endpoints made from a site's pages and panels. Views and templates run in a thread: the store is not async."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer
        self.site = renderer.site

    def routes(self) -> list[Route]:
        """Twins first, and words before parts that vary: "/traces/compare" before "/traces/{trace_id}"."""
        rows: list[tuple[str, str, Endpoint, Endpoint]] = [
            (page.path, page.name, self._html(page), self._json(page)) for page in self.site.pages
        ]
        rows += [
            (panel_path(one), panel_name(one), self._panel_html(one), self._panel_json(one)) for one in self.site.panels
        ]
        rows.sort(key=lambda row: [part.startswith("{") for part in row[0].split("/")])
        twins = [Route(json_path(path), json, name=f"{name}.json") for path, name, _, json in rows]
        return [*twins, *(Route(path, html, name=name) for path, name, html, _ in rows)]

    def _html(self, page: Page) -> Endpoint:
        def show(request: Request) -> Response:
            view = page.view(self._query(request))
            return Html(self.renderer.page(page, view, _where(request, self.renderer.base, page)))

        return _in_thread(self._shielded(show))

    def _json(self, page: Page) -> Endpoint:
        return _in_thread(self._shielded(lambda request: _json_response(page.view(self._query(request)))))

    def _panel_html(self, panel: Panel) -> Endpoint:
        def show(request: Request) -> Response:
            query = self._query(request)
            html = self.renderer.fragment(panel, self._panel_view(panel, query))
            where = _where(request, self.renderer.base)
            return Html(
                self.renderer.template(
                    "panel.html", panel, where, title=panel.title, html=html, trace_id=query.path["trace_id"]
                )
            )

        return _in_thread(self._shielded(show))

    def _panel_json(self, panel: Panel) -> Endpoint:
        return _in_thread(self._shielded(lambda request: _json_response(self._panel_view(panel, self._query(request)))))

    def _panel_view(self, panel: Panel, query: Query) -> object:
        view = panel.view(query, query.store.trace(query.path["trace_id"]))
        if view is None:
            raise NotFoundError(f"This trace has no {panel.title.lower()}. Its own page shows what there is.")
        return view

    def _query(self, request: Request) -> Query:
        self._still_there()
        args = {name: value for name, value in request.query_params.items() if name not in NOT_ARGUMENTS}
        return query_of(self.site.store, request.path_params, args)

    def _still_there(self) -> None:
        """A deleted file stays readable for who has it open: its pages would look alive. Raises: PageError."""
        path = self.site.store.path
        if not path.exists():
            raise PageError(f"{path} is gone: it was deleted or moved. Start the viewer again.", status=503)

    def _shielded(self, show: Callable[[Request], Response]) -> Callable[[Request], Response]:
        """What a view cannot show is a page too."""

        def shielded(request: Request) -> Response:
            try:
                return show(request)
            except PageError as error:
                return self.problem(request, error.status, str(error))
            except TraceNotFoundError as error:
                return self.problem(request, 404, str(error))
            except (StateError, sqlite3.DatabaseError) as error:
                if isinstance(error, sqlite3.Error) and not is_about_the_file(error):
                    raise
                return self.problem(request, 503, f"{str(error).rstrip('.')}. {LATER}")
            except RecursionError:
                return self.problem(request, 503, TOO_DEEP)

        return shielded

    def problem(
        self, request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        problem = Problem(status, TITLES.get(status, "Something went wrong"), message)
        if request.scope["path"].endswith(".json") or "json" in request.headers.get("accept", ""):
            return JSONResponse({"error": message, "status": status}, status, headers)
        where = replace(_where(request, self.renderer.base), twin="")
        return Html(self.renderer.template("error.html", problem, where, title=problem.title), status, headers)

    async def http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        messages = {
            404: f"{request.scope['path']} is not an address of this viewer. The pages above are.",
            405: f"It answers {' and '.join(sorted(SAFE_METHODS))} here, not {request.method}.",
        }
        said = messages.get(error.status_code, error.detail)
        return self.problem(request, error.status_code, said, error.headers)


class Boundary:
    """The one place where an unexpected error ends: the stack goes to the log, a calm page to the browser."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self.app = app
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception:
            LOG.exception("%r %r", scope.get("method"), scope.get("path"))  # %r: a terminal shows it
            if begun or scope["type"] != "http":
                raise
            await self.pages.problem(Request(scope), 500, BUG)(scope, receive, send)


class Timing:
    """Tells the browser's tools how long the answer took."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                took_ms = 1000 * (time.perf_counter() - began)
                message["headers"] = [*message["headers"], (b"server-timing", f"all;dur={took_ms:.1f}".encode())]
            await send(message)

        await self.app(scope, receive, telling)


async def _health(request: Request) -> Response:
    del request
    return JSONResponse({"status": "ok"})


def _where(request: Request, base: str, page: Page | None = None) -> Where:
    bare = request.query_params.get("bare") == "1" or request.headers.get("x-bare") == "1"
    args = [(name, value) for name, value in request.query_params.multi_items() if name not in NOT_ARGUMENTS]
    twin = base + quote(json_path(request.scope["path"])) + (f"?{urlencode(args)}" if args else "")
    return Where(page, twin, bare)


def _in_thread(show: Callable[[Request], Response]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(show, request)

    return endpoint


def _json_response(view: object) -> Response:
    return Response(twin_bytes(view), media_type="application/json")
