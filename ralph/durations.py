"""Lengths of time as people write them ("2h", "90m", "1h30m", "45s"), and times of day ("07:00", "7:00")."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

EXAMPLE = "2h, 90m or 1h30m"
SECONDS_PER_UNIT = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
SHAPE = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)


def parse_duration_s(text: str) -> int:
    """Seconds in "2h", "90m", "1h30m", "1d" or "45s": whole numbers with a unit, biggest unit first, above 0.

    Raises:
        ValueError: it is not such a text; the message says what to write.
    """
    found = SHAPE.fullmatch(text.strip().lower().replace(" ", ""))
    total_s = sum(int(count or 0) * unit_s for count, unit_s in _pairs(found)) if found else 0
    if total_s <= 0:
        raise ValueError(
            f'"{text}" is not a length of time. Write whole numbers with units d, h, m, s, for example {EXAMPLE}.'
        )
    return total_s


def duration_text(seconds: float) -> str:
    """The shortest text that `parse_duration_s` reads back: 5400 is "1h30m"; parts of a second are dropped."""
    rest_s = int(seconds)
    parts: list[str] = []
    for unit, unit_s in SECONDS_PER_UNIT.items():
        count, rest_s = divmod(rest_s, unit_s)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def time_of_day(text: str) -> time | None:
    """None: it is no time of day. Hours from 0 to 23 and two digits of minutes."""
    found = OF_DAY.fullmatch(text.strip())
    return time(int(found[1]), int(found[2])) if found else None


def next_time_of_day(wanted: time, after: datetime, zone: tzinfo | None) -> datetime:
    """The first moment after `after`, in UTC, when clocks in `zone` show it; None is this machine's zone.

    Where clocks show it twice in a night, each of the two counts; where they skip it, as long after the skip as it would have been.
    """
    day = after.astimezone(zone).date()
    moments = [datetime.combine(day + timedelta(days=number), wanted, zone) for number in (0, 1)]
    return min(shown for moment in moments for shown in _shown(moment) if shown > after)


def _shown(moment: datetime) -> tuple[datetime, datetime]:
    """By `timestamp`: of a time that this machine's clocks skip, `astimezone` makes one before the skip."""
    first, second = (datetime.fromtimestamp(moment.replace(fold=fold).timestamp(), UTC) for fold in (0, 1))
    return first, max(first, second)


def _pairs(found: re.Match[str]) -> list[tuple[str | None, int]]:
    return list(zip(found.groups(), SECONDS_PER_UNIT.values(), strict=True))
