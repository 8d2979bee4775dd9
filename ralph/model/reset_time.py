"""When a limit of the service ends, read from its headers and from its words, as an absolute time.

A time of day without a date is the next one and, without a zone, the machine's own; a timestamp without one is UTC, and
a date alone is its midnight there. What lies in the past or more than a week ahead is not believed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST = timedelta(days=7)
LONGEST_SPENT = timedelta(days=366)  # an allowance is of a month, or of a year
MOST_CHARS = 2_000  # of a message; a time stands near its beginning
JUST_NOW = timedelta(minutes=10)  # "resets at 7pm", read at 7:01, does not mean tomorrow
UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
OFFSETS_H = {"utc": 0, "gmt": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "cet": 1, "cest": 2}  # fmt: skip

CUE = re.compile(r"\b(?:resets?|again|retry|regain|available|until|after|wait|limit reached)\b", re.IGNORECASE)
ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]|\s+at\s+)(\d\d:\d\d)(:\d\d)?(?:\.\d+)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?")
DAY = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d)(?!\d|T)")
EPOCH = re.compile(r"(?<!\d)(1[6-9]\d{8}|2\d{9})(\d{3})?(?!\d)")
PART = r"\d+(?:\.\d+)?\s*(?:ms|milliseconds?|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])"
IN = re.compile(rf"\b(?:in|after|wait(?:ing)?(?: for)?)\s+(?:about\s+)?((?:{PART}(?:\s*,?\s*(?:and\s+)?)?|\d+(?:ms|s|m|h|d)(?=\d))+)", re.IGNORECASE)  # fmt: skip
CLOCK = re.compile(
    r"\b(?:(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<day>\d\d?)(?:st|nd|rd|th)?,?\s+(?:at\s+)?|(?P<tomorrow>tomorrow)\s+(?:at\s+)?)?"
    r"(?:(?P<hour>\d\d?)(?::(?P<minute>\d\d))?\s*(?P<half>am|pm|a\.m\.|p\.m\.)|(?P<hour24>[01]?\d|2[0-3]):(?P<minute24>[0-5]\d)(?![\d:]))"
    r"\s*(?:\((?P<named>[A-Za-z_/+-]+)\)|(?P<short>UTC|GMT|[ECMP][SD]T|CES?T)\b)?",
    re.IGNORECASE,
)


def reset_at(message: str, headers: Mapping[str, str], now: datetime, zone: tzinfo | None = None) -> datetime | None:
    """When the limit ends, in UTC; None: the service does not say. `zone`: of a time without one, by default the machine's."""
    told = _retry_after(headers, now)
    if told is not None:
        return told
    found = _believed([*_exhausted(headers)], now)
    return max(found) if found else in_words(message, now, zone)


def regained_at(message: str, now: datetime, zone: tzinfo | None = None) -> datetime | None:
    """When an allowance that is used up begins anew, in UTC; None: the service does not say."""
    return in_words(message, now, zone, LONGEST_SPENT)


def in_words(message: str, now: datetime, zone: tzinfo | None = None, longest: timedelta = LONGEST) -> datetime | None:
    """The first time that stands behind "resets", "try again" and the like."""
    message = message[:MOST_CHARS]
    cue = CUE.search(message)
    if not cue:
        return None
    for pattern, read in READERS:
        if found := pattern.search(message, cue.start()):
            time = read(found, now.astimezone(zone))
            return next(iter(_believed([time], now, longest)), None)
    return None


def _believed(times: list[datetime | None], now: datetime, longest: timedelta = LONGEST) -> list[datetime]:
    return [time.astimezone(UTC) for time in times if time and timedelta(0) < time - now <= longest]


def _retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """`retry-after-ms` or `retry-after` (seconds or an HTTP date), however far ahead."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "")
        seconds = _number(text)
        if seconds is not None:
            return now + timedelta(seconds=min(max(0.0, seconds * unit), 10**9))
        if date_given := _http_date(text):
            return max(now, date_given)
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _exhausted(headers: Mapping[str, str]) -> Iterator[datetime | None]:
    """`anthropic-ratelimit-NAME-reset` where nothing of NAME remains, or where its status says so."""
    for name, text in headers.items():
        limit = re.fullmatch(r"anthropic-ratelimit-(.+)-reset", name.lower())
        if limit and _is_used_up(headers, f"anthropic-ratelimit-{limit[1]}"):
            yield _stamp(text)


def _is_used_up(headers: Mapping[str, str], limit: str) -> bool:
    return headers.get(f"{limit}-remaining") == "0" or headers.get(f"{limit}-status") in {"rejected", "exceeded"}


def _stamp(text: str) -> datetime | None:
    iso, epoch = ISO.search(text), EPOCH.search(text)
    return _iso(iso) if iso else _epoch(epoch) if epoch else None


def _iso(found: re.Match[str], _local: datetime | None = None) -> datetime | None:
    day, minutes, seconds, zone = found.groups()
    offset = {None: "+00:00", "Z": "+00:00", "UTC": "+00:00", "GMT": "+00:00"}.get(zone, zone)
    try:
        return datetime.fromisoformat(f"{day}T{minutes}{seconds or ':00'}{offset}")
    except ValueError:
        return None


def _day(found: re.Match[str], _local: datetime) -> datetime | None:
    try:
        return datetime.fromisoformat(f"{found[1]}T00:00:00+00:00")
    except ValueError:
        return None


def _epoch(found: re.Match[str], _local: datetime | None = None) -> datetime:
    return datetime.fromtimestamp(int(found[1]), UTC)


def _duration(found: re.Match[str], local: datetime) -> datetime | None:
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(ms|milli|s|m|h|d)", found[1], re.IGNORECASE)
    seconds = sum(float(number) * UNITS_S[unit.lower().replace("milli", "ms")] for number, unit in parts)
    return local + timedelta(seconds=seconds) if seconds <= LONGEST.total_seconds() else None


def _clock(found: re.Match[str], local: datetime) -> datetime | None:
    zone, (hour, minute) = _zone(found, local), _hour(found)
    if zone is None or not 0 <= hour <= 23 or minute > 59:
        return None
    there = local.astimezone(zone)
    if found["month"]:
        return _on(_next_day_named(found, there.date()), hour, minute, there)
    if found["tomorrow"]:
        return _on(there.date() + timedelta(days=1), hour, minute, there)
    today = _on(there.date(), hour, minute, there)
    return (
        today
        if today is None or today > there - JUST_NOW
        else _on(there.date() + timedelta(days=1), hour, minute, there)
    )


def _hour(found: re.Match[str]) -> tuple[int, int]:
    if found["hour24"]:
        return int(found["hour24"]), int(found["minute24"])
    hour, afternoon = int(found["hour"]), found["half"].lower().startswith("p")
    return (hour % 12 + 12 * afternoon if 1 <= hour <= 12 else -1), int(found["minute"] or 0)


def _next_day_named(found: re.Match[str], today: date) -> date | None:
    month, day = MONTHS.index(found["month"].lower()) + 1, int(found["day"])
    try:
        named = date(today.year, month, day)
        return named if named >= today else date(today.year + 1, month, day)
    except ValueError:
        return None


def _on(day: date | None, hour: int, minute: int, there: datetime) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, hour, minute, tzinfo=there.tzinfo)


def _zone(found: re.Match[str], local: datetime) -> tzinfo | None:
    """The zone that is named, or else the local one; None: a name that nobody knows."""
    name = found["named"] or found["short"]
    if not name:
        return local.tzinfo
    if name.lower() in OFFSETS_H:
        return timezone(timedelta(hours=OFFSETS_H[name.lower()]))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], datetime], datetime | None]], ...] = (
    (ISO, _iso),
    (DAY, _day),
    (EPOCH, _epoch),
    (IN, _duration),
    (CLOCK, _clock),
)
"""The first pattern that fits decides, whether or not its time can be believed."""
