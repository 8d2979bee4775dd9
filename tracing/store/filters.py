"""Which traces a list shows and in which order, as SQL conditions. Full text is not among them: it has an index of its own.

Lists are paged by a cursor, the row that stands at the page's edge: a list that grows while it is read does not slip.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tracing.span import TraceStatus

Parameter = str | int
Condition = tuple[str, tuple[Parameter, ...]]


class Sort(StrEnum):
    """What comes first; traces that are equal in it stand newest first."""

    WHEN = "when"
    COST = "cost"
    DURATION = "duration"
    FINDINGS = "findings"


SORTED_BY: dict[Sort, str] = {
    Sort.WHEN: "started_at_ns",
    Sort.COST: "cost_micros - unseen_micros",
    Sort.DURATION: "coalesce(ended_at_ns, updated_at_ns) - started_at_ns",
    Sort.FINDINGS: "worst * 1000000 + findings",
}


@dataclass(frozen=True)
class Cursor:
    """The trace at the edge of a page, and the value that it was sorted by. `back`: the page before it is wanted."""

    value: int
    trace_id: str
    back: bool = False


@dataclass(frozen=True)
class TraceFilter:
    """Which traces; a field left at its default does not filter. `text` finds whole words (and their beginnings)."""

    status: TraceStatus | str | None = None
    story: str | None = None
    repo: str | None = None
    min_cost_micros: int | None = None
    max_cost_micros: int | None = None
    text: str = ""
    since_ns: int | None = None
    limit: int = 50
    agent: str | None = None  # "" is the agent without a name
    session: str | None = None
    model: str | None = None  # has a call of this model
    until_ns: int | None = None  # began before it
    detector: str = ""  # has a finding of this detector
    min_severity: int = 0  # has a finding (of that detector, where one is given) at least as grave
    sort: Sort = Sort.WHEN
    cursor: Cursor | None = None
    own: bool = False  # written here: what came from a file of somebody else's says nothing about this machine's work


def conditions(filters: TraceFilter) -> tuple[list[str], list[Parameter]]:
    """Everything but `text` and `limit`, to be joined by AND."""
    found = [*_plain(filters), *_spans(filters), *_beyond(filters)]
    return [condition for condition, _ in found], [value for _, values in found for value in values]


def order(filters: TraceFilter) -> str:
    """A page before a cursor is read from its end: whoever reads it turns it round."""
    way = "ASC" if filters.cursor and filters.cursor.back else "DESC"
    return f"{SORTED_BY[filters.sort]} {way}, rowid {way}"


def _plain(filters: TraceFilter) -> Iterator[Condition]:
    wanted: tuple[tuple[str, Parameter | None], ...] = (
        ("status = ?", None if filters.status is None else TraceStatus(filters.status).value),
        ("story = ?", filters.story),
        ("repo = ?", filters.repo),
        ("agent_id = ?", filters.agent),
        ("session_id = ?", filters.session),
        ("cost_micros >= ?", filters.min_cost_micros),
        ("cost_micros <= ?", filters.max_cost_micros),
        ("started_at_ns >= ?", filters.since_ns),
        ("started_at_ns < ?", filters.until_ns),
    )
    for condition, value in wanted:
        if value is not None:
            yield condition, (value,)


def _spans(filters: TraceFilter) -> Iterator[Condition]:
    if filters.own:
        yield "imported_ns = 0", ()
    if filters.model is not None:
        calls = "SELECT 1 FROM span WHERE span.trace_id = trace.trace_id AND span.turns > 0 AND span.model = ?"
        yield f"EXISTS ({calls})", (filters.model,)
    if filters.min_severity:
        yield "worst >= ? AND worst > 0", (filters.min_severity,)
    if filters.detector:
        found = "SELECT trace_id FROM finding WHERE detector = ? AND severity >= ?"
        yield f"trace_id IN ({found})", (filters.detector, filters.min_severity)


def _beyond(filters: TraceFilter) -> Iterator[Condition]:
    cursor = filters.cursor
    if cursor:
        way = ">" if cursor.back else "<"
        here = "(?, (SELECT rowid FROM trace AS edge WHERE edge.trace_id = ?))"
        yield f"({SORTED_BY[filters.sort]}, rowid) {way} {here}", (cursor.value, cursor.trace_id)
