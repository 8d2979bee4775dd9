"""What was spent and what is only counted, by group: the traces' costs, joined with what the ledger holds open.

The traces know what each finished call cost; the ledger knows which calls never ended, also those whose process was killed
before it could write anything, and what a person has put right since.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

from tracing.reconcile import Books, Correction, OpenReservation
from tracing.store import CostRow, GroupBy, TraceNotFoundError, TraceRow, TraceStore

OpenCall = OpenReservation | Correction


@dataclass(frozen=True)
class CostGroup:
    """`row.unseen_micros` is what is unknown: reserved by calls whose end was never seen, and not settled by hand."""

    row: CostRow
    under_way_micros: int = 0  # reserved by calls of processes that live
    unknown_calls: int = 0

    @property
    def known_micros(self) -> int:
        return self.row.known_micros


def cost_groups(store: TraceStore, books: Books, by: str, *, since_ns: int = 0) -> list[CostGroup]:
    """What model calls cost, summed by day (UTC), repo, story, model or agent; the dearest first, days in order."""
    key = _key(store, GroupBy(by))
    groups = {row.group: CostGroup(_only_known(row)) for row in store.costs(by, since_ns=since_ns)}
    found: dict[str, list[OpenCall]] = defaultdict(list)
    every: list[OpenCall] = [*books.open_reservations(), *books.corrections()]
    for one in every:
        if one.reserved_at_ns >= since_ns:
            found[key(one)].append(one)
    for name, calls in found.items():
        joined = _joined(groups.get(name, CostGroup(CostRow(name, 0, 0, 0, 0, 0))), calls)
        if name in groups or joined.row.cost_micros or joined.under_way_micros:
            groups[name] = joined
    if by == GroupBy.DAY:
        return sorted(groups.values(), key=lambda group: group.row.group)
    return sorted(groups.values(), key=lambda group: (-group.row.cost_micros, group.row.group))


def trace_of(store: TraceStore, trace_id: str) -> TraceRow | None:
    """None: the call belongs to no trace that is still kept."""
    try:
        return store.trace_row(trace_id) if trace_id else None
    except TraceNotFoundError:
        return None


def _only_known(row: CostRow) -> CostRow:
    """The ledger says what is unknown; what the trace wrote down may have been settled since."""
    return replace(row, cost_micros=row.known_micros, unseen_micros=0)


def _joined(group: CostGroup, calls: Iterable[OpenCall]) -> CostGroup:
    known = unknown = under_way = count = 0
    for one in calls:
        if isinstance(one, Correction):
            known += one.micros - one.known_before_micros
        elif one.is_under_way:
            under_way += one.counted_micros
        else:
            unknown += one.counted_micros - one.known_micros
            count += one.counted_micros > one.known_micros
    row = group.row
    row = replace(row, cost_micros=row.cost_micros + known + unknown, unseen_micros=unknown)
    return CostGroup(row, under_way, count)


def _key(store: TraceStore, by: GroupBy) -> Callable[[OpenCall], str]:
    trace = cache(lambda trace_id: trace_of(store, trace_id))

    def of_trace(one: OpenCall, name: str) -> str:
        found = trace(one.trace_id)
        return str(getattr(found, name) or "") if found else ""

    return {
        GroupBy.DAY: lambda one: datetime.fromtimestamp(one.reserved_at_ns / 1e9, UTC).date().isoformat(),
        GroupBy.MODEL: lambda one: one.model,
        GroupBy.REPO: lambda one: of_trace(one, "repo"),
        GroupBy.STORY: lambda one: of_trace(one, "story"),
        GroupBy.AGENT: lambda one: of_trace(one, "agent_id"),
    }[by]
