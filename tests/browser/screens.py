"""Pictures of the viewer for the documentation: the demo is played, and its traces are opened in a real Chromium.

python -m tests.browser.screens docs/screens
"""

import base64
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, ViewportSize, sync_playwright
from rich.text import Text

from ralph.demo.play import AttemptEnd, Summary, play
from ralph.errors import ExitCode
from ralph.home import Home
from ralph.live.screenshots import svg
from ralph.report.gather import gather
from ralph.report.render import Form, rendered
from tests.browser import chromium
from tests.browser.nights import Play, a_fortnight, belongs_to_last_night
from tests.browser.viewing import PHONE, Viewer, ralph_ui
from tracing.span import SpanKind
from tracing.store import TraceStore

SAME_EVERYWHERE = ["--force-color-profile=srgb", "--disable-lcd-text"]  # pictures do not tell one machine from another
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


NIGHTS = {
    "schedules": Scene(lambda _: "/schedules"),
    "alerts": Scene(lambda _: "/alerts"),
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
            browser = _started(driver)
            yield from _pictures(folder, SCENES, browser, viewer, demo)
            _two_weeks(Home(summary.home), summary.repo, demo)
            yield from _pictures(folder, NIGHTS, browser, viewer, demo)
            yield from _reports(folder, Home(summary.home), browser)
            browser.close()


def _pictures(
    folder: Path, scenes: Mapping[str, Scene], browser: Browser, viewer: Viewer, demo: Demo
) -> Iterator[Path]:
    for name, scene in scenes.items():
        path = folder / f"{name}.png"
        path.write_bytes(_picture(browser, viewer, scene, demo))
        yield path


def _two_weeks(home: Home, repo: Path, demo: Demo) -> None:
    """Nights before the demo, which becomes the last of them."""
    last = Play(ExitCode.STORIES_REMAIN, 41)
    a_fortnight(home, repo, time.time_ns(), demo.circles.trace_id, demo.told, last=last)
    [run] = [path.name for path in (home.root / "runs").iterdir() if _is_the_demos(path)]
    belongs_to_last_night(home, run)


def _is_the_demos(folder: Path) -> bool:
    log = folder / "events.jsonl"
    return log.is_file() and '"due": ""' in log.read_text().partition("\n")[0]


def _reports(folder: Path, home: Home, browser: Browser) -> Iterator[Path]:
    """The report as it is mailed, wide and on a phone side by side, and in a terminal."""
    os.environ["RALPH_HOME"] = str(home.root)  # attempts are read where the user's own state is
    report = gather(home)
    document = rendered(report, Form.HTML)
    wide = _document(browser, document, {"width": 700, "height": 844}, dark=False)
    phone, dark = (_document(browser, document, PHONE, dark=dark) for dark in (False, True))
    for name, png in (("report-phone", phone), ("report-phone-dark", dark)):
        (folder / f"{name}.png").write_bytes(png)
        yield folder / f"{name}.png"
    path = folder / "report.png"
    path.write_bytes(_side_by_side(browser, wide, phone))
    yield path
    path = folder / "report-terminal.svg"
    path.write_text(svg(Text.from_ansi(rendered(report, Form.TERMINAL, coloured=True)), "ralph report"), "utf-8")
    yield path


def _document(browser: Browser, document: str, size: ViewportSize, *, dark: bool) -> bytes:
    page = browser.new_page(viewport=size, color_scheme="dark" if dark else "light")
    page.set_content(document)
    png = page.screenshot()
    page.close()
    return png


def _side_by_side(browser: Browser, *pictures: bytes) -> bytes:
    images = "".join(f'<img src="data:image/png;base64,{base64.b64encode(one).decode()}">' for one in pictures)
    style = "body{margin:0;display:flex;gap:20px;background:#d9dce1;padding:20px;width:max-content}img{display:block;border-radius:8px}"
    page = browser.new_page(viewport={"width": 1160, "height": 884})
    page.set_content(f"<style>{style}</style>{images}")
    png = page.locator("body").screenshot()
    page.close()
    assert len(png) <= 2 * MOST_BYTES, f"{len(png)} bytes are too much for a page of documentation"
    return png


def _demo(summary: Summary, home: Path) -> Demo:
    repaired = next(attempt for attempt in summary.attempts if attempt.repairs)
    circles = next(attempt for attempt in summary.attempts if attempt.stopped)
    with closing(TraceStore.open(home / "traces.db")) as store:
        turns = [span.span_id for span in store.trace(circles.trace_id).spans if span.kind is SpanKind.LLM]
    return Demo(repaired, circles, summary.attempts[-1], turns[-2])


def _started(driver: Playwright) -> Browser:
    found = chromium.path()
    if found is None:
        sys.exit(chromium.MISSING)
    return chromium.started(driver, found, *SAME_EVERYWHERE)


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
