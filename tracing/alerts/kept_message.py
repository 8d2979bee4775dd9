"""A message as JSON, to be read by any later version of this file: what is unknown is ignored, what is missing has a default."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tracing.alerts.message import Fact, Kind, Link, Message
from tracing.finding import Severity
from tracing.jsonlike import clean

VERSION = 1
SAME = ("id", "at_ns", "title", "text", "rule", "dedup_key", "html", "data")


def as_json(message: Message) -> str:
    """Numbers, texts and lists as they are; anything else in `data` as its text, so that an alert is never lost over it."""
    fields = {"version": VERSION, **asdict(message), "kind": message.kind.value, "severity": message.severity.name}
    return clean(json.dumps(fields, ensure_ascii=False, default=str, separators=(",", ":")))


def from_json(text: str) -> Message:
    kept: Mapping[str, Any] = json.loads(text)
    return Message(
        kind=Kind(kept["kind"]) if kept["kind"] in set(Kind) else Kind.HAPPENED,
        severity=Severity.__members__.get(kept.get("severity", "NOTE"), Severity.WARNING),
        facts=tuple(Fact(fact["label"], fact["value"]) for fact in kept.get("facts", ())),
        links=tuple(Link(link["label"], link["command"], link.get("url", "")) for link in kept.get("links", ())),
        **{name: kept[name] for name in SAME if name in kept},
    )
