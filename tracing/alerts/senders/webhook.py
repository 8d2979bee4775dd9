"""Any receiver that understands Standard Webhooks (standardwebhooks.com): JSON, signed, the same id on every attempt."""

import base64
import binascii
import hashlib
import hmac
import json

from tracing.alerts.attempt import Attempt, UnansweredError
from tracing.alerts.message import Message
from tracing.alerts.posting import post
from tracing.words import iso_time

PREFIX = "whsec_"
HOW = (
    'Make one: echo "whsec_$(openssl rand -base64 32)". Two with a blank between them sign both, while you change them.'
)


def send(attempt: Attempt) -> str:
    channel = attempt.channel
    assert channel.address is not None  # of every channel of this kind
    body = json.dumps(payload(attempt.message), default=str, ensure_ascii=False).encode()
    stamp = str(attempt.now_ns // 10**9)
    headers = {"webhook-id": attempt.message.id, "webhook-timestamp": stamp}
    if channel.key:
        keys = [_key(text) for text in attempt.secrets.read(channel.key).split()]
        headers["webhook-signature"] = " ".join(signature(key, attempt.message.id, stamp, body) for key in keys)
    post(attempt, channel.address, body, headers)
    return ""


def signature(key: bytes, identity: str, stamp: str, body: bytes) -> str:
    signed = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"


def payload(message: Message) -> dict[str, object]:
    """The envelope of the standard; `data.data` is what the rule has for machines."""
    return {
        "type": f"alert.{message.kind.value}",
        "timestamp": iso_time(message.at_ns),
        "data": {
            "id": message.id,
            "kind": message.kind.value,
            "rule": message.rule,
            "severity": message.severity.name.lower(),
            "title": message.title,
            "text": message.text,
            "dedup_key": message.dedup_key,
            "facts": [{"label": fact.label, "value": fact.value} for fact in message.facts],
            "links": [{"label": link.label, "command": link.command, "url": link.url} for link in message.links],
            "data": message.data,
        },
    }


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or len(key) < 16:
        raise UnansweredError(f"the signing key is not valid: it must be whsec_ and base64 of at least 16 bytes. {HOW}")
    return key
