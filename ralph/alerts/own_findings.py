"""A finding in one of Ralph's own traces is about a story of a repository: that is what a person knows it by."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ralph.alerts.guilty import whole_trace
from ralph.alerts.story_rules import AGENT
from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Rule, Seen, View
from tracing.store import TraceRow
from tracing.words import plain


@dataclass(frozen=True)
class OwnFindings:
    """The rule about findings, with the repository and the story in place of Ralph's name."""

    rule: Rule

    def look(self, view: View) -> Iterator[Seen]:
        for seen in self.rule.look(view):
            trace = whole_trace(view.store, seen.alert.trace_id) if seen.alert.agent == AGENT else None
            yield replace(seen, alert=_placed(seen.alert, trace)) if trace else seen


def _placed(alert: Alert, trace: TraceRow) -> Alert:
    known = {"Repository": plain(Path(trace.repo).name), "Story": plain(trace.story)}
    facts = tuple(Fact(label, value) for label, value in known.items() if value)
    where = ", ".join(fact.value for fact in facts) or AGENT
    return replace(alert, title=f"{where}: {alert.title.removeprefix(f'{AGENT}: ')}", facts=(*facts, *alert.facts))
