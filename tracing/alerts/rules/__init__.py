"""The rules that hold for any agent that sends traces. Each is a file; none knows what was told before."""

from tracing.alerts.rule import Rule
from tracing.alerts.rules.failed import trace_failed
from tracing.alerts.rules.findings import finding
from tracing.alerts.rules.latency import call_latency, session_latency
from tracing.alerts.rules.scores import score
from tracing.alerts.rules.sessions import session_cost
from tracing.alerts.rules.tools import tool_errors
from tracing.alerts.thresholds import Thresholds

MAKERS = (trace_failed, session_cost, session_latency, call_latency, tool_errors, finding, score)


def generic_rules(thresholds: Thresholds) -> tuple[Rule, ...]:
    """All of them, always: one whose threshold is off sees nothing, so that what it said before ends."""
    return tuple(make(thresholds) for make in MAKERS)
