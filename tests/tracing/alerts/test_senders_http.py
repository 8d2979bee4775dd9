"""Slack, PagerDuty and signed webhooks against servers that hold the vendors' schemas and misbehave."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.tracing.alerts.offices import ROUTING_KEY, SIGNING_KEY, SLACK_PATH, Office, a_message, an_office, webhook
from tests.tracing.alerts.receivers import (
    PagerDuty,
    Receiver,
    Reply,
    authority,
    drips,
    http_receiver,
    raw_server,
    slack,
    slack_trouble,
    verified,
)
from tracing.alerts.channels import Channel
from tracing.alerts.courier import Delivered
from tracing.alerts.message import Fact, Kind, Link, Message
from tracing.alerts.outbox import State
from tracing.alerts.posting import retry_after_s
from tracing.alerts.senders.pagerduty import dedup_key, events
from tracing.alerts.senders.slack import payload
from tracing.finding import Severity

MANY = tuple(Fact(f"Label & {number}" * 30, "<value> & " * 500) for number in range(60))
LONG_LINKS = tuple(
    Link("Open <it> " * 20, "ralph `x` " * 300, f"https://e.example/{'a' * size}") for size in (10, 4_000)
)
HUGE = a_message(
    title="& <" * 400, text="<&>" * 2_000, facts=MANY, links=LONG_LINKS * 10, rule="r&" * 200, key="k" * 400
)
SMALLEST = Message("m", Kind.TEST, 1, "", "")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        yield office


@pytest.fixture
def chat(office: Office) -> Iterator[Receiver]:
    with http_receiver(slack) as receiver:
        office.environment["CHAT"] = receiver.url + SLACK_PATH
        yield receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as receiver:
        yield receiver


SLACK = Channel(name="chat", kind="slack", url="env:CHAT", private=True)


# Slack


def texts(found: Any) -> list[str]:
    """Every text within blocks."""
    if isinstance(found, dict):
        return [found["text"]] if isinstance(found.get("text"), str) else texts(list(found.values()))
    return [text for part in found for text in texts(part)] if isinstance(found, list) else []


def test_the_fallback_of_slack_pings_nobody_where_mattermost_reads_it() -> None:
    said = payload(a_message(title="<!channel> @all @channel sam@example.com"))
    assert said["text"] == "[critical] &lt;!channel&gt; @\u200ball @\u200bchannel sam@example.com"


def test_slack_gets_what_happened_what_it_cost_and_the_command(office: Office, chat: Receiver) -> None:
    office.outbox.put(a_message(), ["chat"])
    assert office.deliver(SLACK) == Delivered(sent=1)
    (received,) = chat.got
    assert received.path == SLACK_PATH
    assert received.json["text"] == "[critical] shop: the day's limit is at 95 %"
    found = texts(received.json["blocks"])
    assert found[0] == "shop: the day's limit is at 95 %"
    assert "spent &amp; &lt;reserved&gt;" in found[1]
    assert found[2:5] == [
        "*Spent*\n$9.50 of $10.00",
        "*Story*\nUS-001 &lt;b&gt;",
        "The trace: `ralph trace 45f0 --span 9c1e`",
    ]
    assert found[5].startswith(":octagonal_sign: *CRITICAL*  2025-11-")


def test_slack_gets_a_button_where_there_is_an_address() -> None:
    link = Link("Open the trace", "ralph trace 45f0", "https://ralph.example/t/45f0")
    (actions,) = [block for block in blocks(a_message(links=(link,))) if block["type"] == "actions"]
    assert actions["elements"][0]["url"] == "https://ralph.example/t/45f0"


def blocks(message: Message) -> Any:
    return payload(message)["blocks"]


@pytest.mark.parametrize("message", [HUGE, SMALLEST, a_message(text=" ")], ids=["huge", "smallest", "blank"])
@pytest.mark.parametrize("again", [False, True])
def test_slack_takes_whatever_a_message_holds(message: Message, again: bool) -> None:
    assert slack_trouble(payload(message, again=again)) == ""


@pytest.mark.parametrize("lines", [1, 100, 250, 2_000])
def test_a_long_text_goes_to_slack_in_several_parts_whole_or_visibly_cut(lines: int) -> None:
    text = "\n".join(f"story {number} & more: {'x' * 60}" for number in range(lines))
    message = a_message(kind=Kind.REPORT, text=text, facts=(), links=())
    assert slack_trouble(payload(message)) == ""
    shown = "\n".join(texts(blocks(message))[1:-1])
    assert shown == text.replace("&", "&amp;") if lines <= 250 else shown.endswith("\n…")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("severity", Severity)
def test_every_kind_and_severity_has_a_word_and_a_shape(kind: Kind, severity: Severity) -> None:
    said = texts(blocks(a_message(kind=kind, severity=severity)))[-1]
    expected = severity.name if kind in {Kind.HAPPENED, Kind.FIRING} else kind.name
    assert f"*{expected}*" in said


@pytest.mark.parametrize(
    ("status", "said", "note"),
    [
        (404, "no_service", "the webhook is gone: make a new one in Slack and store its address."),
        (410, "channel_is_archived", "the Slack channel is archived: make a webhook for another one."),
        (403, "action_prohibited", "an admin of the Slack workspace does not allow it."),
        (400, "invalid_payload", "127.0.0.1 answered 400: invalid_payload"),
    ],
)
def test_slack_says_no_in_words_that_help(office: Office, chat: Receiver, status: int, said: str, note: str) -> None:
    chat.answer = lambda _: Reply(status, said)
    office.outbox.put(a_message(), ["chat"])
    assert office.deliver(SLACK) == Delivered(failed=1)
    assert office.only().note.endswith(note)


def test_slack_that_is_too_busy_gets_it_when_it_says(office: Office, chat: Receiver) -> None:
    chat.answer = lambda _: Reply(429, "rate_limited", {"Retry-After": "30"})
    office.outbox.put(a_message(), ["chat"])
    office.deliver(SLACK)
    assert (office.only().next_at_ns - office.clock()) / 1e9 == 30
    chat.answer = slack
    office.clock.advance(30)
    assert office.deliver(SLACK).sent == 1
    assert "already" not in str(chat.got[-1].json)  # the first was refused for certain


@pytest.mark.parametrize(
    ("header", "least_s", "most_s"),
    [
        ("120", 120, 120),
        ("", 0, 0),
        ("soon", 0, 0),
        ("-5", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("9" * 40, 1e8, 1e9),
    ],
)
def test_when_to_come_again_is_read_in_both_forms(header: str, least_s: float, most_s: float) -> None:
    assert least_s <= retry_after_s(header) <= most_s
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3_500 < retry_after_s(in_an_hour) <= 3_600


def test_slack_that_may_have_it_is_told_so(office: Office, chat: Receiver) -> None:
    office.outbox.put(a_message(), ["chat"])
    with raw_server(drips) as port:
        office.environment["SLOW"] = f"http://127.0.0.1:{port}{SLACK_PATH}"
        slow = SLACK.model_copy(update={"url": "env:SLOW"})
        assert office.deliver(slow, timeout_s=0.2) == Delivered(left=1)
    assert office.only().note == "127.0.0.1: no answer within 0.2 s"
    office.clock.advance(10)
    assert office.deliver(SLACK).sent == 1
    assert "you may have it already" in texts(chat.got[0].json["blocks"])[-1]


# PagerDuty


@pytest.fixture
def pager() -> Iterator[tuple[Receiver, PagerDuty]]:
    incidents = PagerDuty(ROUTING_KEY)
    with http_receiver(incidents) as receiver:
        yield receiver, incidents


def to_pager(receiver: Receiver, **settings: Any) -> Channel:
    given: dict[str, Any] = {"name": "pager", "kind": "pagerduty", "key": "env:PAGER", "private": True}
    return Channel(**given | {"address": receiver.url} | settings)


def test_a_condition_is_one_incident_from_firing_to_resolved(office: Office, pager: tuple[Receiver, PagerDuty]) -> None:
    receiver, incidents = pager
    office.outbox.put(a_message("f1", Kind.FIRING, "ralph/day_limit/shop"), ["pager"])
    office.outbox.put(a_message("f2", Kind.FIRING, "ralph/day_limit/shop"), ["pager"])
    assert office.deliver(to_pager(receiver)).sent == 2
    (event,) = incidents.open.values()
    assert event["payload"]["summary"] == "[critical] shop: the day's limit is at 95 %"
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["timestamp"] == "2025-11-13T02:13:20.000+00:00"
    details = event["payload"]["custom_details"]
    assert (details["Spent"], details["spent_usd"]) == ("$9.50 of $10.00", 9.5)
    assert details["look"] == {"The trace": "ralph trace 45f0 --span 9c1e"}
    office.outbox.put(a_message("r", Kind.RESOLVED, "ralph/day_limit/shop"), ["pager"])
    office.deliver(to_pager(receiver))
    assert (incidents.open, incidents.resolved) == ({}, ["ralph/day_limit/shop"])


def test_what_happened_twice_is_two_incidents(office: Office, pager: tuple[Receiver, PagerDuty]) -> None:
    receiver, incidents = pager
    for name in ("h1", "h2"):
        office.outbox.put(a_message(name, Kind.HAPPENED, "ralph/trace_failed/shop"), ["pager"])
    office.deliver(to_pager(receiver))
    assert set(incidents.open) == {"h1", "h2"}


def test_a_resolve_of_what_pagerduty_does_not_know_harms_nothing(
    office: Office, pager: tuple[Receiver, PagerDuty]
) -> None:
    office.outbox.put(a_message("r", Kind.RESOLVED, "k"), ["pager"])
    assert office.deliver(to_pager(pager[0])).sent == 1
    assert pager[1].open == {}


def test_a_test_leaves_no_incident_open(office: Office, pager: tuple[Receiver, PagerDuty]) -> None:
    office.outbox.put(a_message("t", Kind.TEST), ["pager"])
    assert office.deliver(to_pager(pager[0])).sent == 1
    assert (pager[1].open, pager[1].resolved) == ({}, ["t"])


def test_a_report_is_no_incident(office: Office, pager: tuple[Receiver, PagerDuty]) -> None:
    office.outbox.put(a_message("t", Kind.REPORT), ["pager"])
    assert office.deliver(to_pager(pager[0])) == Delivered()
    assert office.only().state is State.DROPPED
    assert office.only().note == "reports are not sent to PagerDuty, which is for what needs a person now."


def test_pagerduty_takes_whatever_a_message_holds(office: Office, pager: tuple[Receiver, PagerDuty]) -> None:
    wide = a_message("w", data={"list": ["x" * 1_000] * 1_000, "odd": {1, 2}}, text="t" * 10**6)
    for message in (HUGE, SMALLEST, wide):
        office.outbox.put(message, ["pager"])
    assert office.deliver(to_pager(pager[0])).sent == 3


@pytest.mark.parametrize(
    ("severity", "word"), [(Severity.NOTE, "info"), (Severity.WARNING, "warning"), (Severity.CRITICAL, "critical")]
)
def test_severities_have_pagerdutys_words(severity: Severity, word: str) -> None:
    (event,) = events(a_message(severity=severity), "k")
    assert isinstance(event["payload"], dict)
    assert event["payload"]["severity"] == word
    assert len(dedup_key(a_message(kind=Kind.FIRING, key="k" * 400))) == 255


def test_a_wrong_routing_key_is_said_and_not_repeated(office: Office, pager: tuple[Receiver, PagerDuty]) -> None:
    office.environment["PAGER"] = "ffffffffffffffffffffffffffffffff"
    office.outbox.put(a_message(), ["pager"])
    assert office.deliver(to_pager(pager[0])) == Delivered(failed=1)
    assert "'routing_key' is invalid" in office.only().note


# webhooks


def test_a_webhook_is_signed_as_the_standard_says(office: Office, receiver: Receiver) -> None:
    office.outbox.put(a_message("m1", Kind.FIRING, "k", text="Grüße"), ["hook"])
    assert office.deliver(webhook(receiver.url + "/in?x=1", key="env:SIGN")).sent == 1
    (received,) = receiver.got
    assert received.path == "/in?x=1"
    assert received.headers["webhook-id"] == "m1"
    assert verified(received, SIGNING_KEY, office.clock() / 1e9)
    assert not verified(received, "whsec_" + base64.b64encode(b"another key, 16+ bytes").decode())
    assert received.json["type"] == "alert.firing"
    assert received.json["timestamp"] == "2025-11-13T02:13:20.000+00:00"
    assert received.json["data"]["facts"][0] == {"label": "Spent", "value": "$9.50 of $10.00"}
    assert (received.json["data"]["text"], received.json["data"]["dedup_key"]) == ("Grüße", "k")


def test_every_attempt_has_the_same_id_and_body_and_its_own_time(office: Office, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(500)
    office.outbox.put(a_message(), ["hook"])
    office.deliver(webhook(receiver.url, key="env:SIGN"))
    office.clock.advance(3_600)
    receiver.answer = lambda _: Reply(204, "")
    assert office.deliver(webhook(receiver.url, key="env:SIGN")).sent == 1
    first, second = receiver.got
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3_600
    assert verified(second, SIGNING_KEY, office.clock() / 1e9)


def test_while_a_key_is_changed_both_sign(office: Office, receiver: Receiver) -> None:
    newer = "whsec_" + base64.b64encode(bytes(range(24))).decode()
    office.environment["SIGN"] = f"{newer} {SIGNING_KEY}"
    office.outbox.put(a_message(), ["hook"])
    office.deliver(webhook(receiver.url, key="env:SIGN"))
    assert verified(receiver.got[0], SIGNING_KEY)
    assert verified(receiver.got[0], newer)


def test_without_a_key_a_webhook_is_not_signed(office: Office, receiver: Receiver) -> None:
    office.outbox.put(a_message(), ["hook"])
    office.deliver(webhook(receiver.url))
    assert "webhook-signature" not in receiver.got[0].headers


@pytest.mark.parametrize("key", ["hunter2-is-a-password", "whsec_c2hvcnQ=", "whsec_***"])
def test_a_key_that_is_none_is_said_and_nothing_is_sent(office: Office, receiver: Receiver, key: str) -> None:
    office.environment["SIGN"] = key
    office.outbox.put(a_message(), ["hook"])
    assert office.deliver(webhook(receiver.url, key="env:SIGN")) == Delivered(left=1)
    assert office.only().note.startswith("the signing key is not valid: it must be whsec_ and base64")
    assert receiver.got == []


def test_a_redirect_is_not_followed(office: Office, receiver: Receiver) -> None:
    with http_receiver(lambda _: Reply(307, "", {"Location": receiver.url})) as first:
        office.outbox.put(a_message(), ["hook"])
        assert office.deliver(webhook(first.url)) == Delivered(failed=1)
    assert office.only().note == "127.0.0.1 answered 307 and sends elsewhere: give the final address."
    assert receiver.got == []


def test_of_a_huge_answer_little_is_read(office: Office, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(400, "no! " * 5_000_000)
    office.outbox.put(a_message(), ["hook"])
    assert office.deliver(webhook(receiver.url)) == Delivered(failed=1)
    assert len(office.only().note) < 300


def test_what_speaks_no_http_is_tried_later(office: Office) -> None:
    office.outbox.put(a_message(), ["hook"])
    with raw_server(lambda line: line.sendall(b"SSH-2.0-OpenSSH\r\n" * 10)) as port:
        assert office.deliver(webhook(f"http://127.0.0.1:{port}")) == Delivered(left=1)


def test_no_proxy_of_the_environment_is_used(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_receiver() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        office.outbox.put(a_message(), ["hook"])
        assert office.deliver(webhook(receiver.url)).sent == 1
        assert proxy.got == []


def test_https_is_spoken_to_the_name_and_its_certificate_is_checked(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, server = authority(tmp_path)
    with http_receiver(tls=server) as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        office.outbox.put(a_message(), ["hook"])
        assert office.deliver(webhook(url)) == Delivered(left=1)
        assert "CERTIFICATE_VERIFY_FAILED" in office.only().note
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        office.clock.advance(10)
        assert office.deliver(webhook(url)).sent == 1
        assert receiver.got[0].headers["host"].startswith("localhost:")


def test_no_secret_is_in_any_row_note_or_log(office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secrets = (SLACK_PATH, ROUTING_KEY, SIGNING_KEY, "aSlackSecret77")

    def telltale(received: Any) -> Reply:
        return Reply(500, f"{received.path} {received.headers} {ROUTING_KEY} {SIGNING_KEY}")

    caplog.set_level("DEBUG")
    with http_receiver(telltale) as receiver:
        office.environment |= {"CHAT": receiver.url + SLACK_PATH, "BAD": "https://sam:aSlackSecret77@e.example/x"}
        office.environment |= {"ODD": "https://[aSlackSecret77/x"}
        channels = (
            SLACK,
            SLACK.model_copy(update={"name": "bad", "url": "env:BAD"}),
            SLACK.model_copy(update={"name": "odd", "url": "env:ODD"}),
            to_pager(receiver),
            webhook(receiver.url, key="env:SIGN"),
        )
        office.outbox.put(a_message(), [channel.name for channel in channels])
        office.deliver(*channels)
    notes = {entry.channel: entry.note for entry in office.outbox.history()}
    assert "[secret]" in notes["chat"]
    assert "[secret]" in notes["pager"]
    seen = [path.read_bytes() for path in tmp_path.glob("ledger.db*")] + [str(notes).encode(), caplog.text.encode()]
    assert [secret for secret in secrets for text in seen if secret.encode() in text] == []
