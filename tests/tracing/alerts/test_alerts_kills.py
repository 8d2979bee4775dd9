"""kill -9 at every failpoint of a delivery: afterwards each receiver has each message, and none under two ids."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.tracing.alerts import letters
from tests.tracing.alerts.offices import ENVIRONMENT, ROUTING_KEY, a_message
from tests.tracing.alerts.receivers import PagerDuty, Receiver, http_receiver, slack
from tracing.alerts.message import Kind
from tracing.alerts.outbox import Outbox, State
from tracing.alerts.senders.wording import MAYBE_TWICE

ROOT = Path(__file__).parents[3]
NAMES = ("hook", "chat", "pager", "mail")


@dataclass
class Receivers:
    hook: Receiver
    chat: Receiver
    pager: Receiver
    incidents: PagerDuty
    mail: letters.Office
    channels: list[dict[str, Any]] = field(default_factory=list)

    def forget(self) -> None:
        for got in (self.hook.got, self.chat.got, self.pager.got, self.mail.got, self.incidents.resolved):
            got.clear()
        self.incidents.open.clear()


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    with ExitStack() as stack:
        incidents = PagerDuty(ROUTING_KEY)
        hook = stack.enter_context(http_receiver())
        chat = stack.enter_context(http_receiver(slack))
        pager = stack.enter_context(http_receiver(incidents))
        mail = stack.enter_context(letters.mail_receiver())
        found = Receivers(hook, chat, pager, incidents, mail)
        found.channels = [
            {"name": "hook", "kind": "webhook", "address": hook.url, "private": True, "key": "env:SIGN"},
            {"name": "chat", "kind": "slack", "url": "env:CHAT", "private": True},
            {"name": "pager", "kind": "pagerduty", "key": "env:PAGER", "address": pager.url, "private": True},
            {
                "name": "mail",
                "kind": "email",
                "host": "127.0.0.1",
                "port": mail.port,
                "sender": "ralph@example.com",
                "to": ["sam@example.com"],
                "security": "none",
                "private": True,
            },
        ]
        yield found


class Deliverer:
    """The process that couriers are forked from."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.tracing.alerts.deliverer"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def deliver(self, ledger: Path, failpoint: str = "") -> int:
        environment = ENVIRONMENT | {"CHAT": self._receivers.chat.url + "/services/T/B/X"}
        order = {"ledger": str(ledger), "failpoint": failpoint, "channels": self._receivers.channels}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order | {"environment": environment}) + "\n")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def deliverer(receivers: Receivers) -> Iterator[Deliverer]:
    with closing(Deliverer(receivers)) as deliverer:
        yield deliverer


def an_outbox(path: Path) -> None:
    with closing(Outbox.open(path)) as outbox:
        outbox.put(a_message("f", Kind.FIRING, "k", title="began f"), NAMES)
        outbox.put(a_message("r", Kind.RESOLVED, "k", title="ended r"), NAMES)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def in_order_of_first_sight(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def assert_each_receiver_has_each_message_once(receivers: Receivers) -> None:
    hook = [received.headers["webhook-id"] for received in receivers.hook.got]
    assert in_order_of_first_sight(hook) == ["f", "r"]
    chat = [received.json["blocks"][0]["text"]["text"] for received in receivers.chat.got]
    assert in_order_of_first_sight(chat) == ["began f", "ended r"]
    for title in set(chat):
        times = [str(received.json) for received in receivers.chat.got if title in str(received.json)]
        assert all("you may have it already" in again for again in times[1:])
    assert (receivers.incidents.resolved[:1], receivers.incidents.open) == (["k"], {})
    mail = {letter["Message-ID"]: letter["Subject"] for _, letter, _ in receivers.mail.got}
    assert sorted(mail.values()) == ["[critical] began f", "[resolved] ended r"]
    assert all(len(got) <= 3 for got in (hook, chat, receivers.mail.got))  # one kill doubles one message at most


def states(path: Path) -> set[str]:
    with closing(Outbox.open(path)) as outbox:
        return {entry.state for entry in outbox.history()}


def points(deliverer: Deliverer, template: Path, folder: Path) -> list[str]:
    ledger, log = folder / "log" / "ledger.db", folder / "points"
    ledger.parent.mkdir()
    shutil.copy(template, ledger)
    assert deliverer.deliver(ledger, f"log:{log}") == 0
    return sorted(re.findall(r"^\d+ (.+)$", log.read_text(), re.MULTILINE))


@pytest.mark.parametrize("which", ["#1", pytest.param("#", marks=pytest.mark.slow)])  # the first of each name, or all
def test_a_courier_killed_at_any_point_loses_nothing_and_gives_nothing_a_second_id(
    receivers: Receivers, deliverer: Deliverer, tmp_path: Path, which: str
) -> None:
    template = tmp_path / "ledger.db"
    an_outbox(template)
    found = points(deliverer, template, tmp_path)
    assert {point.rpartition("#")[0] for point in found} >= {"before outbox send", "after outbox send"}
    assert len(found) > 50
    chosen = [point for point in found if point.endswith(which) or which == "#"]
    for number, point in enumerate(chosen):
        receivers.forget()
        ledger = tmp_path / str(number) / "ledger.db"
        ledger.parent.mkdir()
        shutil.copy(template, ledger)
        assert deliverer.deliver(ledger, f"kill:{point}") == -9, point
        assert deliverer.deliver(ledger) == 0, point
        assert_each_receiver_has_each_message_once(receivers)
        assert states(ledger) == {State.SENT}, point


@pytest.mark.parametrize("point", ["inside outbox claim#1", "after outbox claim#1", "after outbox send#1"])
def test_many_that_were_one_message_stay_one(
    receivers: Receivers, deliverer: Deliverer, tmp_path: Path, point: str
) -> None:
    ledger = tmp_path / "ledger.db"
    with closing(Outbox.open(ledger)) as outbox:
        for number in range(12):
            outbox.put(a_message(f"m{number}"), ["chat"])
    assert deliverer.deliver(ledger, f"kill:{point}") == -9
    assert deliverer.deliver(ledger) == 0
    said = [received.json["text"] for received in receivers.chat.got]
    assert {text.removesuffix(MAYBE_TWICE).strip() for text in said} == {"[critical] 12 alerts at once"}
    assert len(said) == 1 + (point == "after outbox send#1")
    assert states(ledger) == {State.SENT}


def test_one_that_fails_to_write_is_as_good_as_killed(
    receivers: Receivers, deliverer: Deliverer, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.db"
    an_outbox(ledger)
    for point in ("inside outbox claim#2", "inside outbox sent#1", "before outbox sent#1"):
        deliverer.deliver(ledger, f"error:{point}:ENOSPC")
    assert deliverer.deliver(ledger) == 0
    assert states(ledger) == {State.SENT}
    assert {received.headers["webhook-id"] for received in receivers.hook.got} == {"f", "r"}
