"""Report, schedules and alerts as a person meets them at 7 am: in a real browser, on a phone, without scripts."""

import re
from typing import Any

import pytest

from tests.browser.viewing import PHONE, Browsing, Viewer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_from_a_night_in_the_strip_to_its_log_and_its_traces(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, "/schedules", viewport=PHONE)
    page.get_by_role("list", name="The last nights of nightly").get_by_role("link", name=re.compile("went on")).click()
    page.wait_for_url("**/schedules/nightly#night-*")
    night = page.locator("li:target")
    assert "in 2 parts" in night.inner_text()
    night.get_by_text("The end of its log").click()
    assert "stories remain" in night.locator("pre").inner_text()
    night.get_by_role("link", name="traces of part 1").click()
    assert "/sessions/" in page.url


def test_an_alert_leads_to_its_trace_without_scripts(browsing: Browsing, viewer: Viewer, morning: Any) -> None:
    page = browsing.tab(viewer, "/alerts", scripts=False)
    page.get_by_role("link", name=re.compile("same bash call")).first.click()
    assert morning.looped in page.url


def test_the_report_says_what_needs_a_person_in_the_first_screen_of_a_phone(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, "/report", viewport=PHONE)
    box = page.get_by_role("heading", name="Needs you first").bounding_box()
    assert box is not None
    assert box["y"] < PHONE["height"] / 2
    page.get_by_role("link", name="7 days").click()
    assert "(as asked)" in page.locator("main").inner_text()


def test_the_keys_go_to_the_three_pages(browsing: Browsing, viewer: Viewer) -> None:
    page = browsing.tab(viewer, "/")
    for key, path in (("r", "/report"), ("n", "/schedules"), ("l", "/alerts")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**{path}")
