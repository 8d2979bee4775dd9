"""Words that every channel says alike: how grave it is, in a word and in a shape, never in a colour alone."""

import re

from tracing.alerts.message import Kind, Message
from tracing.finding import Severity
from tracing.words import cut, local_time, plain

MAYBE_TWICE = "(sent again after a crash or a lost answer; you may have it already)"
MARKS = {Severity.CRITICAL: "‼", Severity.WARNING: "!", Severity.NOTE: "i"}
PINGS = re.compile(r"(?<!\w)@(?=[\w&!])")  # @all, <@123>; not the @ of an address
APART = "\u200b"  # no width


def word(message: Message) -> str:
    """One of "critical", "warning", "note", "resolved", "report", "test"."""
    if message.kind in {Kind.RESOLVED, Kind.REPORT, Kind.TEST}:
        return message.kind.value
    return message.severity.name.lower()


def headline(message: Message) -> str:
    """On one line, as in "[critical] shop: the day's limit is at 95 %"."""
    title = plain(message.title)
    return title if message.kind is Kind.REPORT else f"[{word(message)}] {title}"


def when(message: Message) -> str:
    return local_time(message.at_ns, "%Y-%m-%d %H:%M %Z")


def short(text: str, width: int) -> str:
    """On one line, at most so long."""
    return cut(plain(text), width)


def calling_nobody(text: str) -> str:
    """For a chat that pings whoever a text mentions: a trace can be called "@everyone"."""
    return PINGS.sub(f"@{APART}", text)
