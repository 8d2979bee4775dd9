"""Gives the room that deletions freed in a database file back to the disk, beside whoever writes to it.

A file made with `auto_vacuum=INCREMENTAL`, as all new ones are, shrinks by some pages at a time. An older one has to be
written anew as a whole, which nobody else may have open meanwhile. Either may be killed at any point.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tracing.failpoint import effect
from tracing.slices import Slices
from tracing.sqlite import StateError, connect

PAGES = 16  # a step
INCREMENTAL = 2
ALONE_MS = 200
MB = 1_000_000


@dataclass(frozen=True)
class Vacuumed:
    """`is_whole`: the file was written anew."""

    path: Path
    before_bytes: int
    after_bytes: int
    is_whole: bool
    longest_s: float = 0.0  # the longest that a writer had to wait for one step


def vacuum(path: Path, *, slices: Callable[[sqlite3.Connection], Slices] = Slices) -> Vacuumed:
    """Make the file as small as what is in it.

    Raises:
        StateError: the file has to be written anew, and somebody uses it or the disk has no room for that.
    """
    before = size_bytes(path)
    with closing(connect(path, synchronous="NORMAL")) as connection:
        is_whole = connection.execute("PRAGMA auto_vacuum").fetchone()[0] != INCREMENTAL
        if is_whole:
            _anew(connection, path)
        work = slices(connection)
        work.carry_out(_steps(connection), "vacuum step")
        _shorten_log(connection)
    return Vacuumed(path, before, size_bytes(path), is_whole, work.longest_s)


def size_bytes(path: Path) -> int:
    """Of the file and its log."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def free_bytes(connection: sqlite3.Connection) -> int:
    """What `vacuum` would give back."""
    free, page = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size"))
    return int(free * page)


def _steps(connection: sqlite3.Connection) -> Iterator[None]:
    while connection.execute("PRAGMA freelist_count").fetchone()[0]:
        connection.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
        yield


def _anew(connection: sqlite3.Connection, path: Path) -> None:
    needed, free = 2 * size_bytes(path), shutil.disk_usage(path.parent).free
    if free < needed:
        raise StateError(
            f"{path}: was made by an older Ralph, so it has to be written anew, and the disk has {free / MB:.0f} MB of the "
            f"{needed / MB:.0f} MB that takes. Free some room and run this again; nothing was changed."
        )
    _alone(connection, path)
    try:
        connection.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
        with effect("vacuum whole file"):
            connection.execute("VACUUM")
    finally:
        connection.execute("PRAGMA journal_mode=WAL")


def _alone(connection: sqlite3.Connection, path: Path) -> None:
    """Leaving WAL mode is refused while anybody else has the file open."""
    connection.execute(f"PRAGMA busy_timeout={ALONE_MS}")
    try:
        mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    except sqlite3.OperationalError:
        mode = "wal"
    if mode != "delete":
        raise StateError(
            f"{path}: was made by an older Ralph, so it has to be written anew once, and a run, the daemon or the viewer "
            "uses it. Stop them and run this again; nothing was changed."
        )


def _shorten_log(connection: sqlite3.Connection) -> None:
    """Only if nobody reads or writes at this moment: it is not worth a wait."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    connection.execute("PRAGMA busy_timeout=0")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
