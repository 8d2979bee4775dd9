"""Notifications on this machine, and what goes through Apprise."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, Self

import pytest

from tests.tracing.alerts.offices import Office, a_message, an_office
from tests.tracing.alerts.receivers import http_receiver
from tracing.alerts.channels import Channel
from tracing.alerts.courier import Delivered
from tracing.alerts.outbox import State
from tracing.alerts.senders.desktop import command

DESKTOP = Channel(name="desk", kind="desktop")
APPRISE = Channel(name="other", kind="apprise", url="env:OTHER")
HOSTILE = '--help $(touch hacked) `touch hacked` "; touch hacked" & end run\ndo shell script'


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        yield office


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")


def test_a_desktop_gets_texts_as_arguments(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "notify-send", f'for part in "$@"; do echo "$part" >> {tmp_path}/said; done')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    office.outbox.put(a_message(title=HOSTILE, text="a <b> & c"), ["desk"])
    assert office.deliver(DESKTOP) == Delivered(sent=1)
    said = (tmp_path / "said").read_text(encoding="utf-8").splitlines()
    assert said[:3] == ["--app-name=Ralph", "--urgency=critical", "--"]
    assert said[3].startswith("[critical] --help $(touch hacked) `touch hacked`")
    assert said[4] == "a &lt;b&gt; &amp; c"
    assert not (tmp_path / "hacked").exists()


def test_escapes_of_notify_send_make_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "notify-send", "exit 0")
    monkeypatch.setattr(sys, "platform", "linux")
    assert command(a_message(text=r"\074b\076 C:\new"))[-1] == r"\\074b\\076 C:\\new"


def test_on_a_mac_the_script_is_fixed_and_texts_are_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "osascript", "exit 0")
    monkeypatch.setattr(sys, "platform", "darwin")
    argv = command(a_message(title=HOSTILE, text=HOSTILE))
    assert Path(argv[0]).name == "osascript"
    assert "do shell script" not in " ".join(argv[: argv.index("--")])
    assert len(argv[argv.index("--") + 1 :]) == 2


def test_a_machine_without_a_desktop_says_so(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    office.outbox.put(a_message(), ["desk"])
    assert office.deliver(DESKTOP) == Delivered(failed=1)
    assert office.only().note.startswith("this machine shows no notifications: neither notify-send")


def test_a_program_that_fails_is_tried_later_and_one_that_hangs_is_ended(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    program(tmp_path, monkeypatch, "notify-send", "echo 'Cannot autolaunch D-Bus' >&2; exit 1")
    office.outbox.put(a_message(), ["desk"])
    assert office.deliver(DESKTOP) == Delivered(left=1)
    assert office.only().note.endswith("notify-send ended with 1: Cannot autolaunch D-Bus")
    program(tmp_path, monkeypatch, "notify-send", "exec sleep 30")
    office.clock.advance(10)
    assert office.deliver(DESKTOP, timeout_s=0.2) == Delivered(left=1)
    assert office.only().note.endswith("notify-send: no answer within 0.2 s")


def test_without_apprise_it_says_what_to_install(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    office.environment["OTHER"] = "json://127.0.0.1"
    office.outbox.put(a_message(), ["other"])
    assert office.deliver(APPRISE) == Delivered(failed=1)
    assert office.only().note == (
        "Apprise is not installed where Ralph runs: pip install 'ralph-runner[apprise]', then: ralph alerts retry --all"
    )


@pytest.mark.filterwarnings("ignore")  # Apprise's own
def test_with_apprise_a_message_arrives_and_its_address_is_never_told(office: Office, tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    with http_receiver() as receiver:
        office.environment["OTHER"] = receiver.url.replace("http://", "json://") + "/t0p-secret-path"
        office.outbox.put(a_message(), ["other"])
        assert office.deliver(APPRISE) == Delivered(sent=1)
        assert receiver.got[0].json["title"] == "[critical] shop: the day's limit is at 95 %"
    office.outbox.put(a_message("m2"), ["other"])
    office.deliver(APPRISE)
    assert office.entries()["m2", "other"].state is State.WAITING
    assert b"t0p-secret-path" not in b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))


def stand_in(monkeypatch: pytest.MonkeyPatch, notify: Callable[..., bool]) -> None:
    """With Apprise's interface, for machines without the extra."""

    class Captured:
        def __init__(self, **_: object) -> None: ...
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...
        def getvalue(self) -> str:
            return ""

    made = SimpleNamespace(add=lambda _: True, notify=notify)
    fake = SimpleNamespace(Apprise=lambda: made, LogCapture=Captured, logging=SimpleNamespace(WARNING=30))
    monkeypatch.setitem(sys.modules, "apprise", fake)


def heard_by_a_stand_in(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []

    def notify(**words: Any) -> bool:
        said.append(words)
        return True

    stand_in(monkeypatch, notify)
    return said


def test_apprise_gets_title_body_and_kind(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    said = heard_by_a_stand_in(monkeypatch)
    office.environment["OTHER"] = "ntfy://topic"
    office.outbox.put(a_message(), ["other"])
    assert office.deliver(APPRISE) == Delivered(sent=1)
    assert said[0]["notify_type"] == "failure"
    assert "The trace: ralph trace 45f0 --span 9c1e" in said[0]["body"]


def test_through_apprise_nobody_is_pinged_by_what_a_trace_is_called(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = heard_by_a_stand_in(monkeypatch)
    office.environment["OTHER"] = "discord://x"
    office.outbox.put(a_message(title="@everyone look", text="<@123> <@&9> @here, sam@example.com"), ["other"])
    assert office.deliver(APPRISE) == Delivered(sent=1)
    assert said[0]["title"] == "[critical] @\u200beveryone look"
    assert said[0]["body"].startswith("<@\u200b123> <@\u200b&9> @\u200bhere, sam@example.com")


def test_a_receiver_that_keeps_apprise_waiting_does_not_hold_up_the_courier(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Event()
    stand_in(monkeypatch, lambda **_: gone.wait(30))
    office.environment["OTHER"] = "json://x"
    office.outbox.put(a_message(), ["other"])
    try:
        assert office.deliver(APPRISE, timeout_s=0.05) == Delivered(left=1)
    finally:
        gone.set()
    assert office.only().note == "Apprise: no answer within 0.15 s"
