"""From a question to its answer: three clicks to the guilty span, two attempts side by side, a search, filters in the address."""

import re
from typing import Any

import pytest

from tests.browser.viewing import Browsing, Viewer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_from_the_overview_to_the_guilty_span_in_three_clicks(browsing: Browsing, viewer: Viewer, morning: Any) -> None:
    page = browsing.tab(viewer, "/")
    page.locator("#sessions").get_by_role("link", name=re.compile("US-002")).last.click()
    page.wait_for_selector("#tree[data-ready]")
    assert morning.looped in page.url
    page.locator(".finding h3 a").first.click()
    panel = page.locator("#side [data-shown]")
    panel.wait_for()
    assert "grep -rn total src" in panel.inner_text()
    assert re.search(r"\d+ times", page.locator("#trace-findings").inner_text())
    assert page.locator("#rows tr.selected .pinned").count() == 1


def test_what_needs_a_look_leads_to_the_span_in_one(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, "/")
    page.locator("#looks a[href*='span=']").first.click()
    page.wait_for_selector("#side [data-shown]")


def test_two_attempts_part_where_one_wrote_something_else(browsing: Browsing, viewer: Viewer, morning: Any) -> None:
    page = browsing.tab(viewer, "/stories")
    page.get_by_role("link", name="Compare the last two tries").first.click()
    page.goto(f"/compare?a={morning.failed}&b={morning.passed}")
    part = page.locator("#parting")
    assert "write" in part.inner_text()
    same = page.locator("details tr.is-same")
    assert same.count() >= 2
    assert "read" in "".join(same.all_text_contents())
    part.get_by_role("link").first.click()
    page.wait_for_selector("#side [data-shown]")
    assert morning.failed in page.url
    assert "broken" in page.locator("#side").inner_text()


def test_a_search_from_the_header_leads_to_the_span(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, "/costs")
    page.keyboard.press("/")
    page.keyboard.type("heron 42")
    page.keyboard.press("Enter")
    page.wait_for_url("**/traces?text=heron*")
    assert set(page.locator(".places mark").all_inner_texts()) <= {"heron", "42"}
    page.locator(".place a").first.click()
    page.wait_for_selector("#side [data-shown]")
    assert "Answer 42: the heron waits." in page.locator("#side").inner_text()


def test_filters_of_the_list_survive_reload_and_back(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, "/traces")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Status").select_option("success")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**status=success*")
    assert set(page.locator("td[data-label=Status] .status").all_text_contents()) == {"✓passed"}
    page.reload()
    assert page.get_by_label("Take away: status passed").or_(page.locator(".chips a")).count() >= 1
    page.locator("tbody th a").first.click()
    page.wait_for_selector("#tree[data-ready]")
    page.go_back()
    page.wait_for_url("**status=success*")
    assert set(page.locator("td[data-label=Status] .status").all_text_contents()) == {"✓passed"}


def test_filters_and_the_chosen_span_of_a_trace_survive_reload_and_back(
    browsing: Browsing, viewer: Viewer, morning: Any
) -> None:
    page = browsing.tab(viewer, f"/traces/{morning.looped}")
    page.wait_for_selector("#tree[data-ready]")
    everything = page.locator("#rows tr.row").count()
    page.get_by_role("link", name="tools", exact=True).click()
    page.wait_for_url("**kinds=tools*")
    kept = page.locator("#rows tr.row").count()
    assert 0 < kept < everything
    page.locator("#rows a.label", has_text="bash").first.click()
    page.wait_for_selector("#side [data-shown]")
    chosen = page.url
    page.reload()
    page.wait_for_selector("#tree[data-ready]")
    assert page.url == chosen
    assert page.locator("#rows tr.row").count() == kept
    assert page.locator("#rows tr.selected").count() == 1
    page.go_back()
    page.wait_for_selector("#rows:not(:has(tr.selected))")
    assert "kinds=tools" in page.url
