"""An outbox with a clock that tests move, and messages to put into it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracing.alerts.channels import Channel
from tracing.alerts.courier import Courier, Delivered
from tracing.alerts.message import Fact, Kind, Link, Message
from tracing.alerts.outbox import Entry, Outbox
from tracing.finding import Severity

SLACK_PATH = "/services/T024/B0GE/aSlackSecret77"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
SIGNING_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRONMENT = {"PAGER": ROUTING_KEY, "SIGN": SIGNING_KEY}


@dataclass
class Clock:
    now_ns: int = field(default_factory=time.time_ns)

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += int(seconds * 10**9)


@dataclass
class Office:
    outbox: Outbox
    clock: Clock
    pauses: list[float] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=lambda: dict(ENVIRONMENT))

    def courier(self, *channels: Channel, **options: Any) -> Courier:
        given: dict[str, Any] = {"pause": self.pauses.append, "spread": lambda: 0.5, "timeout_s": 5.0}
        return Courier(self.outbox, channels, environment=self.environment, **given | options)

    def deliver(self, *channels: Channel, **options: Any) -> Delivered:
        return self.courier(*channels, **options).deliver()

    def entries(self) -> dict[tuple[str, str], Entry]:
        return {(entry.message.id, entry.channel): entry for entry in self.outbox.history(10_000)}

    def only(self) -> Entry:
        (entry,) = self.outbox.history()
        return entry


@contextmanager
def an_office(folder: Path) -> Iterator[Office]:
    clock = Clock()
    outbox = Outbox.open(folder / "ledger.db", clock)
    try:
        yield Office(outbox, clock)
    finally:
        outbox.close()


def webhook(url: str, name: str = "hook", **settings: Any) -> Channel:
    given: dict[str, Any] = {"name": name, "kind": "webhook", "address": url, "private": True}
    return Channel(**given | settings)


def a_message(identity: str = "m1", kind: Kind = Kind.HAPPENED, key: str = "", **fields: Any) -> Message:
    given: dict[str, Any] = {
        "id": identity,
        "kind": kind,
        "at_ns": 1_763_000_000 * 10**9,
        "title": "shop: the day's limit is at 95 %",
        "text": "$9.50 of $10.00 is spent & <reserved>.\n\nRaise the limit, or wait for tomorrow.",
        "severity": Severity.CRITICAL,
        "rule": "day_limit",
        "dedup_key": key,
        "facts": (Fact("Spent", "$9.50 of $10.00"), Fact("Story", "US-001 <b>")),
        "links": (Link("The trace", "ralph trace 45f0 --span 9c1e"),),
        "data": {"spent_usd": 9.5},
    }
    return Message(**given | fields)
