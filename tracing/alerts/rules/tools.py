"""Too many of an agent's tool calls fail in a rolling window: which tool fails most, and what it said last.

A command that ran and said no is no failed call, whoever marked it so: a failing test is what a coding agent asked for.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Holds, Rule, Seen, View
from tracing.alerts.rules.wording import S_NS, error_words, share, titled, who
from tracing.alerts.thresholds import Thresholds
from tracing.failures.result_text import exit_code, is_shell
from tracing.failures.stored import observed
from tracing.finding import Severity
from tracing.store import TraceStore
from tracing.store.lately import FailedTool, ToolCounts, failed_tools, tool_counts
from tracing.words import cut, length, plain

NAMED = 3
FEWEST_FAILED = 5  # of twenty calls two fail now and then wherever one in fifty does
LAST_ANSWER = 123  # an exit code above: not found, out of time, killed (https://www.gnu.org/software/coreutils/timeout)
REMEMBERED = 20_000  # failed calls: each is seen by many looks, and does not change


def tool_errors(thresholds: Thresholds) -> Rule:
    answers = _Answers()

    def is_over(calls: int, failed: int) -> bool:
        bound = thresholds.tool_error_percent
        return bound is not None and failed >= FEWEST_FAILED and 100 * failed > bound * calls

    def look(view: View) -> Iterator[Seen]:
        bound = thresholds.tool_error_percent
        if bound is None:
            return
        since_ns = view.now_ns - thresholds.tool_window_s * S_NS
        for counts in tool_counts(view.store, since_ns):
            if counts.calls < thresholds.tool_least or not is_over(counts.calls, counts.failed):
                continue
            of_agent = failed_tools(view.store, counts.agent_id, since_ns)
            failed = [one for one in of_agent if not answers(view.store, one)]
            if is_over(counts.calls, len(failed)):
                seen = replace(counts, failed=len(failed))
                yield Holds(_alert(seen, failed, bound, length(thresholds.tool_window_s * S_NS)))

    return Rule("tool_errors", "more of an agent's tool calls fail than [alerts] tool_error_percent", look)


class _Answers:
    """Whether a failed call is a command that ran to its end and said no; read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bool] = {}

    def __call__(self, store: TraceStore, failed: FailedTool) -> bool:
        key = failed.trace_id, failed.span_id
        if key not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = is_shell(failed.name) and _is_answer(store, failed)
        return self._known[key]


def _is_answer(store: TraceStore, failed: FailedTool) -> bool:
    code = exit_code(observed(store.span(failed.trace_id, failed.span_id)))
    return code is not None and 0 < code <= LAST_ANSWER


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
