"""The server and the script draw one axis: the same idle gaps are folded, at the same places, in the same words."""

from collections.abc import Iterator

import pytest

from tests.browser.viewing import Browsing, Viewer, ralph_ui
from tracing import SpanKind, Tracer, TraceStore

pytestmark = pytest.mark.browser
S, BEGAN_NS = 1_000_000_000, 1_800_000_000_000_000_000
BUSY_S = [(0, 10), (11, 12), (70, 100), (103, 130), (900, 1_000)]  # two of the gaps are long enough to be folded


class Clock:
    now_ns = BEGAN_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def idle(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[tuple[Viewer, str]]:
    """A trace that waited for somebody."""
    home, clock = tmp_path_factory.mktemp("idle"), Clock()
    store = TraceStore.open(home / "traces.db")
    trace = Tracer(store, clock=clock).start_trace("waits")
    for start_s, end_s in BUSY_S:
        trace.add_span(
            "step", kind=SpanKind.TOOL, started_at_ns=BEGAN_NS + start_s * S, ended_at_ns=BEGAN_NS + end_s * S
        )
    clock.now_ns += 1_000 * S
    trace.end()
    store.close()
    with ralph_ui(home, environment) as viewer:
        yield viewer, f"/traces/{trace.trace_id}"


@pytest.mark.parametrize("part", ["", "?from_ms=5000&to_ms=120000"], ids=["all", "a-part"])
def test_the_folds_are_the_same_with_scripts_and_without(
    browsing: Browsing, idle: tuple[Viewer, str], part: str
) -> None:
    viewer, path = idle
    drawn = browsing.tab(viewer, path + part)
    drawn.wait_for_selector("#tree[data-ready]")
    plain = browsing.tab(viewer, path + part, scripts=False)
    folds = [
        [
            (
                round(float((one.get_attribute("x") or "").rstrip("%")), 1),
                (one.text_content() or "").partition("Nothing")[0],
            )
            for one in page.locator("#axis .fold-word").all()
        ]
        for page in (plain, drawn)
    ]
    assert folds[0] == folds[1]
    assert len(folds[0]) == (1 if part else 2)
