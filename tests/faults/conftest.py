"""The same world and builders as tests/e2e: loaded by path, since test folders are no packages."""

import importlib.util
import sys
from pathlib import Path

_NAME = "ralph_whole_runs"
_spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).parents[1] / "e2e" / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules[_NAME] = _module
_spec.loader.exec_module(_module)

world, play, tools = _module.world, _module.play, _module.tools
