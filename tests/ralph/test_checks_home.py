"""HOME of the checks: caches of the base stay, what the work's checks leave does not."""

import os
from pathlib import Path

import pytest

from ralph.checks.home import check_home


def test_what_the_bases_checks_leave_is_there_for_the_works(tmp_path: Path) -> None:
    with check_home(tmp_path, of_base=True) as home:
        (home / "cache").mkdir()
        (home / "cache" / "built").write_text("slow to make")
    with check_home(tmp_path, of_base=False) as again:
        assert again == home
        assert (again / "cache" / "built").read_text() == "slow to make"


def test_what_the_works_checks_leave_or_change_is_not_there_for_the_next(tmp_path: Path) -> None:
    with check_home(tmp_path, of_base=True) as home:
        (home / ".npmrc").write_text("fund=false")
        os.mkfifo(home / "pipe")
    with check_home(tmp_path, of_base=False) as home:
        (home / ".npmrc").write_text("script-shell=/bin/true")
        (home / "usercustomize.py").touch()
    with check_home(tmp_path, of_base=False) as home:
        assert (home / ".npmrc").read_text() == "fund=false"
        assert not (home / "usercustomize.py").exists()


def test_a_check_that_fails_leaves_no_more(tmp_path: Path) -> None:
    home = tmp_path / "checks-home"
    with pytest.raises(FileNotFoundError), check_home(tmp_path, of_base=False):
        leave_something_and_fail(home)
    assert list(home.iterdir()) == []


def leave_something_and_fail(home: Path) -> None:
    (home / "left").touch()
    (home / "missing").read_text()
