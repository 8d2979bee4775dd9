"""The viewer by keyboard alone, and what a screen reader is told of the tree."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.viewing import Browsing, Viewer

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ACTIVE = "document.activeElement.dataset.id ?? ''"
OUTLINED = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
}"""


def opened(browsing: Browsing, viewer: Viewer, trace_id: str) -> "Page":
    page = browsing.tab(viewer, f"/traces/{trace_id}")
    page.wait_for_selector("#tree[data-ready]")
    return page


def test_j_and_k_walk_the_rows_and_what_has_focus_is_seen(browsing: Browsing, viewer: Viewer, morning: Any) -> None:
    page = opened(browsing, viewer, morning.looped)
    page.keyboard.press("j")
    first = page.evaluate(ACTIVE)
    page.keyboard.press("j")
    second = page.evaluate(ACTIVE)
    assert first != second
    assert page.evaluate(OUTLINED)
    page.keyboard.press("k")
    assert page.evaluate(ACTIVE) == first


def test_n_and_p_go_from_problem_to_problem(browsing: Browsing, viewer: Viewer, morning: Any) -> None:
    page = opened(browsing, viewer, morning.looped)
    page.keyboard.press("n")
    page.wait_for_selector("#side [data-shown]")
    first = page.evaluate(ACTIVE)
    assert page.locator("#rows tr.selected .pinned").count() == 1
    page.keyboard.press("n")
    page.wait_for_function(f"{ACTIVE} !== '{first}'")
    page.keyboard.press("p")
    page.wait_for_function(f"{ACTIVE} === '{first}'")


def test_enter_opens_a_row_and_escape_closes_the_panel(browsing: Browsing, viewer: Viewer, morning: Any) -> None:
    page = opened(browsing, viewer, morning.looped)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("#side.is-open [data-shown]")
    assert "span=" in page.url
    page.keyboard.press("Escape")
    page.wait_for_selector("#side:not(.is-open)")
    assert "span=" not in page.url


def test_g_and_a_letter_go_to_each_page(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, "/")
    ways = page.eval_on_selector_all(
        "a[data-go]", "all => all.map((one) => [one.dataset.go, one.getAttribute('href')])"
    )
    assert len(ways) >= 5
    for key, path in ways:
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"{viewer.origin}{path}")


def test_a_question_mark_shows_the_keys_and_escape_hides_them(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, "/traces")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.type("j?g")
    assert page.evaluate("document.activeElement.value") == "j?g"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.body")


def test_tab_begins_with_the_skip_link_and_always_shows_where_one_is(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, "/traces")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(12):
        assert page.evaluate(OUTLINED), page.evaluate("document.activeElement.outerHTML")
        page.keyboard.press("Tab")


def test_the_tree_tells_its_levels_and_what_is_chosen(browsing: Browsing, viewer: Viewer, morning: Any) -> None:
    page = opened(browsing, viewer, morning.looped)
    assert page.locator("[role=treegrid]").count() == 1
    rows = page.locator("#rows tr.row")
    assert rows.first.get_attribute("aria-level") == "1"
    assert rows.first.get_attribute("aria-expanded") == "true"
    assert rows.nth(1).get_attribute("aria-level") == "2"
    assert page.locator("#rows tr.row[tabindex='0']").count() == 1
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rows tr[aria-selected=true]")
    rows.first.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelectorAll('#rows tr.row').length === 1")
    assert rows.first.get_attribute("aria-expanded") == "false"
