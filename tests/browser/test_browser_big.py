"""A trace of 30,000 spans opens and scrolls as one of 300 does; payloads stay where they are until somebody looks."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.stores import long_trace
from tests.browser.viewing import Browsing, Viewer, ralph_ui
from tracing import TraceStore

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
MANY, FEW = 30_000, 300
MOST_NODES = 6_000
LONGEST_OPENING_MS = 2_500  # a sixth of it on an idle machine
MOST_TIMES, LEAST_MS = 4, 200  # a small trace's longest task is short: what is below `LEAST_MS` is no freeze

SCROLL = """async () => {
  const box = document.querySelector("#tree-scroll");
  const began = performance.now();
  let longest = 0, opening = 0, nodes = 0;
  const note = (one) => {
    if (one.startTime < began) opening = Math.max(opening, one.duration);
    else longest = Math.max(longest, one.duration);
  };
  const watch = new PerformanceObserver((list) => list.getEntries().forEach(note));
  watch.observe({ type: "longtask", buffered: true });
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const steps = 120;
  for (let step = 1; step <= steps; step++) {
    box.scrollTop = (box.scrollHeight * step) / steps;
    await frame();
    nodes = Math.max(nodes, document.getElementsByTagName("*").length);
  }
  await new Promise((done) => setTimeout(done, 100));
  watch.takeRecords().forEach(note);
  watch.disconnect();
  return { longest, opening, nodes };
}"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Viewer]:
    home = tmp_path_factory.mktemp("big")
    store = TraceStore.open(home / "traces.db")
    for spans in (MANY, FEW):
        long_trace(store, spans)
    store.close()
    with ralph_ui(home, environment) as viewer:
        yield viewer


def opened(browsing: Browsing, big: Viewer, spans: int) -> "Page":
    page = browsing.tab(big, f"/traces/{spans:032x}")
    page.wait_for_selector("#tree[data-ready]")
    return page


def test_a_long_trace_scrolls_to_its_end_without_a_freeze(browsing: Browsing, big: Viewer) -> None:
    small = opened(browsing, big, FEW).evaluate(SCROLL)
    page = opened(browsing, big, MANY)
    assert page.locator("#rows tr.row").first.is_visible()
    assert page.locator("#spans").get_attribute("aria-rowcount") == str(MANY + 1)
    asked = len(browsing.requests)
    found = page.evaluate(SCROLL)
    assert f"row-{MANY:016x}" in {one.get_attribute("id") for one in page.locator("#rows tr.row").all()}
    assert browsing.requests[asked:] == []
    assert found["nodes"] < MOST_NODES
    assert found["opening"] < LONGEST_OPENING_MS
    assert found["longest"] <= max(MOST_TIMES * small["longest"], LEAST_MS)


def test_in_a_long_trace_n_finds_the_first_failure_and_its_payload_comes_then(browsing: Browsing, big: Viewer) -> None:
    page = opened(browsing, big, MANY)
    assert not [url for url in browsing.requests if "/spans/" in url]
    page.keyboard.press("n")
    page.wait_for_selector(f"#side [data-shown='{400:016x}']")
    assert len([url for url in browsing.requests if "/spans/" in url]) == 1
    page.keyboard.press("End")
    page.wait_for_selector(f"#row-{MANY:016x}")
