"""What follows when a scheduled run has ended, and how its end is read."""

import json
import logging
from pathlib import Path

import pytest

from ralph.errors import ExitCode
from ralph.history.event_log import RunFolders
from ralph.home import Home
from ralph.model.trouble import Trouble
from ralph.schedule.chores import do
from ralph.schedule.execute import read_end, run_files, window
from ralph.schedule.outcome import AFTER_EXIT, AFTER_TROUBLE, CUT_SHORT, End, what_follows
from ralph.schedule.own_settings import own_settings
from ralph.schedule.rows import DueRun
from ralph.schedule.words import MEANING

S_NS = 10**9
HOUR_NS = 3600 * S_NS
DUE_NS = 1_800_000_000 * S_NS
NOW_NS = DUE_NS + HOUR_NS


def a_run(*, until_h: float | None = 5, leg: int = 1, home: Home | None = None, args: tuple[str, ...] = ()) -> DueRun:
    until_ns = None if until_h is None else DUE_NS + int(until_h * HOUR_NS)
    return DueRun(
        7, "nightly", DUE_NS, Path("/repo"), args, 1, home or Home(Path("/home")), until_ns, leg, began_ns=DUE_NS
    )


def minutes_until(run: DueRun, end: End, *, stopped: bool = False) -> float | None:
    follow = what_follows(run, end, NOW_NS, stopped=stopped)
    return None if follow.at_ns is None else (follow.at_ns - NOW_NS) / 60 / S_NS


def test_every_exit_code_and_every_trouble_has_what_follows() -> None:
    assert set(AFTER_EXIT) == set(ExitCode) == set(MEANING)
    assert set(AFTER_TROUBLE) == set(Trouble)


@pytest.mark.parametrize(
    ("end", "leg", "minutes"),
    [
        pytest.param(End(0), 1, None, id="done"),
        pytest.param(End(3), 1, None, id="limit"),
        pytest.param(End(70), 1, None, id="bug"),
        pytest.param(End(4), 1, None, id="service-that-says-nothing"),
        pytest.param(End(5), 1, 5, id="busy"),
        pytest.param(End(5), 9, 5, id="busy-again"),
        pytest.param(End(4, trouble="offline"), 1, 10, id="offline"),
        pytest.param(End(4, trouble="down"), 2, 20, id="down-again"),
        pytest.param(End(4, trouble="offline"), 9, 60, id="offline-for-long"),
        pytest.param(End(4, trouble="rate", again_at_ns=NOW_NS + 2 * HOUR_NS), 1, 120, id="rate-with-a-time"),
        pytest.param(End(4, trouble="rate", again_at_ns=NOW_NS - HOUR_NS), 1, 1, id="rate-that-is-over"),
        pytest.param(End(4, trouble="rate", again_at_ns=NOW_NS + 9 * HOUR_NS), 1, None, id="rate-beyond-the-window"),
        pytest.param(End(4, trouble="spent", again_at_ns=NOW_NS + HOUR_NS), 1, None, id="spent"),
        pytest.param(End(4, trouble="refused"), 1, None, id="refused"),
        pytest.param(End(137), 1, 0, id="killed"),
        pytest.param(End(137), 3, 4, id="killed-again"),
        pytest.param(End(137), 5, None, id="killed-again-and-again"),
    ],
)
def test_a_run_goes_on_when_that_helps_and_lies_in_its_window(end: End, leg: int, minutes: float | None) -> None:
    assert minutes_until(a_run(leg=leg), end) == minutes


def test_the_note_says_when_it_goes_on_and_why() -> None:
    follow = what_follows(a_run(), End(4, trouble="rate", again_at_ns=NOW_NS + HOUR_NS), NOW_NS)
    assert follow.note.startswith("goes on at ")
    assert follow.note.endswith(": a rate limit of the model service")
    late = what_follows(a_run(until_h=1.01), End(4, trouble="offline"), NOW_NS)
    assert late.at_ns is None
    assert late.note.startswith("no connection to the model service; its window closes at ")


def test_without_a_window_a_run_goes_on_for_six_hours() -> None:
    rate = [End(4, trouble="rate", again_at_ns=DUE_NS + hours * HOUR_NS) for hours in (5, 7)]
    assert [minutes_until(a_run(until_h=None), end) for end in rate] == [240, None]


@pytest.mark.parametrize("code", sorted(CUT_SHORT))
def test_a_run_that_the_daemon_had_stopped_goes_on_and_one_that_a_person_stopped_does_not(code: ExitCode) -> None:
    assert minutes_until(a_run(), End(code), stopped=True) == 0
    assert minutes_until(a_run(until_h=None), End(code), stopped=True) == 0
    assert minutes_until(a_run(until_h=1), End(code), stopped=True) is None
    assert minutes_until(a_run(), End(code)) is None


def a_log(home: Home, run: str, due: str, **fields: object) -> None:
    head = {"event": "log", "run": run, "repo_id": "r", "repo": "/r", "branch": "b", "prd": "p", "pid": 1, "due": due}
    ended = {"event": "run_ended", "text": "over", **fields}
    lines = [json.dumps({"at": "2026-11-21T12:00:00Z", **facts}) for facts in (head, ended)]
    (home.folder("runs", run) / "events.jsonl").write_text("\n".join(lines) + "\n")


def test_the_trouble_is_read_from_the_newest_log_of_the_due_run(tmp_path: Path) -> None:
    home = Home(tmp_path)
    a_log(home, "20261121-1", "nightly/7", trouble="offline")
    a_log(home, "20261121-2", "nightly/7", trouble="rate", again_at="2027-01-15T09:00:00+01:00")
    a_log(home, "20261121-3", "nightly/8", trouble="spent")
    run = a_run(home=home)
    assert read_end(run, 4) == End(4, trouble="rate", again_at_ns=1_800_000_000 * S_NS)
    assert read_end(run, 0) == End(0)
    assert read_end(a_run(home=Home(tmp_path / "none")), 4) == End(4)


def test_a_log_of_before_there_were_schedules_is_still_read(tmp_path: Path) -> None:
    home = Home(tmp_path)
    a_log(home, "20261121-1", "")
    path = home.root / "runs/20261121-1/events.jsonl"
    path.write_text(path.read_text().replace(', "due": ""', ""))
    [folder] = RunFolders(home).all()
    assert folder.head is not None
    assert folder.head.due == ""


def test_a_run_is_given_its_window_unless_its_options_name_one() -> None:
    assert window(a_run(until_h=None)) == []
    assert window(a_run())[0] == "--until"
    assert window(a_run(args=("--until", "06:00"))) == []


def test_each_leg_has_files_of_its_own(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert run_files(a_run(home=home, leg=2)).name == f"{run_files(a_run(home=home)).name}-2"


def test_settings_are_read_again_and_broken_ones_leave_those_before_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home(tmp_path)
    settings = own_settings(home)
    assert settings().schedules.missed == "run"
    home.config.write_text('[schedules]\nmissed = "skip"\n')
    assert settings().schedules.missed == "skip"
    home.config.write_text('[schedules]\nmissed = "perhaps"\n')
    for _ in range(3):
        assert settings().schedules.missed == "skip"
    assert caplog.text.count("the settings before stay in force") == 1
    home.config.unlink()
    assert settings().schedules.missed == "run"


def test_a_chore_that_fails_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    told: dict[int, str] = {}
    with caplog.at_level(logging.WARNING, "ralph.schedule"):
        for _ in range(3):
            do(lambda: 1 // 0, 0, told)
        do(lambda: None, 0, told)
    assert caplog.text.count("ZeroDivisionError") == 1
    assert told == {}
