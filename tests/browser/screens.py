"""Pictures of the viewer for the documentation: the demo is played, and its traces are opened in a real Chromium.

python -m tests.browser.screens docs/screens
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from ralph.demo.play import AttemptEnd, Summary, play
from tests.browser.viewing import PHONE, Viewer, ralph_ui
from tracing.span import SpanKind
from tracing.store import TraceStore

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--disable-lcd-text",
]
SIZE: ViewportSize = {"width": 1120, "height": 760}
MOST_BYTES = 200_000
BELOW_THE_BAR_PX = 56  # the navigation stays at the top of the window
SETTLE_MS = 300  # lists are drawn when they are seen


@dataclass(frozen=True)
class Demo:
    """What the pictures show: addresses of the demo's traces."""

    repaired: AttemptEnd
    circles: AttemptEnd
    honest: AttemptEnd
    told: str  # the turn that begins with what the harness said

    @property
    def loop(self) -> str:
        return f"/traces/{self.circles.trace_id}"


@dataclass(frozen=True)
class Scene:
    """One picture."""

    path: Callable[[Demo], str]
    on_phone: bool = False
    is_dark: bool = False
    at: str = ""  # what is scrolled to the top


SCENES = {
    "overview": Scene(lambda _: "/"),
    "trace-loop": Scene(lambda demo: demo.loop, at="#trace-findings"),
    "span": Scene(lambda demo: f"{demo.loop}?span={demo.told}", at="#side"),
    "outcome": Scene(lambda demo: f"/traces/{demo.repaired.trace_id}/outcome", at="[aria-label='The checks']"),
    "compare": Scene(lambda demo: f"/compare?a={demo.circles.trace_id}&b={demo.honest.trace_id}", at="#became"),
    "stories": Scene(lambda _: "/stories"),
    "phone": Scene(lambda _: "/", on_phone=True),
    "dark": Scene(lambda demo: demo.loop, is_dark=True),
}


def take(folder: Path) -> Iterator[Path]:
    """Write one PNG file for each scene."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ralph-demo-") as place:
        summary = play(Path(place), lambda _event: None)
        assert summary.as_recorded, summary.reason
        assert summary.home is not None
        demo = _demo(summary, summary.home)
        with ralph_ui(summary.home, os.environ) as viewer, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=_chromium(), args=FLAGS)
            for name, scene in SCENES.items():
                path = folder / f"{name}.png"
                path.write_bytes(_picture(browser, viewer, scene, demo))
                yield path
            browser.close()


def _demo(summary: Summary, home: Path) -> Demo:
    repaired = next(attempt for attempt in summary.attempts if attempt.repairs)
    circles = next(attempt for attempt in summary.attempts if attempt.stopped)
    with closing(TraceStore.open(home / "traces.db")) as store:
        turns = [span.span_id for span in store.trace(circles.trace_id).spans if span.kind is SpanKind.LLM]
    return Demo(repaired, circles, summary.attempts[-1], turns[-2])


def _chromium() -> str:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        sys.exit(
            f"No Chromium: install one (Debian: apt install chromium), so that one of {', '.join(CHROMIUM)} is on PATH"
        )
    return found


def _picture(browser: Browser, viewer: Viewer, scene: Scene, demo: Demo) -> bytes:
    context = browser.new_context(
        viewport=PHONE if scene.on_phone else SIZE,
        color_scheme="dark" if scene.is_dark else "light",
        reduced_motion="reduce",
        locale="en-GB",
    )
    context.add_cookies([{"name": f"viewer-{viewer.port}", "value": viewer.token, "url": viewer.origin}])
    page = context.new_page()
    page.goto(viewer.origin + scene.path(demo))
    _settle(page, scene)
    png = page.screenshot()
    context.close()
    assert len(png) <= MOST_BYTES, f"{len(png)} bytes are too much for a page of documentation"
    return png


def _settle(page: Page, scene: Scene) -> None:
    page.evaluate("document.fonts.ready")
    if scene.at:
        page.locator(scene.at).evaluate(f"node => scrollBy(0, node.getBoundingClientRect().top - {BELOW_THE_BAR_PX})")
    page.wait_for_timeout(SETTLE_MS)


def _main(arguments: Sequence[str]) -> Iterator[str]:
    if len(arguments) == 1 and not arguments[0].startswith("-"):
        yield from (str(path) for path in take(Path(arguments[0])))
    else:
        yield "usage: python -m tests.browser.screens FOLDER"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in _main(sys.argv[1:]))
