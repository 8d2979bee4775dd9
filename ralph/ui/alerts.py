"""What people were told of while nobody looked: what fires now, what was sent to whom, the rules, the channels. Changes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ralph.alerts.overview import (
    STATE_WORDS,
    ChannelState,
    Kept,
    RuleState,
    channel_states,
    read_kept,
    rule_states,
)
from ralph.alerts.rules import every_rule
from ralph.errors import RalphError
from ralph.history.costs import trace_of
from ralph.history.looks import UNREADABLE
from ralph.home import Home
from ralph.settings.load import user_settings
from ralph.settings.schema import Settings
from tracing.alerts.message import Fact
from tracing.alerts.outbox import NOBODY, Entry, State
from tracing.alerts.senders.wording import word
from tracing.alerts.state import Condition
from tracing.finding import Severity
from tracing.store import TraceStore
from tracing.web.page import Query

SHOWN = 40  # messages
MOST_SHOWN = 1_000


@dataclass(frozen=True)
class Firing:
    """Something that holds now, or that nobody was told the end of yet."""

    rule: str
    severity: Severity
    title: str
    text: str
    since_ns: int
    told_at_ns: int | None  # None: nobody was told, or it is silent
    is_gone: bool  # not seen any more; people are told when that lasts
    cost_micros: int | None
    facts: tuple[Fact, ...]
    trace_id: str  # "" where it is about no trace, or the trace is gone
    span_id: str


@dataclass(frozen=True)
class Delivery:
    """A message on its way to one channel."""

    channel: str  # "": no channel was set up for it
    state: State
    words: str
    ended_at_ns: int | None
    next_at_ns: int | None  # None: it is not tried again
    attempts: int
    note: str


@dataclass(frozen=True)
class Told:
    """A message, and what became of it on each channel."""

    id: str
    at_ns: int
    word: str  # "critical", "warning", "note", "resolved", "report", "test"
    severity: Severity
    rule: str
    title: str
    text: str
    trace_id: str
    span_id: str
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True)
class AlertsView:
    """`problem`: the ledger or the settings cannot be read; ""."""

    problem: str
    firing: tuple[Firing, ...]  # the gravest first
    told: tuple[Told, ...]  # the newest first
    more: int  # how many messages to ask for to see more; 0: there are no more
    rules: tuple[RuleState, ...]
    channels: tuple[ChannelState, ...]


def alerts_view(query: Query, home: Home) -> AlertsView:
    """Raises: PageError: `limit` is no number."""
    limit = query.number("limit", SHOWN, least=1, most=MOST_SHOWN)
    settings, problem = _settings(home)
    try:
        kept = read_kept(home, query.now_ns)
    except UNREADABLE as error:
        kept, problem = Kept(), str(error)
    told = list(_messages(kept.history))
    shown = told[:limit]
    return AlertsView(
        problem=problem,
        firing=tuple(_firing(query.store, kept.firing)),
        told=tuple(_told(query.store, entries) for entries in shown),
        more=min(limit * 5, MOST_SHOWN) if len(told) > limit else 0,
        rules=rule_states(every_rule(home, settings), settings, kept),
        channels=channel_states(settings.channels, kept),
    )


def _settings(home: Home) -> tuple[Settings, str]:
    try:
        return user_settings(home), ""
    except RalphError as error:
        return Settings(), str(error)


def _firing(store: TraceStore, conditions: Iterable[Condition]) -> Iterator[Firing]:
    for one in sorted(conditions, key=lambda one: (-one.alert.severity, one.since_ns)):
        alert = one.alert
        is_known = trace_of(store, alert.trace_id) is not None
        yield Firing(
            rule=alert.rule,
            severity=alert.severity,
            title=alert.title,
            text=alert.text,
            since_ns=one.since_ns,
            told_at_ns=one.told_ns,
            is_gone=one.gone_ns is not None,
            cost_micros=alert.cost_micros,
            facts=alert.facts,
            trace_id=alert.trace_id if is_known else "",
            span_id=alert.span_id if is_known else "",
        )


def _messages(newest_first: Iterable[Entry]) -> Iterable[list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in newest_first:
        found.setdefault(entry.message.id, []).append(entry)
    return found.values()


def _told(store: TraceStore, entries: Sequence[Entry]) -> Told:
    message = entries[0].message
    trace_id = str(message.data.get("trace_id") or "")
    is_known = trace_of(store, trace_id) is not None
    return Told(
        id=message.id,
        at_ns=message.at_ns,
        word=word(message),
        severity=message.severity,
        rule=message.rule,
        title=message.title,
        text=message.text,
        trace_id=trace_id if is_known else "",
        span_id=str(message.data.get("span_id") or "") if is_known else "",
        deliveries=tuple(_delivery(entry) for entry in sorted(entries, key=lambda entry: entry.channel)),
    )


def _delivery(entry: Entry) -> Delivery:
    return Delivery(
        channel=entry.channel,
        state=entry.state,
        words="kept here, sent to nobody" if entry.channel == NOBODY else STATE_WORDS[entry.state],
        ended_at_ns=entry.ended_at_ns,
        next_at_ns=entry.next_at_ns if entry.state is State.WAITING else None,
        attempts=entry.attempts,
        note=entry.note,
    )
