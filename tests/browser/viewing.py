"""The viewer as a process, and a browser that notes whatever must never happen on its pages."""

from __future__ import annotations  # Playwright is an extra: its names are for the type checker alone

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import (
        Browser,
        BrowserContext,
        ConsoleMessage,
        Dialog,
        Page,
        Request,
        Response,
        ViewportSize,
    )

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
END_S = 10.0
CANARY = """
window.addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@dataclass(frozen=True)
class Viewer:
    """A running `ralph ui`."""

    url: str  # as it was printed, with the token

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.url).query)["token"][0]


@contextmanager
def ralph_ui(home: Path, environment: Mapping[str, str]) -> Iterator[Viewer]:
    """The real command over the traces of this state folder, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "ralph", "ui", "--no-open", "--port", "0"],
        env={**environment, "RALPH_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield Viewer(process.stdout.readline().strip())
        finally:
            process.terminate()
            process.wait(END_S)


def clean_environment(folder: Path) -> dict[str, str]:
    """As every test's: no key, no setting of whoever runs the tests, an identity for git."""
    config = folder / "gitconfig"
    config.write_text("[user]\n\tname = Sam Doe\n\temail = sam@example.com\n[init]\n\tdefaultBranch = main\n")
    not_ours = ("ANTHROPIC_", "RALPH_", "GIT_", "OTEL_", "TRACEPARENT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(not_ours)}
    return {
        **kept,
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "RALPH_TRACER_STRICT": "1",
        "RALPH_HOME": str(folder / "ralph-home"),
    }


@dataclass
class Watch:
    """What happened in a browser that a page of the viewer never does."""

    origin: str
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # every address that was asked for

    def over(self, context: BrowserContext) -> None:
        context.add_init_script(CANARY)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"script: {error.error}"))
        context.on("dialog", self._dialog)
        context.on("request", self._request)
        context.on("response", self._response)

    def _dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} at {message.location.get('url')}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        if not request.url.startswith(f"{self.origin}/") and not request.url.startswith("data:image/"):
            self.problems.append(f"asked elsewhere: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.problems.append(f"{response.status}: {response.url}")


@dataclass
class Browsing:
    """Opens tabs that are signed in, and watches all of them."""

    browser: Browser
    watches: list[Watch] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)

    def tab(
        self,
        viewer: Viewer,
        path: str = "",
        *,
        viewport: ViewportSize = DESKTOP,
        dark: bool = False,
        scripts: bool = True,
        signed_in: bool = True,
    ) -> Page:
        """A tab of its own browser profile; `path` "" opens nothing yet."""
        context = self.browser.new_context(
            base_url=viewer.origin,
            viewport=viewport,
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        watch = Watch(viewer.origin)
        watch.over(context)
        self.watches.append(watch)
        self.contexts.append(context)
        if signed_in:
            context.add_cookies([{"name": f"viewer-{viewer.port}", "value": viewer.token, "url": viewer.origin}])
        page = context.new_page()
        if path:
            page.goto(path)
        return page

    @property
    def problems(self) -> list[str]:
        seen = [problem for watch in self.watches for problem in watch.problems]
        return [problem for problem in seen if not any(words in problem for words in self.forgiven)]

    @property
    def requests(self) -> list[str]:
        return [url for watch in self.watches for url in watch.requests]

    def forgive(self, words: str) -> None:
        """These problems are what the test is about; there must be one, and more may come (the picture of a tab)."""
        assert any(words in problem for problem in self.problems), self.problems
        self.forgiven.append(words)

    def close(self) -> None:
        """Before the viewer goes: a page that is left open would miss it."""
        while self.contexts:
            self.contexts.pop().close()
