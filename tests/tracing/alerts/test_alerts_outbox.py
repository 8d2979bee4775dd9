"""What is put into the outbox stays there, whole and once."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracing.alerts.kept_message import from_json
from tracing.alerts.message import Fact, Kind, Link, Message
from tracing.alerts.outbox import NOBODY, Outbox, State
from tracing.finding import Severity
from tracing.sqlite import transaction

FULL = Message(
    id="m1",
    kind=Kind.FIRING,
    at_ns=1_700_000_000_000_000_000,
    title="shop: the day's limit is at 95 %",
    text="Grüße\nzwei Zeilen",
    severity=Severity.CRITICAL,
    rule="day_limit",
    dedup_key="ralph/day_limit/shop",
    facts=(Fact("Spent", "$9.50 of $10.00"),),
    links=(Link("the trace", "ralph trace 45f0", "https://ralph.example/t/45f0"),),
    html="<p>Hello</p>",
    data={"spent_usd": 9.5, "list": [1, None]},
)


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1_700_000_000 * 10**9

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox.open(tmp_path / "ledger.db", Clock())) as opened:
        yield opened


def test_a_message_comes_back_as_it_was_put(outbox: Outbox) -> None:
    assert outbox.put(FULL, ["mail", "chat"])
    assert [(entry.message, entry.channel, entry.state) for entry in outbox.history()] == [
        (FULL, "chat", State.WAITING),
        (FULL, "mail", State.WAITING),
    ]


def test_a_message_is_put_once(outbox: Outbox) -> None:
    assert outbox.put(FULL, ["mail"])
    assert not outbox.put(FULL, ["mail", "chat"])
    assert len(outbox.waiting()) == 1


def test_a_message_that_no_channel_is_set_up_for_is_in_the_history_and_does_not_wait(outbox: Outbox) -> None:
    assert outbox.put(FULL, [])
    assert not outbox.put(FULL, [])
    (entry,) = outbox.history()
    assert (entry.channel, entry.state, entry.note) == (
        NOBODY,
        State.DROPPED,
        "no channel is set up for it: add [[channels]] to config.toml",
    )
    assert not outbox.waiting()


def test_what_is_put_within_a_transaction_that_fails_was_never_put(outbox: Outbox, tmp_path: Path) -> None:
    with closing(Outbox.open(tmp_path / "ledger.db")) as other:
        connection = other._connection

        def fail() -> None:
            with transaction(connection, "somebody's"):
                Outbox.enqueue(connection, FULL, ["mail"], 5)
                _ = 1 / 0

        with pytest.raises(ZeroDivisionError):
            fail()
    assert not outbox.history()


def test_a_message_of_a_later_version_and_one_with_less_are_read() -> None:
    old = from_json('{"id":"m","kind":"test","at_ns":1,"title":"t","text":"x"}')
    assert old == Message("m", Kind.TEST, 1, "t", "x")
    assert from_json('{"version":2,"new":1,"id":"m","kind":"test","at_ns":1,"title":"t","text":"x"}') == old


def test_the_history_is_pruned_and_what_waits_stays(outbox: Outbox) -> None:
    outbox.put(FULL, [])
    outbox.put(Message("m2", Kind.TEST, 1, "t", "x"), ["mail"])
    assert outbox.prune(outbox.clock() + 1) == 1
    assert [entry.message.id for entry in outbox.history()] == ["m2"]
