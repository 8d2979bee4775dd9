"""PagerDuty's Events API v2: trigger and resolve under the same dedup key, so that a repeat is the same incident.

Reports are no incidents and are not sent. A test opens an incident and resolves it at once.
"""

import json
import socket

from tracing.alerts.attempt import Attempt, NotMeantError
from tracing.alerts.message import Kind, Message
from tracing.alerts.posting import post
from tracing.alerts.senders.wording import headline, short
from tracing.finding import Severity
from tracing.words import cut, iso_time

ADDRESS = "https://events.pagerduty.com/v2/enqueue"  # in the EU events.eu.pagerduty.com: the setting `address`
SUMMARY, KEY, MOST_BYTES = 1_024, 255, 512 * 1_024
MOST_LINKS = 10
SEVERITIES = {Severity.NOTE: "info", Severity.WARNING: "warning", Severity.CRITICAL: "critical"}


def send(attempt: Attempt) -> str:
    message, channel = attempt.message, attempt.channel
    if message.kind is Kind.REPORT:
        raise NotMeantError("reports are not sent to PagerDuty, which is for what needs a person now.")
    assert channel.key is not None  # of every channel of this kind
    routing_key = attempt.secrets.read(channel.key)
    for event in events(message, routing_key):
        post(attempt, channel.address or ADDRESS, _bounded(event), {})
    return ""


def events(message: Message, routing_key: str) -> list[dict[str, object]]:
    resolve: dict[str, object] = {
        "routing_key": routing_key,
        "event_action": "resolve",
        "dedup_key": dedup_key(message),
    }
    if message.kind is Kind.RESOLVED:
        return [resolve]
    trigger = _trigger(message, routing_key)
    return [trigger, resolve] if message.kind is Kind.TEST else [trigger]


def dedup_key(message: Message) -> str:
    """What happened once is an incident by itself; a condition is one from firing to resolved."""
    lasting = message.kind in {Kind.FIRING, Kind.RESOLVED}
    return ((message.dedup_key if lasting else "") or message.id)[:KEY]


def _trigger(message: Message, routing_key: str) -> dict[str, object]:
    details: dict[str, object] = {fact.label: fact.value for fact in message.facts}
    commands = {link.label: link.command for link in message.links}
    with_url = [link for link in message.links if link.url][:MOST_LINKS]
    event: dict[str, object] = {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": dedup_key(message),
        "client": "Ralph",
        "payload": {
            "summary": short(headline(message), SUMMARY),
            "source": socket.gethostname() or "ralph",
            "severity": SEVERITIES[message.severity],
            "timestamp": iso_time(message.at_ns),
            "component": "ralph",
            "class": message.rule or message.kind.value,
            "custom_details": message.data
            | details
            | {"what": message.text, "look": commands, "message_id": message.id},
        },
        "links": [{"href": link.url, "text": link.label} for link in with_url],
    }
    return event | ({"client_url": with_url[0].url} if with_url else {})


def _bounded(event: dict[str, object]) -> bytes:
    """As JSON; details that PagerDuty would not take for their size are cut to the text."""
    body = json.dumps(event, default=str).encode()
    if len(body) <= MOST_BYTES:
        return body
    payload = event["payload"]
    assert isinstance(payload, dict)
    small = payload | {"custom_details": {"what": cut(str(payload["custom_details"]["what"]), 20_000)}}
    return json.dumps(event | {"payload": small, "links": []}, default=str).encode()
