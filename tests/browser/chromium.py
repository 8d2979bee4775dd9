"""The system's own Chromium, as the tests and the pictures start it; Playwright's download is not needed."""

from __future__ import annotations  # Playwright is an extra: its names are for the type checker alone

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage")
MISSING = f"No Chromium: install one (Debian: apt install chromium), so that one of {', '.join(NAMES)} is on PATH"


def path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def started(driver: Playwright, executable: str, *more_flags: str) -> Browser:
    return driver.chromium.launch(executable_path=executable, args=[*FLAGS, *more_flags])
