"""A hundred texts of an attacker in every place that a trace has, opened in a real browser: they are read, and nothing else."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.browser.payloads import PAYLOADS, mark
from tests.browser.stores import Gathering, Hostile, hostile_run, hostile_traces
from tests.browser.viewing import Browsing, Viewer, ralph_ui
from tracing.jsonlike import clean
from tracing.web.slugs import slug

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

INERT = """(marks) => {
  const text = document.documentElement.textContent;
  const found = marks.filter((one) => !text.includes(one)).map((one) => `${one} is not shown`);
  if ("xss" in window) found.push(`a script ran: ${window.xss}`);
  const mine = (address) => new URL(address, location.href).origin === location.origin;
  for (const one of document.querySelectorAll("*")) {
    const where = `${one.localName} in ${one.parentElement?.className}`;
    if (/^(iframe|frame|object|embed|applet|base|math|foreignobject|animate|set|audio|video|marquee|template|noscript)$/.test(one.localName)) found.push(where);
    if (one.localName === "meta" && one.httpEquiv) found.push(`meta ${one.httpEquiv}`);
    if (/^(style|script)$/.test(one.localName) && (one.textContent || !mine(one.src))) found.push(where);
    for (const { name, value } of one.attributes) {
      if (/^on/i.test(name)) found.push(`${name} of ${where}`);
      if (!/^[\\w:-]+$/.test(name)) found.push(`an attribute ${name} of ${where}`);
      if (!/(^|:)(href|src|srcset|action|formaction|data|poster|background|ping)$/i.test(name)) continue;
      if (!/^https?:$/.test(new URL(value, location.href).protocol) || !mine(value)) found.push(`${name}=${value} of ${where}`);
    }
  }
  return found;
}"""


class Shown:
    """The viewer over the hostile store."""

    def __init__(
        self, viewer: Viewer, traces: Mapping[int, tuple[Hostile, Hostile]], repo: str, run_trace: str
    ) -> None:
        self.viewer, self.traces = viewer, traces
        self.repo, self.run_trace = repo, run_trace


@pytest.fixture(scope="module")
def shown(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], runs: SimpleNamespace
) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setenv("RALPH_HOME", str(folder / "ralph-home"))
        repo = hostile_run(folder, runs)
        with closing(Gathering.open(folder / "ralph-home" / "traces.db")) as store:
            run_trace = store.traces()[-1].trace_id
            traces = hostile_traces(store)
    with ralph_ui(folder / "ralph-home", environment) as viewer:
        yield Shown(viewer, traces, repo, run_trace)


def assert_inert(page: "Page", *marks: str) -> None:
    """Nothing of the text is more than text; and the text is there, else this proves nothing."""
    assert page.evaluate(INERT, marks) == [], page.url


@pytest.mark.parametrize("first", range(0, len(PAYLOADS), 10))
def test_payloads_in_every_place_of_a_trace_are_only_read(browsing: Browsing, shown: Shown, first: int) -> None:
    page = browsing.tab(shown.viewer)
    for number in range(first, first + 10):
        other, ralphs = shown.traces[number]
        text = clean(PAYLOADS[number])
        page.goto(f"/traces/{other.trace_id}?span={other.span_ids[0]}")
        page.wait_for_selector("#tree[data-ready]")
        assert_inert(page, mark(number))
        for span in other.span_ids[1:]:
            page.evaluate("(id) => document.querySelector(`#row-${id} a.label`).click()", span)
            page.wait_for_selector(f"[data-shown='{span}']")
            assert_inert(page, mark(number))
        own = f"/traces/{ralphs.trace_id}/spans/{ralphs.span_ids[number % len(ralphs.span_ids)]}?whole=1"
        for address in (f"/agents/{slug(text)}", f"/sessions/{slug(text)}", f"/traces/{ralphs.trace_id}", own):
            page.goto(address)
            assert_inert(page, mark(number))


def test_pages_of_many_payloads_are_only_read(browsing: Browsing, shown: Shown) -> None:
    page = browsing.tab(shown.viewer)
    marks = [mark(number) for number in (0, 9, 36, 52, 70, 95)]
    one, other = shown.traces[0][1].trace_id, shown.traces[36][1].trace_id
    for address, *wanted in (
        (f"/stories?repo={shown.repo}", *marks),
        ("/traces?limit=200", mark(99), mark(90)),
        ("/agents",),
        ("/costs?by=agent",),
        ("/costs?by=story",),
        ("/",),
        (f"/compare?a={one}&b={other}", mark(0), mark(36)),
        ("/traces?text=xss070", mark(70)),
        (f"/traces/{shown.run_trace}", *marks),
        (f"/traces/{shown.run_trace}/outcome", *marks),
    ):
        page.goto(address)
        assert_inert(page, *wanted)
    page.goto(f"/traces/{shown.run_trace}")
    page.wait_for_selector("#tree[data-ready]")
    for _ in range(12):
        page.keyboard.press("j")
        page.wait_for_timeout(150)
        assert_inert(page)
