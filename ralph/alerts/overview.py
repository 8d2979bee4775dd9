"""How alerting stands, as data for a list: every rule with what it does now, every channel with what became of its messages."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from ralph.alerts.desk import Desk
from ralph.durations import duration_text
from ralph.home import Home
from ralph.settings.schema import Settings
from tracing.alerts import memory
from tracing.alerts.channels import Channel
from tracing.alerts.memory import Silence
from tracing.alerts.outbox import MIGRATIONS as OF_OUTBOX
from tracing.alerts.outbox import Entry, Outbox, State
from tracing.alerts.rule import Rule
from tracing.alerts.state import Condition
from tracing.budget import MICROS_PER_USD
from tracing.sqlite import connect_to_read
from tracing.words import money

UNSET = "none"
NAMED = re.compile(r"(\[alerts\] )?\b([a-z0-9_]+)\b")
NEWEST = 1_000  # messages among which a channel's last ones are looked for
STATE_WORDS = {
    State.WAITING: "waiting",
    State.SENDING: "being sent",
    State.FOLDED: "waiting",
    State.SENT: "sent",
    State.FAILED: "failed",
    State.DROPPED: "not sent",
}


@dataclass(frozen=True)
class RuleState:
    """`firing` are titles, each with the time since when it holds; `about` completes "Tells when ...", and so does `words`."""

    name: str
    about: str
    is_off: bool
    silenced_until_ns: int | None
    firing: tuple[tuple[str, int], ...]
    thresholds: tuple[tuple[str, str], ...] = ()  # settings of [alerts] that `about` names, with their values

    @property
    def is_unset(self) -> bool:
        """Whether it says nothing because no threshold of it is set."""
        return bool(self.thresholds) and all(value == UNSET for _, value in self.thresholds)

    @property
    def words(self) -> str:
        """`about` with the values in place of the names; without a value the name stays: it is what to set."""
        values = {name: value for name, value in self.thresholds if value != UNSET}
        return NAMED.sub(lambda found: values.get(found[2], found[0]), self.about)


@dataclass(frozen=True)
class ChannelState:
    """`note` is the last error, while nothing was sent since."""

    name: str
    kind: str
    sent_at_ns: int | None  # None: nothing of what is remembered
    note: str
    waiting: int
    failed: int  # given up, of what is remembered


@dataclass(frozen=True)
class Kept:
    """What the ledger remembers of alerts."""

    firing: tuple[Condition, ...] = ()
    silences: tuple[Silence, ...] = ()
    history: tuple[Entry, ...] = ()  # the newest first
    waiting: tuple[Entry, ...] = ()  # the oldest first


def read_kept(home: Home, now_ns: int) -> Kept:
    """Changes nothing: where nobody has looked for alerts yet, nothing is kept.

    Raises:
        StateError: the ledger cannot be read.
    """
    db = connect_to_read(home.ledger_db, {"outbox": OF_OUTBOX, memory.COMPONENT: memory.MIGRATIONS})
    if db is None:
        return Kept()
    with closing(Outbox(db, home.ledger_db)) as outbox:
        return Kept(
            firing=memory.firing(db),
            silences=memory.silences(db, now_ns),
            history=tuple(outbox.history(NEWEST)),
            waiting=tuple(outbox.waiting()),
        )


def rule_states(rules: Sequence[Rule], settings: Settings, kept: Kept) -> tuple[RuleState, ...]:
    silent = {silence.rule: silence.until_ns for silence in kept.silences}
    firing: dict[str, list[Condition]] = {}
    for one in kept.firing:
        firing.setdefault(one.alert.rule, []).append(one)
    return tuple(
        RuleState(
            rule.name,
            rule.about,
            rule.name in settings.alerts.off,
            silent.get(rule.name),
            tuple((one.alert.title, one.since_ns) for one in firing.get(rule.name, ())),
            tuple(_thresholds(rule, settings)),
        )
        for rule in rules
    )


def _thresholds(rule: Rule, settings: Settings) -> Iterator[tuple[str, str]]:
    named = set(re.findall(r"\w+", rule.about))
    for field, about in type(settings.alerts).model_fields.items():
        name = about.alias or field
        if name in named:
            yield name, _value(field, getattr(settings.alerts, field))


def _value(field: str, value: object) -> str:
    """With its unit."""
    match value:
        case None | "none":
            return UNSET
        case float() | int():
            return _amount(field, value)
        case Mapping():
            return ", ".join(f"{name} {bound:g}" for name, bound in value.items()) or UNSET
        case tuple():
            return ", ".join(map(str, value)) or UNSET
    return str(value)


def _amount(field: str, value: float) -> str:
    if field.endswith("_s"):
        return duration_text(value)
    if field.endswith("_usd"):
        return money(round(value * MICROS_PER_USD))
    return f"{value:g} %" if field.endswith("_percent") else f"{value:g}"


def channel_states(channels: Sequence[Channel], kept: Kept) -> tuple[ChannelState, ...]:
    of_channel: Mapping[str, list[Entry]] = {channel.name: [] for channel in channels}
    for entry in kept.history:
        if entry.channel in of_channel:
            of_channel[entry.channel].append(entry)
    waiting = [entry.channel for entry in kept.waiting]
    return tuple(_channel(channel, of_channel[channel.name], waiting.count(channel.name)) for channel in channels)


def given_up(desk: Desk, beginnings: tuple[str, ...]) -> tuple[str, ...]:
    """The ids of messages that were given up and begin so; of all of them where no beginning is given."""
    ids = dict.fromkeys(entry.message.id for entry in desk.outbox.history(NEWEST) if entry.state is State.FAILED)
    return tuple(one for one in ids if not beginnings or one.startswith(beginnings))


def _channel(channel: Channel, newest_first: list[Entry], waiting: int) -> ChannelState:
    sent_at_ns = max((entry.ended_at_ns or 0 for entry in newest_first if entry.state is State.SENT), default=None)
    troubled = [entry for entry in newest_first if entry.note and entry.state in {State.WAITING, State.FAILED}]
    note = troubled[0].note if troubled and troubled[0].put_at_ns > (sent_at_ns or 0) else ""
    failed = sum(entry.state is State.FAILED for entry in newest_first)
    return ChannelState(channel.name, channel.kind, sent_at_ns, note, waiting, failed)
