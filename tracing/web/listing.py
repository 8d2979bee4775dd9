"""What lists of traces share: a trace as a line, and what people type into filters (times back, dollars).

Knows nothing about which filters a page has.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracing.store import TraceRow
from tracing.store.snippets import Snippet
from tracing.web.page import PageError, Query
from tracing.web.slugs import slug
from tracing.words import plain

NO_NAME = "(no name)"
DAY_NS = 86_400_000_000_000
_BACK = re.compile(r"(\d{1,5})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class TraceLine:
    """One trace in a list; `places` says where searched words stand in it."""

    row: TraceRow
    title: str
    places: tuple[Snippet, ...] = ()

    @property
    def agent_slug(self) -> str:
        return slug(self.row.agent_id)


def trace_line(row: TraceRow, places: tuple[Snippet, ...] = ()) -> TraceLine:
    return TraceLine(row, title(row), places)


def title(row: TraceRow) -> str:
    """What it was about, as its agent says; else the name of its first span."""
    return plain(row.metadata.get("ralph.story.title") or row.metadata.get("title") or row.name)


def agent_words(agent_id: str) -> str:
    return plain(agent_id) or NO_NAME


def moment_ns(query: Query, name: str, *, end: bool = False) -> int | None:
    """The argument as a moment: 8h, 7d, today, 2026-11-21 or 2026-11-21T07:00; None where it is not given.

    A whole day is meant from its beginning, or with `end` up to its end.

    Raises: PageError.
    """
    text = query.text(name)
    if not text:
        return None
    try:
        found = _moment(text, datetime.fromtimestamp(query.now_ns / 1e9).astimezone())
        if end and (text == "today" or _DAY.fullmatch(text)):
            found += timedelta(days=1)
        return in_reach(int(found.timestamp() * 1e6) * 1_000)
    except (ValueError, OverflowError) as error:
        raise PageError(
            f'{name}={text} is not a time. Write 8h, 7d, today, 2026-11-21 or 2026-11-21T07:00 for "{name}".'
        ) from error


def usd_micros(query: Query, name: str) -> int | None:
    """The argument in dollars, as micro-dollars; None where it is not given.

    Raises: PageError.
    """
    text = query.text(name)
    if not text:
        return None
    try:
        return in_reach(round(float(text.removeprefix("$")) * 1_000_000))
    except (ValueError, OverflowError) as error:
        raise PageError(f'{name}={text} is not an amount. Write dollars for "{name}", for example 0.50.') from error


def in_reach(number: int) -> int:
    """The number, where a store can hold it.

    Raises: OverflowError.
    """
    if not -(1 << 63) <= number < 1 << 63:
        raise OverflowError
    return number


def _moment(text: str, now: datetime) -> datetime:
    if text == "today":
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    back = _BACK.fullmatch(text)
    if back:
        return now - timedelta(**{_UNITS[back[2]]: int(back[1])})
    return datetime.fromisoformat(text).astimezone()
