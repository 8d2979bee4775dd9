"""The tools where the sandbox is Landlock, which gives no /tmp of one's own: what they say must agree with what happens."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.sandbox.landlock import landlock, why_no_landlock
from ralph.tools import Toolbox

pytestmark = pytest.mark.skipif(bool(why_no_landlock()), reason=why_no_landlock())
NOTE = "[the sandbox allows writing only in the repository (.git and protected files excepted), $TMPDIR and $HOME"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Toolbox]:
    subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True)
    home = Home(tmp_path / "state")
    box = Toolbox(tmp_path / "repo", home.folder("runs", "one"), landlock(home.root))
    yield box
    box.close()


def said(box: Toolbox, tool: str, **given: object) -> str:
    return str(box.run(tool, given).content)


def test_tmp_is_shut_to_commands_and_to_the_file_tools_alike_and_both_name_the_folder_to_use(box: Toolbox) -> None:
    folder = box.scratch / "tmp"
    assert NOTE in said(box, "bash", command="echo x > /tmp/ralph-not-here")
    assert not Path("/tmp/ralph-not-here").exists()
    for tool, more in (("write", {"content": "x"}), ("read", {})):
        told = said(box, tool, file_path="/tmp/ralph-not-here", **more)
        assert told == f"/tmp/ralph-not-here: /tmp is shut here; temporary files go to {folder}."
    assert not (folder / "ralph-not-here").exists()


def test_what_a_command_leaves_in_its_folder_for_temporary_files_can_be_read(box: Toolbox) -> None:
    where = said(box, "bash", command="echo kept > $TMPDIR/here; echo $TMPDIR").splitlines()[0]
    assert where == str(box.scratch / "tmp")
    assert "kept" in said(box, "read", file_path=f"{where}/here")
    assert "kept" in said(box, "bash", command="cat $TMPDIR/here")


def test_a_refused_lock_between_processes_is_told_to_be_the_sandbox(box: Toolbox) -> None:
    told = said(box, "bash", command="python3 -c 'import multiprocessing; multiprocessing.Lock()'")
    assert "PermissionError" in told
    assert NOTE in told
