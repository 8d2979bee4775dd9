"""From an alert to the message about it: what happened, for how long, how many more. Knows no rule and no channel."""

import uuid
from collections.abc import Callable
from typing import TypeAlias

from tracing.alerts.message import Alert, Kind, Link, Message
from tracing.alerts.rule import Happened
from tracing.alerts.state import SECOND_NS, Condition, Counted
from tracing.words import MICROS_PER_USD, iso_time, length, local_time

Links: TypeAlias = Callable[[Alert], tuple[Link, ...]]
NAMESPACE = uuid.UUID("5f0c6a1e-3d0f-4d5b-9a2e-7f2f0f6e3b11")
LATE_NS = 120 * SECOND_NS  # so long after it began people are told when that was


def happened(event: Happened, counted: Counted, now_ns: int, links: Links) -> Message:
    """`counted` are those that nobody was told of."""
    alert = event.alert
    more = _more(counted, now_ns)
    facts: dict[str, object] = {"happened_at": iso_time(event.at_ns), "more": counted.more}
    return _message(alert, Kind.HAPPENED, event.identity, now_ns, links, title=alert.title, then=more, data=facts)


def firing(condition: Condition, now_ns: int, links: Links) -> Message:
    alert = condition.alert
    words = f"It has been so since {local_time(condition.since_ns)}." if now_ns - condition.since_ns > LATE_NS else ""
    if condition.spells:
        words = f"{words} It came back {_times(condition.spells)} since the last message about it.".strip()
    data: dict[str, object] = {"since": iso_time(condition.since_ns), "came_back": condition.spells}
    identity = f"{alert.key}\n{condition.since_ns}\n{condition.messages}"
    return _message(alert, Kind.FIRING, identity, now_ns, links, title=alert.title, then=words, data=data)


def resolved(condition: Condition, now_ns: int, links: Links) -> Message:
    """With what was last seen while it held, and for how long it did."""
    alert = condition.alert
    gone_ns = now_ns if condition.gone_ns is None else condition.gone_ns
    lasted_ns = max(gone_ns - condition.since_ns, 0)
    words = f"Over since {local_time(gone_ns)}: it lasted {length(lasted_ns)}"
    words += f" and came back {_times(condition.spells)} meanwhile." if condition.spells else "."
    data: dict[str, object] = {
        "since": iso_time(condition.since_ns),
        "until": iso_time(gone_ns),
        "lasted_s": round(lasted_ns / SECOND_NS),
        "came_back": condition.spells,
    }
    identity = f"{alert.key}\n{condition.since_ns}\n{condition.messages}"
    title = f"Over after {length(lasted_ns)}: {alert.title}"
    return _message(alert, Kind.RESOLVED, identity, now_ns, links, title=title, first=words, data=data)


def _message(
    alert: Alert,
    kind: Kind,
    identity: str,
    now_ns: int,
    links: Links,
    *,
    title: str,
    data: dict[str, object],
    first: str = "",
    then: str = "",
) -> Message:
    return Message(
        id=str(uuid.uuid5(NAMESPACE, f"{alert.rule}\n{kind}\n{identity}")),
        kind=kind,
        at_ns=now_ns,
        title=title,
        text="\n\n".join(part for part in (first, alert.text, then) if part),
        severity=alert.severity,
        rule=alert.rule,
        dedup_key=alert.dedup_key,
        facts=alert.facts,
        links=links(alert),
        data=_for_machines(alert) | data,
    )


def _for_machines(alert: Alert) -> dict[str, object]:
    return {
        "rule": alert.rule,
        "key": alert.key,
        "severity": alert.severity.name.lower(),
        "cost_usd": None if alert.cost_micros is None else alert.cost_micros / MICROS_PER_USD,
        "agent": alert.agent,
        "trace_id": alert.trace_id,
        "span_id": alert.span_id,
        "facts": {fact.label: fact.value for fact in alert.facts},
    }


def _more(counted: Counted, now_ns: int) -> str:
    if not counted.more or counted.more_since_ns is None:
        return ""
    return f"And {counted.more} more in the last {length(max(now_ns - counted.more_since_ns, SECOND_NS))}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
