"""What was spent and what is only counted, for a person in a terminal, and as plain data for `--json`."""

from collections.abc import Sequence
from dataclasses import asdict

from ralph.cli.table import Column, table
from ralph.history.costs import CostGroup
from tracing.reconcile import Correction, OpenReservation
from tracing.store import CostRow
from tracing.words import MICROS_PER_USD, iso_time, local_time, money, percent, plain, tokens

COUNTS = (
    "calls",
    "input_tokens",
    "cache_read_tokens",
    "output_tokens",
    "cost_micros",
    "unseen_micros",
    "simulated_micros",
)
OPEN_COLUMNS = (
    Column("id", right=True),
    Column("reserved"),
    Column("model", grows=True),
    Column("story"),
    Column("counts with", right=True),
    Column("why"),
)
NOTHING_OPEN = "nothing is open: the cost of every call is known"
HOW = """
The provider's invoice, or its usage page, has what they cost; what was simulated was not billed. Then, for each:
  ralph costs reconcile ID --usd 0.0312   it cost this
  ralph costs reconcile ID --nothing      it was not billed
  ralph costs reconcile ID --accept       take what it counts with as spent"""


def costs_table(groups: Sequence[CostGroup], by: str) -> list[str]:
    """The groups, and their sum where there are several; then what is not known, and what to do about it."""
    total = _total(groups)
    columns = [
        Column("day (UTC)" if by == "day" else by, grows=True),
        Column("calls", right=True),
        Column("tokens in", right=True),
        Column("cached", right=True),
        Column("tokens out", right=True),
        Column("cost", right=True),
        *([Column("unknown", right=True)] if total.row.unseen_micros else []),
        *([Column("under way", right=True)] if total.under_way_micros else []),
    ]
    shown = [*groups, total] if len(groups) > 1 else groups
    return [*table(tuple(columns), [_cells(group, total) for group in shown]), *_unknown_lines(total)]


def _total(groups: Sequence[CostGroup]) -> CostGroup:
    row = CostRow("total", *(sum(getattr(group.row, name) for group in groups) for name in COUNTS))
    return CostGroup(row, sum(one.under_way_micros for one in groups), sum(one.unknown_calls for one in groups))


def _cells(group: CostGroup, total: CostGroup) -> list[str]:
    row = group.row
    return [
        plain(row.group) or "(none)",
        str(row.calls),
        tokens(row.input_tokens),
        percent(row.cache_read_tokens, row.input_tokens),
        tokens(row.output_tokens),
        _cost(row),
        *([_or_none(row.unseen_micros)] if total.row.unseen_micros else []),
        *([_or_none(group.under_way_micros)] if total.under_way_micros else []),
    ]


def _or_none(micros: int) -> str:
    return money(micros) if micros else "-"


def _cost(row: CostRow) -> str:
    if not row.simulated_micros:
        return money(row.known_micros)
    part = "" if row.simulated_micros >= row.known_micros else f"{money(row.simulated_micros)} of it "
    return f"{money(row.known_micros)} ({part}simulated)"


def _unknown_lines(total: CostGroup) -> list[str]:
    if not total.row.unseen_micros:
        return []
    calls = "1 call whose end was" if total.unknown_calls == 1 else f"{total.unknown_calls} calls whose ends were"
    return [
        "",
        f"unknown: {money(total.row.unseen_micros)} at most, reserved by {calls} never seen. It counts against the limits",
        "until you settle it: ralph costs reconcile",
    ]


def open_lines(found: Sequence[tuple[OpenReservation, str, str]], *, ahead: str, today: str) -> list[str]:
    """What is open, and how to settle it. `ahead` is a later day than today that calls count under; or ""."""
    clock = [
        f"The clock says {today}, but calls were counted under {ahead} already, and still are. If the clock was wrong then:",
        "  ralph costs reconcile --clock",
    ]
    lines = table(OPEN_COLUMNS, [_open_cells(*row) for row in found]) if found else [NOTHING_OPEN]
    settleable = any(not one.is_under_way for one, _, _ in found)
    return [*lines, *(HOW.split("\n") if settleable else []), *(["", *clock] if ahead else [])]


def _open_cells(one: OpenReservation, story: str, played_by: str) -> list[str]:
    return [
        str(one.id),
        local_time(one.reserved_at_ns),
        plain(one.model),
        plain(story) or "-",
        money(one.counted_micros),
        _why(one) + (f", {plain(played_by)}: simulated" if played_by else ""),
    ]


def _why(one: OpenReservation) -> str:
    if one.is_broken:
        return f"above its {money(one.reserved_micros)}: calls stopped"
    return "under way" if one.is_under_way else "end never seen"


def open_facts(one: OpenReservation, story: str, played_by: str) -> dict[str, object]:
    return asdict(one) | {
        "story": story,
        "simulated": bool(played_by),
        "reserved_at": iso_time(one.reserved_at_ns),
        "counted_usd": one.counted_micros / MICROS_PER_USD,
        "why": _why(one),
    }


def correction_facts(one: Correction) -> dict[str, object]:
    return asdict(one) | {"usd": one.micros / MICROS_PER_USD, "made_at": iso_time(one.made_at_ns)}


def correction_line(one: Correction) -> str:
    return f"{one.reservation_id} counts with {money(one.micros)} from now on (correction {one.id}, by {one.made_by})"
