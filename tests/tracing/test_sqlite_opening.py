"""Opening a database that another process is just making."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tracing.sqlite import connect


def test_a_new_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as maker:
        maker.execute("BEGIN IMMEDIATE")  # as SQLite itself does on the way to WAL; nobody's busy timeout holds here
        threading.Timer(0.1, maker.execute, ["COMMIT"]).start()
        with closing(connect(path, synchronous="NORMAL", busy_timeout_ms=30_000)) as second:
            assert second.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_file_that_stays_locked_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as maker:
        maker.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connect(path, synchronous="NORMAL", busy_timeout_ms=30)
