"""The line out of a check, and what is believed of what is said on it."""

import json
import os
from pathlib import Path

import pytest

from ralph.checks.report import Outcome, RunnerReport, merged, report_of
from ralph.checks.reports import channel as channels
from ralph.checks.reports.asking import asking
from ralph.checks.reports.channel import Channel
from ralph.checks.reports.said import said
from ralph.checks.reports.sessions import Heard, chained, hear

KEY = b"k" * 16


def session(*events: dict[str, object], name: str = "s1", root: str = "/repo") -> list[bytes]:
    lines, mac = [], b""
    begin: dict[str, object] = {"begin": "pytest", "key": KEY.hex(), "root": root}
    for number, event in enumerate([begin, *events]):
        payload = json.dumps(event).encode()
        mac = chained(KEY, mac, payload)
        lines.append(b"%s %d %s %s\n" % (name.encode(), number, mac.hex().encode(), payload))
    return lines


ONE: dict[str, object] = {"id": "a.py::one", "outcome": "passed"}
TWO: dict[str, object] = {"id": "a.py::two", "outcome": "failed"}
END: dict[str, object] = {"end": True}


def report(*lines: bytes) -> RunnerReport:
    found = said(hear(b"".join(lines)), Path("/repo"))
    assert found is not None
    return found


def test_what_is_written_is_heard_also_from_who_has_gone_and_from_who_stays(tmp_path: Path) -> None:
    channel = Channel(tmp_path / "line")
    stays = os.open(channel.path, os.O_WRONLY)
    channel.path.write_bytes(b"one\n")
    os.write(stays, b"two\n")
    assert channel.close() == b"one\ntwo\n"
    assert not channel.path.exists()
    os.close(stays)


def test_nobody_has_to_speak(tmp_path: Path) -> None:
    assert Channel(tmp_path / "line").close() == b""


def test_who_floods_the_line_is_not_waited_for_nor_remembered_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MOST_BYTES", 1000)
    channel = Channel(tmp_path / "line")
    channel.path.write_bytes(b"x" * 1_000_000)  # far more than a pipe holds: somebody reads
    assert len(channel.close()) == 1000
    assert channel.overflowed


def test_a_session_that_says_its_end_is_complete() -> None:
    assert report(*session(ONE, TWO, END)) == RunnerReport(
        outcomes={"pytest:a.py::one": Outcome.PASSED, "pytest:a.py::two": Outcome.FAILED}, passed=1, failed=1
    )


@pytest.mark.parametrize(
    ("lines", "outcomes"),
    [
        pytest.param(session(ONE, TWO), 2, id="no-end"),
        pytest.param(session(ONE, TWO, {"end": True, "whole": False}), 2, id="an-end-too-early"),
        pytest.param([session(ONE, TWO, END)[n] for n in (0, 1, 3)], 1, id="a-line-taken-out"),
        pytest.param([session(ONE, TWO, END)[n] for n in (0, 1, 1, 2, 3)], 2, id="a-line-twice"),
        pytest.param([*session(ONE, END), session(ONE, END, TWO)[3]], 1, id="more-after-the-end"),
        pytest.param([*session(ONE, END), b"s1 3 00 {}\n"], 1, id="a-line-without-its-mac"),
        pytest.param([*session(ONE, END), b"\xff garbage\n"], 1, id="garbage"),
        pytest.param([*session(ONE, END), b"s2 1 00 {}\n"], 1, id="a-session-that-never-began"),
        pytest.param([session()[0], *session(TWO, END)], 1, id="a-session-begun-twice"),
        pytest.param([b"".join(session(ONE, TWO, END)).replace(b"failed", b"passed")], 1, id="a-changed-line"),
    ],
)
def test_a_conversation_that_somebody_broke_is_not_complete(lines: list[bytes], outcomes: int) -> None:
    found = report(*lines)
    assert (found.complete, len(found.outcomes)) == (False, outcomes)


def test_of_two_endings_the_worse_one_counts_and_the_test_counts_once() -> None:
    again: dict[str, object] = {**TWO, "outcome": "passed"}
    found = report(*session(ONE, TWO, END), *session(again, END, name="s2"))
    assert (found.outcomes["pytest:a.py::two"], found.failed, found.passed) == (Outcome.FAILED, 1, 1)


def test_ids_hold_no_address_and_no_folder_of_this_machine() -> None:
    events: list[dict[str, object]] = [
        {"root": "/repo/back"},
        {"id": "t.py::x[<A object at 0x7f3a5c0d1e80>]", "outcome": "passed"},
        {"id": "../front/t.py::y[/repo/data-/home/me/x]", "outcome": "passed"},
        {"id": "/elsewhere/t.py::z", "outcome": "passed"},
    ]
    found = said(hear(b"".join(session(*events, END))), Path("/repo"), [Path("/home/me")])
    assert found is not None
    assert sorted(found.outcomes) == [
        "pytest:/elsewhere/t.py::z",
        "pytest:back/t.py::x[<A object at 0x…>]",
        "pytest:front/t.py::y[./data-~/x]",
    ]


def test_reports_add_up_with_and_without_ids() -> None:
    named = report_of([("a", Outcome.PASSED), ("b", Outcome.FAILED)], deselected=1, uncollected=["x"])
    sums = RunnerReport(passed=5, skipped=2, complete=False)
    assert merged([named, named, sums]) == RunnerReport(
        outcomes=named.outcomes, passed=6, failed=1, skipped=2, deselected=2, complete=False, uncollected=("x",)
    )


def test_the_environment_that_asks_keeps_what_is_there_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    env = {"PYTHONPATH": "src", "NODE_OPTIONS": "--max-old-space-size=99", "GOFLAGS": "-modcacherw"}
    with asking(tmp_path, env) as asked:
        assert asked.env["PYTHONPATH"].endswith(":src")
        assert asked.env["NODE_OPTIONS"].endswith(" --max-old-space-size=99")
        assert asked.env["GOFLAGS"].endswith(" -modcacherw")
        assert [path.is_dir() for path in (*asked.writable, *asked.read_only)] == [True, True]
    assert asked.heard == Heard(())
    assert list((tmp_path / "reports").iterdir()) == []


def test_where_no_channel_can_be_made_nobody_is_asked(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("in the way")
    with asking(tmp_path, {}) as asked:
        assert asked.env == {}
