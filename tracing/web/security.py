"""Who may talk to the viewer: a guard in front of every route, and the headers of every answer.

A page of another site must not reach the viewer through the reader's browser (CSRF, DNS rebinding), another program on the
machine must not read it without the token. Pure ASGI; knows no route but the one that tells whether the viewer is up.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS = frozenset({"/health"})
SAFE_METHODS = frozenset({"GET", "HEAD"})
MOST_URL_BYTES = 8_192
MOST_BODY_BYTES = 1_048_576
CSP = (
    "default-src 'none'; script-src 'self'; style-src {style}; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PLAIN_STYLE = (
    "html{color-scheme:light dark;font:16px/1.6 system-ui,sans-serif}"
    "body{max-width:34rem;margin:15vh auto 0;padding:0 1.25rem}h1{font-size:1.4rem}code{font-family:ui-monospace,monospace}"
)
STYLE_HASH = base64.b64encode(hashlib.sha256(PLAIN_STYLE.encode()).digest()).decode()
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": CSP.format(style="'self'"),
    "Cache-Control": "no-store",
}
GET_IN = (
    "Open the address that ralph ui printed when it started: it holds this start's token. "
    "Lost it, or was the viewer started anew? Stop it and run ralph ui again."
)


@dataclass(frozen=True)
class Security:
    """What one start of the viewer accepts."""

    token: str
    port: int
    public_url: str = ""  # further address that people reach it at, through a proxy of their own
    ticket: str = ""  # lets in once: a browser's command line shows its address to everybody on the machine

    @classmethod
    def fresh(cls, port: int, public_url: str = "") -> "Security":
        return cls(secrets.token_urlsafe(32), port, public_url, secrets.token_urlsafe(32))

    @property
    def cookie(self) -> str:
        """Browsers send a host's cookies to all its ports: the name keeps two viewers apart."""
        return f"viewer-{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """Names that a request may be addressed to, as its Host header says them."""
        names = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        names |= {name.rpartition(":")[0] for name in names if self.port == 80}
        return frozenset(names | ({urlsplit(self.public_url).netloc.lower()} if self.public_url else set()))

    @property
    def origins(self) -> frozenset[str]:
        """Sites whose pages may ask: the viewer's own."""
        public = urlsplit(self.public_url)
        own = {f"http://{host}" for host in self.hosts if host != public.netloc.lower()}
        return frozenset(own | ({f"{public.scheme}://{public.netloc}".lower()} if self.public_url else set()))

    @property
    def base(self) -> str:
        """The path that stands before every address behind the proxy; "" is none."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def url(self) -> str:
        """The address that lets a person in."""
        return f"{self._start}/?token={self.token}"

    @property
    def url_once(self) -> str:
        """The same for the browser that is opened at the start."""
        return f"{self._start}/?token={self.ticket}"

    @property
    def _start(self) -> str:
        return self.public_url or f"http://127.0.0.1:{self.port}"

    def is_token(self, given: str) -> bool:
        return _same(given, self.token)


@dataclass(frozen=True)
class Refusal:
    """Why somebody is not let in, and what to do about it."""

    status: int
    title: str
    message: str


class Guard:
    """The middleware. Order matters: who is asked, who asks, how much, and with which token."""

    def __init__(self, app: ASGIApp, security: Security) -> None:
        self.app = app
        self.security = security
        self.ticket = security.ticket  # "" once it was used

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here talks WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        scope = self._without_base(scope)
        answer = self._answer(scope, Headers(scope=scope))
        await (answer or self.app)(scope, receive, _with_headers(send))

    def _without_base(self, scope: Scope) -> Scope:
        """A proxy may pass the path of `public_url` on or take it away: both work."""
        base = self.security.base
        if not base or not (scope["path"] + "/").startswith(base + "/"):
            return scope
        return {**scope, "path": scope["path"][len(base) :] or "/"}

    def _answer(self, scope: Scope, headers: Headers) -> Response | None:
        """None: let it through."""
        if refusal := self._stranger(scope, headers) or _too_much(scope, headers):
            return _refused(refusal, scope, self.security.base)
        if scope["path"] in OPEN_PATHS:
            return None
        given = [value for name, value in _arguments(scope) if name == "token"]
        if scope["method"] == "GET" and any(map(self._lets_in, given)):
            return self._welcome(scope, headers)
        if self._is_known(headers):
            return None
        return _refused(Refusal(401, "This viewer needs its token", GET_IN), scope, self.security.base)

    def _stranger(self, scope: Scope, headers: Headers) -> Refusal | None:
        host = headers.get("host", "").lower()
        if host not in self.security.hosts:
            return Refusal(
                403,
                "Not an address of this viewer",
                f"It answers at http://127.0.0.1:{self.security.port}. Behind a proxy of your own, write its address as public_url below [ui] "
                "into config.toml in RALPH_HOME.",
            )
        if self._is_foreign(scope["method"], headers):
            return Refusal(
                403, "Asked by another site", "The viewer answers its own pages only. Open it in a tab of its own."
            )
        return None

    def _is_foreign(self, method: str, headers: Headers) -> bool:
        """Whether another site's page asks. A link that somebody followed to a page is welcome; nothing else is."""
        origin, site = headers.get("origin", ""), headers.get("sec-fetch-site", "")
        if origin and origin.lower() not in self.security.origins and not (origin == "null" and site == "same-origin"):
            return True
        if site in {"cross-site", "same-site"}:
            followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            return method not in SAFE_METHODS or not followed
        said_who = origin or site == "same-origin" or headers.get("authorization")
        return method not in SAFE_METHODS and not said_who

    def _is_known(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.security.is_token(given.strip()):
            return True
        return any(self.security.is_token(value) for value in _cookies(headers.getlist("cookie"), self.security.cookie))

    def _lets_in(self, given: str) -> bool:
        if self.ticket and _same(given, self.ticket):
            self.ticket = ""
            return True
        return self.security.is_token(given)

    def _welcome(self, scope: Scope, headers: Headers) -> Response:
        """The token goes from the address into a cookie.

        Whoever followed a link from elsewhere gets a page instead of a redirect: after that, a browser would hold the
        cookie back once more.
        """
        target = self.security.base + _without_token(scope)
        if headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            answer = _plain_page("Welcome", "The viewer opens.", 200, onward=target)
        else:
            answer = RedirectResponse(target, 303)
        secure = self._is_public(headers) and self.security.public_url.startswith("https:")
        answer.set_cookie(
            self.security.cookie, self.security.token, httponly=True, samesite="strict", path="/", secure=secure
        )
        return answer

    def _is_public(self, headers: Headers) -> bool:
        public = urlsplit(self.security.public_url).netloc.lower()
        return bool(public) and headers.get("host", "").lower() == public


def _same(given: str, secret: str) -> bool:
    """Takes as long for a wrong guess as for a right one."""
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())


def _arguments(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _without_token(scope: Scope) -> str:
    """The same address; never one of another host, however many slashes it begins with."""
    rest = urlencode([(name, value) for name, value in _arguments(scope) if name != "token"])
    return "/" + quote(scope["path"].lstrip("/")) + (f"?{rest}" if rest else "")


def _too_much(scope: Scope, headers: Headers) -> Refusal | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_URL_BYTES:
        return Refusal(414, "The address is too long", f"It may have {MOST_URL_BYTES} bytes. Search for fewer words.")
    size = headers.get("content-length", "0")
    if not size.isdecimal() or int(size) > MOST_BODY_BYTES:
        return Refusal(413, "The request is too large", f"It may have {MOST_BODY_BYTES} bytes.")
    return None


def _cookies(lines: Iterable[str], name: str) -> list[str]:
    found = []
    for line in lines:
        for part in line.split(";"):
            key, _, value = part.strip().partition("=")
            found += [value.strip().strip('"')] if key == name else []
    return found


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _refused(refusal: Refusal, scope: Scope, base: str) -> Response:
    if scope["path"].endswith(".json") or "json" in Headers(scope=scope).get("accept", ""):
        body = {"error": f"{refusal.title}. {refusal.message}", "status": refusal.status}
        return Response(json.dumps(body), refusal.status, media_type="application/json")
    again = base + _without_token(scope) if refusal.status == 401 and scope["method"] in SAFE_METHODS else ""
    return _plain_page(refusal.title, refusal.message, refusal.status, again=again)


def _plain_page(title: str, message: str, status: int, *, again: str = "", onward: str = "") -> Response:
    """A page that needs no other file: those are behind the token too."""
    refresh = f'<meta http-equiv="refresh" content="0;url={escape(onward)}">' if onward else ""
    link = f'<p><a href="{escape(onward)}">Go on</a></p>' if onward else ""
    if again:
        link = (
            f'<p>Already signed in, and here by a link from elsewhere? <a href="{escape(again)}">Open it again</a>.</p>'
        )
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>{refresh}'
        f'<meta name="viewport" content="width=device-width"><style>{PLAIN_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1><p>{escape(message)}</p>{link}</main></body></html>"
    )
    policy = CSP.format(style=f"'sha256-{STYLE_HASH}'")
    return Response(text, status, {"Content-Security-Policy": policy}, "text/html")
