"""A run's lines on disk: written whole, found again, followed while the run goes on, and cleared away in time."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli.log import shown
from ralph.cli.main import cli
from ralph.errors import RalphError
from ralph.events import Event, EventKind
from ralph.history.event_log import EventLog, RunFolder, RunFolders, RunHead, tee
from ralph.home import Home
from tracing.redact import Redactor

AT_NS = 1_795_277_120_123_000_000
DAYS_LATER_S = AT_NS / 1e9 + 3 * 86_400


def ralph(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["log", *arguments], standalone_mode=False)


def head(repo: Path, run: str = "20261121-160520-abcdef") -> RunHead:
    return RunHead(run, "id-of-" + repo.name, str(repo), "ralph/shop", "prd.json", os.getpid())


def note(text: str, kind: EventKind = EventKind.NOTE, **fields: str) -> Event:
    return Event(kind, text, fields)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    (folder / ".git").mkdir(parents=True)
    (folder / "src").mkdir()
    monkeypatch.chdir(folder / "src")
    return folder


@pytest.fixture
def log(home: Home, repo: Path) -> Iterator[EventLog]:
    with closing(EventLog(home, head(repo), clock_ns=lambda: AT_NS)) as log:
        yield log


def test_the_last_run_is_shown_as_it_was_printed(log: EventLog, repo: Path) -> None:
    log(note("US-001 Cart", EventKind.STORY_STARTED))
    log(note("the view's own", EventKind.STORIES))
    log(note("pytest passed", EventKind.CHECK))
    log(note("no sandbox", EventKind.WARNING))
    log.close()
    first, *lines = ralph().output.splitlines()
    assert first == f"run 20261121-160520-abcdef (ended): prd.json of {repo}, on ralph/shop"
    clock = time.strftime("%H:%M:%S", time.localtime(AT_NS / 1e9))
    assert lines == [f"{clock} US-001 Cart", f"{clock}     pytest passed", f"{clock} ! no sandbox"]
    assert ralph("-n", "1").output.splitlines()[1:] == lines[-1:]
    assert len(ralph("-n", "0").output.splitlines()) == 1


def test_as_json_each_line_is_an_event_with_its_time_in_utc(log: EventLog) -> None:
    log(note("US-001 Cart", EventKind.STORY_STARTED, story="US-001"))
    [event] = [json.loads(line) for line in ralph("--json").output.splitlines()]
    assert event.pop("at") == "2026-11-21T16:05:20.123Z"
    assert event == {"event": "story_started", "text": "US-001 Cart", "story": "US-001"}


def test_a_run_that_is_going_is_followed_until_it_ends(log: EventLog, home: Home) -> None:
    log(note("before"))
    folder = RunFolders(home).newest()
    assert folder is not None
    assert folder.is_going
    lines = shown(folder, None, follow=True)
    seen = [next(lines).event.text]
    log(note("while"))
    seen.append(next(lines).event.text)
    log(note("at the end"))
    log.close()
    assert [*seen, *(line.event.text for line in lines)] == ["before", "while", "at the end"]
    assert "(ended)" in ralph("-f").output


def test_parallel_stories_write_whole_lines(log: EventLog, home: Home) -> None:
    def work(number: int) -> None:
        for _ in range(200):
            log(note(f"{number}" * 300))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [folder] = RunFolders(home).all()
    assert len(list(folder.events())) == 800


def test_a_line_that_was_cut_off_costs_only_itself(log: EventLog, home: Home) -> None:
    log(note("whole"))
    with log.path.open("a") as file:
        file.write(
            '{"event": "note", "te\n{"event": "from_a_newer_ralph", "text": "new", "at": "2026-11-21T16:05:20Z"}\n'
        )
        file.write('{"event": "note", "text": "not yet')
    [folder] = RunFolders(home).all()
    assert [(one.event.kind, one.event.text) for _, one in folder.events()] == [
        (EventKind.NOTE, "whole"),
        (EventKind.NOTE, "new"),
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_does_not_stop_the_run(home: Home, repo: Path) -> None:
    folder = home.folder("runs", head(repo).run)
    (folder / "events.jsonl").symlink_to("/dev/full")
    with closing(EventLog(home, head(repo))) as log:
        log(note("lost"))


def test_no_place_for_the_log_does_not_stop_the_run(home: Home, repo: Path) -> None:
    (home.root / "runs").write_text("in the way")
    heard: list[Event] = []
    with closing(EventLog(home, head(repo))) as log:
        tee(log, heard.append)(note("heard all the same"))
    assert [event.text for event in heard] == ["heard all the same"]


def test_secrets_do_not_reach_the_log(home: Home, repo: Path) -> None:
    with closing(EventLog(home, head(repo), redact=Redactor(["hunter2"]))) as log:
        log(note("curl\nhunter2", command="curl -H hunter2"))
    assert "hunter2" not in log.path.read_text()


def test_each_repository_has_its_own_last_run(log: EventLog, home: Home, tmp_path: Path) -> None:
    log(note("ours"))
    with closing(EventLog(home, head(tmp_path / "other", "20261121-170000-aaaaaa"))) as other:
        other(note("theirs"))
    assert "ours" in ralph().output
    assert "theirs" in ralph("--run", "20261121-17").output
    newest = RunFolders(home).newest(repo_id="id-of-other")
    assert newest is not None
    assert newest.path.name == "20261121-170000-aaaaaa"


def test_the_runs_of_a_repository_are_listed_newest_first(log: EventLog, home: Home, repo: Path) -> None:
    with closing(EventLog(home, head(repo, "20261120-000000-aaaaaa"))) as older:
        older(note("stopped: 1 of 3 stories done", EventKind.RUN_ENDED))
    with closing(EventLog(home, head(repo, "20261119-000000-aaaaaa"))):
        pass
    assert ralph("--list").output.splitlines() == [
        "20261121-160520-abcdef  ralph/shop  going",
        "20261120-000000-aaaaaa  ralph/shop  stopped: 1 of 3 stories done",
        "20261119-000000-aaaaaa  ralph/shop  an error or a kill ended it",
    ]
    assert json.loads(ralph("--list", "--json").output.splitlines()[0])["is_going"] is True


def test_a_repository_without_a_run_is_told_so(home: Home, repo: Path) -> None:
    assert str(ralph().exception).startswith(f"{repo}: Ralph has not run here yet. `ralph run` makes one")
    with closing(EventLog(home, head(Path("/code/other")))):
        pass
    assert "; the newest one is 20261121-160520-abcdef, in /code/other." in str(ralph().exception)
    assert isinstance(ralph("--run", "x").exception, RalphError)


def a_run(home: Home, repo: Path, number: int) -> RunFolder:
    with closing(EventLog(home, head(repo, f"2026112{number}-000000-aaaaaa"))) as log:
        os.utime(log.path, (AT_NS / 1e9, AT_NS / 1e9))
    return RunFolder(log.path.parent, None)


def test_old_runs_are_cleared_away_but_none_that_is_going_or_young(home: Home, repo: Path) -> None:
    old = [a_run(home, repo, number) for number in range(4)]
    locked = old[2].path / "scratch"
    locked.mkdir()
    (locked / "file").touch()
    locked.chmod(0o500)
    with closing(EventLog(home, head(repo, "20261120-000000-bbbbbb"))) as going:
        os.utime(going.path, (0, 0))
        assert RunFolders(home).prune(1, now_s=AT_NS / 1e9 + 60) == 0
        assert RunFolders(home).prune(1, now_s=DAYS_LATER_S) == 3
        assert {path.name for path in (home.root / "runs").iterdir()} == {old[3].path.name, "20261120-000000-bbbbbb"}
