"""The first page of a site that has none of its own: what ran last, and what needs a look. Knows any agent's traces alone."""

from dataclasses import dataclass

from tracing.store import TraceFilter, TraceRow
from tracing.store.findings import FindingRow
from tracing.web.page import Page, Query

NEWEST = 12
LOOK_BACK_NS = 7 * 86_400 * 1_000_000_000


@dataclass(frozen=True)
class Index:
    traces: tuple[TraceRow, ...]
    findings: tuple[FindingRow, ...]  # of the last seven days, the gravest first

    def name_of(self, trace_id: str) -> str:
        """Of one that is listed; else its id, cut."""
        found = next((row for row in self.traces if row.trace_id == trace_id), None)
        return f"trace {trace_id[:8]}" if found is None else found.story or found.name


def index(query: Query) -> Index:
    found = query.store.newest_findings(since_ns=query.now_ns - LOOK_BACK_NS, limit=NEWEST)
    return Index(tuple(query.store.traces(TraceFilter(limit=NEWEST))), tuple(found))


PAGE = Page("/", "index", index, "index.html", lambda _view: "What ran last", nav="Overview", key="o")
