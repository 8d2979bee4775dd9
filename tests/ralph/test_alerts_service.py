"""Alerting beside a run or the viewer: what it sends where, what it never holds up, and what it leaves for the next process."""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ralph.alerts.desk import links, route
from ralph.alerts.service import Alerting
from ralph.doctor.channels import trouble_with
from ralph.errors import RalphError
from ralph.home import Home
from tests.tracing.alerts.receivers import Receiver, http_receiver
from tracing.alerts.channels import Channel
from tracing.alerts.message import Alert, Kind, Message
from tracing.alerts.outbox import Outbox
from tracing.finding import Severity
from tracing.store import TraceStore
from tracing.tracer import Tracer

HOOK = '[[channels]]\nname = "hook"\nkind = "webhook"\naddress = "{url}/"\nprivate = true\n'


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.root.mkdir(mode=0o700)
    return home


@pytest.fixture
def receiver(home: Home) -> Iterator[Receiver]:
    with http_receiver() as receiver:
        home.config.write_text(HOOK.format(url=receiver.url), encoding="utf-8")
        yield receiver


def fail_a_trace(home: Home, words: str = "it broke") -> str:
    with closing(TraceStore.open(home.traces_db)) as store:
        trace = Tracer(store, watch=None).start_trace("work", agent_id="helper")
        trace.end("error", error=words)
    return trace.trace_id


def titles(home: Home) -> list[str]:
    with closing(Outbox.open(home.ledger_db)) as outbox:
        return [entry.message.title for entry in outbox.history()]


def test_the_end_of_a_process_sends_what_happened_last(home: Home, receiver: Receiver) -> None:
    Alerting(home).once()
    with Alerting(home):
        trace_id = fail_a_trace(home)

    assert [one.json["data"]["data"]["trace_id"] for one in receiver.got] == [trace_id]


def test_a_poke_is_answered_soon_and_many_pokes_once(home: Home, receiver: Receiver) -> None:
    Alerting(home).once()
    with Alerting(home, soon_s=0.05) as alerting:
        fail_a_trace(home)
        for _ in range(100):
            alerting.poke()
        give_up_s = time.monotonic() + 10
        while not receiver.got:
            assert time.monotonic() < give_up_s
            time.sleep(0.01)

    assert len(receiver.got) == 1


def test_a_receiver_that_hangs_does_not_hold_up_the_end(home: Home, receiver: Receiver) -> None:
    released = threading.Event()
    answer = receiver.answer
    receiver.answer = lambda received: (released.wait(10), answer(received))[1]
    Alerting(home).once()
    began_s = time.monotonic()
    with Alerting(home, last_s=0.3):
        fail_a_trace(home)

    assert time.monotonic() - began_s < 2
    released.set()


def test_where_nothing_is_to_be_sent_the_end_waits_for_nothing(home: Home) -> None:
    Alerting(home).once()
    began_s = time.monotonic()
    with Alerting(home, every_s=600, soon_s=600, last_s=600) as alerting:
        alerting.poke()

    assert time.monotonic() - began_s < 60


def test_settings_that_cannot_be_read_end_nothing_and_are_said_once(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    home.config.write_text("alerts = 3\n", encoding="utf-8")
    alerting = Alerting(home)
    with caplog.at_level(logging.WARNING):
        alerting.try_once()
        alerting.try_once()

    assert len(caplog.records) == 1
    with pytest.raises(RalphError):
        alerting.once()


def test_settings_are_read_again_when_they_change(home: Home, receiver: Receiver) -> None:
    config = home.config.read_text("utf-8")
    home.config.write_text("", encoding="utf-8")
    look = Alerting(home).try_once
    look()
    home.config.write_text(config, encoding="utf-8")
    fail_a_trace(home)
    look()

    assert len(receiver.got) == 1


def test_settings_that_go_wrong_leave_those_before_in_force_and_are_told_once_until_they_are_mended(
    home: Home, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    now_ns = time.time_ns()
    good = home.config.read_text("utf-8")
    alerting = Alerting(home, clock=lambda: now_ns)
    alerting.once()
    home.config.write_text(good + "alerts = 3\n", encoding="utf-8")
    for _ in range(5):
        alerting.try_once()
        now_ns += 30 * 10**9
    fail_a_trace(home)
    alerting.try_once()

    told = [one.json["data"] for one in receiver.got]
    assert [one["title"] for one in told] == [
        "config.toml is wrong; the settings before stay in force",
        told[1]["title"],
    ]
    assert f"{home.config}:6: " in told[0]["text"]
    assert told[1]["data"]["rule"] == "trace_failed"
    assert caplog.records == []

    home.config.write_text(good, encoding="utf-8")
    for _ in range(12):
        alerting.try_once()
        now_ns += 30 * 10**9

    assert [one.json["type"] for one in receiver.got[2:]] == ["alert.resolved"]
    alerting.close()


def test_settings_that_are_mended_within_a_minute_are_told_to_nobody(home: Home, receiver: Receiver) -> None:
    now_ns = time.time_ns()
    good = home.config.read_text("utf-8")
    alerting = Alerting(home, clock=lambda: now_ns)
    alerting.once()
    for text in (good + "alerts = ", good + "alerts = 3\n", good):
        home.config.write_text(text, encoding="utf-8")
        alerting.once()
        now_ns += 25 * 10**9
    alerting.close()

    assert receiver.got == []


def test_a_rule_that_is_off_says_nothing(home: Home, receiver: Receiver) -> None:
    home.config.write_text(home.config.read_text("utf-8") + '[alerts]\noff = ["trace_failed"]\n', encoding="utf-8")
    Alerting(home).once()
    fail_a_trace(home)
    Alerting(home).once()

    assert receiver.got == []


def test_a_known_secret_does_not_leave_and_is_not_kept(home: Home, receiver: Receiver) -> None:
    secret = "hunter2-hunter2-hunter2"
    environment = {**os.environ, "SHOP_API_KEY": secret}
    Alerting(home, environment=environment).once()
    fail_a_trace(home, f"login with {secret} failed")
    Alerting(home, environment=environment).once()

    assert len(receiver.got) == 1
    assert secret.encode() not in receiver.got[0].body
    with closing(sqlite3.connect(home.ledger_db)) as db:
        assert secret not in "\n".join(db.iterdump())


def test_without_a_channel_history_has_what_nobody_was_told(home: Home) -> None:
    Alerting(home).once()
    fail_a_trace(home)
    Alerting(home).once()

    assert len(titles(home)) == 1


def a_message(rule: str = "finding", severity: Severity = Severity.WARNING) -> Message:
    return Message("1", Kind.HAPPENED, 0, "t", "", severity, rule)


@pytest.mark.parametrize(
    ("rules", "least", "hears"),
    [
        pytest.param((), "note", True, id="everything"),
        pytest.param(("finding",), "note", True, id="this-rule"),
        pytest.param(("score",), "note", False, id="another-rule"),
        pytest.param((), "warning", True, id="as-grave"),
        pytest.param((), "critical", False, id="not-grave-enough"),
    ],
)
def test_a_channel_hears_of_its_rules_and_of_what_is_grave_enough(
    rules: tuple[str, ...], least: str, *, hears: bool
) -> None:
    channel = Channel.model_validate({"name": "me", "kind": "desktop", "rules": rules, "least": least})

    assert route(a_message(), (channel,)) == ["me"] * hears


def test_the_guilty_step_has_a_command_and_a_page_where_there_is_an_address() -> None:
    alert = Alert("finding", "k", Severity.NOTE, "t", "", trace_id="4f" * 16, span_id="9c" * 8)

    step, trace = links(alert, "https://ralph.example.com")

    assert (step.command, step.url) == (
        "ralph trace 4f4f4f4f --span 9c9c9c9c",
        f"https://ralph.example.com/traces/{'4f' * 16}/spans/{'9c' * 8}",
    )
    assert trace.command == "ralph trace 4f4f4f4f"
    assert [link.url for link in links(alert, "")] == ["", ""]


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        pytest.param({"kind": "slack", "url": "env:NOT_SET"}, "the variable is not set", id="no-variable"),
        pytest.param({"kind": "slack", "url": "env:OPEN"}, "must begin with https://", id="not-encrypted"),
        pytest.param({"kind": "webhook", "address": "https://10.0.0.1/"}, "set private = true", id="inward"),
        pytest.param({"kind": "webhook", "address": "https://10.0.0.1/", "private": True}, "", id="meant-inward"),
        pytest.param({"kind": "pagerduty", "key": "file:/nowhere/key"}, "cannot be read", id="no-file"),
        pytest.param({"kind": "desktop"}, "", id="nothing-to-see"),
    ],
)
def test_doctor_sees_what_would_keep_a_channel_from_sending(channel: dict[str, object], words: str) -> None:
    found = trouble_with(Channel.model_validate({"name": "me", **channel}), {"OPEN": "http://hooks.example.com/abcd"})

    assert words in found
    assert bool(words) == bool(found)
