"""A trace ended in error or by timeout: which step it was, what that step said, what the trace had cost until then."""

from collections.abc import Iterator

from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Happened, Rule, Seen, View
from tracing.alerts.rules.wording import about_trace, error_words, titled
from tracing.alerts.thresholds import Thresholds
from tracing.finding import Severity
from tracing.span import TraceStatus
from tracing.store import TraceRow
from tracing.store.lately import Blamed, blamed, ended_badly
from tracing.words import cut, plain

HOW = {TraceStatus.ERROR: "ended in error", TraceStatus.TIMEOUT: "ran out of time"}
REMEMBERED = 1_000  # failed traces: each is seen by many looks, and does not change


def trace_failed(thresholds: Thresholds) -> Rule:
    culprits = _Culprits()

    def look(view: View) -> Iterator[Seen]:
        for trace in ended_badly(view.store, view.since_ns):
            alert = _alert(trace, culprits(view, trace))
            yield Happened(alert, trace.trace_id, trace.ended_at_ns or view.now_ns, float(thresholds.failed_every_s))

    return Rule("trace_failed", "a trace ends in error or runs out of time", look)


class _Culprits:
    """Which span a failed trace is blamed on, read once."""

    def __init__(self) -> None:
        self._known: dict[str, Blamed] = {}

    def __call__(self, view: View, trace: TraceRow) -> Blamed:
        if trace.trace_id not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[trace.trace_id] = blamed(view.store, trace)
        return self._known[trace.trace_id]


def _alert(trace: TraceRow, culprit: Blamed) -> Alert:
    how, name = HOW[trace.status], cut(plain(culprit.name), 80)
    said = error_words(culprit.error) or "it gave no reason"
    is_root = culprit.span_id == trace.root_span_id
    where = "No single step of it is to blame" if is_root else f'It comes from the step "{name}"'
    return Alert(
        rule="trace_failed",
        key=trace.agent_id,
        severity=Severity.WARNING,
        title=titled(trace.agent_id, f'"{cut(plain(trace.name), 60)}" {how}'),
        text=f"{where}: {said}",
        facts=(*about_trace(trace), Fact("Step", name), Fact("Error", said)),
        cost_micros=trace.told_micros,
        agent=trace.agent_id,
        trace_id=trace.trace_id,
        span_id=culprit.span_id,
    )
