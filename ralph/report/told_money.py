"""The report's section about money and results: days against their limit, tonight beside the nights before."""

from collections.abc import Iterator, Sequence

from ralph.report.facts import Change, Day, Night, Report
from ralph.report.money import usual_micros
from ralph.report.outline import Bar, Item, Part, Section, Table, Tone
from ralph.report.words import counted
from tracing.words import local_time, money, percent

ENOUGH = 10  # tries from which on a percentage says more than the counts
HIGH = 0.8  # of a limit


def money_section(report: Report) -> Iterator[Section]:
    blocks: list[Item | Table] = [*map(_day, report.days), *_changes(report.change)]
    if len(report.nights) > 1:
        blocks.append(_nights(report.nights))
    usual = usual_micros(report.nights)
    text = f"A night costs {money(usual)} in the median of those before." if usual is not None else ""
    if blocks and not (report.quiet and len(report.nights) <= 1):
        yield Section("Money and results", (Part("", tuple(blocks)),), text)


def _day(day: Day) -> Item:
    of_limit = f" of {money(day.limit_micros)}" if day.limit_micros else ", no limit a day"
    held = (
        f" + {money(day.counted_micros - day.known_micros)} unknown or under way"
        if day.counted_micros > day.known_micros
        else ""
    )
    share = f", {percent(day.counted_micros, day.limit_micros)}" if day.limit_micros else ""
    is_high = bool(day.limit_micros) and day.counted_micros >= HIGH * (day.limit_micros or 0)
    return Item(
        f"{day.day} (UTC): {money(day.known_micros)}{of_limit}{held}{share}",
        tone=Tone.WARNING if is_high else Tone.PLAIN,
    )


def _changes(change: Change) -> Iterator[Item]:
    """Counts; a percentage only where both sides have enough to take one of."""
    if not change.tried:
        return
    now = f"{change.done} of {counted(change.tried, 'story', 'stories')} committed"
    if not change.tried_before:
        yield Item(now)
    else:
        shares = ""
        if min(change.tried, change.tried_before) >= ENOUGH:
            shares = (
                f" ({percent(change.done, change.tried)}, before {percent(change.done_before, change.tried_before)})"
            )
        before = (
            f"{change.done_before} of {change.tried_before} in the {counted(change.nights, 'night')} with work before"
        )
        yield Item(f"{now}; {before}{shares}")
    if change.per_story_micros is not None:
        before = (
            f"; {money(change.per_story_before_micros)} before" if change.per_story_before_micros is not None else ""
        )
        yield Item(f"{money(change.per_story_micros)} a committed story, failed tries included{before}")


def _nights(nights: Sequence[Night]) -> Table:
    most_micros = max((night.cost.known_micros for night in nights), default=0) or 1
    rows = tuple(
        (
            local_time(night.began_at_ns, "%a %d %b"),
            f"{night.done} of {night.tried}" if night.tried else "-",
            (money(night.cost.known_micros) if night.tried or night.cost.known_micros else "-")
            + ("+" if night.cost.unknown_micros else ""),
            Bar(night.cost.known_micros / most_micros),
        )
        for night in reversed(nights)
    )
    return Table(("Night of", "Stories", "Cost", ""), rows, frozenset({1, 2}))
