"""Many messages as one: for a person, forty at once are worse than one that says forty. Each stays in the history."""

from collections import Counter
from collections.abc import Sequence

from tracing.alerts.message import Fact, Kind, Link, Message
from tracing.finding import Severity
from tracing.words import cut, local_time, plain

FOLDED_KINDS = (Kind.HAPPENED, Kind.FIRING, Kind.RESOLVED)
SHOWN = 15
HISTORY = "ralph alerts history"


def fold(messages: Sequence[Message], name: str, now_ns: int) -> Message:
    """`name` tells digests apart. The gravest are shown, in the order in which they came."""
    gravest = sorted(messages, key=lambda message: (message.kind is Kind.RESOLVED, -message.severity))[:SHOWN]
    shown = [message for message in messages if message in gravest][:SHOWN]
    more = len(messages) - len(shown)
    lines = [_line(message) for message in shown] + ([f"... and {more} more: {HISTORY}"] if more else [])
    severity = max((m.severity for m in messages if m.kind is not Kind.RESOLVED), default=Severity.NOTE)
    return Message(
        id=f"digest/{name}",
        kind=Kind.HAPPENED,
        at_ns=now_ns,
        title=f"{len(messages)} alerts at once",
        text="\n".join(lines),
        severity=severity,
        facts=tuple(Fact(rule, str(count)) for rule, count in _rules(messages).most_common(10)),
        links=(Link("All of them", f"{HISTORY} --limit {len(messages)}"),),
        data={"messages": len(messages)},
    )


def _line(message: Message) -> str:
    word = "resolved" if message.kind is Kind.RESOLVED else message.severity.name.lower()
    return f"{local_time(message.at_ns, '%H:%M')} [{word}] {cut(plain(message.title), 120)}"


def _rules(messages: Sequence[Message]) -> Counter[str]:
    return Counter(message.rule or message.kind.value for message in messages)
