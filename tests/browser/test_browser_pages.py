"""Every page of the site: for axe in both colour schemes, on a phone, and without JavaScript. A new page is in at once."""

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from ralph.home import Home
from ralph.ui.site import ralph_site
from tests.browser.viewing import DESKTOP, PHONE, Browsing, Viewer
from tracing import TraceStore
from tracing.web.page import Site
from tracing.web.render import panel_path
from tracing.web.slugs import slug

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WIDER = """() => [document.documentElement.scrollWidth - innerWidth,
  [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1
    && !one.closest(".scroll, pre, .tree-scroll, svg, nav, .wide, dialog, .chart, .tabs")).slice(0, 4).map((one) => one.outerHTML.slice(0, 120))]"""


@pytest.fixture(scope="module")
def addresses(morning: Any) -> list[str]:
    """One of each page and panel, and what else pages look like with something chosen or nothing found."""
    with closing(TraceStore.open(morning.home / "traces.db")) as store:
        site = ralph_site(store, Home(morning.home))
        found = store.findings(morning.looped)[0]
    given = {
        "trace_id": morning.looped, "span_id": found.span_id, "agent": slug(morning.agent), "session_id": slug(morning.session), "schedule": "nightly"
    }  # fmt: skip
    asked = "/traces?text=heron&agent=night%2Fshift+7"
    return [
        *(_filled(path, given) for path in _paths(site)),
        f"/traces/{morning.looped}?span={found.span_id}",
        f"/traces/{morning.passed}",
        f"/traces/{morning.open_trace.trace_id}",
        f"/traces/{morning.passed}/outcome",
        f"/compare?a={morning.failed}&b={morning.passed}",
        f"/stories?repo={morning.repo}",
        asked,
        "/traces?text=nowhere",
        "/costs?by=story",
    ]


def _paths(site: Site) -> list[str]:
    return [page.path for page in site.pages] + [panel_path(panel) for panel in site.panels]


def _filled(path: str, given: dict[str, str]) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda name: given[name[1]], path)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    browsing: Browsing, viewer: Viewer, addresses: list[str], *, dark: bool
) -> None:
    from axe_playwright_python.sync_playwright import (  # type: ignore[import-untyped]  # noqa: PLC0415  an extra
        Axe,
    )

    page, axe = browsing.tab(viewer, dark=dark), Axe()
    found: dict[str, list[str]] = {}
    for address in addresses:
        page.goto(address)
        _settled(page)
        told = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        grave = [one for one in told if one["impact"] in {"serious", "critical"}]
        found |= {f"{address}: {one['id']}": [node["html"][:160] for node in one["nodes"][:3]] for one in grave}
    assert not found, json.dumps(found, indent=1)


def _settled(page: "Page") -> None:
    if page.locator("#tree").count():
        page.wait_for_selector("#tree[data-ready]")


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without"])
def test_no_page_scrolls_sideways_on_a_phone(
    browsing: Browsing, viewer: Viewer, addresses: list[str], *, scripts: bool
) -> None:
    page, found = browsing.tab(viewer, viewport=PHONE, scripts=scripts), {}
    for address in addresses:
        page.goto(address)
        if scripts:
            _settled(page)
        over, which = page.evaluate(WIDER)
        if over > 0:
            found[address] = (over, which)
    assert not found, json.dumps(found, indent=1)


def test_each_page_is_readable_without_scripts(browsing: Browsing, viewer: Viewer, addresses: list[str]) -> None:
    page = browsing.tab(viewer, scripts=False)
    for address in addresses:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        assert page.locator("h1").count() == 1, address
        assert len(page.locator("main").inner_text()) > 40, address
        assert page.locator("button[type=button]:visible").count() == 0, f"{address}: a button that does nothing"


def test_without_scripts_filters_paging_and_spans_are_forms_and_links(
    browsing: Browsing, viewer: Viewer, morning: Any
) -> None:
    page = browsing.tab(viewer, "/traces", scripts=False)
    first = page.locator("tbody th a").first.inner_text()
    page.get_by_role("link", name=re.compile("→$")).click()
    assert page.locator("tbody th a").first.inner_text() != first
    page.fill("#words", "heron")
    page.get_by_role("button", name="Search").click()
    assert "text=heron" in page.url
    page.locator("tbody .place a").first.click()
    assert "heron" in page.locator("#side").inner_text()
    page.goto(f"/traces/{morning.looped}")
    page.get_by_role("link", name="only problems").click()
    assert "problems=1" in page.url
    page.locator("#rows a.label").last.click()
    page.get_by_role("link", name="On its own page").click()
    assert "/spans/" in page.url


def test_on_a_phone_the_panel_opens_over_the_tree_and_closes_again(
    browsing: Browsing, viewer: Viewer, morning: Any
) -> None:
    page = browsing.tab(viewer, f"/traces/{morning.looped}", viewport=PHONE)
    _settled(page)
    page.locator("#tree-scroll").evaluate("(box) => box.scrollIntoView()")
    page.locator("#rows tr.row", has_text="grep -rn total src").first.click()
    page.wait_for_selector("#side.is-open [data-shown]")
    box = page.locator("#side").bounding_box()
    assert box is not None
    assert box["width"] > 330
    assert "grep -rn total src" in page.locator("#side").inner_text()
    page.get_by_role("button", name="Close, back to the tree").click()
    page.wait_for_selector("#side:not(.is-open)")
    assert "span=" not in page.url


def test_dark_is_dark_and_the_switch_is_remembered(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, "/", viewport=DESKTOP, dark=True)
    assert _brightness(page) < 80
    button = page.locator("#theme")
    button.click()  # from "as the system" to light
    assert _brightness(page) > 200
    page.reload()
    assert _brightness(page) > 200


def _brightness(page: "Page") -> float:
    """Of the background [0..255]."""
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    red, green, blue = (float(one) for one in re.findall(r"[\d.]+", colour)[:3])
    return 0.3 * red + 0.6 * green + 0.1 * blue
