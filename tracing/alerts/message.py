"""What is told to people: an alert as a rule sees it, and the message that channels send. Plain data.

Rules make alerts, the engine makes messages of them, senders render messages. None of them knows the others.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from tracing.finding import Severity

MOST_DEDUP_CHARS = 255


class Kind(StrEnum):
    """Why a message is sent."""

    HAPPENED = "happened"  # an event: there is nothing to resolve
    FIRING = "firing"  # a condition became true
    RESOLVED = "resolved"  # ... and is not any more
    REPORT = "report"
    TEST = "test"


@dataclass(frozen=True)
class Fact:
    """One line of the small table in a message: "Spent", "$12.40 of $10.00"."""

    label: str
    value: str


@dataclass(frozen=True)
class Link:
    """Where to look: an address where the viewer has a public one, and always the command that shows the same."""

    label: str
    command: str  # `ralph trace 45f0 --span 9c1e`
    url: str = ""


@dataclass(frozen=True)
class Alert:
    """Something a person should know, as a rule sees it. `key` is what it is about, within the rule: stable while it lasts."""

    rule: str
    key: str
    severity: Severity
    title: str  # one line, what happened and to what: "shop: the day's limit is at 95 %"
    text: str  # what was seen and what to do, in sentences for a tired person
    facts: tuple[Fact, ...] = ()
    cost_micros: int | None = None  # what it cost, or None where that means nothing
    agent: str = ""
    trace_id: str = ""  # the guilty trace and span, where there is one
    span_id: str = ""

    @property
    def dedup_key(self) -> str:
        """The same for firing, repeats and resolved, another for each key; at most 255 characters (PagerDuty's limit)."""
        whole = f"ralph/{self.rule}/{self.key}"
        if len(whole) <= MOST_DEDUP_CHARS:
            return whole
        return f"{whole[: MOST_DEDUP_CHARS - 17]}/{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Message:
    """What a channel is given. Every retry of it carries the same id."""

    id: str
    kind: Kind
    at_ns: int
    title: str
    text: str
    severity: Severity = Severity.NOTE
    rule: str = ""
    dedup_key: str = ""
    facts: tuple[Fact, ...] = ()
    links: tuple[Link, ...] = ()
    html: str = ""  # a whole document, for channels that show one (the report by email); "" is made from the rest
    data: dict[str, object] = field(
        default_factory=dict
    )  # JSON for machines: the webhook's, PagerDuty's custom_details
