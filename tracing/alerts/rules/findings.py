"""A detector found something grave, or something of a kind that somebody wants to hear of."""

from collections.abc import Iterator

from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Happened, Rule, Seen, View
from tracing.alerts.rules.wording import about_trace, titled
from tracing.alerts.thresholds import Thresholds
from tracing.finding import Severity
from tracing.store.lately import RecentFinding, recent_findings
from tracing.words import length, money

NONE = Severity.CRITICAL + 1
LATE_NS = 86_400 * 1_000_000_000  # detectors may look at a trace so long after its end; an older one is no news


def finding(thresholds: Thresholds) -> Rule:
    least = NONE if thresholds.finding_severity is None else int(thresholds.finding_severity)

    def look(view: View) -> Iterator[Seen]:
        if least == NONE and not thresholds.finding_kinds:
            return
        found = recent_findings(
            view.store,
            view.since_ns,
            ended_since_ns=view.since_ns - LATE_NS,
            least=least,
            kinds=thresholds.finding_kinds,
        )
        for one in found:
            yield _happened(one, float(thresholds.failed_every_s))

    return Rule(
        "finding",
        "a detector finds something as grave as [alerts] findings, or of the kinds [alerts] finding_kinds",
        look,
    )


def _happened(found: RecentFinding, quiet_s: float) -> Happened:
    seen, trace = found.row.finding, found.trace
    identity = f"{trace.trace_id}/{seen.detector}/{seen.span_id}"
    at_ns = found.row.at_ns if trace.ended_at_ns is None else min(found.row.at_ns, trace.ended_at_ns)
    return Happened(_alert(found), identity, at_ns, quiet_s)


def _alert(found: RecentFinding) -> Alert:
    seen, trace = found.row.finding, found.trace
    facts = [Fact("Found by", seen.detector), *about_trace(trace)]
    if seen.waste.cost_micros:
        facts.append(Fact("Wasted", money(seen.waste.cost_micros)))
    if seen.waste.duration_ns:
        facts.append(Fact("Lost time", length(seen.waste.duration_ns)))
    return Alert(
        rule="finding",
        key=f"{trace.agent_id}/{seen.detector}",
        severity=seen.severity,
        title=titled(trace.agent_id, seen.title),
        text="\n\n".join(words for words in (seen.evidence, seen.remedy) if words),
        facts=tuple(facts),
        cost_micros=seen.waste.cost_micros or None,
        agent=trace.agent_id,
        trace_id=trace.trace_id,
        span_id=seen.span_id or trace.root_span_id,
    )
