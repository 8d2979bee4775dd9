"""Real runs to look at afterwards (the world of tests/e2e, loaded by path), and the viewer as a browser meets it."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ralph.home import find_home
from tracing.store import TraceStore

HERE = Path(__file__).parent


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_whole_runs = _load("ralph_whole_runs_of_ui", HERE.parent / "e2e" / "conftest.py")
world, play, tools = _whole_runs.world, _whole_runs.play, _whole_runs.tools


@pytest.fixture
def store() -> Iterator[TraceStore]:
    """The user's own traces."""
    with closing(TraceStore.open(find_home().traces_db)) as store:
        yield store


@pytest.fixture
def browse(store: TraceStore) -> Callable[[str], str]:
    """A page of the viewer as HTML, or its twin as JSON text; whatever it answers must be an answer."""
    from starlette.testclient import TestClient  # noqa: PLC0415  loaded by those who look at pages

    from ralph.ui.site import ralph_site  # noqa: PLC0415
    from tracing.web.app import create_app  # noqa: PLC0415
    from tracing.web.security import Security  # noqa: PLC0415

    security = Security.fresh(80)
    app = create_app(ralph_site(store, find_home()), security)
    client: Any = TestClient(app, base_url="http://127.0.0.1", cookies={security.cookie: security.token})

    def get(path: str) -> str:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    return get
