"""A real Chromium, a real `ralph ui`, and stores for it to show: one of real runs, one of an attacker's texts."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import chromium as chromium_here
from tests.browser.stores import a_morning
from tests.browser.viewing import Browsing, Viewer, clean_environment, ralph_ui

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_whole_runs = _load("ralph_whole_runs_of_browser", HERE.parent / "e2e" / "conftest.py")


@pytest.fixture(scope="session")
def runs() -> SimpleNamespace:
    """The users' repositories and scripted models of tests/e2e."""
    return SimpleNamespace(
        world=_whole_runs.World, a_story=_whole_runs.a_story, writes=_whole_runs.writes, solves=_whole_runs.solves
    )


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    found = chromium_here.path()
    if found is None:
        pytest.skip(chromium_here.MISSING)
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install -e '.[browser]'")
    with playwright.sync_playwright() as driver:
        browser = chromium_here.started(driver, found)
        yield browser
        browser.close()


@pytest.fixture
def browsing(chromium: "Browser") -> Iterator[Browsing]:
    """Tabs. No test passes when one of them saw a script's error, a breach of the CSP, a dialog or a foreign request."""
    opened = Browsing(chromium)
    yield opened
    opened.close()
    assert opened.problems == []


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return clean_environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="session")
def morning(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], runs: SimpleNamespace
) -> Iterator[Any]:
    """What somebody finds at 7 am: a night of real runs, other agents beside them. Nobody changes it."""
    folder = tmp_path_factory.mktemp("morning")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setenv("RALPH_HOME", str(folder / "ralph-home"))
        made = a_morning(folder, runs)
    yield made
    made.close()


@pytest.fixture(scope="session")
def viewer(morning: Any, environment: dict[str, str]) -> Iterator[Viewer]:
    """`ralph ui` over the morning's traces."""
    with ralph_ui(morning.home, environment) as started:
        yield started
