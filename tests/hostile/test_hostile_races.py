"""Files and folders that become links between the check of a path and its use: the file tools never get out.

A process swaps without a pause while the tools work. 300 calls of each tool in `make test`, 10,000 under `make soak`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ralph.errors import RalphError
from ralph.tools.editing import EditInput, WriteInput, edit, write
from ralph.tools.places import Places
from ralph.tools.reading import ReadInput, read
from ralph.tools.result import ToolRefusedError

TIMES = 10_000 if os.environ.get("RALPH_SOAK") == "1" else 300
SWAP = """
import ctypes, os, sys
root, outside = sys.argv[1:]
os.chdir(root)
os.symlink(outside, "other")
exchange = ctypes.CDLL(None).renameat2
while True:
    os.symlink(outside + "/victim", "next"); os.replace("next", "file")
    with open("next", "w") as new: new.write("mine\\n")
    os.replace("next", "file")
    exchange(-100, b"folder", -100, b"other", 2)
"""


@contextmanager
def swapping(root: Path, outside: Path) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", SWAP, str(root), str(outside)]) as process:
        try:
            yield
            assert process.poll() is None, "it swapped to the end"
        finally:
            process.kill()


def _try(act: Callable[[], object]) -> str:
    try:
        return str(act())
    except (ToolRefusedError, RalphError, OSError) as error:
        return f"refused: {error}"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="swaps by renameat2")
@pytest.mark.timeout(3_600 if TIMES > 300 else 120)
def test_a_file_or_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "folder").mkdir(parents=True)
    (root / "folder/victim").write_text("mine\n")
    (root / "file").write_text("mine\n")
    outside.mkdir()
    (outside / "victim").write_text("precious\n")
    (outside / "secret-name").write_text("precious\n")
    places = Places(root.resolve(), tmp_path / "scratch")
    seen = {root.resolve() / "file", root.resolve() / "folder/victim"}
    told = []
    with swapping(root, outside):
        for number in range(TIMES):
            for path in ("file", "folder/victim"):
                told.append(_try(lambda path=path: read(places, ReadInput(file_path=path), seen)))  # type: ignore[misc]
                told.append(_try(lambda path=path: edit(places, EditInput(file_path=path, old_string="i", new_string="i!"))))  # type: ignore[misc]  # fmt: skip
                told.append(_try(lambda path=path: write(places, WriteInput(file_path=path, content="pwned i\n"), seen)))  # type: ignore[misc]  # fmt: skip
            told.append(_try(lambda: read(places, ReadInput(file_path="folder"), seen)))
            made = WriteInput(file_path=f"folder/new-{number}", content="pwned\n")
            told.append(_try(lambda made=made: write(places, made, seen)))  # type: ignore[misc]
    assert (outside / "victim").read_text() == "precious\n"
    assert sorted(path.name for path in outside.iterdir()) == ["secret-name", "victim"]
    assert not [text for text in told if "precious" in text or "secret-name" in text]
    assert any(text.startswith("refused") for text in told), "the swaps and the tools never met"
    assert any(not text.startswith("refused") for text in told), "the tools never got through"
