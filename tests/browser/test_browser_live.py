"""A run watched from its start to its end: pages that are open follow it, and nobody reloads anything."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ralph.replay.scripted import Request, ScriptedModel, Turn, calls, finish_done
from ralph.replay.server import serve
from tests.browser.viewing import Browsing, ralph_ui
from tracing import TraceStore

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PATIENCE_S = 60.0
SAME_PAGE = "window.sameSince = true"


class Gated:
    """Each turn comes when the test says so."""

    def __init__(self, *turns: Turn) -> None:
        self.turns = list(turns)
        self.open = threading.Semaphore(0)

    def __call__(self, request: Request) -> Turn:
        del request
        assert self.open.acquire(timeout=PATIENCE_S)
        return self.turns.pop(0)

    def go_on(self, turns: int = 1) -> None:
        self.open.release(turns)


@contextmanager
def a_run(world: Any, model: ScriptedModel, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with serve(model) as base_url:
        keys = {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "fake-key-for-tests"}
        process = subprocess.Popen(
            [sys.executable, "-m", "ralph", "run", "--plain"],
            cwd=world.root,
            env={**environment, **keys, "RALPH_HOME": str(world.home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_pages_follow_a_run_to_its_end(
    browsing: Browsing, tmp_path: Path, environment: dict[str, str], runs: SimpleNamespace
) -> None:
    world = runs.world(tmp_path / "repo", tmp_path / "ralph-home")
    world.start_repo(runs.a_story(1))
    TraceStore.open(world.home / "traces.db").close()
    script = Gated(calls("bash", {"command": "ls src"}), runs.writes(1), finish_done("Wrote the heron."))
    with ralph_ui(world.home, environment) as viewer, a_run(world, ScriptedModel(script), environment) as run:
        overview, listed = browsing.tab(viewer, "/"), browsing.tab(viewer, "/traces")
        for page in (overview, listed):
            page.evaluate(SAME_PAGE)
        overview.locator("#sessions .status-running").first.wait_for(timeout=PATIENCE_S * 1000)
        listed.locator("#traces .status-running").first.wait_for(timeout=PATIENCE_S * 1000)
        trace = browsing.tab(viewer, "/traces/latest")
        trace.wait_for_selector("#tree[data-ready]")
        trace.evaluate(SAME_PAGE)
        assert trace.locator("#live").inner_text() == "live"
        before = trace.locator("#rows tr.row").count()
        script.go_on()
        trace.locator("#rows .gist", has_text="ls src").first.wait_for(timeout=PATIENCE_S * 1000)
        assert trace.locator("#rows tr.row").count() > before
        script.go_on(2)
        for page, where in ((trace, "#trace-head"), (listed, "#traces"), (overview, "#sessions")):
            page.locator(f"{where} .status-success").first.wait_for(timeout=PATIENCE_S * 1000)
            assert page.locator(f"{where} .status-running").count() == 0
            assert page.evaluate("window.sameSince"), "the page was loaded anew"
        trace.locator("#live", has_text="ended").wait_for()
        trace.locator("#rows tr.row", has_text="commit").first.wait_for()
        assert run.wait(PATIENCE_S) == 0
        browsing.close()
