"""Too many of an agent's tool calls fail in a rolling window: which tool fails most, and what it said last."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Holds, Rule, Seen, View
from tracing.alerts.rules.wording import S_NS, error_words, share, titled, who
from tracing.alerts.thresholds import Thresholds
from tracing.finding import Severity
from tracing.store.lately import FailedTool, ToolCounts, failed_tools, tool_counts
from tracing.words import cut, length, plain

NAMED = 3


def tool_errors(thresholds: Thresholds) -> Rule:
    def look(view: View) -> Iterator[Seen]:
        bound = thresholds.tool_error_percent
        if bound is None:
            return
        since_ns = view.now_ns - thresholds.tool_window_s * S_NS
        for counts in tool_counts(view.store, since_ns):
            if counts.calls >= thresholds.tool_least and 100 * counts.failed > bound * counts.calls:
                failed = failed_tools(view.store, counts.agent_id, since_ns)
                yield Holds(_alert(counts, failed, bound, length(thresholds.tool_window_s * S_NS)))

    return Rule("tool_errors", "more of an agent's tool calls fail than [alerts] tool_error_percent", look)


def _alert(counts: ToolCounts, failed: Sequence[FailedTool], bound: float, window: str) -> Alert:
    by_name = Counter(one.name for one in failed).most_common()
    worst = next(one for one in failed if one.name == by_name[0][0])
    named = ", ".join(f"{cut(plain(name), 40)} ({count})" for name, count in by_name[:NAMED])
    said = error_words(worst.error) or "it gave no reason"
    rate = share(counts.failed, counts.calls)
    return Alert(
        rule="tool_errors",
        key=counts.agent_id,
        severity=Severity.WARNING,
        title=titled(counts.agent_id, f"{rate} of tool calls fail, most of them {cut(plain(worst.name), 40)}"),
        text=f"{counts.failed} of {counts.calls} tool calls failed in the last {window}, more than {bound:g} %: {named}. "
        f"{cut(plain(worst.name), 40)} said last: {said}",
        facts=(
            Fact("Agent", who(counts.agent_id)),
            Fact("Failed", f"{counts.failed} of {counts.calls} ({rate})"),
            Fact("Tools", named),
            Fact("Last error", said),
        ),
        agent=counts.agent_id,
        trace_id=worst.trace_id,
        span_id=worst.span_id,
    )
