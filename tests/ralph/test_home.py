"""A state folder that cannot be used is the user's to mend: told once, in words, never by a traceback."""

import errno
import sqlite3
from pathlib import Path

import pytest

from ralph.cli.main import report
from ralph.demo.make import make_demo
from ralph.doctor import Status, examine
from ralph.errors import ExitCode, RalphError
from ralph.home import Home, HomeError, find_home
from tracing.sqlite import StateError, connect, transaction


def test_a_state_folder_that_is_a_file_or_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for place in (file, file / "below", Path("/proc/ralph")):
        with pytest.raises(HomeError) as raised:
            find_home({"RALPH_HOME": str(place)})
        assert str(raised.value).startswith(f"RALPH_HOME ({place}) cannot be written: ")
        assert str(raised.value).endswith("Name another folder: export RALPH_HOME=~/ralph-state")
        assert report(raised.value) == ExitCode.USAGE


def test_a_read_only_mount_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path, _mode: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(HomeError, match=r"cannot be written: Read-only file system\. Name another folder"):
        find_home({"RALPH_HOME": str(tmp_path)})


def test_a_folder_of_the_state_that_cannot_be_made_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(HomeError, match=r"the state folder .*/runs/x cannot be written: Not a directory"):
        Home(tmp_path).folder("runs", "x")


def test_the_doctor_tells_it_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = list(examine(tmp_path, environ={"RALPH_HOME": str(tmp_path / "file"), "PATH": "/usr/bin:/bin"}))
    about = [finding for finding in found if "RALPH_HOME" in finding.what]
    assert [(finding.area, finding.status) for finding in about] == [("state", Status.FAIL)]
    assert about[0].remedy.startswith("Name another folder")


def test_the_demo_says_that_its_folder_cannot_be_written() -> None:
    with pytest.raises(RalphError, match=r"/proc/x/kitty: cannot be written: .*ralph demo --folder PATH"):
        make_demo(Path("/proc/x/kitty"))


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(StateError, match=r"ledger\.db: cannot be used: .*export RALPH_HOME"):
        connect(tmp_path / "ledger.db", synchronous="FULL")


def _fill(connection: sqlite3.Connection) -> None:
    with transaction(connection, "test"):
        for number in range(50):
            connection.execute(f"CREATE TABLE t{number}(x)")


def test_a_full_disk_is_no_bug_and_a_mistake_in_our_sql_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    connection = connect(tmp_path / "small.db", synchronous="NORMAL")
    connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as full:
        _fill(connection)
    with pytest.raises(sqlite3.OperationalError) as mistake:
        connection.execute("SELECT nothing FROM nowhere")
    connection.close()
    assert report(full.value) == ExitCode.USAGE
    assert "cannot be written: database or disk is full. Nothing that is committed is lost." in capsys.readouterr().err
    assert report(OSError(errno.ENOSPC, "No space left on device", "/x/y")) == ExitCode.USAGE
    assert "/x/y: cannot be written: No space left" in capsys.readouterr().err
    assert report(OSError(errno.ENOSPC, "No space left on device")) == ExitCode.USAGE  # of a write to an open file
    assert "ralph: a file that Ralph needs: cannot be written: No space left" in capsys.readouterr().err
    assert report(mistake.value) == ExitCode.BUG
