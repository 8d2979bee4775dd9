"""The courier: nothing lost, nothing doubled, nobody held up."""

import fcntl
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tracing.alerts.offices import Office, a_message, an_office, webhook
from tests.tracing.alerts.receivers import Receiver, Reply, http_receiver, raw_server, says_nothing, slack
from tracing.alerts.channels import Channel
from tracing.alerts.courier import Courier, Delivered
from tracing.alerts.message import Kind
from tracing.alerts.outbox import Outbox, State
from tracing.alerts.queue import wait_s

HOUR_S, DAY_S = 3_600, 86_400


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        yield office


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as receiver:
        yield receiver


def ids(receiver: Receiver) -> list[str]:
    return [received.headers["webhook-id"] for received in receiver.got]


def test_what_was_put_is_sent_once(office: Office, receiver: Receiver) -> None:
    office.outbox.put(a_message(), ["hook"])
    assert office.deliver(webhook(receiver.url)) == Delivered(sent=1, failed=0, left=0)
    assert office.deliver(webhook(receiver.url)) == Delivered()
    assert ids(receiver) == ["m1"]
    assert (office.only().state, office.only().attempts, office.only().note) == (State.SENT, 1, "")


def test_while_another_delivers_it_returns_at_once_and_sends_nothing(
    office: Office, receiver: Receiver, tmp_path: Path
) -> None:
    office.outbox.put(a_message(), ["hook"])
    with (tmp_path / "outbox.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert office.deliver(webhook(receiver.url)) == Delivered(left=1)
    assert office.deliver(webhook(receiver.url)).sent == 1


def test_a_receiver_that_is_down_is_tried_after_longer_and_longer_for_three_days(
    office: Office, receiver: Receiver
) -> None:
    receiver.answer = lambda _: Reply(503, "down for maintenance")
    office.outbox.put(a_message(), ["hook"])
    began, times = office.clock(), []
    for _ in range(200):
        office.deliver(webhook(receiver.url))
        entry = office.only()
        times.append((office.clock() - began) / 1e9)
        if entry.state is not State.WAITING:
            break
        assert entry.note == "127.0.0.1 answered 503: down for maintenance"
        office.clock.now_ns = entry.next_at_ns
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) == HOUR_S
    assert 3 * DAY_S < times[-1] < 3 * DAY_S + 2 * HOUR_S
    assert entry.state is State.FAILED
    assert entry.note == f"given up after {len(times)} attempts: 127.0.0.1 answered 503: down for maintenance"
    assert set(ids(receiver)) == {"m1"}


def test_a_machine_that_slept_for_days_has_not_tried_for_days(office: Office, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(500, "")
    office.outbox.put(a_message(), ["hook"])
    office.clock.advance(10 * DAY_S)
    assert office.deliver(webhook(receiver.url)) == Delivered(left=1)
    receiver.answer = lambda _: Reply()
    office.clock.advance(10)
    assert office.deliver(webhook(receiver.url)).sent == 1


def test_a_receiver_says_when_to_come_again(office: Office, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(429, "slow down", {"Retry-After": "600"})
    for number in range(3):
        office.outbox.put(a_message(f"m{number}"), ["hook"])
    office.deliver(webhook(receiver.url))
    office.clock.advance(599)
    assert office.deliver(webhook(receiver.url)) == Delivered(left=3)
    assert ids(receiver) == ["m0"]
    receiver.answer = lambda _: Reply()
    office.clock.advance(2)
    assert office.deliver(webhook(receiver.url)).sent == 3


@pytest.mark.parametrize("back_s", [60, 3_600, DAY_S, 400 * DAY_S])
def test_a_clock_that_is_set_back_holds_no_message_up(office: Office, receiver: Receiver, back_s: int) -> None:
    receiver.answer = lambda _: Reply(503)
    office.outbox.put(a_message(), ["hook"])
    office.deliver(webhook(receiver.url))
    office.clock.advance(-back_s)
    receiver.answer = lambda _: Reply()
    assert office.deliver(webhook(receiver.url)).sent == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_what_a_receiver_refuses_is_given_up_at_once_with_its_words(
    office: Office, receiver: Receiver, status: int
) -> None:
    receiver.answer = lambda _: Reply(status, "  no such\n\x1b[31mteam ")
    office.outbox.put(a_message(), ["hook"])
    assert office.deliver(webhook(receiver.url)) == Delivered(failed=1)
    assert office.only().note == f"127.0.0.1 answered {status}: no such [31mteam"


def test_what_was_given_up_is_taken_up_again_by_hand(office: Office, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(404)
    office.outbox.put(a_message("f", Kind.FIRING, "k"), ["hook"])
    office.outbox.put(a_message("r", Kind.RESOLVED, "k"), ["hook"])
    assert office.deliver(webhook(receiver.url)) == Delivered(failed=1)
    assert office.outbox.retry("f") == 1
    receiver.answer = lambda _: Reply()
    assert office.deliver(webhook(receiver.url)).sent == 2
    assert ids(receiver) == ["f", "f", "r"]
    assert office.outbox.retry("f") == 0


def test_a_resolved_never_overtakes_its_firing_and_other_messages_do(office: Office, receiver: Receiver) -> None:
    office.outbox.put(a_message("f", Kind.FIRING, "k"), ["hook"])
    receiver.answer = lambda _: Reply(500)
    office.deliver(webhook(receiver.url))
    office.clock.advance(4.5)
    office.outbox.put(a_message("r", Kind.RESOLVED, "k"), ["hook"])
    office.outbox.put(a_message("other", Kind.FIRING, "k2"), ["hook"])
    receiver.answer = lambda received: Reply(500 if received.headers["webhook-id"] == "f" else 200)
    office.clock.advance(1)
    office.deliver(webhook(receiver.url))
    assert ids(receiver) == ["f", "other", "f"]
    receiver.answer = lambda _: Reply()
    office.clock.advance(60)
    office.deliver(webhook(receiver.url))
    assert ids(receiver) == ["f", "other", "f", "f", "r"]


def test_what_resolves_an_alert_that_was_never_told_is_not_told(office: Office, receiver: Receiver) -> None:
    receiver.answer = lambda received: Reply(400 if received.headers["webhook-id"] == "f" else 200)
    office.outbox.put(a_message("f", Kind.FIRING, "k"), ["hook"])
    office.outbox.put(a_message("r", Kind.RESOLVED, "k"), ["hook"])
    assert office.deliver(webhook(receiver.url)) == Delivered(failed=1)
    resolved = office.entries()["r", "hook"]
    assert (resolved.state, resolved.note) == (
        State.DROPPED,
        "not sent: that it began was never told on this channel",
    )


def test_a_receiver_that_hangs_holds_up_no_other_not_even_for_what_comes_meanwhile(
    office: Office, receiver: Receiver
) -> None:
    second = threading.Event()

    def good(_: object) -> Reply:
        if len(receiver.got) == 2:
            second.set()
        return Reply()

    def slow(_: object) -> Reply:
        office.outbox.put(a_message("m2"), ["good"])
        return Reply(200 if second.wait(5) else 500)

    receiver.answer = good
    with http_receiver(slow) as hanging:
        office.outbox.put(a_message("m1"), ["bad", "good"])
        assert office.deliver(webhook(hanging.url, "bad"), webhook(receiver.url, "good")) == Delivered(sent=3)


def test_a_receiver_that_never_answers_is_left_in_time(office: Office) -> None:
    with raw_server(says_nothing) as port:
        office.outbox.put(a_message(), ["hook"])
        channel = webhook(f"http://127.0.0.1:{port}/")
        assert office.deliver(channel, timeout_s=0.2) == Delivered(left=1)
    assert office.only().note == "127.0.0.1: no answer within 0.2 s"


def test_a_flood_is_one_message_for_people_and_each_by_itself_for_machines(office: Office, receiver: Receiver) -> None:
    names = [f"m{number}" for number in range(40)]
    with http_receiver(slack) as chat:
        office.environment["CHAT"] = chat.url
        for name in names:
            office.outbox.put(a_message(name, Kind.FIRING, f"key {name}"), ["chat", "hook"])
        office.outbox.put(a_message("r", Kind.RESOLVED, "key m7"), ["chat", "hook"])
        channels = (
            Channel(name="chat", kind="slack", url="env:CHAT", private=True),
            webhook(receiver.url),
        )
        assert office.deliver(*channels).left == 0
        assert ids(receiver) == [*names, "r"]
        (digest,) = chat.got
    assert digest.json["text"] == "[critical] 41 alerts at once"
    assert "and 26 more" in str(digest.json["blocks"])
    entries = office.entries()
    assert {entries[name, "chat"].state for name in [*names, "r"]} == {State.SENT}
    assert entries["m3", "chat"].note == "in one message with others"
    assert len(entries) == 2 * 41  # the digest itself is no alert


def test_a_digest_that_is_refused_gives_up_all_that_is_in_it_and_each_is_taken_up_by_itself(office: Office) -> None:
    with http_receiver(lambda _: Reply(404, "no_service")) as chat:
        office.environment["CHAT"] = chat.url
        for number in range(12):
            office.outbox.put(a_message(f"m{number}"), ["chat"])
        channel = Channel(name="chat", kind="slack", url="env:CHAT", private=True)
        office.deliver(channel)
        entry = office.entries()["m5", "chat"]
        assert entry.state is State.FAILED
        assert entry.note == (
            "in one message with others: 127.0.0.1 answered 404: no_service: the webhook is gone: make a new one in Slack "
            "and store its address."
        )
        chat.answer = slack
        assert office.outbox.retry("m5") == 1
        assert office.deliver(channel).sent == 1


def test_slack_gets_one_message_a_second(office: Office) -> None:
    with http_receiver(slack) as chat:
        office.environment["CHAT"] = chat.url
        for number in range(5):
            office.outbox.put(a_message(f"m{number}"), ["chat"])
        office.deliver(Channel(name="chat", kind="slack", url="env:CHAT", private=True))
        assert len(chat.got) == 5
    assert office.pauses == [1.0] * 4


def test_what_waits_for_a_channel_that_no_settings_have_is_given_up_after_a_day(office: Office) -> None:
    office.outbox.put(a_message(), ["gone"])
    office.clock.advance(DAY_S - 1)
    assert office.deliver() == Delivered(left=1)
    office.clock.advance(1)
    assert office.deliver() == Delivered(failed=1)
    assert (
        office.only().note
        == 'the settings have no channel "gone" any more. Add it again, then: ralph alerts retry --all'
    )


def test_a_missing_secret_is_waited_for(office: Office, receiver: Receiver) -> None:
    office.outbox.put(a_message(), ["hook"])
    channel = webhook(receiver.url, key="env:MISSING")
    assert office.deliver(channel) == Delivered(left=1)
    assert office.only().note.startswith("env:MISSING: the variable is not set where this process runs.")
    office.environment["MISSING"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    office.clock.advance(10)
    assert office.deliver(channel).sent == 1


def test_what_a_dead_courier_was_sending_is_sent_again_under_the_same_id(office: Office, receiver: Receiver) -> None:
    office.outbox.put(a_message(), ["hook"])
    with office.outbox.writing("a death") as db:
        db.execute("UPDATE outbox SET state = 'sending', attempts = 1, fence = 1")
    assert office.outbox.waiting()[0].state is State.SENDING
    assert office.deliver(webhook(receiver.url)).sent == 1
    assert (ids(receiver), office.only().attempts) == (["m1"], 2)


def test_an_outbox_that_cannot_be_written_ends_the_round_and_loses_nothing(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.outbox.put(a_message(), ["hook"])
    with monkeypatch.context() as broken:
        broken.setattr("tracing.alerts.queue.Queue.claim", lambda *_, **__: 1 / 0)
        assert office.deliver(webhook(receiver.url)) == Delivered(left=1)
    assert office.deliver(webhook(receiver.url)).sent == 1


def test_waits_grow_to_an_hour_and_are_spread() -> None:
    assert [wait_s(attempts, 0.5) for attempts in (1, 2, 3, 20, 10**6)] == [5, 10, 20, HOUR_S, HOUR_S]
    assert (wait_s(1, 0.0), wait_s(1, 0.75)) == (4.0, 5.5)


def test_an_outbox_opened_twice_is_one(office: Office, tmp_path: Path) -> None:
    other = Outbox.open(tmp_path / "ledger.db", office.clock)
    office.outbox.put(a_message(), ["hook"])
    assert not other.put(a_message(), ["hook"])
    other.close()


def test_of_many_couriers_at_once_each_message_is_sent_by_one(
    office: Office, receiver: Receiver, tmp_path: Path
) -> None:
    names = [f"m{number}" for number in range(30)]
    for name in names:
        office.outbox.put(a_message(name), ["hook"])

    def deliver() -> None:
        outbox = Outbox.open(tmp_path / "ledger.db")
        for _ in range(5):
            Courier(outbox, [webhook(receiver.url)]).deliver()
        outbox.close()

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(receiver) == names


def test_a_message_of_a_kind_that_only_a_newer_ralph_knows_is_sent_all_the_same(
    office: Office, receiver: Receiver
) -> None:
    office.outbox.put(a_message(), ["hook"])
    with office.outbox.writing("a newer version") as db:
        db.execute("""UPDATE outbox SET message = replace(message, '"happened"', '"sung"')""")
        db.execute("""UPDATE outbox SET message = replace(message, '"CRITICAL"', '"DIRE"')""")
    assert office.deliver(webhook(receiver.url)).sent == 1
    assert receiver.got[0].json["data"]["severity"] == "warning"
