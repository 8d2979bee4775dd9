"""Every lasting change of a file goes through here: a reader sees all of it or none, and a kill loses nothing.

No file is rewritten in place. Each effect has a failpoint before and after it; `what` names it there. A test reads the
source and finds whoever writes past these doors.
"""

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from tracing.failpoint import effect

TEMPORARY = ".ralph-new"
TEMPORARY_OF = re.compile(r"\.(\d+)-[^.]*\.ralph-new$")


def write_atomically(path: Path, data: bytes, what: str = "file") -> None:
    """Replace the file's content: temporary file, fsync, rename; its mode stays, and a link is followed."""
    _replace(path.resolve(), data, what, keeps_mode=True)


def write_private(path: Path, data: bytes, what: str = "file") -> None:
    """As `write_atomically`, readable by its owner only, whatever was there."""
    _replace(path, data, what, keeps_mode=False)


def copy_file(source: Path, target: Path, what: str = "copy") -> None:
    """Put a copy in the place of `target`, with the mode and the times of `source`, in one step."""
    temporary = target.with_name(f"{target.name}.copy")
    with effect(f"write {what}"):
        shutil.copy2(source, temporary)
    move(temporary, target, what)


def move(source: Path, target: Path, what: str = "file") -> None:
    """Rename, over what is there.

    Raises:
        FileNotFoundError: somebody else has taken it away.
    """
    with effect(f"move {what}"):
        source.replace(target)


def remove_file(path: Path, what: str = "file", *, missing_ok: bool = True) -> None:
    """Raises: FileNotFoundError when it is not there and has to be."""
    with effect(f"remove {what}"):
        path.unlink(missing_ok=missing_ok)


def append(fd: int, data: bytes, what: str) -> int:
    """Write at the end of an open log; how many bytes it took."""
    with effect(f"append {what}"):
        return os.write(fd, data)


def _sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder."""
    for name in os.listdir(folder):  # noqa: PTH208 - a Path for each file would cost more
        made = TEMPORARY_OF.search(name) if name.endswith(TEMPORARY) else None
        if made and not _is_alive(int(made[1])):
            (folder / name).unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _replace(target: Path, data: bytes, what: str, *, keeps_mode: bool) -> None:
    with effect(f"write {what}"):
        _sweep(target.parent)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.{os.getpid()}-", suffix=TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if keeps_mode:
            with contextlib.suppress(FileNotFoundError):
                Path(name).chmod(target.stat().st_mode & 0o7777)
        move(Path(name), target, what)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
