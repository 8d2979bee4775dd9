"""The user's checkout stays out of sight wherever it lies: below /opt too, which every command sees."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.sandbox import Sandbox
from ralph.sandbox.bubblewrap import bubblewrap
from ralph.sandbox.choose import LEVELS, Machine
from ralph.sandbox.landlock import landlock
from ralph.tools.gitdir import git_folders

See = Callable[[str], tuple[int, str]]


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Below /opt, with keys that git does not know and a tool on PATH."""
    if not os.access("/opt", os.W_OK):
        pytest.skip("only root may have a checkout below /opt")
    folder = Path(tempfile.mkdtemp(dir="/opt", prefix="ralph-test-"))
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".env.local").write_text("KEY=1")
    (folder / "work").write_text("not committed")
    tool = folder / ".venv" / "bin" / "some-tool"
    tool.parent.mkdir(parents=True)
    (folder / ".venv" / "pyvenv.cfg").write_text("")
    tool.write_text("#!/bin/sh\necho tool")
    tool.chmod(0o755)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["bwrap", "landlock"])
def see(request: pytest.FixtureRequest, checkout: Path, tmp_path: Path) -> See:
    home = Home(tmp_path / "state")
    tree = home.folder("worktrees", "one")
    environ = {**os.environ, "PATH": f"{checkout}/.venv/bin:{os.environ['PATH']}"}
    tried = LEVELS[request.param](Machine(home, environ, hide=[checkout]))
    if tried.sandbox is None:
        pytest.skip(tried.why)
    sandbox: Sandbox = tried.sandbox

    def run(script: str) -> tuple[int, str]:
        argv = sandbox.wrap(["bash", "-c", script], cwd=tree, writable=[tree], read_only=git_folders(checkout))
        done = subprocess.run(argv, cwd=tree, env=environ, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    return run


def test_its_files_are_hidden_and_its_tools_and_history_are_not(see: See, checkout: Path) -> None:
    for name in (".env.local", "work"):
        assert see(f"cat {checkout}/{name}") == (1, "")
    assert see("some-tool") == (0, "tool\n")
    assert see(f"cat {checkout}/.git/HEAD")[0] == 0


def test_a_checkout_that_nothing_shows_needs_no_hiding(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    assert bubblewrap("", tmp_path / "state", hide=[tmp_path / "repo"]).checkouts == ()
    assert landlock(tmp_path / "state", hide=[tmp_path / "repo"]).checkouts == ()
