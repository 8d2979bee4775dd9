"""Alerts for a person in a terminal, and as plain data for `--json`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from ralph.alerts.desk import SHORT
from ralph.alerts.overview import STATE_WORDS, UNSET, ChannelState, RuleState
from ralph.cli.table import Column, screen_width, table
from tracing.alerts.outbox import NOBODY, Entry, State
from tracing.alerts.senders.wording import word
from tracing.words import cut, iso_time, local_time, plain

MARGIN = "  "
COLUMNS = (Column("when"), Column("id"), Column("what"), Column("title", grows=True), Column("to"), Column("state"))


def list_lines(rules: Sequence[RuleState], channels: Sequence[ChannelState]) -> Iterator[str]:
    """What fires first of all; then the rules, then the channels."""
    firing = [(rule.name, title, since) for rule in rules for title, since in rule.firing]
    if firing:
        yield "Firing now:"
        for name, title, since in firing:
            yield cut(f"{MARGIN}{name}: {plain(title)} (since {local_time(since)})", screen_width())
        yield ""
    yield "Rules; each tells when:"
    width = max((len(rule.name) for rule in rules), default=0)
    for rule in rules:
        yield f"{MARGIN}{rule.name:<{width}}  {rule.words}{_quiet(rule)}"
    yield ""
    yield (
        "Channels:"
        if channels
        else "No channel is set up, so alerts are only kept: docs/alerts.md has an example of each kind."
    )
    width = max((len(channel.name) for channel in channels), default=0)
    for channel in channels:
        yield f"{MARGIN}{channel.name:<{width}}  {channel.kind}: {_channel(channel)}"
        if channel.note:
            yield f"{MARGIN}{'':<{width}}  its last trouble: {plain(channel.note)}"


def _quiet(rule: RuleState) -> str:
    if rule.is_off:
        return " [off]"
    if rule.is_unset:
        return " [off: no threshold is set]"
    return f" [silent until {local_time(rule.silenced_until_ns)}]" if rule.silenced_until_ns is not None else ""


def _channel(channel: ChannelState) -> str:
    sent = "nothing was sent yet" if channel.sent_at_ns is None else f"last sent {local_time(channel.sent_at_ns)}"
    waiting = f", {channel.waiting} waiting" if channel.waiting else ""
    return f"{sent}{waiting}" + (f", {channel.failed} given up (ralph alerts retry --all)" if channel.failed else "")


def list_facts(rules: Sequence[RuleState], channels: Sequence[ChannelState]) -> dict[str, object]:
    return {
        "rules": [
            {
                "name": rule.name,
                "tells_when": rule.words,
                "thresholds": {name: None if value == UNSET else value for name, value in rule.thresholds},
                "off": rule.is_off or rule.is_unset,
                "silenced_until": iso_time(rule.silenced_until_ns),
                "firing": [{"title": title, "since": iso_time(since)} for title, since in rule.firing],
            }
            for rule in rules
        ],
        "channels": [
            {key: value for key, value in asdict(channel).items() if key != "sent_at_ns"}
            | {"sent_at": iso_time(channel.sent_at_ns)}
            for channel in channels
        ],
    }


def history_lines(entries: Sequence[Entry]) -> Iterator[str]:
    """A row for each message and channel; below it, why it was not sent."""
    if not entries:
        return
    rows = [
        (
            local_time(entry.put_at_ns),
            entry.message.id[:SHORT],
            word(entry.message),
            plain(entry.message.title),
            entry.channel or "nobody",
            STATE_WORDS[entry.state],
        )
        for entry in entries
    ]
    head, *lines = table(COLUMNS, rows)
    yield head
    for entry, line in zip(entries, lines, strict=True):
        yield line
        if entry.note and entry.channel != NOBODY:
            yield cut(f"{'':13}{plain(entry.note)}", screen_width())


def history_facts(entry: Entry) -> dict[str, object]:
    message = entry.message
    return {
        "id": message.id,
        "at": iso_time(entry.put_at_ns),
        "kind": message.kind.value,
        "severity": message.severity.name.lower(),
        "rule": message.rule,
        "title": message.title,
        "text": message.text,
        "channel": entry.channel or None,
        "state": entry.state.value,
        "attempts": entry.attempts,
        "ended_at": iso_time(entry.ended_at_ns),
        "next_at": iso_time(entry.next_at_ns) if entry.state is State.WAITING else None,
        "note": entry.note,
        "trace_id": message.data.get("trace_id") or None,
        "span_id": message.data.get("span_id") or None,
    }
