"""Removes folders that an agent worked in: read-only files and folders, links and odd names included."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ralph.files import remove_file
from tracing.failpoint import effect


def remove_tree(path: Path, what: str = "tree") -> None:
    """Remove the folder, the link or the file; nothing there is fine. Links are not followed."""
    if path.is_symlink() or path.is_file():
        remove_file(path, what)
    elif path.exists():
        with effect(f"remove {what}"):
            shutil.rmtree(path, onerror=_make_writable)


def _make_writable(function: Callable[..., object], path: str, error: object) -> None:
    if function is os.path.islink:
        raise OSError(str(error))
    for locked in (os.path.dirname(path), path):  # noqa: PTH120 - plain strings come in
        if not os.path.islink(locked):  # noqa: PTH114
            os.chmod(locked, 0o700)  # noqa: PTH101
    if function in {os.scandir, os.open, os.lstat, os.listdir}:
        shutil.rmtree(path)
    else:
        function(path)
