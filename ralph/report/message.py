"""The report as a message for a channel, and the chore that sends it once a day."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime

from ralph.errors import RalphError
from ralph.home import Home
from ralph.report.as_json import as_facts
from ralph.report.facts import Report
from ralph.report.gather import gather
from ralph.report.html import as_html
from ralph.report.naming import need_title, repo_names
from ralph.report.sent import Sent, last_sent, note_sent
from ralph.report.told import cost_words, subtitle, title, told, what_of
from ralph.schedule.environment import with_file
from ralph.screen_text import one_line
from ralph.settings.schema import Settings
from tracing.alerts.courier import Courier
from tracing.alerts.message import Fact, Kind, Link, Message
from tracing.alerts.outbox import Outbox
from tracing.finding import Severity
from tracing.words import cut, local_time

MOST_LINES = 6  # of each list in a short text
LINE_CHARS = 140
MOST_ENTRIES = 200


def as_message(report: Report, *, id_: str = "", public_url: str = "") -> Message:
    """Its id is the day's, so that it is sent once a day, unless another one is given. With `public_url` it leads into the viewer."""
    severity = max((need.severity for need in report.needs), default=Severity.NOTE)
    return Message(
        id=id_ or f"report:{_day(report.made_at_ns)}",
        kind=Kind.REPORT,
        at_ns=report.made_at_ns,
        title=_subject(report),
        text="\n".join(_text(report)),
        severity=severity,
        facts=tuple(_facts(report)),
        links=(Link("the whole report", "ralph report", public_url and f"{public_url}/report"),),
        html=as_html(told(report), public_url),
        data=dict(as_facts(report)),
    )


def send_if_due(home: Home, settings: Settings, clock: Callable[[], int] = time.time_ns) -> bool:
    """Put today's report into the outbox once `[report] at` is past; whether this call did.

    A machine that was off then sends it when it wakes on the same day. Of several callers at once, one sends.
    """
    now_ns = clock()
    sent = last_sent(home)
    day = _day(now_ns)
    if not settings.report.at or local_time(now_ns, "%H:%M") < settings.report.at or (sent and sent.day == day):
        return False
    channels = channels_for(settings)
    if not channels:
        return False
    is_first = put(
        home, as_message(gather(home, now_ns=now_ns), public_url=settings.ui.public_url or ""), channels, clock
    )
    note_sent(home, Sent(day, now_ns))
    return is_first


def send_now(home: Home, settings: Settings, report: Report, channel: str = "") -> list[str]:
    """Send it at once, whatever was sent today, and say in lines what became of it. `channel` "": by those of `channels_for`.

    Raises:
        RalphError: there is no such channel, or none at all; or RALPH_HOME/env cannot be used.
    """
    names = tuple(one.name for one in settings.channels)
    if not names:
        raise RalphError(
            f"no channel is set up to send by. Add [[channels]] to {home.config}; docs/alerts.md says how."
        )
    if channel and channel not in names:
        raise RalphError(f'there is no channel "{channel}". Those there are: {", ".join(names)}.')
    chosen = (channel,) if channel else channels_for(settings)
    id_ = f"report:{_day(report.made_at_ns)}:{report.made_at_ns}"
    environment = with_file(home, os.environ)  # a channel's key may be there alone
    with closing(Outbox.open(home.ledger_db)) as outbox:
        outbox.put(as_message(report, id_=id_, public_url=settings.ui.public_url or ""), chosen)
        Courier(
            outbox, settings.channels, environment=environment
        ).deliver()  # of all: a channel that a courier does not know is given up
        entries = [entry for entry in outbox.history(MOST_ENTRIES) if entry.message.id == id_]
    return [f"{entry.channel}: {entry.state.value}{f', {entry.note}' if entry.note else ''}" for entry in entries]


def channels_for(settings: Settings) -> tuple[str, ...]:
    """Those that `[report] to` names, else all but PagerDuty, which takes no reports. A name that no channel has is kept: the courier gives it up, and says so
    in the history of alerts.
    """
    return settings.report.to or tuple(one.name for one in settings.channels if one.kind != "pagerduty")


def put(home: Home, message: Message, channels: Sequence[str], clock: Callable[[], int] = time.time_ns) -> bool:
    """Keep it until it is sent; False when it was put before."""
    with closing(Outbox.open(home.ledger_db, clock)) as outbox:
        return outbox.put(message, channels)


def _subject(report: Report) -> str:
    count = len(report.needs)
    needs = f"; {count} {'thing needs' if count == 1 else 'things need'} you" if count else ""
    return f"Ralph: {title(report)}{needs}"


def _text(report: Report) -> Iterator[str]:
    """For channels that show a few lines."""
    yield one_line(subtitle(report))
    if report.quiet:
        yield report.quiet
    names = repo_names(report)
    needs = [": ".join(filter(None, (what_of(need), need_title(need, names)))) for need in report.needs]
    done = [f"{one.story} {one.title}" for work in report.works for one in work.done]
    for heading, lines in (("Needs you first", needs), ("Done", done)):
        if lines:
            yield f"{heading}:"
            yield from (f"- {cut(one_line(line), LINE_CHARS)}" for line in lines[:MOST_LINES])
        if len(lines) > MOST_LINES:
            yield f"- and {len(lines) - MOST_LINES} more"


def _facts(report: Report) -> Iterator[Fact]:
    if report.quiet:
        return
    yield Fact("Done", str(report.done))
    yield Fact("Parked", str(report.parked))
    yield Fact("Spent", cost_words(report.cost))
    upcoming = [one for one in report.schedules if one.next_at_ns is not None]
    if upcoming:
        yield Fact("Next run", f"{upcoming[0].name}, {local_time(upcoming[0].next_at_ns or 0, '%a %H:%M')}")


def _day(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9).astimezone().date().isoformat()
