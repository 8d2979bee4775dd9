"""Vacuum: room goes back to the disk beside a writer, an older file is written anew when nobody uses it, a kill breaks nothing."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tracing import Tracer, TraceStore
from tracing.slices import Slices
from tracing.sqlite import StateError, connect
from tracing.vacuum import free_bytes, vacuum

ROW = "x" * 1_000


def a_file(path: Path, rows: int = 2_000) -> None:
    with closing(connect(path, synchronous="NORMAL")) as file:
        fill(file, rows)


def fill(file: sqlite3.Connection, rows: int) -> None:
    file.execute("CREATE TABLE IF NOT EXISTS filler(text TEXT)")
    file.executemany("INSERT INTO filler VALUES (?)", [(ROW,)] * rows)
    file.execute("DELETE FROM filler WHERE rowid % 10 > 0")
    file.execute("DELETE FROM filler WHERE rowid > 500")


def an_old_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("CREATE TABLE first(a)")
        file.commit()
    a_file(path)


def hasty(file: sqlite3.Connection) -> Slices:
    return Slices(file, breathe=lambda _: None)


def test_the_room_that_was_freed_goes_back_to_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    a_file(path)
    done = vacuum(path, slices=hasty)
    assert not done.is_whole
    assert done.after_bytes < done.before_bytes / 4
    with closing(connect(path, synchronous="NORMAL")) as file:
        assert free_bytes(file) == 0
        assert file.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_an_older_file_is_written_anew_once_and_shrinks_in_steps_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    an_old_file(path)
    done = vacuum(path, slices=hasty)
    assert done.is_whole
    assert done.after_bytes < done.before_bytes / 4
    assert not vacuum(path, slices=hasty).is_whole
    with closing(connect(path, synchronous="NORMAL")) as file:
        assert file.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_an_older_file_that_somebody_uses_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    an_old_file(path)
    with closing(connect(path, synchronous="NORMAL")) as reader:
        reader.execute("SELECT count(*) FROM filler").fetchone()
        with pytest.raises(StateError, match="Stop them and run this again; nothing was changed"):
            vacuum(path)
        reader.execute("INSERT INTO filler VALUES ('still here')")


def test_an_older_file_is_left_alone_where_the_disk_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    an_old_file(path)
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("tracing.vacuum.shutil.disk_usage", lambda _: usage)
    with pytest.raises(StateError, match="the disk has 1 MB of the"):
        vacuum(path)


def test_a_tracer_writes_on_while_its_store_shrinks(tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    with closing(TraceStore.open(path)) as store:
        a_file(path, 5_000)
        tracer = Tracer(store, watch=None)
        trace, stop = tracer.start_trace("live"), threading.Event()

        def write() -> None:
            while not stop.is_set():
                trace.add_span("bash", input="something", output="else")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            done = vacuum(path)
        finally:
            stop.set()
            writer.join()
        trace.end()
        assert (tracer.recorder.lost, tracer.recorder.waiting) == (0, 0)
        assert done.longest_s < 0.5  # 15 ms are meant; this machine may be at other work
        assert store.trace_row(trace.trace_id).spans > 1


VACUUM = """
import sys
from pathlib import Path
from tracing.slices import Slices
from tracing.vacuum import vacuum
vacuum(Path(sys.argv[1]), slices=lambda file: Slices(file, slice_s=0, breathe=lambda _: None))
"""


@pytest.mark.parametrize(
    ("make", "point"),
    [
        pytest.param(a_file, "inside vacuum step#3", id="between-two-steps"),
        pytest.param(a_file, "after vacuum step#9", id="behind-a-step"),
        pytest.param(an_old_file, "after vacuum whole file#1", id="behind-the-whole"),
    ],
)
def test_a_kill_in_the_middle_leaves_a_sound_file_and_the_next_one_finishes(
    tmp_path: Path, make: object, point: str
) -> None:
    assert callable(make)
    path = tmp_path / "a.db"
    make(path)
    environment = {**os.environ, "RALPH_FAILPOINT": f"exit:{point}"}
    killed = subprocess.run([sys.executable, "-c", VACUUM, str(path)], env=environment, check=False)
    assert killed.returncode == 137
    vacuum(path, slices=hasty)
    with closing(connect(path, synchronous="NORMAL")) as file:
        assert file.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert (free_bytes(file), file.execute("SELECT count(*) FROM filler").fetchone()[0]) == (0, 50)
