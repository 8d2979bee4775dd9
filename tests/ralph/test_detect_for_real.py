"""The proposed commands, run by bash as Ralph runs them, in small repos of Python and Node."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ralph.checks.check import Check
from ralph.detect import Proposal, detect

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
HAS_NODE = shutil.which("npm") is not None


def run(check: Check, root: Path) -> int:
    command = ["bash", "--noprofile", "--norc", "-o", "pipefail", "-c", check.command]
    env = {"PATH": PATH, "HOME": str(root), "CI": "1", "PYTHONDONTWRITEBYTECODE": "1", **check.env}
    return subprocess.run(command, cwd=root / check.cwd, env=env, check=False, timeout=100).returncode


def all_pass(proposal: Proposal, root: Path) -> bool:
    assert proposal.checks
    return all(run(check, root) == 0 for check in [*([proposal.setup] if proposal.setup else []), *proposal.checks])


def test_a_python_repo_without_dependencies_is_checked_offline_and_without_setup(tmp_path: Path) -> None:
    (tmp_path / "src" / "app").mkdir(parents=True)
    (tmp_path / "src" / "app" / "__init__.py").write_text("ONE = 1\n")
    (tmp_path / "tests").mkdir()
    test = tmp_path / "tests" / "test_app.py"
    test.write_text(
        "import unittest\nimport app\nclass T(unittest.TestCase):\n    def test_it(self):\n        assert app.ONE == 1\n"
    )
    proposal = detect(tmp_path, which=lambda tool: shutil.which(tool) if tool in {"python", "python3"} else None)
    assert proposal.setup is None
    check = proposal.checks[0]
    assert run(check, tmp_path) == 0
    test.write_text(test.read_text().replace("== 1", "== 2"))
    assert run(check, tmp_path) != 0


@pytest.mark.skipif(not HAS_NODE, reason="needs npm")
def test_a_node_workspace_installs_and_tests_with_a_lock_file_that_fits_and_one_that_does_not(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = tmp_path / "packages" / name
        folder.mkdir(parents=True)
        (folder / "index.js").write_text(f'module.exports = "{name}";\n')
        _package(folder, name=name, version="1.0.0", scripts={"test": "node --test"})
        (folder / "a.test.js").write_text('require("node:test")("it", () => {});\n')
    _package(tmp_path, name="root", version="1.0.0", workspaces=["packages/*"], dependencies={"a": "1.0.0"})
    subprocess.run(
        ["npm", "install", "--offline", "--no-audit", "--no-fund"], cwd=tmp_path, check=True, capture_output=True
    )
    lock = (tmp_path / "package-lock.json").read_bytes()
    assert all_pass(detect(tmp_path), tmp_path)
    assert (tmp_path / "package-lock.json").read_bytes() == lock
    (tmp_path / "later").mkdir()
    _package(tmp_path / "later", name="later", version="1.0.0")
    _package(tmp_path, name="root", version="1.0.0", workspaces=["packages/*"], dependencies={"later": "file:later"})
    assert all_pass(detect(tmp_path), tmp_path)
    assert '"later": "file:later"' in (tmp_path / "package-lock.json").read_text()


def _package(folder: Path, **content: object) -> None:
    (folder / "package.json").write_text(json.dumps(content))
