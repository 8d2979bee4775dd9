"""The same world and builders as tests/e2e, and the crash harness: loaded by path, since test folders are no packages."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_whole_runs = _load("ralph_whole_runs", HERE.parent / "e2e" / "conftest.py")
_crashing = _load("ralph_crashing", HERE / "crashing.py")

world, play, tools = _whole_runs.world, _whole_runs.play, _whole_runs.tools


@pytest.fixture(scope="session")
def crashing() -> ModuleType:
    """The builders of `crashing.py`; `World` is the repository of tests/e2e."""
    return _crashing


@pytest.fixture(scope="session")
def whole_runs() -> ModuleType:
    return _whole_runs
