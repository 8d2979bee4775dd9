"""What stays of a run's folder when the run is over."""

import os
from pathlib import Path

import pytest

from ralph.history.event_log import EventLog, RunFolders, RunHead
from ralph.history.tidy import MOST_BYTES, tidy, tidy_dead_runs
from ralph.home import Home
from ralph.known_secrets import known_secrets
from tracing.redact import Redactor

SECRET = "correct-horse-battery-9"


def redact(text: str) -> str:
    return Redactor([SECRET]).text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = tmp_path / "runs" / "20260101-000000-abcdef"
    (run / "trace" / "home").mkdir(parents=True)
    (run / "trace" / "tmp").mkdir()
    (run / "trace" / "tmp" / "copy").write_text(SECRET)
    (run / "trace" / "bash-1.txt").write_bytes(b"\xff\xfe " + SECRET.encode() + b" \x00")
    return run


def test_outputs_stay_without_secrets_byte_by_byte_and_private_folders_go(folder: Path) -> None:
    tidy(folder, redact)
    assert (folder / "trace" / "bash-1.txt").read_bytes() == b"\xff\xfe [redacted: secret] \x00"
    assert not (folder / "trace" / "home").exists()
    assert not (folder / "trace" / "tmp").exists()


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "theirs.txt"
    outside.write_text(SECRET)
    (folder / "trace" / "link.txt").symlink_to(outside)
    tidy(folder, redact)
    assert outside.read_text() == SECRET


def test_of_a_huge_output_both_ends_stay(folder: Path) -> None:
    file = folder / "trace" / "bash-2.txt"
    file.write_bytes(b"first\n" + b"x" * 99 * 1000 + b"\n" + b"y\n" * (MOST_BYTES // 2) + SECRET.encode() + b"\nlast\n")
    tidy(folder, str)
    kept = file.read_bytes()
    assert kept.startswith(b"first\n")
    assert kept.endswith(b"last\n")
    assert len(kept) < MOST_BYTES / 4


def test_a_run_that_was_killed_is_tidied_by_the_next_and_one_that_goes_on_is_not(folder: Path, tmp_path: Path) -> None:
    home = Home(tmp_path)
    log = EventLog(home, RunHead(folder.name, "id", "/repo", "main", "prd.json", 1))
    tidy_dead_runs(RunFolders(home), redact)
    assert SECRET.encode() in (folder / "trace" / "bash-1.txt").read_bytes()
    log.close()
    tidy_dead_runs(RunFolders(home), redact)
    assert SECRET.encode() not in (folder / "trace" / "bash-1.txt").read_bytes()


def test_a_folder_without_a_log_is_tidied_when_it_is_a_day_old(folder: Path, tmp_path: Path) -> None:
    tidy_dead_runs(RunFolders(Home(tmp_path)), redact)
    assert SECRET.encode() in (folder / "trace" / "bash-1.txt").read_bytes()
    os.utime(folder, (0, 0))
    tidy_dead_runs(RunFolders(Home(tmp_path)), redact)
    assert SECRET.encode() not in (folder / "trace" / "bash-1.txt").read_bytes()


def test_values_of_env_files_are_known_and_those_of_samples_are_not(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f"# comment\nexport DB_PASSWORD='{SECRET}' # ours\nDEBUG=true\nURL=x://u:pass-w0rd-1@h\n"
    )
    (tmp_path / ".env.example").write_text("API_KEY=example-of-a-key-1\n")
    assert known_secrets({}, tmp_path, Home(tmp_path / "state")) == {SECRET, "pass-w0rd-1"}
